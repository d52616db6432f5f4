"""The networks of the exercise's Keras edition, with the few methods that its cells call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.coursera.inputs import floats
from jitconv.errors import ParameterError, ShapeError
from jitconv.nn import (
    Adam,
    BatchNorm2D,
    Conv2D,
    Dense,
    Flatten,
    History,
    MaxPool2D,
    ReLU,
    Sequential,
    ZeroPad2D,
    evaluate,
    fit,
    networks,
    predict,
    summary,
)
from jitconv.specs.values import choice, integer

Pair = tuple[Any, Any]

NAMES = {
    "cost": "loss",
    "accuracy": "accuracy",
    "validation_cost": "val_loss",
    "validation_accuracy": "val_accuracy",
}
"""What the exercise calls the figures of an epoch."""


class Model:
    """A network with the methods that the exercise's cells call; `network` is jitconv's own.

    Parameters
    ----------
    network : Sequential
        Of one score (two classes) or several.
    shows_input : bool
        Whether `test_utils.summary` begins with the input, as for a network of Keras's functional interface.
    """

    def __init__(self, network: Sequential, *, shows_input: bool = False) -> None:
        self.network = network
        self.shows_input = shows_input
        self.history = Epochs(History())
        self._optimiser = Adam()

    def compile(self, optimizer: str | Adam = "adam", loss: Any = None, metrics: Any = None) -> None:
        """Choose the optimiser; the loss is the network's own, and accuracy is always measured.

        Parameters
        ----------
        optimizer : {"adam"} or jitconv.nn.Adam
            Adam with a learning rate of 0.001, or one of your own.
        loss, metrics
            Accepted, and of no effect: one score has the binary cross-entropy, several the categorical one.

        Raises
        ------
        ParameterError
            For another optimiser.
        """
        if not isinstance(optimizer, Adam):
            choice("optimizer", optimizer, ("adam",))
            optimizer = Adam()
        self._optimiser = optimizer

    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Pair | None = None,
        verbose: int | bool = 1,
        seed: int = 0,
    ) -> Epochs:
        """Train, and go on from where an earlier call ended.

        Parameters
        ----------
        x : array (m, n_H, n_W, n_C)
            Pictures, in 0..1; trained on as float32.
        y : array (m, 1) or (m, classes)
            0 or 1 for a network of one score, else one-hot rows.
        epochs, batch_size : int
            Passes over the pictures, and pictures of a step.
        validation_data : pair (x, y), optional
            What the network is judged on after every epoch.
        verbose : int or bool
            Whether to show how it goes.
        seed : int
            Decides the order of the pictures; one seed, the same bits.

        Returns
        -------
        Epochs
            Its `history` has a list for each figure; ``model.history`` is the same.

        Raises
        ------
        ShapeError, ParameterError, DtypeError
            When arrays do not fit the network, or a number has no meaning.
        """
        if y is None:
            raise ParameterError(
                "fit needs y, the labels: fit(X_train, Y_train, batch_size=64, ...), without the "
                "tf.data.Dataset that the notebook makes of them"
            )
        history = fit(
            self.network,
            self._examples("x", x, "y", y),
            integer("epochs", epochs, 1),
            batch=batch_size,
            validation=None if validation_data is None else self._pair(validation_data),
            optimiser=self._optimiser,
            seed=seed,
            progress=bool(verbose),
        )
        self.history = Epochs(history)
        return self.history

    def evaluate(self, x: Any, y: Any, verbose: int | bool = 1) -> list[float]:
        """Return loss and accuracy; print them if `verbose`. Arguments and errors are those of `fit`."""
        judged = evaluate(self.network, self._examples("x", x, "y", y))
        if verbose:
            print(f"loss: {judged.cost:.4f} - accuracy: {judged.accuracy:.4f}")
        return [judged.cost, judged.accuracy]

    def predict(self, x: Any) -> Array:
        """Return probabilities: (m, classes), or of one score (m, 1), that of the label 1."""
        shares = predict(self.network, self._pictures("x", x))
        return shares[:, 1:] if self._scores == 1 else shares

    def summary(self) -> None:
        """Print the layers, their outputs and parameters, and how many there are as Keras counts them."""
        print(summary(self.network, 1))
        trained, kept = (
            sum(array.size for array in arrays.values())
            for arrays in (self.network.parameters, self.network.state)
        )
        print(
            f"Total params: {trained + kept:,}\nTrainable params: {trained:,}\nNon-trainable params: {kept:,}"
        )

    @property
    def _scores(self) -> int:
        *_, last = self.network.shapes.values()
        return last[0]

    def _pair(self, given: Pair) -> Pair:
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise ParameterError(f"validation_data must be a pair (x, y); got {type(given).__name__}")
        return self._examples("validation_data: x", given[0], "validation_data: y", given[1])

    def _pictures(self, name: str, x: Any) -> Array:
        (pictures,) = floats(**{name: x})
        if pictures.shape[1:] != self.network.shape:
            wanted = ", ".join(map(str, ("m", *self.network.shape)))
            raise ShapeError(f"{name} must be ({wanted}); got shape {pictures.shape}")
        return pictures.astype(self.network.dtype, copy=False)

    def _examples(self, x_name: str, x: Any, y_name: str, y: Any) -> Pair:
        pictures, (rows,) = self._pictures(x_name, x), floats(**{y_name: y})
        if rows.shape != (len(pictures), self._scores):
            raise ShapeError(
                f"{y_name} must be ({len(pictures)}, {self._scores}) to match {x_name}; "
                f"got shape {rows.shape}"
            )
        one_hot = self._scores == 1 or np.all(rows.sum(axis=1) == 1)
        if not (np.all((rows == 0) | (rows == 1)) and one_hot):
            told = "0 or 1" if self._scores == 1 else "one-hot rows (convert_to_one_hot(labels, C).T)"
            raise ParameterError(f"{y_name} must be {told}")
        return pictures, (rows[:, 0] if self._scores == 1 else rows.argmax(axis=1)).astype(np.int64)


class Epochs:
    """What a training returns: ``history`` has a list over the epochs for each figure, as Keras has it."""

    def __init__(self, history: History) -> None:
        self.history = {
            theirs: values
            for ours, theirs in NAMES.items()
            if None not in (values := [getattr(one, ours) for one in history.epochs])
        }
        self.epoch = list(range(len(history.epochs)))

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4f}" for name, values in self.history.items() if values)
        return f"<{len(self.epoch)} epochs{': ' * bool(last)}{last}>"


def happyModel(seed: int = 0) -> Model:  # noqa: N802 (the course's name)
    """Return the network that tells whether somebody in a picture of 64×64×3 is happy.

    Zeros around the picture, convolution 7×7 to 32 channels, batch normalisation (with Keras's momentum 0.99
    and epsilon 0.001), ReLU, max pool 2×2, dense to one score.
    """
    layers = [
        ZeroPad2D(3),
        Conv2D(32, 7, init="glorot"),
        BatchNorm2D(0.99, 1e-3),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(1, init="glorot"),
    ]
    return Model(Sequential(layers, (64, 64, 3), seed=seed))


def convolutional_model(input_shape: Sequence[int], seed: int = 0) -> Model:
    """Return the network that tells six signs of a hand apart, for pictures (n_H, n_W, n_C).

    Convolution 4×4 to 8 channels, ReLU, max pool 8×8; convolution 2×2 to 16 channels, ReLU, max pool 4×4;
    dense to 6 scores.

    Raises
    ------
    ShapeError, ParameterError
        When `input_shape` is none of a picture.
    """
    return Model(networks.signs(shape=tuple(input_shape), seed=seed), shows_input=True)

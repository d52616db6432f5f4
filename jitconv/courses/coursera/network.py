"""The network of the second exercise, for pictures of hand signs (64×64, 6 classes)."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jitconv import files
from jitconv.arrays import Array
from jitconv.courses.coursera.inputs import floats
from jitconv.courses.coursera.weights import published
from jitconv.errors import ParameterError, ShapeError
from jitconv.nn import Adam, History, Sequential, evaluate, fit, networks
from jitconv.nn.plots import cost_plot
from jitconv.nn.progress import Silent
from jitconv.specs.values import integer

NAMES = {"W1": "conv1/w", "W2": "conv2/w", "W3": "dense1/w", "b3": "dense1/b"}
"""What the course calls the parameters of `jitconv.nn.networks.signs`."""


def initialize_parameters(seed: int | None = None, *, edition: str = "course") -> dict[str, Array]:
    """Return new parameters: Glorot uniform weights and a bias of zeros.

    Parameters
    ----------
    seed : int, optional
        Seed of weights by NumPy's generator, 0 or more; the same seed gives the same bits. By default the
        weights are those that the exercise prints.
    edition : {"course", "tf1", "tf2"}
        Which printed ones, to the digit: the notebook's as it was handed out (cost 2.91034 in its test),
        those of a run of it with another count of operations (Z3 1.44169843 …), or TensorFlow 2's (cost
        1.523118). The first two differ in ``W3`` alone.

    Returns
    -------
    dict of array, float32
        ``W1`` (4, 4, 3, 8) and ``W2`` (2, 2, 8, 16), the filters; ``W3`` (64, 6) and ``b3`` (6,), the dense
        layer, which the course's framework created unseen in `forward_propagation`. The convolutions have
        no bias.

    Raises
    ------
    ParameterError
        When `seed` is no integer or negative, or there is no such edition.

    Examples
    --------
    >>> parameters = initialize_parameters()
    >>> {name: array.shape for name, array in parameters.items()}
    {'W1': (4, 4, 3, 8), 'W2': (2, 2, 8, 16), 'W3': (64, 6), 'b3': (6,)}
    >>> print(f"{parameters['W1'][1, 1, 1, 0]:.8f}")
    0.00131723
    """
    if seed is None:
        return published(edition)
    return _parameters(networks.signs(bias=False, seed=integer("seed", seed, 0)))


def _parameters(network: Sequential) -> dict[str, Array]:
    return {name: network.parameters[ours] for name, ours in NAMES.items()}


class Placeholder(NamedTuple):
    """What stands for an array that is given later; jitconv has no need of it."""

    shape: tuple[int | None, ...]
    """None stands for any number of examples."""
    dtype: str = "float32"


def create_placeholders(
    n_H0: int,  # noqa: N803 (the course's names)
    n_W0: int,  # noqa: N803
    n_C0: int,  # noqa: N803
    n_y: int,
) -> tuple[Placeholder, Placeholder]:
    """Return what stands for X and Y.

    The course's framework built its graph of these before it had data. jitconv's functions compute at once
    and take arrays: this is for the cell that prints them.

    Parameters
    ----------
    n_H0, n_W0, n_C0 : int
        Height, width and channels of a picture.
    n_y : int
        Classes.

    Raises
    ------
    ParameterError
        When a number is no integer of at least 1.

    Examples
    --------
    >>> X, Y = create_placeholders(64, 64, 3, 6)
    >>> X
    Placeholder(shape=(None, 64, 64, 3), dtype='float32')
    """
    sizes = {"n_H0": n_H0, "n_W0": n_W0, "n_C0": n_C0, "n_y": n_y}
    height, width, channels, classes = (integer(name, size, 1) for name, size in sizes.items())
    return Placeholder((None, height, width, channels)), Placeholder((None, classes))


def predict(X: Array, parameters: dict[str, Array]) -> Array:  # noqa: N803
    """Return the likeliest class of each picture, (m,) integers.

    Parameters and errors are those of `forward_propagation`.
    """
    return forward_propagation(X, parameters).argmax(axis=1)


def forward_propagation(X: Array, parameters: dict[str, Array]) -> Array:  # noqa: N803 (the course's name)
    """Return the scores of pictures: CONV, RELU, MAXPOOL twice, FLATTEN and a dense layer.

    Parameters
    ----------
    X : array (m, 64, 64, 3)
        Pictures, brought to the dtype to which NumPy promotes the parameters.
    parameters : dict
        As `initialize_parameters` returns them.

    Returns
    -------
    array (m, 6)
        Z3, the scores before softmax.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When an array has another shape or is not real, or a parameter is missing.
    """
    network = _network(parameters)
    (x,) = floats(X=X)
    if x.ndim != 4 or x.shape[1:] != network.shape:
        raise ShapeError(f"X must be (m, 64, 64, 3); got shape {x.shape}")
    return network.scores(x.astype(network.dtype, copy=False))


def _network(parameters: dict[str, Array]) -> Sequential:
    """Return the network with these parameters."""
    missing = [name for name in NAMES if name not in parameters]
    if missing:
        raise ParameterError(
            f"parameters lacks the key {missing[0]!r}; it has {list(parameters)}: initialize_parameters() "
            "gives W1, W2 and the dense layer's W3 and b3"
        )
    arrays = floats(**{name: parameters[name] for name in NAMES})
    network = networks.signs(bias=False, dtype=arrays[0].dtype.name)
    for name, array, ours in zip(NAMES, arrays, _parameters(network).values(), strict=True):
        if array.shape != ours.shape:
            raise ShapeError(f"{name} must be {ours.shape}; got shape {array.shape}")
        ours[...] = array
    return network


def compute_cost(Z3: Array, Y: Array) -> float:  # noqa: N803
    """Return the mean softmax cross-entropy of scores, in nats.

    Parameters
    ----------
    Z3 : array (m, classes)
        Scores, as `forward_propagation` returns them; m is at least 1.
    Y : array (m, classes)
        A row for each picture: 1 at its class, 0 elsewhere. Other numbers are weights, as in the published
        function: the cost of a row is -Σ Y · log softmax(Z3).

    Raises
    ------
    ShapeError, DtypeError
        When the shapes differ, or an array is not real.

    Examples
    --------
    >>> import numpy as np
    >>> round(compute_cost(np.zeros((2, 6)), np.eye(6)[[0, 3]]), 6)  # log 6
    1.791759
    """
    scores, y = floats(Z3=Z3, Y=Y)
    _check_rows(scores, y, "Z3")
    shifted = scores - scores.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-(y * logarithms).sum(axis=1).mean())


def _check_rows(scores: Array, y: Array, name: str) -> None:
    if scores.ndim != 2 or scores.shape != y.shape or not len(y):
        raise ShapeError(f"{name} and Y must both be (m, classes); got shapes {scores.shape} and {y.shape}")


def _labels(y: Array, name: str) -> Array:
    """Return the classes of one-hot rows."""
    if not len(y):
        raise ShapeError(f"{name} must be (m, classes) with at least one row; got shape {y.shape}")
    if not (np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1)):
        raise ParameterError(
            f"{name} must be one-hot: one 1 in each row, else 0 (convert_to_one_hot(labels, C).T)"
        )
    return y.argmax(axis=1)


def model(
    X_train: Array,  # noqa: N803
    Y_train: Array,  # noqa: N803
    X_test: Array,  # noqa: N803
    Y_test: Array,  # noqa: N803
    learning_rate: float = 0.009,
    num_epochs: int = 100,
    minibatch_size: int = 64,
    print_cost: bool = True,
    *,
    seed: int = 3,
    parameters: dict[str, Array] | None = None,
    plot: str | Path | None = "costs.png",
) -> tuple[float, float, dict[str, Array]]:
    """Train the network with Adam, and judge it.

    Parameters
    ----------
    X_train, X_test : array (m, 64, 64, 3)
        Pictures, in 0..1; trained on as float32.
    Y_train, Y_test : array (m, 6)
        One-hot rows: ``convert_to_one_hot(labels, 6).T``.
    learning_rate : float
        Adam's.
    num_epochs, minibatch_size : int
        Passes over the pictures, and pictures of a step.
    print_cost : bool
        Whether to print the cost every 5 epochs, both accuracies, and where the curve is.
    seed : int
        Decides the order of the pictures, as in the course: epoch i (from 0) takes those of
        ``random_mini_batches(X_train, Y_train, minibatch_size, seed + 1 + i)``.
    parameters : dict, optional
        What to begin with, left as it is; by default ``initialize_parameters()``, the course's.
    plot : path, optional
        Where the curve of the cost is saved (needs Matplotlib), and shown if this is a notebook; None for
        nowhere.

    Returns
    -------
    train_accuracy, test_accuracy : float
    parameters : dict
        As those of `initialize_parameters`; `forward_propagation` takes them.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When arrays have other shapes, `Y` is not one-hot, or a number has no meaning.

    Notes
    -----
    A printed cost is the course's: the sum over mini-batches of their mean costs, over ``m //
    minibatch_size``. Where the last batch is not full that is more than the mean over pictures: some 17/16
    of it for 1080 pictures.
    """
    seed, size = integer("seed", seed, 0), integer("minibatch_size", minibatch_size, 1)
    network = _network(initialize_parameters() if parameters is None else parameters)
    train = _examples("X_train", X_train, "Y_train", Y_train)
    test = _examples("X_test", X_test, "Y_test", Y_test)
    history = fit(
        network,
        train,
        num_epochs,
        batch=size,
        optimiser=Adam(learning_rate),
        seed=seed,
        progress=_Printed(len(train[0]) // size) if print_cost else False,
        order=lambda epoch, m: np.random.RandomState(seed + 1 + epoch).permutation(m),
    )
    accuracies = [evaluate(network, examples).accuracy for examples in (train, test)]
    if print_cost:
        print(f"Train Accuracy: {accuracies[0]}\nTest Accuracy: {accuracies[1]}")
    if plot is not None:
        told = _save_plot(Path(plot), history, f"learning rate {learning_rate}")
        if print_cost:
            print(told)
    return accuracies[0], accuracies[1], _parameters(network)


class _Printed(Silent):
    """Prints the cost every 5 epochs, as the course does; `batches` is what it divides by."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self._batches = max(1, batches)

    def epoch(self, history: History) -> None:
        number, steps = len(history.epochs) - 1, len(history.losses) // len(history.epochs)
        if number % 5 == 0:
            print(f"Cost after epoch {number}: {sum(history.losses[-steps:]) / self._batches:f}")


def _examples(x_name: str, x: Array, y_name: str, y: Array) -> tuple[Array, Array]:
    pictures, rows = floats(**{x_name: x})[0], floats(**{y_name: y})[0]
    if pictures.ndim != 4 or pictures.shape[1:] != (64, 64, 3):
        raise ShapeError(f"{x_name} must be (m, 64, 64, 3); got shape {pictures.shape}")
    if rows.shape != (len(pictures), 6):
        raise ShapeError(f"{y_name} must be ({len(pictures)}, 6) to match {x_name}; got shape {rows.shape}")
    return pictures.astype(np.float32, copy=False), _labels(rows, y_name)


def _save_plot(file: Path, history: History, title: str) -> str:
    """Save the curve and show it in a notebook; return where it is."""
    if find_spec("matplotlib") is None:
        return "No plot of the cost: it needs Matplotlib (pip install 'jitconv[plot]')"
    picture = cost_plot(history, title)
    files.write(file, picture)
    interactive = sys.modules.get("IPython")
    if interactive is not None and getattr(interactive.get_ipython(), "kernel", None) is not None:
        from IPython.display import Image, display

        display(Image(picture))
    return f"Curve of the cost: {file}"

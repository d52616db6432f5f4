"""A network: layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jitconv.errors import DtypeError, ParameterError, ShapeError, shown
from jitconv.nn.functions import cross_entropy, probabilities
from jitconv.nn.layers import Conv2D, Layer, MaxPool2D, ReLU, Setting
from jitconv.specs.values import DTYPES, LAYOUTS, choice, integer
from jitconv.specs.values import shape as extents

Array = np.ndarray[Any, Any]


class Step(NamedTuple):
    """What a training step needs to know: the loss, the scores it was of, and the gradients by name."""

    loss: float
    scores: Array
    gradients: dict[str, Array]


class Sequential:
    """Layers one after another, from pictures to scores.

    Parameters
    ----------
    layers : sequence of Layer
        Each belongs to this network alone.
    shape : sequence of int
        Shape of one input: (H, W, C), or (C, H, W) with ``layout="NCHW"``, or (D,).
    layout : {"NHWC", "NCHW"}
        Order of the axes.
    dtype : {"float32", "float64"}
        What to compute in.
    seed : int
        Decides the weights: one seed, the same bits.

    Attributes
    ----------
    layers : dict
        The layers by name: "conv1", "relu1", "conv2" …
    shapes : dict
        The shape of each layer's output, without N.

    Raises
    ------
    ShapeError, ParameterError
        When a layer cannot take what the one before it gives; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from jitconv.nn import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential
    >>> layers = [Conv2D(4, 3, pad="same"), ReLU(), MaxPool2D(2), Flatten(), Dense(10)]
    >>> model = Sequential(layers, (8, 8, 1))
    >>> model.scores(np.zeros((5, 8, 8, 1), np.float32)).shape
    (5, 10)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        shape: Sequence[int],
        *,
        layout: str = "NHWC",
        dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        _check_layers(layers)
        self.layout = choice("layout", layout, LAYOUTS)
        self.dtype = np.dtype(choice("dtype", dtype, DTYPES))
        self.shape = extents("shape", shape)
        self.seed = integer("seed", seed, 0)
        self.layers = _named(layers)
        self.shapes: dict[str, tuple[int, ...]] = {}
        setting, current = Setting(layout, self.dtype, np.random.default_rng(self.seed)), self.shape
        for name, layer in self.layers.items():
            try:
                current = self.shapes[name] = layer.build(current, setting)
            except (ShapeError, ParameterError) as error:
                raise type(error)(f"{name}: {error}") from None
        for layer in layers:
            layer.taken = True
        self._order = _pools_first(list(self.layers.items()))
        _maxima_alone([layer for _, layer in self._order])

    @property
    def parameters(self) -> dict[str, Array]:
        """What training changes, by name: "conv1/w", "conv1/b" …: the arrays themselves, no copies."""
        return dict(self._arrays("parameters"))

    @property
    def state(self) -> dict[str, Array]:
        """What layers keep besides, such as "norm1/mean": the arrays themselves, no copies."""
        return dict(self._arrays("state"))

    def _arrays(self, kind: str) -> Iterator[tuple[str, Array]]:
        for name, layer in self.layers.items():
            for part, array in getattr(layer, kind).items():
                yield f"{name}/{part}", array

    def scores(self, x: Array) -> Array:
        """Return the last layer's outputs for a batch (N, ...)."""
        x = self._checked(x)
        for _, layer in self._order:
            x, _ = layer.forward(x)
        return x

    def probabilities(self, x: Array) -> Array:
        """Return the probability of each class, (N, classes): the softmax of scores, the sigmoid of one."""
        return probabilities(self.scores(x))

    def step(self, x: Array, labels: Array, rng: np.random.Generator | None = None) -> Step:
        """Return the loss on a batch and its gradient with respect to every parameter.

        Parameters
        ----------
        x : array (N, ...)
            Inputs.
        labels : array (N,)
            The right classes, integers.
        rng : numpy.random.Generator, optional
            What a layer such as Dropout draws from; by default one of seed 0.
        """
        rng = np.random.default_rng(0) if rng is None else rng
        y, caches = self._checked(x), []
        for _, layer in self._order:
            y, cache = layer.forward(y, rng)
            caches.append(cache)
        loss, slope = cross_entropy(y, labels)
        gradients: dict[str, Array] = {}
        dy: Array | None = slope
        for place in reversed(range(len(caches))):
            name, layer = self._order[place]
            assert dy is not None
            # the first layer's inputs are pictures: nobody wants their gradient
            dy, found = layer.backward(dy, caches.pop(), dx=place > 0)
            gradients |= {f"{name}/{part}": gradient for part, gradient in found.items()}
        return Step(loss, y, gradients)

    def _checked(self, x: Array) -> Array:
        if not isinstance(x, np.ndarray) or x.dtype.name != self.dtype.name:
            came = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise DtypeError(
                f"this network takes arrays of {self.dtype}; got {came}: "
                f"convert with np.asarray(x, dtype=np.{self.dtype})"
            )
        if x.shape[1:] != self.shape:
            wanted = ", ".join(map(str, ("N", *self.shape)))
            raise ShapeError(f"this network takes inputs of ({wanted}); got {x.shape}")
        return x.astype(self.dtype, copy=False)  # of the other byte order once

    def __repr__(self) -> str:
        return f"<Sequential {' -> '.join(self.layers)}: {self.shape} {self.layout} {self.dtype}>"


def _check_layers(layers: Sequence[Layer]) -> None:
    if not isinstance(layers, (list, tuple)) or not layers:
        raise ParameterError(f"Sequential needs at least one layer, in a list; got {shown(layers)}")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ParameterError(f"Sequential takes layers, such as Dense(10); got {shown(layer)}")
        if layer.taken:  # its weights would begin anew, beneath that network
            raise ParameterError(f"Sequential: {shown(layer)} is another network's already; make a new one")
    if len({id(layer) for layer in layers}) != len(layers):
        raise ParameterError("Sequential: one layer stands twice; make two of them")


def _named(layers: Sequence[Layer]) -> dict[str, Layer]:
    counts: dict[str, int] = {}
    named = {}
    for layer in layers:
        counts[layer.word] = counts.get(layer.word, 0) + 1
        named[f"{layer.word}{counts[layer.word]}"] = layer
    return named


def _pools_first(layers: list[tuple[str, Layer]]) -> list[tuple[str, Layer]]:
    """Return the order in which layers run: a ReLU after the max pool that follows it.

    The largest of what is above 0 is what is above 0 of the largest: results and gradients have the same
    bits, and the ReLU sees a window's maximum alone.
    """
    order = list(layers)
    for place in range(len(order) - 1):
        if isinstance(order[place][1], ReLU) and isinstance(order[place + 1][1], MaxPool2D):
            order[place : place + 2] = order[place + 1], order[place]
    return order


def _maxima_alone(order: list[Layer]) -> None:
    """Let a max pool give the first convolution, which gives nothing on, the gradient of its maxima alone."""
    if len(order) > 1 and isinstance(order[0], Conv2D) and isinstance(order[1], MaxPool2D):
        order[1].sparse = order[0].takes_sparse

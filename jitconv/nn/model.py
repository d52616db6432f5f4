"""A network: layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, ParameterError, ShapeError, shown
from jitconv.nn.functions import cross_entropy, probabilities
from jitconv.nn.layers.base import Layer, Setting, layer_list
from jitconv.nn.layers.chain import Chain, numbered
from jitconv.specs.values import DTYPES, LAYOUTS, choice, integer
from jitconv.specs.values import shape as extents


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
        setting = Setting(layout, self.dtype, np.random.default_rng(self.seed))
        # the first layer's inputs are pictures: nobody wants their gradient
        self._chain = Chain(numbered(layers), self.shape, setting, first=True)
        self.layers, self.shapes = self._chain.layers, self._chain.shapes
        for layer in _with_parts(layers):
            layer.taken = True

    @property
    def parameters(self) -> dict[str, Array]:
        """What training changes, by name: "conv1/w", "conv1/b" …: the arrays themselves, no copies."""
        return self._chain.arrays("parameters")

    @property
    def state(self) -> dict[str, Array]:
        """What layers keep besides, such as "norm1/mean": the arrays themselves, no copies."""
        return self._chain.arrays("state")

    def scores(self, x: Array) -> Array:
        """Return the last layer's outputs for a batch (N, ...)."""
        return self._chain.outputs(self._checked(x))

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
        scores, caches = self._chain.forward(self._checked(x), rng)
        loss, slope = cross_entropy(scores, labels)
        return Step(loss, scores, self._chain.backward(slope, caches, dx=False)[1])

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
    layer_list("Sequential: layers", layers)
    found = _with_parts(layers)
    for layer in found:
        if layer.taken:  # its weights would begin anew, beneath that network
            raise ParameterError(f"Sequential: {shown(layer)} is another network's already; make a new one")
    if len({id(layer) for layer in found}) != len(found):
        raise ParameterError("Sequential: one layer stands twice; make two of them")


def _with_parts(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers, those within others after them."""
    return [one for layer in layers for one in (layer, *_with_parts(layer.parts))]

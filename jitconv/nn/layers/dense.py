"""Layers of vectors: flatten and dense."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ShapeError
from jitconv.nn.functions import dense_backward, dense_forward
from jitconv.nn.initialisers import INITIALISERS, weights
from jitconv.nn.layers.base import Layer, Setting, Shape
from jitconv.ops import explain
from jitconv.selector import Explanation
from jitconv.specs.values import WRT, choice, integer


@dataclass
class Flatten(Layer):
    """All numbers of an example as one vector, in the order of its axes."""

    word: ClassVar[str] = "flatten"

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        return (math.prod(shape),)

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Return a view of shape (N, D)."""
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """Return a view of the shape that came."""
        return dy.reshape(cache), {}


@dataclass
class Dense(Layer):
    """F weighted sums of all inputs: y = x·w + b.

    Parameters
    ----------
    units : int
        F.
    bias : bool
        Whether a bias is added.
    init : {"he", "glorot", "small", "zeros"}
        How the weights begin; the bias begins at 0.
    """

    word: ClassVar[str] = "dense"
    units: int
    bias: bool = True
    init: str = "he"

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("Dense: units", self.units, 1)
        choice("Dense: init", self.init, INITIALISERS)

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make ``w`` and ``b``."""
        if len(shape) != 1:
            raise ShapeError(f"Dense takes vectors; got the shape {shape}: put Flatten() before it")
        each = shape[0], self.units
        self.parameters["w"] = weights(self.init, each, *each, setting.rng, setting.dtype)
        if self.bias:
            self.parameters["b"] = np.zeros(self.units, setting.dtype)
        return (self.units,)

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """See `jitconv.nn.functions.dense_forward`."""
        return dense_forward(x, self.parameters["w"], self.parameters.get("b")), x

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """See `jitconv.nn.functions.dense_backward`."""
        wrt = [name for name in WRT if name in self.parameters or (name == "x" and dx)]
        found = dense_backward(dy, cache, self.parameters["w"], wrt)
        return found.dx, {name: getattr(found, f"d{name}") for name in self.parameters}

    def explanations(self, shape: Shape) -> list[Explanation]:
        """Return that of the convolution that it is."""
        w, b = self.parameters["w"], self.parameters.get("b")
        return [explain("conv_forward", (1, 1, *shape), w[None, None], b)]

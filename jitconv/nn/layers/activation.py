"""Layers that look at single numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError
from jitconv.nn.functions import dropout_backward, dropout_forward, relu_backward, relu_forward, sigmoid
from jitconv.nn.layers.base import Layer, Setting, Shape
from jitconv.specs.values import finite


@dataclass
class ReLU(Layer):
    """The rectifier, max(x, 0)."""

    word: ClassVar[str] = "relu"

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        return shape

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """See `jitconv.nn.functions.relu_forward`."""
        return relu_forward(x), x

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """See `jitconv.nn.functions.relu_backward`."""
        return relu_backward(dy, cache) if dx else None, {}


@dataclass
class LeakyReLU(Layer):
    """x where it is above 0, else a small share of it.

    A. L. Maas, A. Y. Hannun, A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic models",
    2013.

    Parameters
    ----------
    slope : float
        The share, at least 0 and below 1.
    """

    word: ClassVar[str] = "leaky"
    slope: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= finite("LeakyReLU: slope", self.slope) < 1:
            raise ParameterError(f"LeakyReLU: slope must be at least 0 and below 1; got {self.slope!r}")

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        return shape

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Return max(x, slope · x)."""
        return np.maximum(x, x.dtype.type(self.slope) * x), x

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """Return dy where x is above 0, else its share."""
        return np.where(cache > 0, dy, dy.dtype.type(self.slope) * dy) if dx else None, {}


@dataclass
class Sigmoid(Layer):
    """The logistic function, 1 / (1 + exp(-x)), within a network.

    At the end of one it is not wanted: losses and `predict` take scores, and `Dense(1)` gives that of two
    classes.
    """

    word: ClassVar[str] = "sigmoid"

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        return shape

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """See `jitconv.nn.functions.sigmoid`."""
        y = sigmoid(x)
        return y, y

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """Return dy · y · (1 - y)."""
        return dy * cache * (1 - cache) if dx else None, {}


@dataclass
class Dropout(Layer):
    """Drops each number with a probability when training; see `jitconv.nn.functions.dropout_forward`.

    Parameters
    ----------
    rate : float
        The probability, at least 0 and below 1.
    """

    word: ClassVar[str] = "dropout"
    rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= finite("Dropout: rate", self.rate) < 1:
            raise ParameterError(f"Dropout: rate must be at least 0 and below 1; got {self.rate!r}")

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        return shape

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Draw what is dropped from `rng`; drop nothing without it."""
        return (x, None) if rng is None else dropout_forward(x, 1 - self.rate, rng)

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """See `jitconv.nn.functions.dropout_backward`."""
        return dy if cache is None else dropout_backward(dy, cache), {}

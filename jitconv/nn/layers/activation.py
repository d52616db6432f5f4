"""Layers that look at single numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.nn.functions import relu_backward, relu_forward
from jitconv.nn.layers.base import Array, Layer, Setting, Shape


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

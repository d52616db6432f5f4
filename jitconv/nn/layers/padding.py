"""Padding as a layer of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.nn.layers.base import Layer, Setting, Shape, picture
from jitconv.specs.values import pair


@dataclass
class ZeroPad2D(Layer):
    """Rows and columns of zeros around every picture.

    Parameters
    ----------
    pad : int or pair
        Rows above and below, and columns on the left and on the right.
    """

    word: ClassVar[str] = "pad"
    pad: int | tuple[int, int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        pair("ZeroPad2D: pad", self.pad, 0)

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        height, width, channels = picture(self, shape, setting.layout)
        down, right = pair("ZeroPad2D: pad", self.pad, 0)
        sides = ((down, down), (right, right))
        self._sides = ((0, 0), *sides, (0, 0)) if setting.layout == "NHWC" else ((0, 0), (0, 0), *sides)
        size = height + 2 * down, width + 2 * right
        return (*size, channels) if setting.layout == "NHWC" else (channels, *size)

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Return the padded pictures."""
        return np.pad(x, self._sides), None

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """Return what lies within the padding."""
        sides = zip(self._sides, dy.shape, strict=True)
        inside = tuple(slice(before, size - after) for (before, after), size in sides)
        return np.ascontiguousarray(dy[inside]) if dx else None, {}

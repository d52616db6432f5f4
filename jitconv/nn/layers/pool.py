"""Pooling layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.nn.functions.sparse import Sparse
from jitconv.nn.layers.base import Layer, Setting, Shape, picture
from jitconv.ops import avg_pool_backward, avg_pool_forward, explain, max_pool_backward, max_pool_forward
from jitconv.selector import Explanation
from jitconv.specs import PoolSpec
from jitconv.specs.values import TIES, choice, pair

INDICES_PAY_FROM = 64
"""Elements of a window in NHWC from which the forward pass keeps the maxima's positions: with 8×8 windows in
64 pictures of 64×64×8 forward and backward took 1.2 ms with them and 2.4 without, with 4×4 in 50 of
32×32×32 0.57 and 0.47."""


@dataclass
class _Pool(Layer):
    window: int | tuple[int, int]
    stride: int | tuple[int, int] | None = None
    pad: Any = 0
    algorithm: str = "auto"

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        picture(self, shape, setting.layout)
        self._geometry = {"stride": self.stride, "pad": self.pad, "layout": setting.layout}
        self._dtype = setting.dtype
        spec = PoolSpec.of((1, *shape), self.window, dtype=setting.dtype.name, **self._geometry)
        self._geometry["algorithm"] = self.algorithm
        return spec.y_shape[1:]

    def _explained(self, op: str, shape: Shape) -> list[Explanation]:
        x = np.broadcast_to(self._dtype.type(0), shape)
        return [explain(op, x, self.window, **self._geometry)]


@dataclass
class MaxPool2D(_Pool):
    """The maximum of each window; see `jitconv.max_pool_forward`.

    Parameters
    ----------
    window : int or pair
        Height and width.
    stride : int or pair, optional
        The window's own size where it is left out.
    pad : as for `jitconv.max_pool_forward`
    ties : {"first", "all", "split"}
        Which of equal maxima get the gradient.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.
    """

    word: ClassVar[str] = "pool"
    ties: str = "first"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("MaxPool2D: ties", self.ties, TIES)

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make no array."""
        kh, kw = pair("MaxPool2D: window", self.window, 1)
        self._with_indices = setting.layout == "NHWC" and self.ties == "first" and kh * kw >= INDICES_PAY_FROM
        self.sparse = False
        return super().build(shape, setting)

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """See `jitconv.max_pool_forward`; keep the positions of the maxima where that pays."""
        if rng is None or not self._with_indices:
            return max_pool_forward(x, self.window, **self._geometry), (x, None)
        y, indices = max_pool_forward(x, self.window, return_indices=True, **self._geometry)
        return y, (x, indices)

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Any, dict[str, Array]]:
        """See `jitconv.max_pool_backward`; where `sparse` is set, return the maxima's gradient as it is."""
        if not dx:
            return None, {}
        x, indices = cache
        if self.sparse and indices is not None and self.algorithm == "auto":
            return Sparse(dy, indices), {}
        ties = {"ties": self.ties, "indices": indices}
        return max_pool_backward(dy, x, self.window, **ties, **self._geometry), {}

    def explanations(self, shape: Shape) -> list[Explanation]:
        """Return that of the pool."""
        return self._explained("max_pool_forward", shape)


@dataclass
class AvgPool2D(_Pool):
    """The mean of each window; see `jitconv.avg_pool_forward`.

    Parameters
    ----------
    window : int or pair
        Height and width.
    stride : int or pair, optional
        The window's own size where it is left out.
    pad : as for `jitconv.avg_pool_forward`
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.
    """

    word: ClassVar[str] = "pool"

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """See `jitconv.avg_pool_forward`."""
        return avg_pool_forward(x, self.window, **self._geometry), x.shape

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """See `jitconv.avg_pool_backward`."""
        return avg_pool_backward(dy, cache, self.window, **self._geometry) if dx else None, {}

    def explanations(self, shape: Shape) -> list[Explanation]:
        """Return that of the pool."""
        return self._explained("avg_pool_forward", shape)

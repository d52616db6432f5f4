"""The convolution layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.nn.functions.sparse import Sparse, conv_backward_at, suits
from jitconv.nn.initialisers import INITIALISERS, weights
from jitconv.nn.layers.base import Layer, Setting, Shape, picture
from jitconv.ops import conv_backward, conv_forward, explain
from jitconv.selector import Explanation
from jitconv.specs import ConvSpec
from jitconv.specs.values import choice, integer, pair


@dataclass
class Conv2D(Layer):
    """Convolution with F filters of KH×KW; see `jitconv.conv_forward`.

    Parameters
    ----------
    filters : int
        F.
    kernel : int or pair
        KH and KW.
    stride, pad, dilation, groups
        As for `jitconv.conv_forward`.
    bias : bool
        Whether a bias is added.
    init : {"he", "glorot", "small", "zeros"}
        How the weights begin; the bias begins at 0.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.
    """

    word: ClassVar[str] = "conv"
    filters: int
    kernel: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    pad: Any = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    bias: bool = True
    init: str = "he"
    algorithm: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("Conv2D: filters", self.filters, 1)
        integer("Conv2D: groups", self.groups, 1)
        choice("Conv2D: init", self.init, INITIALISERS)

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make ``w`` and ``b``."""
        _, _, channels = picture(self, shape, setting.layout)
        kh, kw = pair("Conv2D: kernel", self.kernel, 1)
        self._geometry = {
            "stride": self.stride,
            "pad": self.pad,
            "dilation": self.dilation,
            "groups": self.groups,
            "layout": setting.layout,
        }
        ours = kh, kw, channels // self.groups, self.filters
        self._w_shape = ours if setting.layout == "NHWC" else (ours[3], ours[2], kh, kw)
        self._spec = ConvSpec.of(
            (1, *shape), self._w_shape, dtype=setting.dtype.name, bias=self.bias, **self._geometry
        )
        fan_in, fan_out = kh * kw * ours[2], kh * kw * self.filters // self.groups
        w = weights(self.init, ours, fan_in, fan_out, setting.rng, setting.dtype)
        self.parameters["w"] = (
            w if setting.layout == "NHWC" else np.ascontiguousarray(w.transpose(3, 2, 0, 1))
        )
        if self.bias:
            self.parameters["b"] = np.zeros(self.filters, setting.dtype)
        return self._spec.y_shape[1:]

    @property
    def takes_sparse(self) -> bool:
        """Whether `backward` without dx takes the gradient of a max pool's maxima alone."""
        return self.algorithm == "auto" and suits(self._spec)

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """See `jitconv.conv_forward`."""
        w, b = self.parameters["w"], self.parameters.get("b")
        return conv_forward(x, w, b, algorithm=self.algorithm, **self._geometry), x

    def backward(
        self, dy: Array | Sparse, cache: Any, dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        """See `jitconv.conv_backward`."""
        if isinstance(dy, Sparse):
            dw, db = conv_backward_at(dy, cache, self._spec)
            return None, {"w": dw, "b": db} if self.bias else {"w": dw}
        wrt = ["x"] * dx + list(self.parameters)
        w = self.parameters["w"]
        found = conv_backward(dy, cache, w, wrt=wrt, algorithm=self.algorithm, **self._geometry)
        return found.dx, {"w": found.dw, "b": found.db} if self.bias else {"w": found.dw}  # type: ignore[dict-item]

    def explanations(self, shape: Shape) -> list[Explanation]:
        """Return that of the convolution."""
        w, b = self.parameters["w"], self.parameters.get("b")
        return [explain("conv_forward", shape, w, b, algorithm=self.algorithm, **self._geometry)]

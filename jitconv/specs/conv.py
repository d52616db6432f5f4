"""One convolution problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jitconv.errors import ParameterError, ShapeError
from jitconv.specs import grid, values
from jitconv.specs.grid import GridSpec
from jitconv.specs.values import Operand


@dataclass(frozen=True, slots=True)
class ConvSpec(GridSpec):
    """A convolution of N pictures, H by W with C channels, with F filters of KH by KW.

    Parameters
    ----------
    n, h, w, c, kh, kw, f : int
        Extents; `c` counts all groups.
    stride, dilation : tuple of int
        (vertical, horizontal). A stride beyond the padded picture is kept as the picture's size: there is one
        window in either case.
    pad : tuple of int
        (top, bottom, left, right).
    groups : int
        Divides `c` and `f`; a depthwise convolution has ``groups == c``.
    layout : {"NHWC", "NCHW"}
    dtype : {"float32", "float64"}
    flip_kernel : bool
        True for the mathematical convolution, False for cross-correlation.
    bias : bool
        Whether the forward op is given `b`.
    wrt : tuple of str
        The gradients that the backward op is asked for.

    Raises
    ------
    ShapeError, ParameterError
        When the numbers leave no output or have no meaning.
    """

    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    f: int
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    layout: str = "NHWC"
    dtype: str = "float32"
    flip_kernel: bool = False
    bias: bool = False
    wrt: tuple[str, ...] = values.WRT
    oh: int = field(init=False, repr=False, compare=False)
    """Height of the output."""
    ow: int = field(init=False, repr=False, compare=False)
    """Width of the output."""

    ops = ("conv_forward", "conv_backward")
    kind, window, shaped = "conv", "kernel", ("x", "w")

    def __post_init__(self) -> None:
        self._check_numbers(F=self.f)
        values.integer("groups", self.groups, 1)
        self._check_names()
        values.gradients(self.wrt)
        if self.c % self.groups:
            raise ParameterError(f"conv: groups must divide C = {self.c}; got groups = {self.groups}")
        if self.f % self.groups:
            raise ParameterError(f"conv: groups must divide F = {self.f}; got groups = {self.groups}")
        self._check_output()
        self._check_limits("the multiply-adds, N·OH·OW·F·KH·KW·C/groups", self.madds)

    @classmethod
    def of(
        cls,
        x_shape: Sequence[int],
        w_shape: Sequence[int],
        *,
        stride: Any = 1,
        pad: Any = 0,
        dilation: Any = 1,
        groups: Any = 1,
        layout: str = "NHWC",
        dtype: str = "float32",
        flip_kernel: Any = False,
        bias: bool = False,
        wrt: Any = values.WRT,
    ) -> ConvSpec:
        """Describe the problem of an `x` and a `w` with the options of `jitconv.conv_forward`."""
        layout = values.choice("layout", layout, values.LAYOUTS)
        groups = values.integer("groups", groups, 1)
        nhwc = layout == "NHWC"
        n, h, w, c = grid.image("conv", x_shape, layout)
        values.rank("conv", "w", w_shape, "(KH, KW, C/groups, F)" if nhwc else "(F, C/groups, KH, KW)")
        kh, kw, group_c, f = w_shape if nhwc else (w_shape[2], w_shape[3], w_shape[1], w_shape[0])
        if c % groups:
            raise ParameterError(f"conv: groups must divide C = {c}; got groups = {groups}")
        if group_c * groups != c:
            wanted = f"(KH, KW, {c // groups}, F)" if nhwc else f"(F, {c // groups}, KH, KW)"
            of_groups = f" in {groups} groups" if groups > 1 else ""
            raise ShapeError(
                f"conv: w must be {wanted} to match x {tuple(x_shape)}{of_groups}; got {tuple(w_shape)}"
            )
        given = f" in x {tuple(x_shape)} and w {tuple(w_shape)}"
        values.extents("conv", {"H": h, "W": w, "C": c, "KH": kh, "KW": kw, "F": f}, given)
        return cls(
            n,
            h,
            w,
            c,
            kh,
            kw,
            f,
            **grid.steps((h, w), (kh, kw), stride, pad, dilation),
            groups=groups,
            layout=layout,
            dtype=dtype,
            flip_kernel=values.flag("flip_kernel", flip_kernel),
            bias=bias,
            wrt=values.gradients(wrt),
        )

    @property
    def w_shape(self) -> tuple[int, int, int, int]:
        """Shape of w and dw."""
        group_c = self.c // self.groups
        if self.layout == "NHWC":
            return self.kh, self.kw, group_c, self.f
        return self.f, group_c, self.kh, self.kw

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        """Shape of y and dy."""
        return self._arranged(self.oh, self.ow, self.f)

    @property
    def madds(self) -> int:
        """Multiply-adds of one pass over the filters, taps in the padding counted."""
        return self.n * self.oh * self.ow * self.f * self.kh * self.kw * (self.c // self.groups)

    def flops(self, op: str) -> int:
        """Floating-point operations of the op: two for each multiply-add."""
        if op == "conv_forward":
            return 2 * self.madds
        products = ("x" in self.wrt) + ("w" in self.wrt)
        sums = self.n * self.oh * self.ow * self.f if "b" in self.wrt else 0
        return 2 * self.madds * products + sums

    def terms(self, op: str) -> int:
        """Return how many products the longest sum of the op adds."""
        if op == "conv_forward":
            return self.kh * self.kw * (self.c // self.groups)
        over_filters = self.kh * self.kw * (self.f // self.groups)
        return max(over_filters, self.n * self.oh * self.ow, 1)

    def operands(self, op: str) -> tuple[Operand | None, ...]:
        """Return shape and dtype of each operand: (x, w, b) forward, (dy, x, w) backward."""
        x, w, y = (self.x_shape, self.dtype), (self.w_shape, self.dtype), (self.y_shape, self.dtype)
        if op == "conv_forward":
            return x, w, ((self.f,), self.dtype) if self.bias else None
        return y, x, w

    def outputs(self, op: str) -> tuple[Operand | None, ...]:
        """Return shape and dtype of each output: (y,) forward, (dx, dw, db) backward."""
        if op == "conv_forward":
            return ((self.y_shape, self.dtype),)
        shapes = {"x": self.x_shape, "w": self.w_shape, "b": (self.f,)}
        return tuple((shapes[name], self.dtype) if name in self.wrt else None for name in values.WRT)

    def traffic(self, op: str) -> int:
        """Bytes of operands and outputs together."""
        return values.nbytes(self.operands(op)) + values.nbytes(self.outputs(op))

    def __str__(self) -> str:
        """Return the problem string; `jitconv.specs.parse` reads it back."""
        words = [f"n{self.n}h{self.h}w{self.w}c{self.c}", f"k{self.kh}x{self.kw}f{self.f}"]
        words += values.geometry_words(self.stride, self.pad, self.dilation)
        words += [f"g{self.groups}"] * (self.groups != 1)
        words += [self.layout.lower()] * (self.layout != "NHWC") + [self.dtype] * (self.dtype != "float32")
        words += ["flip"] * self.flip_kernel + ["bias"] * self.bias
        words += [f"wrt={''.join(self.wrt)}"] * (self.wrt != values.WRT)
        return " ".join(words)

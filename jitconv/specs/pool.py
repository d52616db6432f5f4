"""One pooling problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jitconv.errors import ParameterError
from jitconv.specs import grid, values
from jitconv.specs.grid import GridSpec
from jitconv.specs.values import Operand


@dataclass(frozen=True, slots=True)
class PoolSpec(GridSpec):
    """Pooling of N pictures, H by W with C channels, over windows of KH by KW.

    Parameters
    ----------
    n, h, w, c, kh, kw : int
        Extents.
    stride, dilation : tuple of int
        (vertical, horizontal). A stride beyond the padded picture is kept as the picture's size: there is one
        window in either case.
    pad : tuple of int
        (top, bottom, left, right). Padding never wins a maximum.
    ceil_mode : bool
        Whether a last window may overhang; one that would start beyond the input and its leading
        pad is dropped, as PyTorch and ONNX define it.
    count_include_pad : bool
        Whether the divisor of an average counts padding (it never counts the overhang).
    layout : {"NHWC", "NCHW"}
    dtype : {"float32", "float64"}
    ties : {"first", "all", "split"}
        Who gets the gradient of a maximum that several elements share.
    indices : bool
        Whether the forward op returns, or the backward op is given, the winners' positions.

    Raises
    ------
    ShapeError, ParameterError
        When the numbers leave no output, or a window would lie in padding alone.
    """

    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    ceil_mode: bool = False
    count_include_pad: bool = True
    layout: str = "NHWC"
    dtype: str = "float32"
    ties: str = "first"
    indices: bool = False
    oh: int = field(init=False, repr=False, compare=False)
    """Height of the output."""
    ow: int = field(init=False, repr=False, compare=False)
    """Width of the output."""

    ops = ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")
    kind, window, shaped = "pool", "window", ("x",)

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_names()
        values.choice("ties", self.ties, values.TIES)
        for side, amount, extent in zip(
            ("top", "bottom", "left", "right"),
            self.pad,
            (self.extent[0], self.extent[0], self.extent[1], self.extent[1]),
            strict=True,
        ):
            if amount >= extent:
                raise ParameterError(
                    f"pool: pad must be less than the dilated window, {extent}, so that every window "
                    f"meets the input; got {amount} at the {side}"
                )
        self._check_output()
        if self.ties != "first" and self.indices:
            raise ParameterError(f"pool: indices name one winner, so ties must be 'first'; got {self.ties!r}")
        self._check_limits("the taps, N·OH·OW·C·KH·KW", self.flops("max_pool_forward"))
        for axis, direction in enumerate(("vertical", "horizontal")):
            self._refuse_blind_windows(axis, direction)

    def _refuse_blind_windows(self, axis: int, direction: str) -> None:
        """Raise when the taps of a dilated window step over the whole input.

        A window that starts at s < 0 first meets the input, or steps over it, at s mod dilation: pad is
        less than the window, so its taps reach so far.
        """
        size, lead = (self.h, self.w)[axis], self.pad[2 * axis]
        stride, dilation = self.stride[axis], self.dilation[axis]
        before = min((self.oh, self.ow)[axis], -(-lead // stride))  # windows that start in the leading pad
        if reaches(before, stride, -lead, dilation, size):
            raise ParameterError(
                f"pool: every window must meet the input; with pad {lead} and dilation {dilation} the "
                f"{direction} taps of a window of {(self.kh, self.kw)[axis]} step over all {size} elements"
            )

    @classmethod
    def of(
        cls,
        x_shape: Sequence[int],
        window: Any,
        *,
        stride: Any = None,
        pad: Any = 0,
        dilation: Any = 1,
        ceil_mode: Any = False,
        count_include_pad: Any = True,
        layout: str = "NHWC",
        dtype: str = "float32",
        ties: str = "first",
        indices: Any = False,
    ) -> PoolSpec:
        """Describe the problem of an `x` and a `window` with the options of the pooling ops."""
        layout = values.choice("layout", layout, values.LAYOUTS)
        n, h, w, c = grid.image("pool", x_shape, layout)
        values.extents("pool", {"H": h, "W": w, "C": c}, f" in x {tuple(x_shape)}")
        kh, kw = values.pair("window", window, 1)
        return cls(
            n,
            h,
            w,
            c,
            kh,
            kw,
            **grid.steps((h, w), (kh, kw), (kh, kw) if stride is None else stride, pad, dilation),
            ceil_mode=values.flag("ceil_mode", ceil_mode),
            count_include_pad=values.flag("count_include_pad", count_include_pad),
            layout=layout,
            dtype=dtype,
            ties=values.choice("ties", ties, values.TIES),
            indices=values.flag("return_indices", indices),
        )

    @property
    def options(self) -> str:
        """What decides the shape of y besides x, in words."""
        steps = f"window {(self.kh, self.kw)}, stride {self.stride}, pad {self.pad}, dilation {self.dilation}"
        return f"{steps}, ceil_mode {self.ceil_mode}"

    def _windows(self, axis: int) -> int:
        if not self.ceil_mode:
            return GridSpec._windows(self, axis)
        stride, before = self.stride[axis], self.pad[2 * axis]
        count = -((self.extent[axis] - self.padded[axis]) // stride) + 1
        beyond = (self.h, self.w)[axis] + before
        return count - 1 if (count - 1) * stride >= beyond else count

    def flops(self, op: str) -> int:
        """Comparisons or additions of the op: one for each tap of each window."""
        return self.n * self.oh * self.ow * self.c * self.kh * self.kw

    def terms(self, op: str) -> int:
        """Return how many values the longest sum of the op adds."""
        if op == "max_pool_forward":
            return 1
        return self.kh * self.kw

    def operands(self, op: str) -> tuple[Operand | None, ...]:
        """Return shape and dtype of each operand: (x,) forward; (dy, x, indices) or (dy,) backward."""
        x, y = (self.x_shape, self.dtype), (self.y_shape, self.dtype)
        if op == "max_pool_backward":
            return y, x, (self.y_shape, "int64") if self.indices else None
        return (y,) if op == "avg_pool_backward" else (x,)

    def outputs(self, op: str) -> tuple[Operand | None, ...]:
        """Return shape and dtype of each output: (y, indices) or (y,) forward; (dx,) backward."""
        x, y = (self.x_shape, self.dtype), (self.y_shape, self.dtype)
        if op == "max_pool_forward":
            return y, (self.y_shape, "int64") if self.indices else None
        return (y,) if op == "avg_pool_forward" else (x,)

    def traffic(self, op: str) -> int:
        """Bytes of operands and outputs together."""
        return values.nbytes(self.operands(op)) + values.nbytes(self.outputs(op))

    def __str__(self) -> str:
        """Return the problem string; `jitconv.specs.parse` reads it back."""
        words = [f"n{self.n}h{self.h}w{self.w}c{self.c}", f"k{self.kh}x{self.kw}"]
        words += values.geometry_words(self.stride, self.pad, self.dilation)
        words += [self.layout.lower()] * (self.layout != "NHWC") + [self.dtype] * (self.dtype != "float32")
        words += ["ceil"] * self.ceil_mode + ["nopad"] * (not self.count_include_pad)
        words += [f"ties={self.ties}"] * (self.ties != "first") + ["indices"] * self.indices
        return " ".join(words)


def reaches(count: int, step: int, first: int, modulus: int, least: int) -> bool:
    """Whether (first + i·step) mod modulus is `least` or more for some i below `count`."""
    if least >= modulus:
        return False
    # floor((a + modulus - least) / modulus) - floor(a / modulus) is 1 where a mod modulus >= least, else 0
    above = _floor_sum(count, modulus, step, first + modulus - least)
    return above > _floor_sum(count, modulus, step, first)


def _floor_sum(count: int, divisor: int, step: int, first: int) -> int:
    """Return Σ floor((first + i·step) / divisor) over i below `count`, as Euclid's algorithm does."""
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (step // divisor) + count * (first // divisor)
        step, first = step % divisor, first % divisor
        top = first + count * step
        # what is left counts lattice points below a line; seen from the other axis the line is less steep
        count, divisor, step, first = top // divisor, step, divisor, top % divisor
        if divisor == 0:
            break
    return total

"""What a convolution and a pooling share: windows that step over the two axes of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from jitconv.errors import ShapeError
from jitconv.specs import values


class GridSpec:
    """The shared half of `ConvSpec` and `PoolSpec`; they are dataclasses and say what these fields mean.

    It has no fields of its own, so each of them keeps the order of its arguments.
    """

    __slots__ = ()

    kind: ClassVar[str]
    """What begins a message."""
    window: ClassVar[str]
    """What steps over the image, in a message."""
    shaped: ClassVar[tuple[str, ...]]
    """The forward op's operands that decide the shape of y."""

    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    stride: tuple[int, int]
    pad: tuple[int, int, int, int]
    dilation: tuple[int, int]
    layout: str
    dtype: str
    oh: int
    """Height of the output."""
    ow: int
    """Width of the output."""

    @property
    def options(self) -> str:
        """What decides the shape of y besides the operands, in words."""
        return f"stride {self.stride}, pad {self.pad}, dilation {self.dilation}"

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width of the dilated window."""
        return dilated((self.kh, self.kw), self.dilation)

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of the padded input."""
        top, bottom, left, right = self.pad
        return self.h + top + bottom, self.w + left + right

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        """Shape of x and dx."""
        return self._arranged(self.h, self.w, self.c)

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        """Shape of y and dy."""
        return self._arranged(self.oh, self.ow, self.c)

    def _arranged(self, h: int, w: int, channels: int) -> tuple[int, int, int, int]:
        if self.layout == "NHWC":
            return self.n, h, w, channels
        return self.n, channels, h, w

    def _windows(self, axis: int) -> int:
        """Return how many windows fit along an axis, vertical or horizontal."""
        return (self.padded[axis] - self.extent[axis]) // self.stride[axis] + 1

    def _check_numbers(self, **more: int) -> None:
        """Raise unless the extents, these `more` among them, and the steps have a meaning."""
        named = {"N": self.n, "H": self.h, "W": self.w, "C": self.c, "KH": self.kh, "KW": self.kw}
        values.extents(self.kind, named | more)
        values.geometry(self.stride, self.pad, self.dilation)
        object.__setattr__(self, "stride", values.no_longer(self.stride, self.padded, self.extent))
        for axis, name in enumerate(("oh", "ow")):  # a decision asks for them some hundred times
            object.__setattr__(self, name, self._windows(axis))

    def _check_names(self) -> None:
        values.choice("layout", self.layout, values.LAYOUTS)
        values.choice("dtype", self.dtype, values.DTYPES)

    def _check_output(self) -> None:
        """Raise where no window fits."""
        if self.oh < 1 or self.ow < 1:
            given = ", ".join(f"{name} {shape}" for name, shape in self._shapes())
            raise ShapeError(
                f"{self.kind}: the dilated {self.window}, {self.extent[0]}x{self.extent[1]}, must fit in the "
                f"padded input, {self.padded[0]}x{self.padded[1]}; got {given} with {self.options}"
            )

    def _check_limits(self, what: str, steps: int) -> None:
        """Raise where memory or time could not serve the problem on any machine."""
        for name, shape in self._shapes():
            values.held(f"{self.kind}: {name}", shape)
        options, padded = f" with {self.options}", (self.n, *self.padded, self.c)
        values.held(f"{self.kind}: x and its padding, (N, H, W, C),", padded, options)
        values.held(f"{self.kind}: y", self.y_shape, options)
        values.served(f"{self.kind}: {what},", steps, options)

    def _shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        return [(name, getattr(self, f"{name}_shape")) for name in self.shaped]


def dilated(window: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """Return height and width from the first to the last tap."""
    return (window[0] - 1) * dilation[0] + 1, (window[1] - 1) * dilation[1] + 1


def image(kind: str, x_shape: Sequence[int], layout: str) -> Sequence[int]:
    """Return N, H, W and C of an `x`."""
    if layout == "NHWC":
        values.rank(kind, "x", x_shape, "(N, H, W, C)")
        return x_shape
    values.rank(kind, "x", x_shape, "(N, C, H, W)")
    return x_shape[0], x_shape[2], x_shape[3], x_shape[1]


def steps(
    size: tuple[int, int], window: tuple[int, int], stride: Any, pad: Any, dilation: Any
) -> dict[str, Any]:
    """Return the fields `stride`, `pad` and `dilation` of these options of an op."""
    strides, dilations = values.pair("stride", stride, 1), values.pair("dilation", dilation, 1)
    pads = values.padding(pad, size, dilated(window, dilations), strides)
    return {"stride": strides, "pad": pads, "dilation": dilations}

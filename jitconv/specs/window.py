"""One problem of the ops on single windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jitconv.errors import ShapeError
from jitconv.specs import values
from jitconv.specs.values import Operand


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Windows of H by W: `create_mask` marks their maxima, `distribute_value` fills them.

    Parameters
    ----------
    lead : tuple of int
        The axes before a window's; one value of `distribute_value` for each.
    h, w : int
        A window's height and width.
    dtype : {"float32", "float64"}
    ties : {"first", "all", "split"}
        Which of several equal maxima are marked ("split" marks the same as "all").

    Raises
    ------
    ShapeError
        When a window has no element.
    """

    lead: tuple[int, ...]
    h: int
    w: int
    dtype: str = "float32"
    ties: str = "first"

    ops = ("create_mask", "distribute_value")

    def __post_init__(self) -> None:
        values.extents("window", {"H": self.h, "W": self.w}, f" in x {(*self.lead, self.h, self.w)}")
        values.choice("dtype", self.dtype, values.DTYPES)
        values.choice("ties", self.ties, values.TIES)
        values.held("window: the windows, (..., H, W),", self.x_shape)

    @classmethod
    def of_mask(cls, x_shape: Sequence[int], *, dtype: str = "float32", ties: str = "first") -> WindowSpec:
        """Describe the problem of `jitconv.create_mask`."""
        if len(x_shape) < 2:
            raise ShapeError(f"create_mask: x must be (..., H, W); got shape {tuple(x_shape)}")
        ties = values.choice("ties", ties, values.TIES)
        return cls(tuple(x_shape[:-2]), x_shape[-2], x_shape[-1], dtype, ties)

    @classmethod
    def of_value(cls, dz_shape: Sequence[int], shape: Any, *, dtype: str = "float32") -> WindowSpec:
        """Describe the problem of `jitconv.distribute_value`."""
        h, w = values.pair("shape", shape, 1)
        source = f" for dz {tuple(dz_shape)} and shape ({h}, {w})"
        values.held("distribute_value: the result, dz.shape + shape,", (*dz_shape, h, w), source)
        return cls(tuple(dz_shape), h, w, dtype)

    @property
    def options(self) -> str:
        """What decides the shape of the windows besides their number, in words."""
        return f"shape {(self.h, self.w)}"

    @property
    def n(self) -> int:
        """How many windows there are."""
        return math.prod(self.lead)

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of all windows together."""
        return (*self.lead, self.h, self.w)

    def flops(self, op: str) -> int:
        """Comparisons or copies of the op: one for each element."""
        return self.n * self.h * self.w

    def terms(self, op: str) -> int:
        """Return how many values the longest sum of the op adds."""
        return 1

    def operands(self, op: str) -> tuple[Operand | None, ...]:
        """Return shape and dtype of each operand: (x,) of create_mask, (dz,) of distribute_value."""
        return ((self.x_shape if op == "create_mask" else self.lead, self.dtype),)

    def outputs(self, op: str) -> tuple[Operand | None, ...]:
        """Return shape and dtype of each output: (mask,) or (windows,)."""
        return ((self.x_shape, "bool" if op == "create_mask" else self.dtype),)

    def traffic(self, op: str) -> int:
        """Bytes of operands and outputs together."""
        return values.nbytes(self.operands(op)) + values.nbytes(self.outputs(op))

    def __str__(self) -> str:
        """Return the problem string; `jitconv.specs.parse` reads it back."""
        lead = f"n{'x'.join(map(str, self.lead))}" if self.lead else ""
        words = [f"{lead}h{self.h}w{self.w}"]
        words += [self.dtype] * (self.dtype != "float32") + [f"ties={self.ties}"] * (self.ties != "first")
        return " ".join(words)

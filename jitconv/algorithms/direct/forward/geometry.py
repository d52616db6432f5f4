"""The geometry of a correlation of pictures with packed filters, in elements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.specs import ConvSpec

LEAST_COLUMNS = BLOCKS.packed_least_columns


@dataclass(frozen=True, slots=True)
class Correlation:
    """The geometry of one correlation.

    Output (n, q, j, f) sums over segments s and d < depth: picture (n, q·down + row[s], j·across +
    column[s], …), d elements further on, times filter row begins[s] + d.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    begins: tuple[int, ...]
    depth: int
    steps: tuple[int, int]
    counts: tuple[int, int]
    """Output rows and columns."""
    reach: int
    """Columns that a segment spans: the taps that lie side by side in `depth`."""

    @property
    def window(self) -> tuple[int, int, int, int]:
        """First row and column, height and width, of what the first row of results needs."""
        top, left = min(self.rows), min(self.columns)
        width = (self.counts[1] - 1) * self.steps[1] + max(self.columns) - left + self.reach
        return top, left, max(self.rows) - top + 1, width

    def segments(self, parts: int, row: int, column: int) -> list[tuple[int, int]]:
        """Return of each part of each segment its place in a window, and its first filter row.

        `row` and `column` are the elements from row to row and from column to column there.
        """
        top, left, _, _ = self.window
        depth = self.depth // parts
        return [
            ((down - top) * row + (across - left) * column + part * depth, begin + part * depth)
            for down, across, begin in zip(self.rows, self.columns, self.begins, strict=True)
            for part in range(parts)
        ]


class Pictures(NamedTuple):
    """What is correlated."""

    batch: int
    size: tuple[int, int]
    channels: int
    steps: tuple[int, int, int, int]
    """Elements from image to image, from row to row, of columns, of channels."""


class Results(NamedTuple):
    """Where the sums go."""

    filters: int
    steps: tuple[int, int, int, int]
    """As those of `Pictures`."""
    at: int = 0
    """Where the first one lies."""


def merge_rows(spec: ConvSpec) -> ConvSpec:
    """Return the same problem with some rows merged, if it is 1x1 of stride 1.

    A tile has pixels of one row, and of 7 they would be 4 and 3; from `LEAST_COLUMNS` pixels on the heights
    of tiles are nearly equal.
    """
    if (spec.kh, spec.kw, *spec.stride, *spec.pad) != (1, 1, 1, 1, 0, 0, 0, 0):
        return spec
    parts = (rows for rows in range(1, spec.h + 1) if spec.h % rows == 0)
    joined = next(rows for rows in parts if rows * spec.w >= LEAST_COLUMNS or rows == spec.h)
    return replace(spec, h=spec.h // joined, w=spec.w * joined)

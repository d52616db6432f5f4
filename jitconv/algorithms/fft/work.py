"""How much work a convolution by transforms is: of one way to cut its axes, or of many at once.

Numbers of an axis are floats, or arrays of them that broadcast: predicting some hundred ways to cut a plane
one by one took most of a decision, 10 µs each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from jitconv.algorithms.fft.geometry import Axis, half
from jitconv.algorithms.fft.spectra import panel
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST

FILTER_BYTES = 32 * 2**20
"""Spectra of filters that a call without prepared ones holds at once; not less than a panel of them.
Not measured."""

TILE_BYTES = 8 * 2**20
"""Spectra and half-done transforms of the tiles that are multiplied at once; not less than one tile's.
Not measured."""

PLANES = {"inner": 3, "taps": 2, "outer": 2}
"""Numbers that are kept of a frequency. By definition: the third of inner ones is the sum of the two."""


ITEMSIZES = {dtype: np.dtype(dtype).itemsize for dtype in ("float32", "float64")}
"""Bytes of an element. By definition."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One of the three convolutions: "forward", "x" (dx) or "w" (dw), in the terms of all three."""

    kind: str
    batch: int
    channels: int
    """Of the inner images."""
    filters: int
    """Channels of the outer ones; of dy for dw."""
    groups: int
    dtype: str

    @property
    def depthwise(self) -> bool:
        """Whether every channel has one filter."""
        return self.channels == self.filters == self.groups

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return ITEMSIZES[self.dtype]

    @property
    def other(self) -> str:
        """What is transformed tile by tile beside "inner"."""
        return "taps" if self.kind == "w" else "outer"


class Cut(NamedTuple):
    """How an axis is cut: numbers, or arrays of numbers."""

    points: Any
    tiles: Any
    inner: Any
    """Rows of a tile that are read."""
    taps: Any
    outer: Any

    def rows(self, name: str) -> Any:
        """Return the rows of "inner", "taps" or "outer"."""
        return getattr(self, name)


@dataclass(frozen=True, eq=False)
class Tiles:
    """Both axes of a problem; what is asked for again is kept."""

    problem: Problem
    down: Cut
    across: Cut
    prepared: bool = False
    """Whether a plan holds the spectra of all filters."""

    @cached_property
    def count(self) -> Any:
        """Tiles of all images."""
        return self.problem.batch * self.down.tiles * self.across.tiles

    @cached_property
    def half_width(self) -> Any:
        """Frequencies of a row of a real transform."""
        return half(self.across.points)

    @cached_property
    def frequencies(self) -> Any:
        """Frequencies that are multiplied."""
        return self.down.points * self.half_width

    @cached_property
    def filters_at_once(self) -> Any:
        """Filters of a block: all, or as many panels of them as `FILTER_BYTES` hold."""
        p = self.problem
        if p.groups > 1 or self.prepared:
            return p.filters
        widest = WIDEST * VECTOR_BYTES // p.itemsize
        most = FILTER_BYTES // (2 * self.frequencies * p.channels * p.itemsize)
        return _least(p.filters, _most(most // widest, 1) * widest)

    def between(self, name: str, columns: Any) -> Any:
        """Return the elements of a tile of "inner", "taps" or "outer" when one axis is transformed."""
        # fewer columns than there are filters are whole panels of the widest
        most = columns.max() if isinstance(columns, np.ndarray) else columns
        lanes = panel(int(most), self.problem.itemsize)
        return 2 * self.half_width * self.down.rows(name) * whole(columns, lanes)

    def sizes(self, filters: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Return the elements that a tile needs with so many filters.

        The tile itself, what is half done, its spectrum, the spectrum of the other (dy for dw, else the
        result), and the other tile itself.
        """
        other, channels = self.problem.other, self.problem.channels
        between = _most(self.between("inner", channels), self.between(other, filters))
        return (
            self.down.inner * self.across.inner * channels, between, 3 * self.frequencies * channels,
            2 * self.frequencies * filters, self.down.rows(other) * self.across.rows(other) * filters,
        )  # fmt: skip

    @property
    def bytes_of_one(self) -> Any:
        """Bytes that a tile needs."""
        return sum(self.sizes(self.filters_at_once)) * self.problem.itemsize

    @cached_property
    def at_once(self) -> Any:
        """Tiles that are multiplied at once, in equal parts."""
        most = _most(1, TILE_BYTES // self.bytes_of_one)
        tiles = _most(1, self.count)  # none of an empty batch
        return -(-tiles // -(-tiles // most))

    def work(self, threads: int) -> dict[str, Any]:
        """Return the work of a call, but for what other layouts cost."""
        columns, parts = self._columns(), -(-self.count // self.at_once)
        return {
            "calls": 1,
            "regions": parts,
            "madds": self._madds(columns) * self.problem.itemsize / 4 / threads,
            "moved": self._moved(columns, parts) / threads,
        }

    def _columns(self) -> dict[str, Any]:
        """Return the columns that are transformed of each, in whole vectors; tiles counted."""
        p = self.problem
        lanes = VECTOR_BYTES // p.itemsize
        filters = whole(p.channels // p.groups * p.filters, lanes) * (not self.prepared)
        results = self.count * whole(p.filters, lanes)
        blocks = -(-p.filters // self.filters_at_once)
        inner = self.count * blocks * whole(p.channels, lanes)
        if p.kind == "w":
            return {"inner": inner, "taps": results, "outer": filters}
        return {"inner": inner, "taps": filters, "outer": results}

    def _madds(self, columns: Mapping[str, Any]) -> Any:
        """Return the multiply-adds of transforms and products."""
        p, points = self.problem, self.down.points
        transforms = 0
        for name, count in columns.items():
            rows, width = self.down.rows(name), self.across.rows(name)
            transforms = transforms + count * rows * (width + PLANES[name] * points)
        group_f = whole(p.filters // p.groups, VECTOR_BYTES // p.itemsize)
        by_tile = p.groups if p.depthwise else p.channels * group_f
        return 2 * self.half_width * transforms + 4 * self.frequencies * self.count * by_tile

    def _moved(self, columns: Mapping[str, Any], parts: Any) -> Any:
        """Return the bytes of what is half done and of spectra, written and read, tiles in so many parts."""
        p, half_width, frequencies = self.problem, self.half_width, self.frequencies
        moved = 0
        for name, count in columns.items():
            moved = moved + count * (half_width * self.down.rows(name) * 2 + PLANES[name] * frequencies)
        # the filters' spectra are read again for each block of tiles
        return (2 * moved + 2 * frequencies * p.channels // p.groups * p.filters * parts) * p.itemsize


def _most(one: Any, other: Any) -> Any:
    """Return the larger one of two floats, or of an array and another, element by element."""
    some = isinstance(one, np.ndarray) or isinstance(other, np.ndarray)
    return np.maximum(one, other) if some else max(one, other)


def _least(one: Any, other: Any) -> Any:
    return -_most(-one, -other)


def cut(axis: Axis) -> Cut:
    """Return how one axis is cut; floats, whose products do not overflow."""
    counts = axis.points, axis.tiles, axis.inner.count, axis.taps.count, axis.outer.count
    return Cut(*map(float, counts))


def cuts(axes: list[Axis], shape: tuple[int, int]) -> Cut:
    """Return how each of several axes is cut, in arrays of a shape."""
    return Cut(*(one.reshape(shape) for one in np.array([cut(axis) for axis in axes]).T))


def whole(columns: Any, lanes: int) -> Any:
    """Return columns with the empty lanes of their last vector."""
    return -(-columns // lanes) * lanes

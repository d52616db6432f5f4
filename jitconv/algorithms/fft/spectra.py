"""Tiles of pictures to spectra and back.

A tile is [h, w, channel]. Between the two axes' transforms it lies in panels of channels as wide as a
register tile. A spectrum is [frequency, plane, tile, channel]: the matrices of a frequency's product lie
together; its planes are parts of complex numbers.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from jitconv.algorithms.fft import matrices
from jitconv.algorithms.fft.geometry import Place, half
from jitconv.algorithms.fft.kernels import PRODUCTS
from jitconv.arrays import Array
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import vectors_of

MADDS_PER_NANOSECOND = 40
"""A guess at one thread's rate, for the choice between a kernel's twins."""

ONE_SEGMENT = np.zeros(2, np.int64)


class _Between:
    """Half-done transforms of tiles: [tile, panel, outer, inner, re/im, lane]."""

    def __init__(self, tiles: int, columns: int, outer: int, inner: int, dtype: str) -> None:
        self.lanes = panel(columns, np.dtype(dtype).itemsize)
        panels = -(-columns // self.lanes)
        self.inner = np.arange(inner) * 2 * self.lanes
        self.outer = np.arange(outer) * inner * 2 * self.lanes
        self.part = np.arange(2) * self.lanes
        self.panel = np.arange(panels) * outer * inner * 2 * self.lanes
        self.tile = np.arange(tiles) * panels * outer * inner * 2 * self.lanes
        self.column = np.arange(panels) * self.lanes
        self.columns = np.minimum(columns - self.column, self.lanes)


class Analysis:
    """Takes tiles to the planes of their spectra that `parts` names."""

    def __init__(
        self, places: tuple[Place, Place], points: tuple[int, int], parts: tuple[str, ...], dtype: str
    ) -> None:
        self._size = places[0].count, places[1].count
        self._points, self._half, self._parts, self._dtype = points[0], half(points[1]), len(parts), dtype
        self._across = matrices.across(places[1], points[1], dtype).reshape(-1)
        self._down = matrices.down(places[0], points[0], parts, dtype).reshape(-1)
        self._tasks: dict[tuple[int, int], tuple[Array, Array]] = {}

    def __call__(self, patches: Array, tiles: int, columns: int, between: Array, spectrum: Array) -> None:
        """Transform patches [tile, h, w, column]; `between` is scratch."""
        height, width = self._size
        lanes = panel(columns, patches.itemsize)
        if (tiles, columns) not in self._tasks:
            self._tasks[tiles, columns] = self._lay_out(tiles, columns)
        across, down = self._tasks[tiles, columns]
        work = between.size * width // MADDS_PER_NANOSECOND
        PRODUCTS(
            work, self._across, width, width, patches, columns, ONE_SEGMENT, across,
            patches, 0, False, between, height * 2 * lanes, False,
        )  # fmt: skip
        PRODUCTS(
            work, self._down, 2 * height, 2 * height, between, lanes, ONE_SEGMENT, down,
            between, 0, False, spectrum, self._parts * tiles * columns, False,
        )  # fmt: skip

    def _lay_out(self, tiles: int, columns: int) -> tuple[Array, Array]:
        """Return the tasks (tile, panel, h, part) across and (tile, panel, j, part) down."""
        height, width = self._size
        at = _Between(tiles, columns, self._half, height, self._dtype)
        tile, panels = np.arange(tiles), len(at.panel)
        across = tasks(
            a=(tiles, panels, height, np.arange(2) * self._half * width),
            b=(tile * height * width * columns, at.column, np.arange(height) * width * columns, 2),
            c=(at.tile, at.panel, at.inner, at.part),
            rows=self._half, columns=(tiles, at.columns, height, 2),
        )  # fmt: skip
        plane = tiles * columns
        down = tasks(
            a=(tiles, panels, self._half, np.arange(self._parts) * self._points * 2 * height),
            b=(at.tile, at.panel, at.outer, self._parts),
            c=(tile * columns, at.column, np.arange(self._half) * self._points * self._parts * plane,
               np.arange(self._parts) * plane),
            rows=self._points, columns=(tiles, at.columns, self._half, self._parts),
        )  # fmt: skip
        return across, down


class Synthesis:
    """Takes spectra of two planes, (re, im), to tiles."""

    def __init__(self, places: tuple[Place, Place], points: tuple[int, int], dtype: str) -> None:
        self._size = places[0].count, places[1].count
        self._points, self._half, self._dtype = points[0], half(points[1]), dtype
        self._up = matrices.up(places[0], points[0], dtype).reshape(-1)
        scale = 1 / (points[0] * points[1])
        self._back = matrices.back(places[1], points[1], scale, dtype).reshape(-1)
        self._tasks: dict[tuple[int, int], tuple[Array, Array]] = {}

    def __call__(
        self, spectrum: Array, tiles: int, columns: int, between: Array, patches: Array,
        bias: Array | None = None, floor: bool = False,
    ) -> None:  # fmt: skip
        """Fill patches [tile, h, w, column]."""
        lanes = panel(columns, patches.itemsize)
        if (tiles, columns) not in self._tasks:
            self._tasks[tiles, columns] = self._lay_out(tiles, columns)
        up, back = self._tasks[tiles, columns]
        work = between.size * self._size[1] // MADDS_PER_NANOSECOND
        PRODUCTS(
            work, self._up, 2 * self._points, 2 * self._points, spectrum, tiles * columns, ONE_SEGMENT, up,
            spectrum, 0, False, between, self._half * 2 * lanes, False,
        )  # fmt: skip
        PRODUCTS(
            work, self._back, 2 * self._half, 2 * self._half, between, lanes, ONE_SEGMENT, back,
            between if bias is None else bias, 0, bias is not None, patches, columns, floor,
        )  # fmt: skip

    def _lay_out(self, tiles: int, columns: int) -> tuple[Array, Array]:
        """Return the tasks (tile, panel, j, part) up and (tile, panel, h) back."""
        height, width = self._size
        at = _Between(tiles, columns, height, self._half, self._dtype)
        tile, panels, plane = np.arange(tiles), len(at.panel), tiles * columns
        up = tasks(
            a=(tiles, panels, self._half, np.arange(2) * height * 2 * self._points),
            b=(tile * columns, at.column, np.arange(self._half) * self._points * 2 * plane, 2),
            c=(at.tile, at.panel, at.inner, at.part),
            rows=height, columns=(tiles, at.columns, self._half, 2),
        )  # fmt: skip
        back = tasks(
            a=(tiles, panels, height),
            b=(at.tile, at.panel, at.outer),
            c=(tile * height * width * columns, at.column, np.arange(height) * width * columns),
            rows=width, columns=(tiles, at.columns, height), start=(tiles, at.column, height),
        )  # fmt: skip
        return up, back


def panel(columns: int, itemsize: int) -> int:
    """Return the width of the panels that columns are cut into: that of a register tile."""
    return vectors_of(columns, itemsize) * VECTOR_BYTES // itemsize


def between_size(points: int, rows: int, columns: int, itemsize: int) -> int:
    """Return the elements of what is half done, of one tile with `rows` rows."""
    lanes = panel(columns, itemsize)
    return 2 * half(points) * rows * -(-columns // lanes) * lanes


Terms = tuple[Any, ...]
"""For each index of a task what it adds to a place: an array, or only how many values it takes."""


def tasks(
    *, a: Terms, b: Terms, c: Terms, rows: int, columns: Terms | int, start: Terms | None = None
) -> Array:
    """Return the tasks of `PRODUCTS`, for every combination of indices."""
    places = [_sum(term) for term in (a, b, c)]
    table = np.empty((len(places[0]), 6), np.int64)
    table[:, 0], table[:, 1], table[:, 2] = places
    table[:, 3] = 0 if start is None else _sum(start)
    table[:, 4] = rows
    table[:, 5] = columns if isinstance(columns, int) else _sum(columns)
    return table.reshape(-1)


def _sum(terms: Terms) -> Array:
    arrays = [np.zeros(term, np.int64) if isinstance(term, int) else term for term in terms]
    return reduce(np.add.outer, arrays).reshape(-1)

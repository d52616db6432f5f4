"""Tiles of images to spectra and back.

A tile is [h, w, channel]. Between the two axes' transforms it is divided into panels of channels as wide as a
register tile. A spectrum is [frequency, plane, tile, channel]: the matrices of a frequency's product are
together; its planes are parts of complex numbers.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from jitconv.algorithms.fft import matrices
from jitconv.algorithms.fft.geometry import Place, half
from jitconv.algorithms.fft.kernels import PRODUCTS, TASK, Numbers, Task
from jitconv.arrays import Array
from jitconv.jit.numbers import flat
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import vectors_of

MADDS_PER_NANOSECOND = 40
"""A guess at one thread's rate, for the choice between a kernel's twins. Not measured."""

ONE_SEGMENT = np.zeros(2, np.int64)

Product = tuple[Array, Array]
"""The tasks and the numbers of a call of `PRODUCTS`."""


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
        self._products: dict[tuple[int, int], tuple[Product, Product]] = {}

    def __call__(self, patches: Array, tiles: int, columns: int, between: Array, spectrum: Array) -> None:
        """Transform patches [tile, h, w, column]; `between` is scratch."""
        if (tiles, columns) not in self._products:
            self._products[tiles, columns] = self._lay_out(tiles, columns)
        across, down = self._products[tiles, columns]
        work = between.size * self._size[1] // MADDS_PER_NANOSECOND
        PRODUCTS(work, self._across, patches, patches, between, ONE_SEGMENT, *across)
        PRODUCTS(work, self._down, between, between, spectrum, ONE_SEGMENT, *down)

    def _lay_out(self, tiles: int, columns: int) -> tuple[Product, Product]:
        """Return the products (tile, panel, h, part) across and (tile, panel, j, part) down."""
        height, width = self._size
        lanes = panel(columns, np.dtype(self._dtype).itemsize)
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
        return (
            (across, numbers(depth=width, b_step=columns, c_step=height * 2 * lanes)),
            (down, numbers(depth=2 * height, b_step=lanes, c_step=self._parts * plane)),
        )


class Synthesis:
    """Takes spectra of two planes, (re, im), to tiles."""

    def __init__(self, places: tuple[Place, Place], points: tuple[int, int], dtype: str) -> None:
        self._size = places[0].count, places[1].count
        self._points, self._half, self._dtype = points[0], half(points[1]), dtype
        self._up = matrices.up(places[0], points[0], dtype).reshape(-1)
        scale = 1 / (points[0] * points[1])
        self._back = matrices.back(places[1], points[1], scale, dtype).reshape(-1)
        self._products: dict[tuple[int, int, bool, bool], tuple[Product, Product]] = {}

    def __call__(
        self, spectrum: Array, tiles: int, columns: int, between: Array, patches: Array,
        bias: Array | None = None, relu: bool = False,
    ) -> None:  # fmt: skip
        """Fill patches [tile, h, w, column]."""
        key = tiles, columns, bias is not None, relu
        if key not in self._products:
            self._products[key] = self._lay_out(*key)
        up, back = self._products[key]
        work = between.size * self._size[1] // MADDS_PER_NANOSECOND
        PRODUCTS(work, self._up, spectrum, spectrum, between, ONE_SEGMENT, *up)
        PRODUCTS(work, self._back, between, between if bias is None else bias, patches, ONE_SEGMENT, *back)

    def _lay_out(self, tiles: int, columns: int, biased: bool, relu: bool) -> tuple[Product, Product]:
        """Return the products (tile, panel, j, part) up and (tile, panel, h) back."""
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
        lanes = panel(columns, np.dtype(self._dtype).itemsize)
        return (
            (up, numbers(depth=2 * self._points, b_step=plane, c_step=self._half * 2 * lanes)),
            (back, numbers(depth=2 * self._half, b_step=lanes, c_step=columns, biased=biased, relu=relu)),
        )


def panel(columns: int, itemsize: int) -> int:
    """Return the width of the panels that columns are cut into: that of a register tile."""
    return vectors_of(columns, itemsize) * VECTOR_BYTES // itemsize


Terms = tuple[Any, ...]
"""For each index of a task what it adds to a place: an array, or only how many values it takes."""


def tasks(
    *, a: Terms, b: Terms, c: Terms, rows: int, columns: Terms | int, start: Terms | None = None
) -> Array:
    """Return the tasks of `PRODUCTS`, for every combination of indices."""
    values: dict[str, Any] = {
        "a": _sum(a),
        "b": _sum(b),
        "c": _sum(c),
        "start": 0 if start is None else _sum(start),
        "rows": rows,
        "columns": columns if isinstance(columns, int) else _sum(columns),
    }
    table = np.empty((len(values["a"]), TASK), np.int64)
    for number, name in enumerate(Task._fields):
        table[:, number] = values[name]
    return table.reshape(-1)


def numbers(*, depth: int, b_step: int, c_step: int, biased: bool = False, relu: bool = False) -> Array:
    """Return the numbers of `PRODUCTS` with a matrix of `depth` columns, without gaps, to the left."""
    its = Numbers(
        depth=depth, a_step=depth, b_step=b_step, start_step=0, started=biased, c_step=c_step, relu=relu
    )
    return flat(its)


def _sum(terms: Terms) -> Array:
    arrays = [np.zeros(term, np.int64) if isinstance(term, int) else term for term in terms]
    return reduce(np.add.outer, arrays).reshape(-1)

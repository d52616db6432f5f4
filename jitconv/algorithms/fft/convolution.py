"""A convolution of tiles with filters in the frequency domain, and the sum over tiles that gives dw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.fft.geometry import Place
from jitconv.algorithms.fft.kernels import CUT, MULTIPLY_DEPTHWISE, PASTE, PRODUCTS, PRODUCTS_ACROSS, Numbers
from jitconv.algorithms.fft.spectra import MADDS_PER_NANOSECOND, Analysis, Synthesis, tasks
from jitconv.algorithms.fft.tiling import Tiling
from jitconv.arrays import Array
from jitconv.jit.numbers import flat
from jitconv.jit.workspace import borrowed

IMAGES = ("im", "re", "-im")
"""Planes of a spectrum that stands to the left of a product: (re, -im) · (re, im) is the real part of the
result, (im, re) · (re, im) the imaginary one, and both are planes that follow each other."""

FILTERS = ("re", "im")


@dataclass(frozen=True, slots=True)
class Stored:
    """How images are stored: height and width, steps (n, h, w, c) in elements, channels."""

    size: tuple[int, int]
    strides: tuple[int, int, int, int]
    channels: int

    @classmethod
    def of(cls, h: int, w: int, c: int, layout: str) -> Stored:
        """Describe contiguous images in a layout."""
        return cls((h, w), strides(h, w, c, layout), c)

    def cut(
        self, x: Array, grid: tuple[int, int], part: slice, places: tuple[Place, Place], out: Array
    ) -> None:
        """Copy some tiles of flat images to `out`."""
        CUT(
            out.size // 4, x, self.strides, self.size, grid, part.start, part.stop - part.start,
            places[0].rows, places[1].rows, self.channels, out,
        )  # fmt: skip

    def paste(
        self, tiles: Array, grid: tuple[int, int], part: slice, places: tuple[Place, Place], y: Array
    ) -> None:
        """Copy some tiles to where they belong in flat images."""
        PASTE(
            tiles.size // 4, tiles, grid, part.start, part.stop - part.start, places[0].count,
            places[1].count, self.channels, y, self.strides, self.size,
        )  # fmt: skip

    def block(self, x: Array, channels: slice) -> tuple[Array, Stored]:
        """Return some channels of flat images."""
        return x[channels.start * self.strides[3] :], replace(self, channels=channels.stop - channels.start)


class Convolution:
    """Inner images · filters = outer images: y = x · w, or dx = dy · w transposed.

    Filters are (KH, KW, inner channels of a group, outer channels).
    """

    def __init__(self, tiling: Tiling, inner: Stored, outer: Stored) -> None:
        self._tiling, self._inner, self._outer = tiling, inner, outer
        points, dtype = tiling.points, tiling.problem.dtype
        self._analysis = Analysis(tiling.places("inner"), points, IMAGES, dtype)
        self._filters = Analysis(tiling.places("taps"), points, FILTERS, dtype)
        self._synthesis = Synthesis(tiling.places("outer"), points, dtype)

    def blocks(self) -> list[slice]:
        """Return the blocks of filters that are done one after the other."""
        return _parts(self._tiling.problem.filters, self._tiling.filters_at_once)

    def spectrum_size(self, block: slice) -> int:
        """Return the elements of a block's spectrum."""
        problem = self._tiling.problem
        return (
            2 * self._tiling.frequencies * (problem.channels // problem.groups) * (block.stop - block.start)
        )

    def transform_filters(self, taps: Array, block: slice, out: Array) -> None:
        """Fill `out` with the spectrum of a block of filters."""
        taps = np.ascontiguousarray(taps[..., block])
        columns = taps.shape[2] * taps.shape[3]
        with borrowed(self._tiling.between("taps", columns), taps.dtype) as between:
            self._filters(taps.reshape(-1), 1, columns, between, out)

    def __call__(self, x: Array, taps: Array, bias: Array | None, y: Array) -> None:
        """Convolve `x` with filters that are not transformed yet."""
        for block in self.blocks():
            with borrowed(self.spectrum_size(block), x.dtype) as spectrum:
                self.transform_filters(taps, block, spectrum)
                self.multiply(x, spectrum, block, bias, y)

    def multiply(
        self, x: Array, filters: Array, block: slice, bias: Array | None, y: Array, *, relu: bool = False
    ) -> None:
        """Fill the channels `block` of `y` from `x` and the spectrum of their filters."""
        tiling = self._tiling
        target, outer = self._outer.block(y.reshape(-1), block)
        columns = outer.channels
        bias = None if bias is None else bias[block]
        with _lent(tiling, columns, x.dtype) as scratch:
            for part in _parts(tiling.tiles, tiling.tiles_at_once):
                count = part.stop - part.start
                tiles_in, between, spectrum, result, tiles_out = _divided(scratch, tiling, count, columns)
                self._inner.cut(x.reshape(-1), tiling.grid, part, tiling.places("inner"), tiles_in)
                self._analysis(tiles_in, count, tiling.problem.channels, between, spectrum)
                _products(tiling, spectrum, filters, result, count, columns, across=False, more=False)
                self._synthesis(result, count, columns, between, tiles_out, bias, relu)
                outer.paste(tiles_out, tiling.grid, part, tiling.places("outer"), target)


class WeightSum:
    """The gradient of the filters: over all tiles the sum of x · dy, at each frequency."""

    def __init__(self, tiling: Tiling, x: Stored, dy: Stored) -> None:
        self._tiling, self._x, self._dy = tiling, x, dy
        points, dtype = tiling.points, tiling.problem.dtype
        self._of_x = Analysis(tiling.places("inner"), points, IMAGES, dtype)
        self._of_dy = Analysis(tiling.places("taps"), points, FILTERS, dtype)
        self._taps = Synthesis(tiling.places("outer"), points, dtype)

    def __call__(self, x: Array, dy: Array) -> Iterator[tuple[slice, Array]]:
        """Give blocks of filters and their gradients, (KH, KW, C/groups, block)."""
        tiling, problem = self._tiling, self._tiling.problem
        group_c = problem.channels // problem.groups
        down, right = tiling.places("outer")
        for block in _parts(problem.filters, tiling.filters_at_once):
            columns = group_c * (block.stop - block.start)
            taps = np.empty((down.count, right.count, group_c, block.stop - block.start), x.dtype)
            with borrowed(2 * tiling.frequencies * columns, x.dtype) as sums:
                self._sum(x.reshape(-1), dy.reshape(-1), block, sums)
                with borrowed(tiling.between("outer", columns), x.dtype) as between:
                    self._taps(sums, 1, columns, between, taps.reshape(-1))
            yield block, taps

    def _sum(self, x: Array, dy: Array, block: slice, sums: Array) -> None:
        tiling = self._tiling
        upstream, of_block = self._dy.block(dy, block)
        columns = of_block.channels
        with _lent(tiling, columns, x.dtype) as scratch:
            for part in _parts(tiling.tiles, tiling.tiles_at_once):
                count = part.stop - part.start
                x_tiles, between, of_x, of_dy, dy_tiles = _divided(scratch, tiling, count, columns)
                self._x.cut(x, tiling.grid, part, tiling.places("inner"), x_tiles)
                self._of_x(x_tiles, count, tiling.problem.channels, between, of_x)
                of_block.cut(upstream, tiling.grid, part, tiling.places("taps"), dy_tiles)
                self._of_dy(dy_tiles, count, columns, between, of_dy)
                _products(tiling, of_x, of_dy, sums, count, columns, across=True, more=part.start > 0)


def _products(
    tiling: Tiling, a: Array, b: Array, c: Array, tiles: int, columns: int, *, across: bool, more: bool
) -> None:
    """Fill `c`, at each frequency, with a · b, or with aᵀ · b where `across`; add to it if `more`."""
    problem, frequencies = tiling.problem, tiling.frequencies
    if problem.depthwise:
        b_row, c_row = (columns, 0) if across else (0, columns)
        work = max(b.size, c.size)
        MULTIPLY_DEPTHWISE(work, a, b, b_row, c, c_row, tiles, columns, frequencies, more)
        return
    group_c, a_size = problem.channels // problem.groups, tiles * problem.channels
    rows, depth = (group_c, tiles) if across else (tiles, group_c)
    table = _frequencies(
        frequencies, problem.groups, (a_size, group_c), depth * columns, rows * columns, columns, rows
    )
    segments = np.array([0, 0, a_size, depth], np.int64)  # a complex product's part is two real products
    numbers = Numbers(
        depth=depth,
        a_step=problem.channels,
        b_step=columns,
        start_step=columns,
        started=more,
        c_step=columns,
        relu=False,
    )
    kernel = PRODUCTS_ACROSS if across else PRODUCTS
    kernel(2 * c.size * depth // MADDS_PER_NANOSECOND, a, b, c, c, segments, table, flat(numbers))


@lru_cache(maxsize=64)
def _frequencies(
    frequencies: int, groups: int, a: tuple[int, int], b_size: int, c_size: int, columns: int, rows: int
) -> Array:
    """Return the tasks (frequency, part, group) of complex products; `a` is (size, step to a group).

    Kept, for they take a quarter of a millisecond at 3160 frequencies.
    """
    frequency, part, group = (np.arange(n) for n in (frequencies, 2, groups))
    group_f = columns // groups
    c = frequency * 2 * c_size, part * c_size, group * group_f
    return tasks(
        a=(frequency * 3 * a[0], (1 - part) * a[0], group * a[1]),
        b=(frequency * 2 * b_size, 2, group * group_f),
        c=c, start=c, rows=rows, columns=group_f,
    )  # fmt: skip


def _lent(tiling: Tiling, columns: int, dtype: np.dtype[Any]) -> contextlib.AbstractContextManager[Array]:
    """Lend what the tiles that are multiplied at once need."""
    return borrowed(tiling.tiles_at_once * sum(tiling.sizes_of_tile(columns)), dtype)


def _divided(scratch: Array, tiling: Tiling, tiles: int, columns: int) -> list[Array]:
    """Divide what is lent among so many tiles, in the order of `Tiling.sizes_of_tile`."""
    sizes = [tiles * size for size in tiling.sizes_of_tile(columns)]
    return np.split(scratch[: sum(sizes)], np.cumsum(sizes)[:-1])


def _parts(total: int, most: int) -> list[slice]:
    return [slice(first, min(first + most, total)) for first in range(0, total, most)]

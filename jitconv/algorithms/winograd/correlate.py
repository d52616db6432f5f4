"""A 3x3 correlation of stride 1 by Winograd's F(4×4, 3×3): 36 products for 16 outputs, instead of 144.

Or by F(2×2, 3×3): 16 products for 4 outputs, instead of 36.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from numba import prange

from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.winograd.filters import CHUNK, FILTERS, Steps, gathered_size, transform_filters
from jitconv.algorithms.winograd.pieces import (
    bias_point,
    points_of,
    results_size,
    strip_size,
    transform_strip,
    write_strip,
)
from jitconv.algorithms.winograd.sizes import PANEL, PANEL_CHANNELS, Sizes
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import aligned, borrowed
from jitconv.micro.tile import WIDEST, tiles, width_of


def _fused(x, steps, size, pad, channels, grid, strips, task_strips, apart, pitch, transformed, step,
           filters, bias, biased, y, y_steps, counts, floor):  # fmt: skip
    """Run tasks of some strips, each from patch to result within the second-level cache."""
    lanes = VECTOR_BYTES // x.itemsize
    width = WIDEST * lanes
    panels, points, across = (filters + width - 1) // width, points_of(grid[0]), grid[2]
    table = np.zeros(2, np.int64)
    for task in prange((strips + task_strips - 1) // task_strips):
        first = task * task_strips
        last = min(first + task_strips, strips)
        count = (last - first) * across
        patches, products = buffer(points * apart[0], x), buffer(points * apart[1], x)
        rows, results = buffer(strip_size(grid, channels), x), buffer(results_size(grid, counts, x), x)
        for strip in range(first, last):
            at = (strip - first) * across * pitch
            transform_strip(x, steps, size, pad, channels, grid, strip, rows, patches, at, apart[0], pitch)
        for point in range(points):
            for panel in range(panels):
                f = panel * width
                columns = min(width, filters - f)
                tiles(count, width_of(columns, lanes), patches, point * apart[0], pitch,
                      transformed, (panel * points + point) * step, width, 0, table, 0, 1, channels,
                      bias, f, 0, biased and point == bias_point(grid[0]),
                      products, point * apart[1] + f * count, width, columns, 0)  # fmt: skip
        for strip in range(first, last):
            for f in range(0, filters, width):
                at = f * count + (strip - first) * across * width
                write_strip(products, at, apart[1], grid, strip, floor, results, y, y_steps, counts, f,
                            min(width, filters - f))  # fmt: skip


def _patches(x, steps, size, pad, channels, grid, first, last, patches, apart, pitch):
    """Transform the patches of strips first..last-1: (point, tile, channel)."""
    for strip in prange(first, last):
        rows = buffer(strip_size(grid, channels), x)
        at = (strip - first) * grid[2] * pitch
        transform_strip(x, steps, size, pad, channels, grid, strip, rows, patches, at, apart, pitch)


def _products(
    patches, channels, count, apart, pitch, side, transformed, step, filters, bias, biased, products
):
    """products[point, panel, tile, lane] = Σ_c patches[point, tile, c] · filters[panel, point, c, lane]."""
    lanes = VECTOR_BYTES // patches.itemsize
    width = WIDEST * lanes
    panels, points = (filters + width - 1) // width, points_of(side)
    table = np.zeros(2, np.int64)
    for unit in prange(points * panels):
        point, panel = unit // panels, unit % panels
        f = panel * width
        columns = min(width, filters - f)
        tiles(count, width_of(columns, lanes), patches, point * apart[0], pitch,
              transformed, (panel * points + point) * step, width, 0, table, 0, 1, channels,
              bias, f, 0, biased and point == bias_point(side),
              products, point * apart[1] + f * count, width, columns, 0)  # fmt: skip


def _results(products, filters, apart, grid, first, last, y, y_steps, counts, floor):
    """Transform the products of strips first..last-1 to results."""
    width = WIDEST * (VECTOR_BYTES // products.itemsize)
    for strip in prange(first, last):
        results = buffer(results_size(grid, counts, products), products)
        for f in range(0, filters, width):
            at = (f * (last - first) + (strip - first) * width) * grid[2]
            write_strip(products, at, apart, grid, strip, floor, results, y, y_steps, counts, f,
                        min(width, filters - f))  # fmt: skip


def _panels(patches, channels, count, apart, pitch, w, steps, filters, grid, strips, bias, biased, y, y_steps,
            counts, floor):  # fmt: skip
    """Transform a panel of filters, some channels at a time, multiply, and transform to results."""
    lanes = VECTOR_BYTES // w.itemsize
    width = WIDEST * lanes
    side, points, across = grid[0], points_of(grid[0]), grid[2]
    step = (PANEL_CHANNELS + 1) * width
    table = np.zeros(2, np.int64)
    for panel in prange((filters + width - 1) // width):
        transformed, gathered = buffer(points * step, w), buffer(gathered_size(CHUNK, w), w)
        products, results = buffer(points * apart[1], w), buffer(results_size(grid, counts, w), w)
        f = panel * width
        columns, bias_at = min(width, filters - f), bias_point(side) * apart[1]
        if biased:
            for t in range(count):
                products[bias_at + t * width : bias_at + t * width + columns] = bias[f : f + columns]
        for c in range(0, channels, PANEL_CHANNELS):
            depth = min(PANEL_CHANNELS, channels - c)
            for part in range(c, c + depth, CHUNK):
                transform_filters(w, steps, side, part, min(part + CHUNK, c + depth), f, columns, transformed,
                                  (part - c) * width, step, gathered)  # fmt: skip
            for point in range(points):
                to = point * apart[1]
                tiles(count, width_of(columns, lanes), patches, point * apart[0] + c, pitch,
                      transformed, point * step, width, 0, table, 0, 1, depth,
                      products, to, width, c > 0 or (biased and to == bias_at),
                      products, to, width, columns, 0)  # fmt: skip
        for strip in range(strips):
            write_strip(products, strip * across * width, apart[1], grid, strip, floor, results, y, y_steps,
                        counts, f, columns)  # fmt: skip


FUSED, PANELS = Kernel(_fused), Kernel(_panels)
PATCHES, PRODUCTS, RESULTS = Kernel(_patches), Kernel(_products), Kernel(_results)


class Winograd:
    """One correlation, ready to run on pictures of one shape and layout.

    Strips of tiles go through all steps in small tasks (fused), for which the transformed filters are read
    again and again; or through each step in large groups, for which patches and products are moved
    through memory. Whichever moves fewer bytes is taken. Few tiles do not pay for moving transformed
    filters at all: these are made a panel at a time where they are used.
    """

    def __init__(self, sizes: Sizes, size: tuple[int, int], pad: tuple[int, int], layout: str) -> None:
        self._sizes, self._pad = sizes, pad
        self._pictures = (strides(*size, sizes.channels, layout), size, pad, sizes.channels, sizes.grid)
        self._pitch = sizes.pitch(sizes.channels)
        self._steps = strides(*sizes.counts, sizes.filters, layout)
        # a point's panel and one row more: steps of a power of two would all meet in one set of a cache
        self._step = (sizes.channels + 1) * WIDEST * VECTOR_BYTES // sizes.itemsize

    @contextlib.contextmanager
    def filters(self, w: Array, steps: Steps) -> Iterator[Array]:
        """Lend the transform of filters that lie as `steps` say."""
        with borrowed(self._filters_size, w.dtype) as out:
            self._transform(w, steps, out)
            yield out

    def kept_filters(self, w: Array, steps: Steps) -> Array:
        """Return the same, to be kept."""
        out = aligned(self._filters_size, w.dtype)
        self._transform(w, steps, out)
        return out

    @property
    def _filters_size(self) -> int:
        return self._sizes.panels * self._sizes.points * self._step

    def _transform(self, w: Array, steps: Steps, out: Array) -> None:
        sizes = self._sizes
        FILTERS(
            out.size // 8, w.reshape(-1), steps, sizes.side, sizes.channels, sizes.filters, out, self._step
        )

    def run(self, x: Array, w: Array, steps: Steps, bias: Array | None, y: Array) -> None:
        """Correlate pictures with filters that lie as `steps` say."""
        sizes = self._sizes
        if not sizes.by_panels:
            with self.filters(w, steps) as transformed:
                self(x, transformed, bias, y)
            return
        apart = sizes.apart(sizes.tiles, self._pitch), sizes.apart(sizes.tiles, PANEL // sizes.itemsize)
        with borrowed(sizes.points * apart[0], x.dtype) as patches:
            PATCHES(
                patches.size // 4,
                x.reshape(-1),
                *self._pictures,
                0,
                sizes.strips,
                patches,
                apart[0],
                self._pitch,
            )
            PANELS(
                self._work(sizes.tiles), patches, sizes.channels, sizes.tiles, apart, self._pitch,
                w.reshape(-1), steps, sizes.filters, sizes.grid, sizes.strips, *_added(bias, w),
                y.reshape(-1), self._steps, sizes.counts, False,
            )  # fmt: skip

    def __call__(
        self, x: Array, transformed: Array, bias: Array | None, y: Array, *, floor: bool = False
    ) -> None:
        """Correlate pictures with transformed filters into `y`."""
        sizes, x, y = self._sizes, x.reshape(-1), y.reshape(-1)
        many = (sizes.task if sizes.fused else sizes.group) * sizes.grid[2]
        apart = sizes.apart(many, self._pitch), sizes.apart(many, sizes.columns)
        added, results = _added(bias, transformed), (y, self._steps, sizes.counts, floor)
        if sizes.fused:
            FUSED(
                self._work(sizes.tiles), x, *self._pictures, sizes.strips, sizes.task, apart, self._pitch,
                transformed, self._step, sizes.filters, *added, *results,
            )  # fmt: skip
            return
        with (
            borrowed(sizes.points * apart[0], x.dtype) as patches,
            borrowed(sizes.points * apart[1], x.dtype) as products,
        ):
            for first in range(0, sizes.strips, sizes.group):
                last = min(first + sizes.group, sizes.strips)
                count = (last - first) * sizes.grid[2]
                PATCHES(patches.size // 4, x, *self._pictures, first, last, patches, apart[0], self._pitch)
                PRODUCTS(
                    self._work(count), patches, sizes.channels, count, apart, self._pitch, sizes.side,
                    transformed, self._step, sizes.filters, *added, products,
                )  # fmt: skip
                RESULTS(
                    products.size // 4, products, sizes.filters, apart[1], sizes.grid, first, last, *results
                )

    def _work(self, tiles: int) -> int:
        return tiles * self._sizes.points * self._sizes.channels * self._sizes.filters // 40


def _added(bias: Array | None, like: Array) -> tuple[Array, bool]:
    """Return a bias, or any array for none, and whether there is one."""
    return (like.reshape(-1), False) if bias is None else (bias, True)

"""A 3x3 correlation of stride 1 by Winograd's F(4x4, 3x3): 36 products for 16 outputs, instead of 144."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from numba import prange

from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.winograd.pieces import FILTER, OUT, PATCH, POINTS, transform_patch, write_result
from jitconv.jit import Kernel
from jitconv.jit.tile import TALLEST, WIDEST, tiles, width_of
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import aligned, borrowed

BLOCK_BYTES = 1536 * 1024
"""Transformed patches and products of a task: 512 KiB, 1.5, 3 and 6 MiB gave 366, 445, 316 and 345
effective GFLOP/s on n16h14w14c256, 514, 492, 428 and 419 on n16h56w56c64."""

GROUP_BYTES = 40 * 2**20
"""Transformed patches and products of a group of tiles at most; four times the filters' bytes, if that is
less: then the filters are a small part of what is moved."""

CHUNK = 16
"""Channels of filters that are transformed by a task."""


def _filters(w, channels, filters, out, step):
    """Transform (3, 3, channels, filters) to (panel, 36, channels, lane), `step` from point to point."""
    width = WIDEST * (VECTOR_BYTES // w.itemsize)
    panels = (filters + width - 1) // width
    chunks = (channels + CHUNK - 1) // CHUNK
    for task in prange(panels * chunks):
        panel, first = task // chunks, task % chunks * CHUNK
        f = panel * width
        count = min(width, filters - f)
        for c in range(first, min(first + CHUNK, channels)):
            FILTER(w, c * filters + f, 3 * channels * filters, channels * filters,
                   out, panel * POINTS * step + c * width, PATCH * step, step, w, 0, 0, count, 0)  # fmt: skip


def _fused(x, size, batch, pad, channels, transformed, step, filters, bias, biased, y, counts,
           block, splits, floor):  # fmt: skip
    """Run tasks of `block` tiles, each from patch to result within the second-level cache."""
    lanes = VECTOR_BYTES // x.itemsize
    width = WIDEST * lanes
    total = batch * ((counts[0] + OUT - 1) // OUT) * ((counts[1] + OUT - 1) // OUT)
    panels = (filters + width - 1) // width
    table = np.zeros(2, np.int64)
    for task in prange((total + block - 1) // block * splits):
        split = task % splits
        first = task // splits * block
        last = min(first + block, total)
        patches = np.empty(POINTS * block * channels, x.dtype)
        products = np.empty(POINTS * block * filters, x.dtype)
        patch = np.empty(PATCH * PATCH * channels, x.dtype)
        results = np.empty(OUT * OUT * width, x.dtype)
        for t in range(first, last):
            transform_patch(x, size, pad, channels, counts, t, patch, patches, (t - first) * channels,
                            block * channels)  # fmt: skip
        for point in range(POINTS):
            for panel in range(split, panels, splits):
                count = min(width, filters - panel * width)
                tiles(last - first, width_of(count, lanes), patches, point * block * channels, channels,
                      transformed, (panel * POINTS + point) * step, width, 0, table, 0, 1, channels,
                      bias, 0, 0, 0, products, point * block * filters + panel * width, filters, count,
                      0)  # fmt: skip
        for t in range(first, last):
            for panel in range(split, panels, splits):
                f = panel * width
                write_result(products, (t - first) * filters + f, block * filters, t, bias, biased, floor,
                             results, y, counts, filters, f, min(width, filters - f))  # fmt: skip


def _patches(x, size, pad, channels, counts, first, last, patches):
    """Transform the patches of tiles first..last-1: (point, tile, channel)."""
    group = last - first
    for t in prange(group):
        patch = np.empty(PATCH * PATCH * channels, x.dtype)
        transform_patch(x, size, pad, channels, counts, first + t, patch, patches, t * channels,
                        group * channels)  # fmt: skip


def _products(patches, channels, transformed, step, filters, group, products):
    """products[point, tile, f] = Σ_c patches[point, tile, c] · filters[point, c, f]."""
    lanes = VECTOR_BYTES // patches.itemsize
    width = WIDEST * lanes
    panels = (filters + width - 1) // width
    table = np.zeros(2, np.int64)
    for unit in prange(POINTS * panels):
        point, panel = unit // panels, unit % panels
        count = min(width, filters - panel * width)
        tiles(group, width_of(count, lanes), patches, point * group * channels, channels,
              transformed, (panel * POINTS + point) * step, width, 0, table, 0, 1, channels,
              patches, 0, 0, 0, products, point * group * filters + panel * width, filters, count,
              0)  # fmt: skip


def _results(products, filters, first, last, bias, biased, y, counts, floor):
    """Transform the products of tiles first..last-1 to results."""
    width = WIDEST * (VECTOR_BYTES // products.itemsize)
    group = last - first
    for t in prange(group):
        results = np.empty(OUT * OUT * width, products.dtype)
        for f in range(0, filters, width):
            write_result(products, t * filters + f, group * filters, first + t, bias, biased, floor, results,
                         y, counts, filters, f, min(width, filters - f))  # fmt: skip


FILTERS, FUSED = Kernel(_filters), Kernel(_fused)
PATCHES, PRODUCTS, RESULTS = Kernel(_patches), Kernel(_products), Kernel(_results)


class Winograd:
    """One correlation, ready to run on NHWC pictures of one shape.

    Tiles go through all steps in small blocks (fused), for which the transformed filters are read again
    and again; or in large groups through one step after the other, for which patches and products go
    through memory. Whichever moves fewer bytes is taken.
    """

    def __init__(
        self, *, batch: int, size: tuple[int, int], pad: tuple[int, int], channels: int, filters: int,
        counts: tuple[int, int], itemsize: int,
    ) -> None:  # fmt: skip
        self._tiles = tiles_of(batch, counts)
        panels = -(-filters // (WIDEST * VECTOR_BYTES // itemsize))
        self._channels, self._filters = channels, filters
        # a point's panel and one row more: steps of a power of two would all meet in one set of a cache
        self._step = (channels + 1) * WIDEST * VECTOR_BYTES // itemsize
        self._filters_size = panels * POINTS * self._step
        self._pictures, self._counts = (size, pad, channels), counts
        self._batch, self._size, self._pad = batch, size, pad
        self._block = tiles_of_a_task(self._tiles, channels, filters, itemsize)
        self._splits = 1 if self._tiles > self._block else min(2, panels)
        self._group = group_of(self._tiles, channels, filters, itemsize)
        self._fused = fused(self._tiles, channels, filters, itemsize)

    @contextlib.contextmanager
    def filters(self, w: Array) -> Iterator[Array]:
        """Lend the transform of contiguous (3, 3, channels, filters)."""
        with borrowed(self._filters_size, w.dtype) as out:
            self._transform(w, out)
            yield out

    def kept_filters(self, w: Array) -> Array:
        """Return the same, to be kept."""
        out = aligned(self._filters_size, w.dtype)
        self._transform(w, out)
        return out

    def _transform(self, w: Array, out: Array) -> None:
        FILTERS(out.size // 8, w.reshape(-1), self._channels, self._filters, out, self._step)

    def __call__(
        self, x: Array, transformed: Array, bias: Array | None, y: Array, *, floor: bool = False
    ) -> None:
        """Correlate flat NHWC pictures with transformed filters into flat NHWC `y`."""
        added = transformed if bias is None else bias, bias is not None
        work = POINTS * self._channels * self._filters // 40
        if self._fused:
            FUSED(
                self._tiles * work, x, self._size, self._batch, self._pad, self._channels, transformed,
                self._step, self._filters, *added, y, self._counts, self._block,
                self._splits, floor,
            )  # fmt: skip
            return
        with (
            borrowed(POINTS * self._group * self._channels, x.dtype) as patches,
            borrowed(POINTS * self._group * self._filters, x.dtype) as products,
        ):
            for first in range(0, self._tiles, self._group):
                last = min(first + self._group, self._tiles)
                PATCHES(patches.size // 4, x, *self._pictures, self._counts, first, last, patches)
                PRODUCTS(
                    (last - first) * work, patches, self._channels, transformed, self._step, self._filters,
                    last - first, products,
                )  # fmt: skip
                RESULTS(
                    products.size // 4, products, self._filters, first, last, *added, y,
                    self._counts, floor,
                )  # fmt: skip


def tiles_of(batch: int, counts: tuple[int, int]) -> int:
    """Return how many tiles of 4x4 cover `counts` rows and columns of every picture."""
    return batch * -(-counts[0] // OUT) * -(-counts[1] // OUT)


def tiles_of_a_task(total: int, channels: int, filters: int, itemsize: int) -> int:
    """Return how many tiles a task takes: what the cache holds, in whole register tiles."""
    rows = TALLEST[WIDEST]
    most = max(1, BLOCK_BYTES // (POINTS * (channels + filters) * itemsize) // rows) * rows
    return max(1, min(most, -(-total // 2)))


def group_of(total: int, channels: int, filters: int, itemsize: int) -> int:
    """Return how many tiles go through a step at once, in groups of nearly one size."""
    sums = POINTS * channels * filters * itemsize
    most = max(1, min(GROUP_BYTES, 4 * sums) // (POINTS * (channels + filters) * itemsize))
    groups = max(1, -(-total // most))  # an empty batch is judged as well
    return max(1, -(-total // groups))


def moved(total: int, channels: int, filters: int, itemsize: int) -> tuple[int, int]:
    """Return the bytes that a fused correlation reads of filters, and those that one in groups moves."""
    size = POINTS * channels * filters * itemsize
    tasks = -(-total // tiles_of_a_task(total, channels, filters, itemsize))
    groups = -(-total // group_of(total, channels, filters, itemsize))
    return tasks * size, 2 * total * POINTS * (channels + filters) * itemsize + groups * size


def fused(total: int, channels: int, filters: int, itemsize: int) -> bool:
    """Whether a correlation is fused."""
    in_blocks, in_groups = moved(total, channels, filters, itemsize)
    return in_blocks <= in_groups

"""A 3x3 correlation of stride 1 by Winograd's F(4x4, 3x3): 36 products for 16 outputs, instead of 144.

Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; the points of the
interpolation are 0, ±1, ±2 and infinity.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import fetch
from jitconv.algorithms._shared.views import Array
from jitconv.jit import Kernel
from jitconv.jit.tile import TALLEST, VECTOR_BYTES, WIDEST, tiles, width_of
from jitconv.jit.transform import transform
from jitconv.jit.workspace import borrowed

OUT, PATCH = 4, 6
POINTS = PATCH * PATCH

PICTURE = transform(
    "picture",
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
)
FILTER = transform(
    "filter",
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
)
RESULT = transform(
    "result",
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
)

BLOCK_BYTES = 1536 * 1024
"""Transformed patches and products of a task: 512 KiB, 1.5, 3 and 6 MiB gave 366, 445, 316 and 345
effective GFLOP/s on n16h14w14c256, 514, 492, 428 and 419 on n16h56w56c64."""

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


def _correlate(x, size, batch, pad, channels, transformed, step, filters, bias, biased, y, counts, y_strides,
               block, splits, floor):  # fmt: skip
    """Run tasks of `block` tiles: transform their patches, multiply, transform back.

    `x` is NHWC; `y` has the strides (n, h, w, c), in elements.
    """
    lanes = VECTOR_BYTES // x.itemsize
    width = WIDEST * lanes
    down, across = (counts[0] + OUT - 1) // OUT, (counts[1] + OUT - 1) // OUT
    total = batch * down * across
    panels = (filters + width - 1) // width
    strides = (size[1] * channels, channels, 1)
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
            n = t // (down * across)
            top, left = t // across % down * OUT - pad[0], t % across * OUT - pad[1]
            to = (t - first) * channels
            if top >= 0 and left >= 0 and top + PATCH <= size[0] and left + PATCH <= size[1]:
                at = ((n * size[0] + top) * size[1] + left) * channels
                PICTURE(x, at, strides[0], channels, patches, to, PATCH * block * channels,
                        block * channels, x, 0, 0, channels, 0)  # fmt: skip
            else:
                fetch(x, n * size[0] * strides[0], strides, size, top, left, PATCH, PATCH, channels, patch)
                PICTURE(patch, 0, PATCH * channels, channels, patches, to, PATCH * block * channels,
                        block * channels, x, 0, 0, channels, 0)  # fmt: skip
        for point in range(POINTS):
            for panel in range(split, panels, splits):
                count = min(width, filters - panel * width)
                tiles(last - first, width_of(count, lanes), patches, point * block * channels, channels,
                      transformed, (panel * POINTS + point) * step, width, 0, table, 0, 1, channels,
                      bias, 0, 0, 0, products, point * block * filters + panel * width, filters, count,
                      0)  # fmt: skip
        for t in range(first, last):
            n = t // (down * across)
            oh, ow = t // across % down * OUT, t % across * OUT
            for panel in range(split, panels, splits):
                f = panel * width
                count = min(width, filters - f)
                at = (t - first) * filters + f
                to = n * y_strides[0] + oh * y_strides[1] + ow * y_strides[2] + f * y_strides[3]
                if y_strides[3] == 1 and oh + OUT <= counts[0] and ow + OUT <= counts[1]:
                    RESULT(products, at, PATCH * block * filters, block * filters, y, to, y_strides[1],
                           y_strides[2], bias, f, biased, count, floor)  # fmt: skip
                    continue
                RESULT(products, at, PATCH * block * filters, block * filters, results, 0, OUT * width, width,
                       bias, f, biased, count, floor)  # fmt: skip
                for c in range(count):
                    for i in range(min(OUT, counts[0] - oh)):
                        for j in range(min(OUT, counts[1] - ow)):
                            y[to + i * y_strides[1] + j * y_strides[2] + c * y_strides[3]] = results[
                                (i * OUT + j) * width + c
                            ]


FILTERS, CORRELATE = Kernel(_filters), Kernel(_correlate)


class Winograd:
    """One correlation, ready to run on NHWC pictures of one shape."""

    def __init__(
        self, *, batch: int, size: tuple[int, int], pad: tuple[int, int], channels: int, filters: int,
        counts: tuple[int, int], out_strides: tuple[int, int, int, int], itemsize: int,
    ) -> None:  # fmt: skip
        total = batch * -(-counts[0] // OUT) * -(-counts[1] // OUT)
        self._block = block = tiles_of_a_task(total, channels, filters, itemsize)
        panels = -(-filters // (WIDEST * VECTOR_BYTES // itemsize))
        splits = 1 if -(-total // block) > 1 else min(2, panels)
        self._channels, self._filters = channels, filters
        # a point's panel and one row more: steps of a power of two would all meet in one set of a cache
        self._step = (channels + 1) * WIDEST * VECTOR_BYTES // itemsize
        self._filters_size = panels * POINTS * self._step
        self._before = size, batch, pad, channels
        self._after = counts, out_strides, block, splits
        self._work = total * POINTS * channels * filters // 40

    @contextlib.contextmanager
    def filters(self, w: Array) -> Iterator[Array]:
        """Lend the transform of contiguous (3, 3, channels, filters)."""
        with borrowed(self._filters_size, w.dtype) as out:
            self._transform(w, out)
            yield out

    def kept_filters(self, w: Array) -> Array:
        """Return the same, to be kept."""
        out = np.empty(self._filters_size, w.dtype)
        self._transform(w, out)
        return out

    def _transform(self, w: Array, out: Array) -> None:
        FILTERS(out.size // 8, w.reshape(-1), self._channels, self._filters, out, self._step)

    def __call__(
        self, x: Array, transformed: Array, bias: Array | None, y: Array, *, floor: bool = False
    ) -> None:
        """Correlate flat NHWC pictures with transformed filters into `y`."""
        CORRELATE(
            self._work, x, *self._before, transformed, self._step, self._filters,
            transformed if bias is None else bias, bias is not None, y.reshape(-1), *self._after, floor,
        )  # fmt: skip


def tiles_of_a_task(total: int, channels: int, filters: int, itemsize: int) -> int:
    """Return how many tiles a task takes: what the cache holds, in whole register tiles."""
    most = (
        max(1, BLOCK_BYTES // (POINTS * (channels + filters) * itemsize) // TALLEST[WIDEST]) * TALLEST[WIDEST]
    )
    return max(1, min(most, -(-total // 2)))

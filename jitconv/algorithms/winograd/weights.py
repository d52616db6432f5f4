"""The gradient of 3x3 filters by Winograd's F(3×3, 4×4): 36 products for a 4x4 piece of dy, instead of 144.

dw is a correlation of the pictures with dy, so dy takes the place of the filters, cut in pieces of 4x4.
The points of the interpolation, and with them the transform of the pictures, are those of F(4×4, 3×3).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import fetch
from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.winograd.correlate import PATCHES, group_of, tiles_of
from jitconv.algorithms.winograd.pieces import OUT, PATCH, POINTS
from jitconv.jit import Kernel
from jitconv.jit.tile import TALLEST, WIDEST, tiles_across, width_of
from jitconv.jit.transform import transform
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import borrowed

PIECE = transform(
    "piece",
    [
        [1 / 4, 0, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6, 1 / 6],
        [1 / 24, 1 / 12, 1 / 6, 1 / 3],
        [1 / 24, -1 / 12, 1 / 6, -1 / 3],
        [0, 0, 0, 1],
    ],
)
TAPS = transform("taps", [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 1]])

LEAST_TILES = 32
"""With fewer tiles reading and writing the sums takes longer than a sum over pixels does: an estimate from
their bytes."""

CHUNK = 8 * TALLEST[WIDEST]
"""Channels of a unit of work."""


def _pieces(dy, counts, filters, first, last, pieces):
    """Transform the pieces of dy of tiles first..last-1: (point, tile, filter)."""
    down, across = (counts[0] + OUT - 1) // OUT, (counts[1] + OUT - 1) // OUT
    row = counts[1] * filters
    apart = (last - first) * filters
    for t in prange(last - first):
        n, tile = (first + t) // (down * across), (first + t) % (down * across)
        piece = np.empty(OUT * OUT * filters, dy.dtype)
        fetch(dy, n * counts[0] * row, (row, filters, 1), counts, tile // across * OUT, tile % across * OUT,
              OUT, OUT, filters, piece)  # fmt: skip
        PIECE(piece, 0, OUT * filters, filters, pieces, t * filters, PATCH * apart, apart,
              dy, 0, 0, filters, 0)  # fmt: skip


def _products(patches, pieces, channels, filters, group, sums, begun):
    """sums[point, c, f] (+)= Σ_tile patches[point, tile, c] · pieces[point, tile, f]."""
    lanes = VECTOR_BYTES // patches.itemsize
    width = WIDEST * lanes
    panels, chunks = (filters + width - 1) // width, (channels + CHUNK - 1) // CHUNK
    table = np.zeros(2, np.int64)
    for unit in prange(POINTS * panels * chunks):
        point, panel, c = unit // chunks // panels, unit // chunks % panels, unit % chunks * CHUNK
        f = panel * width
        count = min(width, filters - f)
        vectors = width_of(count, lanes)
        at = (point * channels + c) * filters + f
        masked = count < vectors * lanes
        tiles_across(min(CHUNK, channels - c), vectors, patches, point * group * channels + c, channels,
                     pieces, point * group * filters + f, filters, masked, table, 0, 1, group,
                     sums, at, filters, begun, sums, at, filters, count, 0)  # fmt: skip


def _results(sums, channels, filters, dw):
    """Transform the sums to dw (3, 3, C, F)."""
    size = channels * filters
    for c in prange(channels):
        TAPS(sums, c * filters, PATCH * size, size, dw, c * filters, 3 * size, size, sums, 0, 0, filters, 0)


PIECES, PRODUCTS, RESULTS = Kernel(_pieces), Kernel(_products), Kernel(_results)


class WinogradWeights:
    """dw of one problem, from NHWC pictures and gradients."""

    def __init__(
        self, *, batch: int, size: tuple[int, int], pad: tuple[int, int], channels: int, filters: int,
        counts: tuple[int, int], itemsize: int,
    ) -> None:  # fmt: skip
        self._tiles = tiles_of(batch, counts)
        self._group = group_of(self._tiles, channels, filters, itemsize)
        self._pictures, self._gradients = (size, pad, channels), (counts, filters)
        self._channels, self._filters = channels, filters

    def __call__(self, x: Array, dy: Array, dw: Array) -> None:
        """Fill `dw` (3, 3, C, F) from flat arrays."""
        channels, filters = self._channels, self._filters
        with (
            borrowed(POINTS * self._group * channels, x.dtype) as patches,
            borrowed(POINTS * self._group * filters, x.dtype) as pieces,
            borrowed(POINTS * channels * filters, x.dtype) as sums,
        ):
            for first in range(0, self._tiles, self._group):
                last = min(first + self._group, self._tiles)
                PATCHES(patches.size // 4, x, *self._pictures, self._gradients[0], first, last, patches)
                PIECES(pieces.size // 4, dy, *self._gradients, first, last, pieces)
                products = POINTS * (last - first) * channels * filters
                PRODUCTS(products // 40, patches, pieces, channels, filters, last - first, sums, first > 0)
            RESULTS(sums.size // 8, sums, channels, filters, dw.reshape(-1))

"""The gradient of 3x3 filters by Winograd's F(3×3, 4×4): 36 products for a 4x4 piece of dy, instead of 144.

Or by F(3×3, 2×2): 16 for a piece of 2x2, instead of 36. dw is a correlation of the pictures with dy, so dy
takes the place of the filters, cut in pieces. The points of the interpolation, and with them the transform
of the pictures, are those of the forward tiles.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import fetch
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.winograd.correlate import PATCHES
from jitconv.algorithms.winograd.filters import TAPS, Steps
from jitconv.algorithms.winograd.pieces import LARGE, points_of
from jitconv.algorithms.winograd.sizes import Sizes
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import borrowed
from jitconv.micro.plane_reduce import plane_sums
from jitconv.micro.tile import WIDEST, tiles_across, width_of
from jitconv.micro.transform import transform
from jitconv.micro.transpose import pixels_to_planes

PIECE_4 = transform(
    "piece_4",
    [
        [1 / 4, 0, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6, 1 / 6],
        [1 / 24, 1 / 12, 1 / 6, 1 / 3],
        [1 / 24, -1 / 12, 1 / 6, -1 / 3],
        [0, 0, 0, 1],
    ],
)
TAPS_4 = transform("taps_4", [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 1]])
PIECE_2 = transform("piece_2", [[1, 0], [1 / 2, 1 / 2], [1 / 2, -1 / 2], [0, 1]])
TAPS_2 = transform("taps_2", [[1, 1, 1, 0], [0, 1, -1, 0], [0, 1, 1, 1]])

LEAST_TILES = 32
"""With fewer tiles reading and writing the sums takes longer than a sum over pixels does: an estimate from
their bytes."""


def _pieces(dy, steps, counts, filters, grid, first, last, pieces, apart, pitch):
    """Transform the pieces of dy of strips first..last-1: (point, tile, filter)."""
    side, down, across = grid
    width = across * side
    for strip in prange(first, last):
        rows = buffer(side * width * filters, dy)
        fetch(dy, strip // down * steps[0], steps[1:], counts, strip % down * side, 0, side, width, filters,
              rows)  # fmt: skip
        to = (strip - first) * across * pitch
        if side == LARGE:
            PIECE_4(rows, 0, width * filters, filters, side * filters, pieces, to, (side + 2) * apart, apart,
                    pitch, across, filters)  # fmt: skip
        else:
            PIECE_2(rows, 0, width * filters, filters, side * filters, pieces, to, (side + 2) * apart, apart,
                    pitch, across, filters)  # fmt: skip


@inlined
def write_taps(sums, at, apart, side, height, columns, taps, dw, steps, c, f):
    """Transform sums of a unit, `apart` from point to point, to channels c.. and filters f.. of dw.

    `steps` say how dw lies; `taps` is a buffer for (channel, tap, lane), used where filters do not lie side
    by side.
    """
    origin, tap, channel, filter_ = steps
    width = WIDEST * (VECTOR_BYTES // sums.itemsize)
    out, to, right, down = dw, origin + c * channel + f, tap, channel
    if filter_ != 1:
        out, to, right, down = taps, max(0, -tap) * (TAPS - 1) * width, tap * width, TAPS * width
    if side == LARGE:
        TAPS_4(sums, at, (side + 2) * apart, apart, width, out, to, 3 * right, right, down, height, columns)
    else:
        TAPS_2(sums, at, (side + 2) * apart, apart, width, out, to, 3 * right, right, down, height, columns)
    if filter_ != 1:
        pixels_to_planes(taps, 0, width, columns, height * TAPS, dw, f * filter_ + c * channel, filter_)


def _sums(patches, pieces, points, channels, chunk, filters, count, apart, pitch, sums,
          apart_sums, begun):  # fmt: skip
    """sums[unit, point, c, f] (+)= Σ_tile patches[point, tile, c] · pieces[point, tile, f].

    A unit is a chunk of channels and a panel of filters. A point's patches and pieces are used for all units
    before the next point's: they stay in the second-level cache.
    """
    lanes = VECTOR_BYTES // patches.itemsize
    width = WIDEST * lanes
    panels, chunks = (filters + width - 1) // width, (channels + chunk - 1) // chunk
    table = np.zeros(2, np.int64)
    for task in prange(points * panels * chunks):
        point, unit = task // (panels * chunks), task % (panels * chunks)
        f, c = unit // chunks * width, unit % chunks * chunk
        columns, height = min(width, filters - f), min(chunk, channels - c)
        vectors = width_of(columns, lanes)
        masked, at = columns < vectors * lanes, (unit * points + point) * apart_sums
        tiles_across(height, vectors, patches, point * apart[0] + c, pitch[0],
                     pieces, point * apart[1] + f, pitch[1], masked, table, 0, 1, count,
                     sums, at, width, begun, sums, at, width, columns, 0)  # fmt: skip


def _taps(sums, side, channels, chunk, filters, apart_sums, dw, steps):
    """Transform the sums of all units to dw."""
    width = WIDEST * (VECTOR_BYTES // sums.itemsize)
    panels, chunks = (filters + width - 1) // width, (channels + chunk - 1) // chunk
    for unit in prange(panels * chunks):
        f, c = unit // chunks * width, unit % chunks * chunk
        taps = buffer(chunk * TAPS * width, sums)
        write_taps(sums, unit * points_of(side) * apart_sums, apart_sums, side, min(chunk, channels - c),
                   min(width, filters - f), taps, dw, steps, c, f)  # fmt: skip


def _plane_sums(dy, planes, pixels, sums):
    """sums[plane] = Σ dy of the plane."""
    lanes = VECTOR_BYTES // dy.itemsize
    for block in prange((planes + lanes - 1) // lanes):
        first = block * lanes
        plane_sums(dy, first * pixels, pixels, min(lanes, planes - first), pixels, sums, first)


PIECES, SUMS, TO_TAPS, PLANE_SUMS = Kernel(_pieces), Kernel(_sums), Kernel(_taps), Kernel(_plane_sums)


class WinogradWeights:
    """dw of one problem."""

    def __init__(self, sizes: Sizes, size: tuple[int, int], pad: tuple[int, int], layout: str) -> None:
        self._sizes = sizes
        self._pictures = (strides(*size, sizes.channels, layout), size, pad, sizes.channels, sizes.grid)
        steps = strides(*sizes.counts, sizes.filters, layout)
        self._gradients = (steps, sizes.counts, sizes.filters, sizes.grid)
        self._units = -(-sizes.channels // sizes.chunk) * sizes.panels

    def __call__(self, x: Array, dy: Array, dw: Array, steps: Steps) -> None:
        """Fill `dw`, which lies as `steps` say."""
        sizes, x, dy = self._sizes, x.reshape(-1), dy.reshape(-1)
        many = sizes.group * sizes.grid[2]
        pitch = sizes.pitch(sizes.channels), sizes.pitch(sizes.filters)
        apart = sizes.apart(many, pitch[0]), sizes.apart(many, pitch[1])
        apart_sums = sizes.apart(sizes.chunk, WIDEST * VECTOR_BYTES // sizes.itemsize)
        with (
            borrowed(sizes.points * apart[0], x.dtype) as patches,
            borrowed(sizes.points * apart[1], x.dtype) as pieces,
            borrowed(self._units * sizes.points * apart_sums, x.dtype) as sums,
        ):
            for first in range(0, sizes.strips, sizes.group):
                last = min(first + sizes.group, sizes.strips)
                count = (last - first) * sizes.grid[2]
                PATCHES(patches.size // 4, x, *self._pictures, first, last, patches, apart[0], pitch[0])
                PIECES(pieces.size // 4, dy, *self._gradients, first, last, pieces, apart[1], pitch[1])
                SUMS(
                    sizes.points * count * sizes.channels * sizes.filters // 40, patches, pieces,
                    sizes.points, sizes.channels, sizes.chunk, sizes.filters, count, apart, pitch, sums,
                    apart_sums, first > 0,
                )  # fmt: skip
            TO_TAPS(
                sums.size // 8, sums, sizes.side, sizes.channels, sizes.chunk, sizes.filters, apart_sums,
                dw.reshape(-1), steps,
            )  # fmt: skip


def bias_of_planes(dy: Array, db: Array) -> None:
    """Fill `db` from NCHW gradients."""
    n, f, h, w = dy.shape
    sums = np.empty((n, f), dy.dtype)
    PLANE_SUMS(dy.size // 4, dy.reshape(-1), n * f, h * w, sums.reshape(-1))
    sums.sum(axis=0, out=db)

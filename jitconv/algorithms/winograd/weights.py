"""The gradient of 3x3 filters by Winograd's F(3×3, 4×4): 36 products for a 4x4 piece of dy, instead of 144.

Or by F(3×3, 2×2): 16 for a piece of 2x2, instead of 36. dw is a correlation of the images with dy, so dy
takes the place of the filters, cut in pieces. The points of the interpolation, and with them the transform
of the images, are those of the forward tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import fetch
from jitconv.algorithms.winograd.correlate import PATCHES
from jitconv.algorithms.winograd.filters import TAPS, Steps
from jitconv.algorithms.winograd.pieces import LARGE, points_of
from jitconv.algorithms.winograd.sizes import PANEL, Sizes
from jitconv.algorithms.winograd.strips import patches_of, strips_of
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import borrowed
from jitconv.micro.plane_reduce import plane_sums
from jitconv.micro.tile import WIDEST, At, Product, tiles_across, width_of
from jitconv.micro.transform import Places, transform
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


class Pieces(NamedTuple):
    """How strips of dy are transformed to pieces: (point, tile, filter)."""

    side: int
    """Of a piece of dy."""
    strips: int
    """Of an image."""
    tiles: int
    """Of a strip."""
    filters: int
    image: int
    """Elements of dy from image to image; then from row to row, of columns, of filters."""
    row: int
    column: int
    channel: int
    height: int
    """Of dy, and the width."""
    width: int
    apart: int
    """Elements of the pieces from point to point."""
    pitch: int
    """And from tile to tile."""


PIECE_NUMBERS = len(Pieces._fields)


class Sums(NamedTuple):
    """How products are summed in units, and the sums transformed to dw."""

    side: int
    """Of a piece of dy."""
    channels: int
    filters: int
    chunk: int
    """Channels of a unit."""
    apart: int
    """Elements of a unit from point to point; then of the patches and of the pieces."""
    patches_apart: int
    pieces_apart: int
    patches_pitch: int
    """Elements of the patches from tile to tile, and of the pieces."""
    pieces_pitch: int
    w_first: int
    """Of dw, as in `Steps`."""
    w_tap: int
    w_channel: int
    w_filter: int


SUM_NUMBERS = len(Sums._fields)


def _pieces(dy, pieces, first, last, numbers):
    """Transform the pieces of dy of strips first..last-1: (point, tile, filter)."""
    n = Pieces(*unpacked(numbers, PIECE_NUMBERS))
    width, filters = n.tiles * n.side, n.filters
    row = width * filters
    for strip in prange(first, last):
        rows = buffer(n.side * row, dy)
        image, top = strip // n.strips * n.image, strip % n.strips * n.side
        steps, size = (n.row, n.column, n.channel), (n.height, n.width)
        fetch(dy, image, steps, size, top, 0, n.side, width, filters, rows)
        read = Places(at=0, down=row, right=filters, step=n.side * filters)
        to = (strip - first) * n.tiles * n.pitch
        written = Places(at=to, down=(n.side + 2) * n.apart, right=n.apart, step=n.pitch)
        if n.side == LARGE:
            PIECE_4(rows, pieces, read, written, n.tiles, filters)
        else:
            PIECE_2(rows, pieces, read, written, n.tiles, filters)


def _sums(patches, pieces, sums, count, begun, numbers):
    """sums[unit, point, c, f] (+)= Σ_tile patches[point, tile, c] · pieces[point, tile, f], of `count` tiles.

    A unit is a chunk of channels and a panel of filters. A point's patches and pieces are used for all units
    before the next point's: they stay in the second-level cache.
    """
    n = Sums(*unpacked(numbers, SUM_NUMBERS))
    lanes = VECTOR_BYTES // patches.itemsize
    width, points = WIDEST * lanes, points_of(n.side)
    panels, chunks = (n.filters + width - 1) // width, (n.channels + n.chunk - 1) // n.chunk
    table = np.zeros(2, np.int64)
    for task in prange(points * panels * chunks):
        point, unit = task // (panels * chunks), task % (panels * chunks)
        f, c = unit // chunks * width, unit % chunks * n.chunk
        columns, height = min(width, n.filters - f), min(n.chunk, n.channels - c)
        vectors = width_of(columns, lanes)
        to = (unit * points + point) * n.apart
        at = At(
            a=point * n.patches_apart + c,
            b=point * n.pieces_apart + f,
            c=to,
            start=to,
            start_step=width,
            started=begun,
        )
        product = Product(
            a_step=n.patches_pitch,
            b_step=n.pieces_pitch,
            b_masked=columns < vectors * lanes,
            c_step=width,
            columns=columns,
            first=0,
            last=1,
            depth=count,
            relu=0,
        )
        tiles_across(height, vectors, patches, pieces, table, sums, sums, at, product)


@inlined
def write_taps(sums, taps, dw, n, unit):
    """Transform the sums of a unit to its channels and filters of dw.

    `taps` is a buffer for (channel, tap, lane), used where filters are not neighbours.
    """
    width = WIDEST * (VECTOR_BYTES // sums.itemsize)
    chunks = (n.channels + n.chunk - 1) // n.chunk
    f, c = unit // chunks * width, unit % chunks * n.chunk
    columns, height = min(width, n.filters - f), min(n.chunk, n.channels - c)
    at = unit * points_of(n.side) * n.apart
    read = Places(at=at, down=(n.side + 2) * n.apart, right=n.apart, step=width)
    out, to, right, down = dw, n.w_first + c * n.w_channel + f, n.w_tap, n.w_channel
    if n.w_filter != 1:
        out, to, right, down = taps, max(0, -n.w_tap) * (TAPS - 1) * width, n.w_tap * width, TAPS * width
    written = Places(at=to, down=3 * right, right=right, step=down)
    if n.side == LARGE:
        TAPS_4(sums, out, read, written, height, columns)
    else:
        TAPS_2(sums, out, read, written, height, columns)
    if n.w_filter != 1:
        place = f * n.w_filter + c * n.w_channel
        pixels_to_planes(taps, 0, width, columns, height * TAPS, dw, place, n.w_filter)


def _taps(sums, dw, numbers):
    """Transform the sums of all units to dw."""
    n = Sums(*unpacked(numbers, SUM_NUMBERS))
    width = WIDEST * (VECTOR_BYTES // sums.itemsize)
    panels, chunks = (n.filters + width - 1) // width, (n.channels + n.chunk - 1) // n.chunk
    for unit in prange(panels * chunks):
        taps = buffer(n.chunk * TAPS * width, sums)
        write_taps(sums, taps, dw, n, unit)


def _plane_sums(dy, planes, pixels, sums):
    """sums[plane] = Σ dy of the plane."""
    lanes = VECTOR_BYTES // dy.itemsize
    for block in prange((planes + lanes - 1) // lanes):
        first = block * lanes
        plane_sums(dy, first * pixels, pixels, min(lanes, planes - first), pixels, sums, first)


PIECES, SUMS, TO_TAPS, PLANE_SUMS = Kernel(_pieces), Kernel(_sums), Kernel(_taps), Kernel(_plane_sums)


class WinogradWeights:
    """dw of one problem, stored as `steps` say."""

    def __init__(
        self, sizes: Sizes, size: tuple[int, int], pad: tuple[int, int], steps: Steps, layout: str
    ) -> None:
        self._sizes = sizes
        many = sizes.group * sizes.grid[2]
        pitches = sizes.pitch(sizes.channels), sizes.pitch(sizes.filters)
        apart = sizes.apart(many, pitches[0]), sizes.apart(many, pitches[1])
        sums_apart = sizes.apart(sizes.chunk, PANEL // sizes.itemsize)
        patches = patches_of(sizes, size, pad, layout, apart=apart[0])
        pieces = Pieces(
            filters=sizes.filters,
            apart=apart[1],
            pitch=pitches[1],
            **strips_of(sizes, sizes.counts, sizes.filters, layout),
        )
        sums = Sums(
            side=sizes.side,
            channels=sizes.channels,
            filters=sizes.filters,
            chunk=sizes.chunk,
            apart=sums_apart,
            patches_apart=apart[0],
            pieces_apart=apart[1],
            patches_pitch=pitches[0],
            pieces_pitch=pitches[1],
            w_first=steps.first,
            w_tap=steps.tap,
            w_channel=steps.channel,
            w_filter=steps.filter,
        )
        self._patches, self._pieces, self._sums, self._apart = flat(patches), flat(pieces), flat(sums), apart
        self._sums_size = -(-sizes.channels // sizes.chunk) * sizes.panels * sizes.points * sums_apart

    def __call__(self, x: Array, dy: Array, dw: Array) -> None:
        """Fill `dw`."""
        sizes, x, dy = self._sizes, x.reshape(-1), dy.reshape(-1)
        with (
            borrowed(sizes.points * self._apart[0], x.dtype) as patches,
            borrowed(sizes.points * self._apart[1], x.dtype) as pieces,
            borrowed(self._sums_size, x.dtype) as sums,
        ):
            for first in range(0, sizes.strips, sizes.group):
                last = min(first + sizes.group, sizes.strips)
                count = (last - first) * sizes.grid[2]
                work = sizes.points * count * sizes.channels * sizes.filters // 40
                PATCHES(patches.size // 4, x, patches, first, last, self._patches)
                PIECES(pieces.size // 4, dy, pieces, first, last, self._pieces)
                SUMS(work, patches, pieces, sums, count, first > 0, self._sums)
            TO_TAPS(sums.size // 8, sums, dw.reshape(-1), self._sums)


def bias_of_planes(dy: Array, db: Array) -> None:
    """Fill `db` from NCHW gradients."""
    n, f, h, w = dy.shape
    sums = np.empty((n, f), dy.dtype)
    PLANE_SUMS(dy.size // 4, dy.reshape(-1), n * f, h * w, sums.reshape(-1))
    sums.sum(axis=0, out=db)

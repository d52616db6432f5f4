"""dw in NCHW on the register tile, all arrays as they are stored: rows are filters, columns (channel, tap).

Some pixels at a time, dy's planes are transposed to pixels of filters, and the inputs of a panel of columns
to pixels of columns: buffers of a cache. No copy of the pictures as pixels, and dw is written where it is
stored.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.weights import SLICED_BYTES, SLICES
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.forward.columns import Image, gather_tap
from jitconv.arrays import Array
from jitconv.jit import Kernel, team
from jitconv.jit.kernels import threads_pay
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import LINE
from jitconv.micro.tile import WIDEST, tiles_across, width_of
from jitconv.micro.transpose import planes_to_pixels
from jitconv.specs import ConvSpec

BLOCK = BLOCKS.planes_dw_pixels
CHUNK = BLOCKS.planes_dw_filters
LEAST_FILTERS = BLOCKS.planes_dw_least_filters


class Numbers(NamedTuple):
    """What `_gradient` is given of a problem, before its table of taps: (row, column) of each."""

    height: int
    """Of x."""
    width: int
    columns: int
    """Of dy."""
    row_step: int
    """Rows of x from one row of dy to the next, and columns."""
    column_step: int
    batch: int
    channels: int
    filters: int
    groups: int
    pixels: int
    """Of an image of dy."""
    block: int
    """Pixels at once."""
    slices: int
    planes_serve: int
    """Whether planes of x are columns of the product as they are stored: 1x1, no stride and no padding."""


COUNT = len(Numbers._fields)


@inlined
def pixels_of_filters(dy, n, g, first, depth, out):
    """Transpose dy of a group's filters to pixels, `depth` of them from pixel `first` of the batch on.

    They come in chunks of filters: (chunk, pixel, `CHUNK` filters).
    """
    group_f = n.filters // n.groups
    done = 0
    # a run of pixels for each image that the block has a part of
    while done < depth:
        image, begin = (first + done) // n.pixels, (first + done) % n.pixels
        count = min(n.pixels - begin, depth - done)
        for f in range(0, group_f, CHUNK):
            at, to = (image * n.filters + g * group_f + f) * n.pixels + begin, depth * f + done * CHUNK
            planes_to_pixels(dy, at, n.pixels, min(CHUNK, group_f - f), count, out, to, CHUNK)
        done += count


@inlined
def pixels_of_columns(x, n, taps, first_column, count, first, depth, rows, out):
    """Gather the inputs of `count` columns, (channel, tap) from `first_column` on, by pixels, as above.

    `rows` is a buffer for a row of pixels of each column, or empty where planes serve.
    """
    plane, window = n.height * n.width, taps.size // 2
    over = Image(n.height, n.width, n.row_step, n.column_step, n.columns)
    pitch = width_of(count, VECTOR_BYTES // x.itemsize) * (VECTOR_BYTES // x.itemsize)
    done = 0
    while done < depth:
        image, begin = (first + done) // n.pixels, (first + done) % n.pixels
        pixels = min(n.pixels - begin, depth - done)
        at = image * n.channels * plane
        if n.planes_serve:
            planes_to_pixels(
                x, at + first_column * plane + begin, plane, count, pixels, out, done * pitch, pitch
            )
        else:
            for i in range(count):
                c, t = (first_column + i) // window, (first_column + i) % window
                top, left = taps[2 * t], taps[2 * t + 1]
                gather_tap(x, at + c * plane, over, top, left, begin, rows, i * pixels, pixels)
            planes_to_pixels(rows, 0, pixels, count, pixels, out, done * pitch, pitch)
        done += pixels


def _gradient(x, dy, dw, parts, numbers):
    """Sum over blocks of pixels; every panel of columns is one part's own, whatever `parts` is.

    `dw` has `slices` gradients, each the sum over its share of pixels.
    """
    n, taps = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    group_f = n.filters // n.groups
    columns = n.channels // n.groups * (taps.size // 2)
    panels = (columns + panel_width - 1) // panel_width
    table = np.zeros(2, np.int64)
    for task in prange(n.slices * parts):
        number, part = task // parts, task % parts
        low = number * n.batch * n.pixels // n.slices
        high = (number + 1) * n.batch * n.pixels // n.slices
        upstream = buffer(n.block * (n.filters + CHUNK), x)
        inputs = buffer(n.block * panel_width, x)
        rows = buffer(0 if n.planes_serve else n.block * panel_width, x)
        for first in range(low, high, n.block):
            depth = min(n.block, high - first)
            for g in range(n.groups):
                pixels_of_filters(dy, n, g, first, depth, upstream)
                # a panel of columns stays in the first-level cache for all filters of the group
                for panel in range(part * panels // parts, (part + 1) * panels // parts):
                    k = panel * panel_width
                    count = min(panel_width, columns - k)
                    vectors = width_of(count, lanes)
                    pixels_of_columns(x, n, taps, g * columns + k, count, first, depth, rows, inputs)
                    for f in range(0, group_f, CHUNK):
                        at = (number * n.filters + g * group_f + f) * columns + k
                        tiles_across(min(CHUNK, group_f - f), vectors, upstream, depth * f, CHUNK,
                                     inputs, 0, vectors * lanes, 0, table, 0, 1, depth,
                                     dw, at, columns, first > low, dw, at, columns, count, 0)  # fmt: skip


GRADIENT = Kernel(_gradient)


def serves(spec: ConvSpec) -> str | None:
    """Return None where it gains: a column that is copied serves every filter."""
    if spec.layout == "NCHW" and (spec.kh * spec.kw == 1 or spec.f // spec.groups >= LEAST_FILTERS):
        return None
    return f"needs NCHW, and a 1x1 kernel or at least {LEAST_FILTERS} filters in a group"


class PlanesDw:
    """dw of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        rows = np.arange(spec.kh) * spec.dilation[0] - spec.pad[0]
        columns = np.arange(spec.kw) * spec.dilation[1] - spec.pad[2]
        taps = np.array([(row, column) for row in rows for column in columns], np.int64)
        size = math.prod(spec.w_shape)
        pixels = spec.oh * spec.ow
        sliced = size * np.dtype(spec.dtype).itemsize <= SLICED_BYTES and spec.n * pixels >= SLICES * BLOCK
        self._slices = SLICES if sliced else 1
        of_a_slice = max(1, -(-spec.n * pixels // self._slices))
        line = LINE // np.dtype(spec.dtype).itemsize
        block = -(-of_a_slice // -(-of_a_slice // BLOCK) // line) * line
        planes_serve = (spec.kh, spec.kw, *spec.stride) == (1, 1, 1, 1) and not any(spec.pad)
        numbers = Numbers(
            height=spec.h,
            width=spec.w,
            columns=spec.ow,
            row_step=spec.stride[0],
            column_step=spec.stride[1],
            batch=spec.n,
            channels=spec.c,
            filters=spec.f,
            groups=spec.groups,
            pixels=pixels,
            block=block,
            slices=self._slices,
            planes_serve=planes_serve,
        )
        self._numbers = flat(numbers, taps[::-1] if spec.flip_kernel else taps)
        self._work = work = spec.madds // 40
        panel_width = WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        self._task = block * (spec.f + CHUNK + panel_width * (1 if planes_serve else 2))
        self._sums = size * self._slices * (self._slices > 1)
        self._undivided = sliced or not threads_pay(work)
        self._run = GRADIENT.of(work)

    def elements(self) -> int:
        """Return the elements of the slices' sums, and of the buffers of the tasks that run at once."""
        parts = 1 if self._undivided else team()
        return self._sums + at_once(self._work, self._slices * parts) * self._task

    def __call__(self, x: Array, dy: Array, dw: Array) -> None:
        """Fill `dw`."""
        sums = dw if self._slices == 1 else np.empty((self._slices, *dw.shape), dw.dtype)
        parts = 1 if self._undivided else team()
        self._run(x.reshape(-1), dy.reshape(-1), sums.reshape(-1), parts, self._numbers)
        if self._slices > 1:
            sums.sum(axis=0, out=dw)

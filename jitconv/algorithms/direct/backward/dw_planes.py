"""dw in NCHW on the register tile: rows are filters, columns (channel, tap), k runs over pixels.

dy is read as it is stored, a row of pixels for each filter. The inputs of a panel of columns are transposed
to pixels of columns, some pixels at a time: a buffer that stays in the first-level cache while every filter
comes by. No copy of the pictures as pixels, and dw is written where it is stored.
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
from jitconv.algorithms.direct.plan import wanted_blocks
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, At, Product, tiles, width_of
from jitconv.micro.transpose import planes_to_pixels
from jitconv.specs import ConvSpec

BLOCK = BLOCKS.planes_dw_pixels
SHARED_FILTERS = BLOCKS.planes_dw_filters
LEAST_FILTERS = BLOCKS.planes_dw_least_filters
FEW_PIXELS = BLOCKS.planes_dw_few_pixels
FEW_PIXELS_FILTERS = BLOCKS.planes_dw_few_pixels_filters


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
    shares: int
    """Of the filters of a group."""
    planes_serve: int
    """Whether planes of x are columns of the product as they are stored: 1x1, no stride and no padding."""


COUNT = len(Numbers._fields)


@inlined
def pixels_of_columns(x, n, taps, first_column, count, image, begin, pixels, rows, out):
    """Put the inputs of `count` columns, (channel, tap) from `first_column` on, of some pixels of an image
    side by side: (pixel, column).

    `rows` is a buffer for a row of pixels of each column, or empty where planes serve.
    """
    plane, window = n.height * n.width, taps.size // 2
    lanes = VECTOR_BYTES // x.itemsize
    at, pitch = image * n.channels * plane, width_of(count, lanes) * lanes
    if n.planes_serve:
        planes_to_pixels(x, at + first_column * plane + begin, plane, count, pixels, out, 0, pitch)
        return
    over = Image(n.height, n.width, n.row_step, n.column_step, n.columns)
    for i in range(count):
        c, t = (first_column + i) // window, (first_column + i) % window
        top, left = taps[2 * t], taps[2 * t + 1]
        gather_tap(x, at + c * plane, over, top, left, begin, rows, i * pixels, pixels)
    planes_to_pixels(rows, 0, pixels, count, pixels, out, 0, pitch)


def _gradient(x, dy, dw, numbers):
    """A task has a panel of columns, and a share of the filters of its group.

    `dw` has `slices` gradients, each the sum over its share of pixels.
    """
    n, taps = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    group_f = n.filters // n.groups
    columns = n.channels // n.groups * (taps.size // 2)
    panels = (columns + panel_width - 1) // panel_width
    table = np.zeros(2, np.int64)
    for task in prange(n.slices * n.groups * panels * n.shares):
        share, unit = task % n.shares, task // n.shares
        k, g, number = unit % panels * panel_width, unit // panels % n.groups, unit // panels // n.groups
        f, beyond = group_f * share // n.shares, group_f * (share + 1) // n.shares
        low = number * n.batch * n.pixels // n.slices
        high = (number + 1) * n.batch * n.pixels // n.slices
        count = min(panel_width, columns - k)
        vectors = width_of(count, lanes)
        inputs = buffer(n.block * panel_width, x)
        rows = buffer(0 if n.planes_serve else n.block * panel_width, x)
        first = low
        while first < high:
            image, begin = first // n.pixels, first % n.pixels
            depth = min(n.block, n.pixels - begin, high - first)
            pixels_of_columns(x, n, taps, g * columns + k, count, image, begin, depth, rows, inputs)
            product = Product(
                a_step=n.pixels,
                b_step=vectors * lanes,
                b_masked=0,
                c_step=columns,
                columns=count,
                first=0,
                last=1,
                depth=depth,
                relu=0,
            )
            a_at = (image * n.filters + g * group_f + f) * n.pixels + begin
            to = (number * n.filters + g * group_f + f) * columns + k
            at = At(a=a_at, b=0, c=to, start=to, start_step=columns, started=first > low)
            tiles(beyond - f, vectors, dy, inputs, table, dw, dw, at, product)
            first += depth


GRADIENT = Kernel(_gradient)


def serves(spec: ConvSpec) -> str | None:
    """Return None where it gains: a column that is copied serves every filter."""
    filters, few = spec.f // spec.groups, spec.n * spec.oh * spec.ow <= FEW_PIXELS
    least = FEW_PIXELS_FILTERS if few else LEAST_FILTERS
    if spec.layout == "NCHW" and (spec.kh * spec.kw == 1 or filters >= least):
        return None
    return f"needs NCHW, and a 1x1 kernel or at least {least} filters in a group"


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
        block = -(-pixels // -(-pixels // BLOCK))
        planes_serve = (spec.kh, spec.kw, *spec.stride) == (1, 1, 1, 1) and not any(spec.pad)
        self._work = work = spec.madds // 40
        panel_width = WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        group_f = spec.f // spec.groups
        tasks = self._slices * spec.groups * -(-size // spec.f // panel_width)
        shares = max(1, min(-(-wanted_blocks(work) // tasks), group_f // SHARED_FILTERS))
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
            shares=shares,
            planes_serve=planes_serve,
        )
        self._numbers = flat(numbers, taps[::-1] if spec.flip_kernel else taps)
        self._task = block * panel_width * (1 if planes_serve else 2)
        self._sums = size * self._slices * (self._slices > 1)
        self._tasks = tasks * shares
        self._run = GRADIENT.of(work)

    def elements(self) -> int:
        """Return the elements of the slices' sums, and of the buffers of the tasks that run at once."""
        return self._sums + at_once(self._work, self._tasks) * self._task

    def __call__(self, x: Array, dy: Array, dw: Array) -> None:
        """Fill `dw`."""
        sums = dw if self._slices == 1 else np.empty((self._slices, *dw.shape), dw.dtype)
        self._run(x.reshape(-1), dy.reshape(-1), sums.reshape(-1), self._numbers)
        if self._slices > 1:
            sums.sum(axis=0, out=dw)

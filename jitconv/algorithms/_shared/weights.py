"""The gradient of the filters on the register tile: rows are taps and channels, k runs over pixels."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.bias import bias_of_pixels
from jitconv.algorithms._shared.filters import put_back
from jitconv.algorithms._shared.layout import images_nhwc
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.views import hwcf
from jitconv.arrays import Array
from jitconv.jit import Kernel, team
from jitconv.jit.kernels import threads_pay
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.move import copy
from jitconv.micro.panels import pack_rows
from jitconv.micro.tile import TALLEST, WIDEST, At, Product, tiles_across, width_of
from jitconv.specs import ConvSpec

BLOCK_PIXELS = 6144 // VECTOR_BYTES
"""About so many of dy's pixels at once: their part of a panel, 12 KiB, stays in the first-level cache.
Not measured."""

GATHERED_FROM = 256
"""Bytes from pixel to pixel of x from which rows are copied side by side: further apart they throw each
other's lines out of the first-level cache. Not measured."""

SLICES, SLICED_BYTES = 8, 256 * 1024
"""Where dw is at most so large, the images' rows are summed in so many slices, as many on every number of
threads, which are added at last."""

CHUNK = 8 * TALLEST[WIDEST]
"""Taps and channels of a unit of work. Not measured."""


@inlined
def gather_pixels(x, at, x_step, pixels, count, out, to):
    """Put `count` neighbours of each of some pixels, `x_step` apart, to out[to:], `CHUNK` apart."""
    for p in range(pixels):
        copy(x, at + p * x_step, out, to + p * CHUNK, count)


class Numbers(NamedTuple):
    """What `_gradient` is given of a problem."""

    x_step: int
    """Elements of x from one pixel of dy to the next."""
    columns: int
    """Of dy."""
    run_size: int
    """Contiguous taps and channels."""
    filters: int
    groups: int
    block: int
    """Rows of dy at once."""
    slices: int
    gathered: int
    """Whether pixels of x are copied side by side."""


COUNT = len(Numbers._fields)


def _gradient(x, dy, dw, table, runs, parts, numbers):
    """Sum over blocks of rows; every unit of (run, chunk) is one part's own, whatever `parts` is.

    `table` holds for each row of dy where its pixels begin in x, and how many of dy are before them. `runs`
    holds for each run of contiguous taps and channels: its place in x, its filter row in dw and its group.
    `dw` has `slices` gradients, each the sum over its share of rows. Rows of dy are packed for all units of a
    block, and pixels of x gathered for all panels, where they are far apart.
    """
    n = Numbers(*unpacked(numbers, COUNT))
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    group_f = n.filters // n.groups
    group_width = (group_f + panel_width - 1) // panel_width * panel_width
    chunks = (n.run_size + CHUNK - 1) // CHUNK
    units = runs.shape[0] * chunks
    rows, size = table.size // 2, dw.size // n.slices
    one = np.zeros(2, np.int64)
    for task in prange(n.slices * parts):
        number, part = task // parts, task % parts
        begin, end = number * rows // n.slices, (number + 1) * rows // n.slices
        packed = buffer(n.groups * group_width * n.block * n.columns, x)
        gathered = buffer(CHUNK * n.block * n.columns * n.gathered, x)
        for first in range(begin, end, n.block):
            last = min(first + n.block, end)
            depth = (last - first) * n.columns
            for g in range(n.groups):
                at = first * n.columns * n.filters + g * group_f
                pack_rows(dy, at, n.filters, depth, group_f, packed, g * group_width * depth, 0, depth)
            for unit in range(part * units // parts, (part + 1) * units // parts):
                run, i = unit // chunks, unit % chunks * CHUNK
                count = min(CHUNK, n.run_size - i)
                x_at, dw_row, g = runs[run, 0] + i, runs[run, 1] + i, runs[run, 2]
                if n.gathered:
                    for row in range(first, last):
                        at, to = x_at + table[2 * row], (row - first) * n.columns * CHUNK
                        gather_pixels(x, at, n.x_step, n.columns, count, gathered, to)
                    a_at, a_step, begun, ended, segment = 0, CHUNK, 0, 1, depth
                else:
                    a_at, a_step, begun, ended, segment = x_at, n.x_step, first, last, n.columns
                for low in range(0, group_f, panel_width):
                    some = min(panel_width, group_f - low)
                    vectors = width_of(some, lanes)
                    width = vectors * lanes
                    dw_at = number * size + dw_row * n.filters + g * group_f + low
                    b_at = (g * group_width + low) * depth
                    if not n.gathered:
                        # the table counts rows of b from the first of all, the block's own come first here
                        b_at -= first * n.columns * width
                    begins = At(
                        a=a_at,
                        b=b_at,
                        c=dw_at,
                        start=dw_at,
                        start_step=n.filters,
                        started=first > begin,
                    )
                    product = Product(
                        a_step=a_step,
                        b_step=width,
                        b_masked=0,
                        c_step=n.filters,
                        columns=some,
                        first=begun,
                        last=ended,
                        depth=segment,
                        relu=0,
                    )
                    if n.gathered:
                        tiles_across(count, vectors, gathered, packed, one, dw, dw, begins, product)
                    else:
                        tiles_across(count, vectors, x, packed, table, dw, dw, begins, product)


GRADIENT = Kernel(_gradient)


def slices_of(spec: ConvSpec) -> int:
    """Return in how many sums dw is computed."""
    sliced = math.prod(spec.w_shape) * np.dtype(spec.dtype).itemsize <= SLICED_BYTES
    return SLICES if sliced and spec.n * spec.oh >= SLICES else 1


def rows_at_once(spec: ConvSpec) -> int:
    """Return how many rows of dy are summed over at once: equal blocks."""
    rows = max(1, -(-spec.n * spec.oh // slices_of(spec)))
    return -(-rows // -(-rows * spec.ow // BLOCK_PIXELS))


def elements(spec: ConvSpec) -> int:
    """Return the elements of padded images as pixels, of dw if it is put back, of the slices' sums, and of
    the buffers of the tasks that run at once.
    """
    itemsize, weights, slices = np.dtype(spec.dtype).itemsize, math.prod(spec.w_shape), slices_of(spec)
    as_stored = spec.layout == "NHWC" and not any(spec.pad)
    images = 0 if as_stored else spec.n * math.prod(spec.padded) * spec.c
    put = weights * (spec.layout == "NCHW" or spec.flip_kernel)
    sums = slices * weights * (slices > 1)
    panels = spec.groups * -(-(spec.f // spec.groups * itemsize) // (WIDEST * VECTOR_BYTES))
    gathered = CHUNK * (spec.stride[1] * spec.c * itemsize >= GATHERED_FROM)
    task = rows_at_once(spec) * spec.ow * (panels * WIDEST * VECTOR_BYTES // itemsize + gathered)
    tasks = slices if slices > 1 else team()
    return images + put + sums + at_once(spec.madds // 40, tasks) * task


class WeightGradient:
    """dw and db of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        height, width = spec.padded
        group_c = spec.c // spec.groups
        itemsize = np.dtype(spec.dtype).itemsize
        n, oh = np.divmod(np.arange(spec.n * spec.oh), spec.oh)
        rows_of_x = (n * height + oh * spec.stride[0]) * width * spec.c
        self._table = np.stack([rows_of_x, np.arange(spec.n * spec.oh) * spec.ow], axis=1).reshape(-1)
        side_by_side = spec.groups == 1 and spec.dilation[1] == 1
        run_size = group_c * spec.kw if side_by_side else group_c
        runs = []
        for g in range(spec.groups):
            for kh in range(spec.kh):
                for kw in range(1 if side_by_side else spec.kw):
                    place = (kh * spec.dilation[0] * width + kw * spec.dilation[1]) * spec.c + g * group_c
                    runs.append((place, (kh * spec.kw + kw) * group_c, g))
        self._runs = np.array(runs, np.int64)
        self._slices = slices_of(spec)
        sliced = self._slices > 1
        self._numbers = flat(
            Numbers(
                x_step=spec.stride[1] * spec.c,
                columns=spec.ow,
                run_size=run_size,
                filters=spec.f,
                groups=spec.groups,
                block=rows_at_once(spec),
                slices=self._slices,
                gathered=spec.stride[1] * spec.c * itemsize >= GATHERED_FROM,
            )
        )
        work = spec.madds // 40
        self._undivided = sliced or not threads_pay(work)
        self._run = GRADIENT.of(work)
        self._spec = spec

    def __call__(self, x: Array, upstream: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted, from `x` as it is stored and flat NHWC gradients."""
        spec = self._spec
        if db is not None:
            bias_of_pixels(spec, upstream, db)
        if dw is None:
            return
        with images_nhwc(x, spec.layout, (spec.n, spec.h, spec.w, spec.c), spec.pad) as images:
            if spec.layout == "NHWC" and not spec.flip_kernel:
                self._taps(images, upstream, dw)
            else:
                taps = np.empty((spec.kh, spec.kw, spec.c // spec.groups, spec.f), dw.dtype)
                self._taps(images, upstream, taps)
                if spec.layout == "NCHW":
                    put_back(taps, spec, dw)
                else:
                    hwcf(dw, spec)[...] = taps

    def _taps(self, x: Array, dy: Array, dw: Array) -> None:
        sums = dw.reshape(-1) if self._slices == 1 else np.empty((self._slices, dw.size), dw.dtype)
        parts = 1 if self._undivided else team()
        self._run(x, dy, sums.reshape(-1), self._table, self._runs, parts, self._numbers)
        if self._slices > 1:
            sums.sum(axis=0, out=dw.reshape(-1))

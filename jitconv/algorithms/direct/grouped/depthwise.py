"""A depthwise convolution in NHWC: vectors of channels, each channel with a filter of its own."""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms.direct.axes import (
    BEGIN,
    BEYOND,
    COUNT,
    END,
    FIRST,
    INNER,
    SHARING,
    Axis,
    met_taps,
    next_tile,
)
from jitconv.algorithms.direct.grouped.groups import depthwise
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.move import prefetch
from jitconv.micro.taps import OUTPUTS, PLAIN, correlation
from jitconv.micro.taps_gradient import BLOCK, gradient
from jitconv.specs import ConvSpec

correlate = correlation("channels", lanes_are_channels=True)
correlate_gradient = gradient("channels", lanes_are_channels=True)

ROWS_OF_A_TASK = 8
"""A task takes so many rows: their pixels stay in the second-level cache."""

TASKS = 8
"""At least so many tasks, so that two to eight threads have equal parts; a task has some of the channels
where there are few rows."""

FAR = 8 * 2**20
"""Bytes of pictures from which a tile has the row after its own fetched, where the stride is 1: 16 pictures
of 112x112x32, 56x56x144 and 28x28x192 took 0.82, 0.83 and 0.76 of the time; under a stride of 2 layers took
0.97 to 1.10, and those of 2 to 6 MiB 1.01 to 1.05 (two Zen 3 cores)."""


@inlined
def correlate_block(x, x_at, w, w_at, bias, bias_at, biased, y, y_at, pitch, count, top, block, size,
                    out_size, steps, row_phases, rows, column_phases, columns, floor, far):  # fmt: skip
    """Fill `count` channels of rows top..top+block-1 of each phase; pixels are `pitch` apart.

    Where all taps meet the picture tiles run along rows; at its left and right edge they run along columns,
    for only outputs that meet the same taps can share a tile. Where pictures lie `far`, beyond the caches,
    the next row is fetched: a tile reads ten pixels at once, each on from where the vector of channels before
    ended.
    """
    right, down = steps[1] * pitch, steps[0] * size[1] * pitch
    out_right = column_phases.shape[0] * pitch
    out_down = row_phases.shape[0] * out_size[1] * pitch
    for p in range(row_phases.shape[0] * column_phases.shape[0]):
        row, column = p // column_phases.shape[0], p % column_phases.shape[0]
        a_begin, a_end = row_phases[row, BEGIN], row_phases[row, END]
        b_begin, b_end = column_phases[column, BEGIN], column_phases[column, END]
        oh, height = row_phases[row, FIRST], row_phases[row, COUNT]
        ow, width = column_phases[column, FIRST], column_phases[column, COUNT]
        upper, lower = row_phases[row, INNER], row_phases[row, BEYOND]
        left, edge = column_phases[column, INNER], column_phases[column, BEYOND]
        shared = column_phases[column, SHARING]
        bottom = min(top + block, height)
        to = y_at + (oh * out_size[1] + ow) * pitch
        for q in range(top, bottom):
            a0, a1 = met_taps(rows, a_begin, a_end, q * steps[0], size[0])
            j = left
            while j < edge:
                outputs = next_tile(edge - j, OUTPUTS)
                if far:
                    line = q * down + rows[a1 - 1, 1] + down
                    prefetch(x, x_at + line + j * right, outputs * right)
                correlate(outputs, PLAIN, shared, x, x_at + q * down + j * right, right, rows, a0, a1,
                          columns, b_begin, b_end, b_end, 0, w, w_at, bias, bias_at, biased, 0, y,
                          to + q * out_down + j * out_right, out_right, count, floor)  # fmt: skip
                j += outputs
        for i in range(width - (edge - left)):
            j = i if i < left else i + edge - left
            b0, b1 = met_taps(columns, b_begin, b_end, j * steps[1], size[1])
            q = top
            while q < bottom:
                a0, a1 = met_taps(rows, a_begin, a_end, q * steps[0], size[0])
                outputs = next_tile(min(lower, bottom) - q, OUTPUTS) if upper <= q < lower else 1
                correlate(outputs, PLAIN, 0, x, x_at + q * down + j * right, down, rows, a0, a1, columns,
                          b0, b1, b1, 0, w, w_at, bias, bias_at, biased, 0,
                          y, to + q * out_down + j * out_right, out_down, count, floor)  # fmt: skip
                q += outputs


def _correlate(x, w, bias, biased, y, batch, channels, split, block, size, out_size, steps, row_phases, rows,
               column_phases, columns, far, floor):  # fmt: skip
    """A task has `split` channels of `block` rows of each phase."""
    splits = (channels + split - 1) // split
    blocks = (row_phases[0, COUNT] + block - 1) // block  # the first phase has the most rows
    for task in prange(batch * splits * blocks):
        low = task // blocks % splits * split
        n = task // blocks // splits
        correlate_block(
            x, n * size[0] * size[1] * channels + low, w, low, bias, low, biased, y,
            n * out_size[0] * out_size[1] * channels + low, channels, min(split, channels - low),
            task % blocks * block, block, size, out_size, steps, row_phases, rows, column_phases, columns,
            floor, far,
        )  # fmt: skip


@inlined
def add_products(x, x_at, down, right, dy, dy_at, dy_down, dy_right, rows, a0, a1, columns, b0, b1, sums,
                 sums_at, height, width, count, shared):  # fmt: skip
    """Add the products of height x width pixels that all meet the taps a0..a1-1 and b0..b1-1."""
    for a in range(a0, a1, BLOCK):
        for b in range(b0, b1, BLOCK):
            correlate_gradient(
                min(BLOCK, a1 - a), min(BLOCK, b1 - b), PLAIN, shared if b1 - b0 == 3 else 0, x, x_at, down,
                right, dy, dy_at, dy_down, dy_right, rows, a, columns, b, 0, sums, sums_at, height, width,
                count,
            )  # fmt: skip


@inlined
def add_block(x, x_at, dy, dy_at, pitch, count, top, bottom, sums, sums_at, size, out_size, steps, row_phases,
              rows, column_phases, columns):  # fmt: skip
    """Add the products of rows top..bottom-1 of dy, of at most a vector of channels."""
    right, down = steps[1] * pitch, steps[0] * size[1] * pitch
    dy_down = out_size[1] * pitch
    upper, lower = row_phases[0, INNER], row_phases[0, BEYOND]
    left, edge, shared = column_phases[0, INNER], column_phases[0, BEYOND], column_phases[0, SHARING]
    q = top
    while q < bottom:
        height = min(lower, bottom) - q if upper <= q < lower else 1
        a0, a1 = met_taps(rows, 0, rows.shape[0], q * steps[0], size[0])
        j = 0
        while j < out_size[1]:
            width = edge - left if left == j < edge else 1
            b0, b1 = met_taps(columns, 0, columns.shape[0], j * steps[1], size[1])
            add_products(
                x, x_at + q * down + j * right, down, right, dy, dy_at + q * dy_down + j * pitch, dy_down,
                pitch, rows, a0, a1, columns, b0, b1, sums, sums_at, height, width, count,
                shared if width > 1 else 0,
            )  # fmt: skip
            j += width
        q += height


@inlined
def add_sums(dy, at, pitch, pixels, total):
    """Add the channels of `pixels` pixels to a total."""
    for pixel in range(pixels):
        upstream = dy[at + pixel * pitch : at + pixel * pitch + total.size]
        for c in range(total.size):
            total[c] += upstream[c]


def _gradients(x, dy, dw, db, summed, batch, channels, block, parts, size, out_size, steps, row_phases, rows,
               column_phases, columns):  # fmt: skip
    """Each part of the rows has sums of its own: (parts, KH, KW, C) and, if `summed`, (parts, C).

    There are as many parts on every number of threads.
    """
    lanes = VECTOR_BYTES // x.itemsize
    blocks = (out_size[0] + block - 1) // block
    units = batch * blocks
    taps = dw.size // parts
    dy_down = out_size[1] * channels
    for part in prange(parts):
        dw[part * taps : (part + 1) * taps] = 0
        total = db[part * channels : (part + 1) * channels]
        total[:] = 0
        for unit in range(part * units // parts, (part + 1) * units // parts):
            n, top = unit // blocks, unit % blocks * block
            bottom = min(top + block, out_size[0])
            dy_at = n * out_size[0] * dy_down
            for low in range(0, channels if taps else 0, lanes):
                add_block(
                    x, n * size[0] * size[1] * channels + low, dy, dy_at + low, channels,
                    min(lanes, channels - low), top, bottom, dw, part * taps + low, size, out_size, steps,
                    row_phases, rows, column_phases, columns,
                )  # fmt: skip
            if summed:
                add_sums(dy, dy_at + top * dy_down, channels, (bottom - top) * out_size[1], total)


CORRELATE, GRADIENTS = Kernel(_correlate), Kernel(_gradients)


def serves(spec: ConvSpec) -> str | None:
    """Return None if vectors are of channels: they lie together and each has one filter."""
    return depthwise(spec) or (None if spec.layout == "NHWC" else "needs NHWC")


class DepthwiseCorrelation:
    """One correlation of NHWC pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        longest = int(rows.phases[0, COUNT])
        block = min(longest, ROWS_OF_A_TASK)
        tasks = max(1, spec.n) * -(-longest // block)
        split = spec.c if tasks >= TASKS else -(-spec.c * tasks // TASKS // lanes) * lanes
        self._geometry = (
            spec.n, spec.c, split, block, (rows.size, columns.size), (rows.outputs, columns.outputs),
            (rows.step, columns.step), *tables(spec, rows, columns, spec.c),
            (rows.step, columns.step) == (1, 1) and
            spec.n * rows.size * columns.size * spec.c * np.dtype(spec.dtype).itemsize > FAR,
        )  # fmt: skip
        self._work = spec.madds // 20
        self.elements = 0

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, floor: bool = False) -> None:
        """Fill `y`; negative results become 0 with `floor`."""
        w = w.reshape(-1)
        CORRELATE(self._work, x.reshape(-1), w, w if b is None else b, b is not None, y.reshape(-1),
                  *self._geometry, floor)  # fmt: skip


class DepthwiseDw:
    """dw and db of NHWC pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        block = min(spec.oh, ROWS_OF_A_TASK)
        self._parts = max(1, min(spec.n * -(-spec.oh // block), TASKS))
        self._before = spec.n, spec.c, block, self._parts
        self._geometry = (
            (spec.h, spec.w), (spec.oh, spec.ow), spec.stride, *tables(spec, rows, columns, spec.c),
        )  # fmt: skip
        self._work = spec.madds // 20
        self.elements = self._parts * spec.c * (spec.kh * spec.kw * ("w" in spec.wrt) + ("b" in spec.wrt))
        """Of the parts' sums."""

    def __call__(self, dy: Array, x: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted."""
        products = np.empty((self._parts, 0 if dw is None else dw.size), x.dtype)
        sums = np.empty((self._parts, 0 if db is None else db.size), x.dtype)
        GRADIENTS(self._work, x.reshape(-1), dy.reshape(-1), products.reshape(-1), sums.reshape(-1),
                  db is not None, *self._before, *self._geometry)  # fmt: skip
        if dw is not None:
            products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)


def tables(spec: ConvSpec, rows: Axis, columns: Axis, pitch: int) -> tuple[Array, ...]:
    """Return for both axes the phases and the table of taps, of pixels that are `pitch` apart."""
    row = rows.table(rows.offsets * columns.size * pitch, spec.kw * pitch, spec.kh, flip=spec.flip_kernel)
    column = columns.table(columns.offsets * pitch, pitch, spec.kw, flip=spec.flip_kernel)
    return rows.phases, row, columns.phases, column

"""dw and db in NCHW of few channels, by rows as `rows.py`:

    dw[f, c, tap] = Σ_n Σ_q Σ_j dy[n, f, q, j] · x[n, c, q·stride + row[tap], j·stride + column[tap]]

are products of rows of dy, as they lie, with rows of x, copied so that a tap's columns lie side by side.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear
from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.direct.padded_rows import copy_rows
from jitconv.algorithms.direct.rows import geometry
from jitconv.jit import Kernel
from jitconv.jit.dots import TALL, all_dots, lane_sums
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

SCRATCH_BYTES = 128 * 1024
"""Rows of the channels that are copied at once: every tile of filters reads them from the second-level cache.
"""

TILE_BYTES = 16 * 1024
"""Rows of dy of a tile, which stay in the first-level cache while it meets all taps."""

PARTS = 8
"""The blocks are summed in so many parts, on every number of threads; they are added at last."""

INTS = 15
"""Numbers of `_filters` before its tables."""


@inlined
def add_sums(dy, at, planes, plane, count, sums, to):
    """Add up the first `count` elements of each plane: db, wanted or not.

    This reads dy in order, so that the products find it in the second-level cache: they took 1110 µs, and
    with this before them 938 (100 pictures of 25 planes 16x16 in float64, two Zen 3 cores).
    """
    for f in range(planes):
        line = dy[at + f * plane : at + f * plane + count]
        total = line[0]
        for i in range(1, line.size):
            total += line[i]
        sums[to + f] += total


def _filters(pictures, upstream, products, bias_sums, numbers):
    """Sum blocks of some rows in parts; `products` is (part, *w's shape), `bias_sums` (part, F)."""
    x, dy, dw, db = pictures.ravel(), upstream.ravel(), products.ravel(), bias_sums.ravel()
    (
        batch, groups, group_f, group_c, height, width, rows, columns, down, right, top, tall, row_of_scratch,
        block, parts,
    ) = unpacked(numbers, INTS)  # fmt: skip
    places, offsets = numbers[INTS : INTS + right], numbers[INTS + right :]
    lanes = VECTOR_BYTES // x.itemsize
    blocks = (rows + block - 1) // block
    units = batch * blocks
    filters, depth = groups * group_f, offsets.size
    for part in prange(parts):
        scratch = buffer(group_c * tall * row_of_scratch, x)
        sums = buffer(filters * depth * lanes, x)
        clear(scratch)  # of the columns on either side once: no picture is copied there
        clear(sums)
        clear(db[part * filters : (part + 1) * filters])
        for unit in range(part * units // parts, (part + 1) * units // parts):
            n, begin = unit // blocks, unit % blocks * block
            lines = min(block, rows - begin)
            for g in range(groups):
                f = g * group_f
                at = ((n * filters + f) * rows + begin) * columns
                add_sums(dy, at, group_f, rows * columns, lines * columns, db, part * filters + f)
                copy_rows(x, (n * groups + g) * group_c * height * width, group_c, (height, width),
                          begin * down - top, tall, right, places, scratch, row_of_scratch)  # fmt: skip
                all_dots(group_f, dy, at, rows * columns, columns, depth, scratch, 0, down * row_of_scratch,
                         offsets, lines, columns, sums, f * depth * lanes)  # fmt: skip
        lane_sums(sums, filters * depth, dw, part * filters * depth)


FILTERS = Kernel(_filters)


class RowsFilters:
    """The gradient of the filters of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        itemsize = np.dtype(spec.dtype).itemsize
        lanes = VECTOR_BYTES // itemsize
        row, places, taps = geometry(spec)
        group_c, group_f, down = spec.c // spec.groups, spec.f // spec.groups, spec.stride[0]
        below = (spec.kh - 1) * spec.dilation[0]
        most = min(
            SCRATCH_BYTES // (group_c * row * down * itemsize) - below // down,
            TILE_BYTES // (TALL * spec.ow * itemsize),
        )
        most = max(1, most)
        blocks = max(-(-spec.oh // most), min(spec.oh, -(-PARTS // max(1, spec.n))))
        block = -(-spec.oh // blocks)
        tall = (block - 1) * down + below + 1
        offsets = [c * tall * row + tap for c in range(group_c) for tap in taps]
        self._parts = min(PARTS, max(1, spec.n * -(-spec.oh // block)))
        self._numbers = flat(
            spec.n, spec.groups, group_f, group_c, spec.h, spec.w, spec.oh, spec.ow, down, spec.stride[1],
            spec.pad[0], tall, row, block, self._parts, places, offsets,
        )  # fmt: skip
        self._run = FILTERS.of(spec.madds // 40)
        weights = math.prod(spec.w_shape)
        self.elements = self._parts * (weights + spec.f) + 2 * (weights * lanes + group_c * tall * row)
        """Of the parts' sums, and of the buffers of two tasks."""

    def __call__(self, x: Array, dy: Array, dw: Array, db: Array | None) -> None:
        """Fill `dw`, and `db` if it is wanted, from pictures and gradients as they are stored."""
        products = np.empty((self._parts, dw.size), dw.dtype)
        sums = np.empty((self._parts, dy.shape[1]), dw.dtype)
        self._run(x, dy, products, sums, self._numbers)
        products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)

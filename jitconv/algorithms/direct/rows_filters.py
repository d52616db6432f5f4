"""dw and db in NCHW of few channels, by rows as `rows.py`:

    dw[f, c, tap] = Σ_n Σ_q Σ_j dy[n, f, q, j] · x[n, c, q·stride + row[tap], j·stride + column[tap]]

are products of rows of dy, as they lie, with rows of x, copied so that a tap's columns lie side by side. db
is one tap more, which meets rows of ones: a pass of its own would read dy once more.
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
from jitconv.jit.loops import buffer
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

INTS = 16
"""Numbers of `_filters` before its tables."""


def _filters(pictures, upstream, sums_of_parts, numbers):
    """Sum blocks of some rows; `sums_of_parts` is (part, filter, channel and tap, and one for the bias)."""
    x, dy, out = pictures.ravel(), upstream.ravel(), sums_of_parts.ravel()
    (
        batch, groups, group_f, group_c, height, width, rows, columns, down, right, top, tall, row_of_scratch,
        block, parts, depth,
    ) = unpacked(numbers, INTS)  # fmt: skip
    places, offsets = numbers[INTS : INTS + right], numbers[INTS + right :]
    lanes = VECTOR_BYTES // x.itemsize
    blocks = (rows + block - 1) // block
    units = batch * blocks
    size = groups * group_f * depth
    copied = group_c * tall * row_of_scratch
    for part in prange(parts):
        scratch = buffer(copied + tall * row_of_scratch, x)
        sums = buffer(size * lanes, x)
        clear(scratch)  # of the columns on either side once: no picture is copied there
        scratch[copied:] = 1
        clear(sums)
        for unit in range(part * units // parts, (part + 1) * units // parts):
            n, begin = unit // blocks, unit % blocks * block
            for g in range(groups):
                copy_rows(x, (n * groups + g) * group_c * height * width, group_c, (height, width),
                          begin * down - top, tall, right, places, scratch, row_of_scratch)  # fmt: skip
                all_dots(group_f, dy, ((n * groups + g) * group_f * rows + begin) * columns, rows * columns,
                         columns, depth, scratch, 0, down * row_of_scratch, offsets,
                         min(block, rows - begin), columns, sums, g * group_f * depth * lanes)  # fmt: skip
        lane_sums(sums, size, out, part * size)


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
        numbers = (
            spec.n, spec.groups, group_f, group_c, spec.h, spec.w, spec.oh, spec.ow, down, spec.stride[1],
            spec.pad[0], tall, row, block, self._parts,
        )  # fmt: skip
        ones = group_c * tall * row
        self._numbers = {
            biased: flat(numbers, len(offsets) + biased, places, offsets, ones) for biased in (False, True)
        }
        self._run = FILTERS.of(spec.madds // 40)
        self._f = spec.f
        self.elements = self._parts * (weights := math.prod(spec.w_shape) + spec.f)
        self.elements += 2 * (weights * lanes + (group_c + 1) * tall * row)
        """Of the parts' sums, and of the buffers of two tasks."""

    def __call__(self, x: Array, dy: Array, dw: Array, db: Array | None) -> None:
        """Fill `dw`, and `db` if it is wanted, from pictures and gradients as they are stored."""
        biased = db is not None
        parts = np.empty((self._parts, self._f, dw.size // self._f + biased), dw.dtype)
        self._run(x, dy, parts, self._numbers[biased])
        sums = parts.sum(axis=0)
        dw[...] = sums[:, : sums.shape[1] - biased].reshape(dw.shape)
        if db is not None:
            db[...] = sums[:, -1]

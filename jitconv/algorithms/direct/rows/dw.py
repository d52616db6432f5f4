"""dw and db in NCHW of few channels, by rows as `rows.py`:

    dw[f, c, tap] = Σ_n Σ_q Σ_j dy[n, f, q, j] · x[n, c, q·stride + row[tap], j·stride + column[tap]]

are products of rows of dy, as they lie, with rows of x, copied so that a tap's columns lie side by side.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.rows.copy import DEALT, copy_rows, few_channels
from jitconv.algorithms.direct.rows.forward import geometry
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.dots import TALL, all_dots, lane_sums
from jitconv.specs import ConvSpec

SCRATCH_BYTES = 128 * 1024
"""Rows of the channels that are copied at once: every tile of filters reads them from the second-level cache.
256 KiB made no difference of more than 2 % on four problems of 3 and 6 channels (two Zen 3 cores)."""

TILE_BYTES = 16 * 1024
"""Rows of dy of a tile, which stay in the first-level cache while it meets all taps. 24, 32 and 64 KiB were
2 to 12 % slower on k7x7f64 s2, 8 KiB 15 to 19 % on k3x3f64 in float64, 64 KiB 2 to 5 % faster there; on two
other problems nothing differed by more than 4 % (two Zen 3 cores)."""

PARTS = 8
"""The blocks are summed in so many parts, on every number of threads; they are added at last. A choice."""

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


def blocking(spec: ConvSpec) -> tuple[int, int, int]:
    """Return the rows of dy of a block, the rows of x that are copied for it, and in how many parts all
    blocks are summed.
    """
    itemsize, down = np.dtype(spec.dtype).itemsize, spec.stride[0]
    below = (spec.kh - 1) * spec.dilation[0]
    copied = SCRATCH_BYTES // (spec.c // spec.groups * geometry(spec)[0] * down * itemsize)
    # at least as many rows as are copied beside them
    most = max(1, below // down, min(copied - below // down, TILE_BYTES // (TALL * spec.ow * itemsize)))
    block = -(-spec.oh // max(-(-spec.oh // most), min(spec.oh, -(-PARTS // max(1, spec.n)))))
    parts = min(PARTS, max(1, spec.n * -(-spec.oh // block)))
    return block, (block - 1) * down + below + 1, parts


def serves(spec: ConvSpec) -> str | None:
    """Return None where channels are few, columns are split by vectors, and rows of dy fill half of one.

    With 1 or 2 columns this took 3 to 9 times as long as pixels, with 4 of 8 lanes 1.05 to 1.15, with 5 to 7
    0.95 to 1.04; with other strides, of 4 to 11 columns, 0.6 to 1.6 (two Zen 3 cores).
    """
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    if reason := few_channels(spec):
        return reason
    if spec.stride[1] not in DEALT or 2 * spec.ow <= lanes:
        return f"needs a horizontal stride of 1, 2 or 4, and rows of dy of more than {lanes // 2} elements"
    return None


def elements(spec: ConvSpec) -> int:
    """Return the elements of the parts' sums, and of the buffers of the tasks that run at once."""
    _, tall, parts = blocking(spec)
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    weights, copied = math.prod(spec.w_shape), spec.c // spec.groups * tall * geometry(spec)[0]
    return parts * (weights + spec.f) + at_once(spec.madds // 40, parts) * (weights * lanes + copied)


class RowsDw:
    """The gradient of the filters of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        row, places, taps = geometry(spec)
        block, tall, self._parts = blocking(spec)
        group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
        self._numbers = flat(
            spec.n, spec.groups, group_f, group_c, spec.h, spec.w, spec.oh, spec.ow, *spec.stride,
            spec.pad[0], tall, row, block, self._parts, places,
            [c * tall * row + tap for c in range(group_c) for tap in taps],
        )  # fmt: skip
        self._run = FILTERS.of(spec.madds // 40)
        self._f = spec.f

    def __call__(self, x: Array, dy: Array, dw: Array, db: Array | None) -> None:
        """Fill `dw`, and `db` if it is wanted, from pictures and gradients as they are stored."""
        products = np.empty((self._parts, dw.size), dw.dtype)
        sums = np.empty((self._parts, self._f), dw.dtype)
        self._run(x, dy, products, sums, self._numbers)
        products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)

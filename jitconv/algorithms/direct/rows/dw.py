"""dw and db in NCHW of few channels, by rows as `forward.py`:

    dw[f, c, tap] = Σ_n Σ_q Σ_j dy[n, f, q, j] · x[n, c, q·stride + row[tap], j·stride + column[tap]]

are products of rows of dy, as they are stored, with rows of x, copied so that a tap's columns come side by
side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.plan import blocks_of_image
from jitconv.algorithms.direct.rows.copy import VECTOR_STEPS, copy_rows, few_channels
from jitconv.algorithms.direct.rows.forward import geometry
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.dots import TALL, all_dots, lane_sums
from jitconv.specs import ConvSpec

SCRATCH_BYTES = BLOCKS.rows_dw_copied_bytes
TILE_BYTES = BLOCKS.rows_dw_tile_bytes
PARTS = BLOCKS.rows_dw_parts


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


class Numbers(NamedTuple):
    """What `_filters` is given of a problem, before its tables.

    They are the place in a copied row of each of the `column_step` phases, and the offset of each channel and
    tap.
    """

    batch: int
    groups: int
    group_c: int
    """Channels of a group, and filters."""
    group_f: int
    height: int
    """Of x."""
    width: int
    rows: int
    """Of dy, and columns."""
    columns: int
    row_step: int
    """Rows of x from one row of dy to the next, and columns."""
    column_step: int
    top: int
    """Rows of the padding above x."""
    tall: int
    """Rows of each plane that are copied for a block, and the elements of one."""
    copied_row: int
    block: int
    """Rows of dy."""
    parts: int


COUNT = len(Numbers._fields)


def _filters(pictures, upstream, products, bias_sums, numbers):
    """Sum blocks of some rows in parts; `products` is (part, *w's shape), `bias_sums` (part, F)."""
    x, dy, dw, db = pictures.ravel(), upstream.ravel(), products.ravel(), bias_sums.ravel()
    n, table = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    places, offsets = table[: n.column_step], table[n.column_step :]
    lanes = VECTOR_BYTES // x.itemsize
    plane = n.rows * n.columns
    blocks = (n.rows + n.block - 1) // n.block
    units = n.batch * blocks
    filters, depth = n.groups * n.group_f, offsets.size
    for part in prange(n.parts):
        scratch = buffer(n.group_c * n.tall * n.copied_row, x)
        sums = buffer(filters * depth * lanes, x)
        clear(scratch)  # of the padding left and right once: no picture is copied there
        clear(sums)
        clear(db[part * filters : (part + 1) * filters])
        # units: (image, block)
        for unit in range(part * units // n.parts, (part + 1) * units // n.parts):
            image, begin = unit // blocks, unit % blocks * n.block
            lines = min(n.block, n.rows - begin)
            for g in range(n.groups):
                f = g * n.group_f
                at = (image * filters + f) * plane + begin * n.columns
                add_sums(dy, at, n.group_f, plane, lines * n.columns, db, part * filters + f)
                size, top = (n.height, n.width), begin * n.row_step - n.top
                source = (image * n.groups + g) * n.group_c * n.height * n.width
                copy_rows(
                    x, source, n.group_c, size, top, n.tall, n.column_step, places, scratch, n.copied_row
                )
                all_dots(n.group_f, dy, at, plane, n.columns, depth, scratch, 0, n.row_step * n.copied_row,
                         offsets, lines, n.columns, sums, f * depth * lanes)  # fmt: skip
        lane_sums(sums, filters * depth, dw, part * filters * depth)


FILTERS = Kernel(_filters)


def blocking(spec: ConvSpec) -> tuple[int, int, int]:
    """Return the rows of dy of a block, the rows of x that are copied for it, and in how many parts all
    blocks are summed.
    """
    itemsize, down = np.dtype(spec.dtype).itemsize, spec.stride[0]
    halo = (spec.kh - 1) * spec.dilation[0]
    copied = SCRATCH_BYTES // (spec.c // spec.groups * geometry(spec)[0] * down * itemsize)
    fitting = min(copied - halo // down, TILE_BYTES // (TALL * spec.ow * itemsize))
    block = -(-spec.oh // blocks_of_image(spec.oh, fitting, halo // down, batch=spec.n, wanted=PARTS))
    parts = min(PARTS, max(1, spec.n * -(-spec.oh // block)))
    return block, (block - 1) * down + halo + 1, parts


def serves(spec: ConvSpec) -> str | None:
    """Return None where channels are few, columns are split by vectors, and rows of dy fill half of one.

    With 1 or 2 columns this took 3 to 9 times as long as pixels, with 4 of 8 lanes 1.05 to 1.15, with 5 to 7
    0.95 to 1.04; with other strides, of 4 to 11 columns, 0.6 to 1.6 (two Zen 3 cores).
    """
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    if reason := few_channels(spec):
        return reason
    if spec.stride[1] not in VECTOR_STEPS or 2 * spec.ow <= lanes:
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
        numbers = Numbers(
            batch=spec.n,
            groups=spec.groups,
            group_c=group_c,
            group_f=group_f,
            height=spec.h,
            width=spec.w,
            rows=spec.oh,
            columns=spec.ow,
            row_step=spec.stride[0],
            column_step=spec.stride[1],
            top=spec.pad[0],
            tall=tall,
            copied_row=row,
            block=block,
            parts=self._parts,
        )
        offsets = [c * tall * row + tap for c in range(group_c) for tap in taps]
        self._numbers = flat(numbers, places, offsets)
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

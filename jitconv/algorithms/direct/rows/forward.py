"""NCHW convolution of few channels on the register tile: columns are pixels of a row of results.

Nothing is transposed, and no filter packed. A task copies rows of all channels, padded, the columns of each
phase of the stride side by side: the inputs of a tap for a row of results are then a row themselves. Filters
are read, and results written, in the order in which they are stored.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.plan import MOST_TASKS, blocks_of_image, wanted_blocks
from jitconv.algorithms.direct.rows.copy import copy_rows, fuller
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile_rows import WIDE, LineProduct, Run, along_rows
from jitconv.specs import ConvSpec

SCRATCH_BYTES = BLOCKS.rows_copied_bytes
LEAST_SHARE = BLOCKS.rows_least_share
MOST_CHANNELS = BLOCKS.rows_most_channels
LEAST_BYTES = BLOCKS.rows_least_bytes
MOST_OF_GROUPS = BLOCKS.rows_groups_most_channels
FULLER, FULLER_OF_FEW = BLOCKS.rows_groups_fuller, BLOCKS.rows_groups_of_few_fuller


def serves(spec: ConvSpec) -> str | None:
    """Return None for few channels and rows long enough, or for groups whose filters leave lanes empty."""
    channels, row = spec.c // spec.groups, spec.ow * np.dtype(spec.dtype).itemsize
    if spec.layout == "NCHW" and spec.groups > 1 and channels <= MOST_OF_GROUPS:
        few = 2 * spec.f // spec.groups * np.dtype(spec.dtype).itemsize <= VECTOR_BYTES
        least = FULLER_OF_FEW if few and channels <= MOST_CHANNELS else FULLER
        if fuller(spec, spec.ow, spec.f // spec.groups) >= least:
            return None
    most = MOST_CHANNELS if row % VECTOR_BYTES == 0 else MOST_CHANNELS // 2
    if spec.layout != "NCHW" or channels > most:
        return f"needs NCHW of at most {most} channels in a group"
    if row < LEAST_BYTES and row % VECTOR_BYTES:
        return f"needs rows of at least {LEAST_BYTES} bytes, or of whole vectors"
    return None


class Numbers(NamedTuple):
    """What `_by_rows` is given of a problem, before its tables.

    They are the place in a copied row of each of the `column_step` phases, and the offset of each product.
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
    """Of results, and columns."""
    columns: int
    row_step: int
    """Rows of x from one row of results to the next, and columns."""
    column_step: int
    top: int
    """Rows of the padding above x."""
    tall: int
    """Rows of each plane that are copied for a block, and the elements of one."""
    copied_row: int
    block: int
    """Rows of results."""
    splits: int
    """Shares of the filters of a group."""
    biased: int
    relu: int


COUNT = len(Numbers._fields)


def _by_rows(pictures, w, bias, results, numbers):
    """Run blocks of some rows of results, and a share of the filters of a group, several in a task."""
    x, flat_w, out = pictures.ravel(), w.ravel(), results.ravel()
    n, table = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    places, offsets = table[: n.column_step], table[n.column_step :]
    depth = offsets.size
    lanes = VECTOR_BYTES // x.itemsize
    size, plane = (n.height, n.width), n.height * n.width
    blocks = (n.rows + n.block - 1) // n.block
    share = (n.group_f + n.splits - 1) // n.splits
    units = n.batch * blocks * n.splits
    tasks = min(units, MOST_TASKS)
    for task in prange(tasks):
        scratch = buffer(n.group_c * n.tall * n.copied_row + WIDE * lanes, x)
        clear(scratch)  # of the padding left and right once: no picture is copied there
        # units: (image, block, share), so that the shares of a block are of one task
        for unit in range(task * units // tasks, (task + 1) * units // tasks):
            image, begin = unit // n.splits // blocks, unit // n.splits % blocks * n.block
            product = LineProduct(
                lines=min(n.block, n.rows - begin),
                b_line_step=n.row_step * n.copied_row,
                c_line_step=n.columns,
                a_step=depth,
                c_step=n.rows * n.columns,
                depth=depth,
                started=n.biased,
                relu=n.relu,
            )
            low, high = unit % n.splits * share, min((unit % n.splits + 1) * share, n.group_f)
            for g in range(n.groups):
                source, top = (image * n.groups + g) * n.group_c * plane, begin * n.row_step - n.top
                copy_rows(
                    x, source, n.group_c, size, top, n.tall, n.column_step, places, scratch, n.copied_row
                )
                f = g * n.group_f + low
                at = ((image * n.groups * n.group_f + f) * n.rows + begin) * n.columns
                run = Run(a=f * depth, b=0, c=at, start=f, columns=n.columns)
                along_rows(high - low, flat_w, scratch, offsets, bias, out, run, product)


BY_ROWS = Kernel(_by_rows)


class RowsForward:
    """The forward op of one problem."""

    def __init__(self, spec: ConvSpec, *, relu: bool = False) -> None:
        itemsize = np.dtype(spec.dtype).itemsize
        (down, across), group_c, group_f = spec.stride, spec.c // spec.groups, spec.f // spec.groups
        row, places, taps = geometry(spec)
        halo = (spec.kh - 1) * spec.dilation[0]
        fitting = (SCRATCH_BYTES // (group_c * row * itemsize) - halo) // down
        work = spec.madds // 40
        wanted = wanted_blocks(work)
        blocks = blocks_of_image(spec.oh, fitting, halo // down, batch=spec.n, wanted=wanted)
        block = -(-spec.oh // blocks)
        splits = max(1, min(wanted // (spec.n * blocks), group_f // LEAST_SHARE))
        tall = (block - 1) * down + halo + 1
        numbers = Numbers(
            batch=spec.n,
            groups=spec.groups,
            group_c=group_c,
            group_f=group_f,
            height=spec.h,
            width=spec.w,
            rows=spec.oh,
            columns=spec.ow,
            row_step=down,
            column_step=across,
            top=spec.pad[0],
            tall=tall,
            copied_row=row,
            block=block,
            splits=splits,
            biased=False,
            relu=relu,
        )
        offsets = [c * tall * row + tap for c in range(group_c) for tap in taps]
        self._numbers = {
            biased: flat(numbers._replace(biased=biased), places, offsets) for biased in (False, True)
        }
        self._run = BY_ROWS.of(work)
        units = spec.n * -(-spec.oh // block) * splits
        scratch = group_c * tall * row + WIDE * VECTOR_BYTES // itemsize
        self.elements = at_once(work, min(units, MOST_TASKS)) * scratch
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array) -> None:
        """Fill `y`."""
        self._run(x, w, w if b is None else b, y, self._numbers[b is not None])


def geometry(spec: ConvSpec) -> tuple[int, list[int], list[int]]:
    """Return the elements of a copied row, where a plane's columns of each phase of the stride begin in it,
    and, for each tap of a filter, where its inputs for a row of results begin.
    """
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    left, step = spec.pad[2], spec.stride[1]
    across = [kw * spec.dilation[1] for kw in range(spec.kw)]
    phase = max(-(-(spec.w + left) // step), spec.ow + across[-1] // step) + lanes
    phase = -(-phase // lanes) * lanes  # a row of whole vectors, so that most are not in two cache lines
    places = [(column + left) % step * phase + (column + left) // step for column in range(step)]
    below = [kh * spec.dilation[0] * step * phase for kh in range(spec.kh)]
    taps = [row + kw % step * phase + kw // step for row in below for kw in across]
    return step * phase, places, taps[::-1] if spec.flip_kernel else taps

"""NCHW convolution of few channels on the register tile: columns are pixels of a row of results.

Nothing is transposed, and no filter packed. A task copies rows of all channels, padded, the columns of each
phase of the stride side by side: what a tap meets of a row of pixels is then a row itself. Filters lie as a
tile reads them, and results as it writes them.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.rows.copy import copy_rows
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.kernels import threads_pay
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile_rows import WIDE, along_rows
from jitconv.specs import ConvSpec

SCRATCH_BYTES = 128 * 1024
"""Rows of the channels that are copied at once. Where 38 KiB hold a whole picture, 24, 16 and 12 KiB took 2,
8 and 10 % longer, though they stay in the first-level cache (25 filters 3x3, stride 2, 31x31; Zen 3)."""

TASKS = 8
"""At least so many blocks, so that two to eight threads have equal parts, where threads pay at all; and at
most twice so many tasks, which clear their rows once for all their blocks."""

MOST_CHANNELS = 8
"""Of a group, if rows of results are whole vectors; else half as many, of rows from `LEAST_BYTES` on. With 4
channels of 56x56 this took 0.80 of the time of pixels that are transposed, with 8 0.9, with 16 1.0, with 64
1.08; with 4 of 28x28 0.93, of 14x14 1.2 (3x3, filters packed beforehand; Zen 3)."""

LEAST_BYTES = 64

INTS = 18
"""Numbers of `_by_rows` before its tables."""


def serves(spec: ConvSpec) -> str | None:
    """Return None for so few channels, and rows long enough."""
    channels, row = spec.c // spec.groups, spec.ow * np.dtype(spec.dtype).itemsize
    most = MOST_CHANNELS if row % VECTOR_BYTES == 0 else MOST_CHANNELS // 2
    if spec.layout != "NCHW" or channels > most:
        return f"needs NCHW of at most {most} channels in a group"
    if row < LEAST_BYTES and row % VECTOR_BYTES:
        return f"needs rows of at least {LEAST_BYTES} bytes, or of whole vectors"
    return None


def _by_rows(pictures, w, bias, results, numbers):
    """Run blocks of some rows of results, and a part of the filters of a group, several in a task."""
    x, flat_w, out = pictures.ravel(), w.ravel(), results.ravel()
    (
        batch, group_c, height, width, group_f, rows, columns, down, right, top, tall, row_of_scratch, block,
        splits, groups, biased, floor, depth,
    ) = unpacked(numbers, INTS)  # fmt: skip
    places, offsets = numbers[INTS : INTS + right], numbers[INTS + right :]
    lanes = VECTOR_BYTES // x.itemsize
    blocks = (rows + block - 1) // block
    share = (group_f + splits - 1) // splits
    units = batch * blocks * splits
    tasks = min(units, 2 * TASKS)
    for task in prange(tasks):
        scratch = buffer(group_c * tall * row_of_scratch + WIDE * lanes, x)
        clear(scratch)  # of the columns on either side once: no picture is copied there
        for unit in range(task * units // tasks, (task + 1) * units // tasks):
            n, begin = unit // splits // blocks, unit // splits % blocks * block
            lines = min(block, rows - begin)
            low, high = unit % splits * share, min((unit % splits + 1) * share, group_f)
            for g in range(groups):
                copy_rows(x, (n * groups + g) * group_c * height * width, group_c, (height, width),
                          begin * down - top, tall, right, places, scratch, row_of_scratch)  # fmt: skip
                f = g * group_f + low
                at = ((n * groups * group_f + f) * rows + begin) * columns
                along_rows(high - low, lines, flat_w, f * depth, depth, scratch, 0, down * row_of_scratch,
                           offsets, depth, bias, f, biased, out, at, rows * columns, columns, columns,
                           floor)  # fmt: skip


BY_ROWS = Kernel(_by_rows)


class RowsForward:
    """The forward op of one problem."""

    def __init__(self, spec: ConvSpec, *, floor: bool = False) -> None:
        itemsize = np.dtype(spec.dtype).itemsize
        (down, right), group_c = spec.stride, spec.c // spec.groups
        row, places, taps = geometry(spec)
        below = (spec.kh - 1) * spec.dilation[0]
        most = SCRATCH_BYTES // (group_c * row * itemsize)
        work = spec.madds // 40
        wanted = TASKS if threads_pay(work) else 1
        # at least as many rows as are copied beside them
        most = max(1, below // down, (most - below) // down)
        blocks = max(-(-spec.oh // most), min(spec.oh, -(-wanted // spec.n)))
        block = -(-spec.oh // blocks)
        splits = max(1, min(wanted // (spec.n * blocks), spec.f // spec.groups // 12))
        tall = (block - 1) * down + below + 1
        offsets = [c * tall * row + tap for c in range(group_c) for tap in taps]
        numbers = (
            spec.n, group_c, spec.h, spec.w, spec.f // spec.groups, spec.oh, spec.ow, down, right,
            spec.pad[0], tall, row, block, splits, spec.groups,
        )  # fmt: skip
        self._numbers = {
            biased: flat(numbers, biased, floor, len(offsets), places, offsets) for biased in (False, True)
        }
        self._run = BY_ROWS.of(work)
        units = spec.n * -(-spec.oh // block) * splits
        scratch = group_c * tall * row + WIDE * VECTOR_BYTES // itemsize
        self.elements = at_once(work, min(units, 2 * TASKS)) * scratch
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array) -> None:
        """Fill `y`."""
        self._run(x, w, w if b is None else b, y, self._numbers[b is not None])


def geometry(spec: ConvSpec) -> tuple[int, list[int], list[int]]:
    """Return the elements of a padded row, where a plane's columns of each phase of the stride begin in it,
    and, for each tap of a filter, where what it meets of a row of pixels begins.
    """
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    left, right = spec.pad[2], spec.stride[1]
    across = [kw * spec.dilation[1] for kw in range(spec.kw)]
    phase = max(-(-(spec.w + left) // right), spec.ow + across[-1] // right) + lanes
    phase = -(-phase // lanes) * lanes  # a row of whole vectors, so that most are not in two cache lines
    places = [(column + left) % right * phase + (column + left) // right for column in range(right)]
    below = [kh * spec.dilation[0] * right * phase for kh in range(spec.kh)]
    taps = [row + kw % right * phase + kw // right for row in below for kw in across]
    return right * phase, places, taps[::-1] if spec.flip_kernel else taps

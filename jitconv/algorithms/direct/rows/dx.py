"""dx in NCHW of few channels, by rows as `rows.py`: what a tap gives to a row of pixels is a row of dy.

For each phase of the stride, the rows and columns of dx that are alike modulo it, the same taps meet, and

    dx[c, phase + q·stride, phase + j·stride] = Σ_f Σ_tap w[f, c, tap] · dy[f, q + row[tap], j + column[tap]]

is a product whose rows are channels, whose columns are a row of pixels, and whose sums run over filters and
taps. A task copies padded rows of dy, of all filters; rows of the phases of columns are merged at last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.axes import taps_of_phase
from jitconv.algorithms.direct.rows.copy import copy_rows, few_channels, merge_rows
from jitconv.algorithms.direct.rows.forward import TASKS
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.kernels import threads_pay
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile_rows import WIDE, along_rows
from jitconv.specs import ConvSpec

SCRATCH_BYTES = 256 * 1024
"""Rows of dy that are copied at once. 64 KiB took 2 % less to 11 % longer, 128 and 512 KiB 7 % less to 6 %
longer (six problems of 3 channels, two Zen 3 cores)."""

INTS = 18
"""Numbers of `_pictures` before its tables."""


def _pictures(upstream, packed, gradients, numbers):
    """Run blocks of some rows of each phase, several in a task.

    Behind `numbers` come the places of a row's phases, for each phase where its filters and its offsets
    begin, and the offsets.
    """
    dy, out = upstream.ravel(), gradients.ravel()
    (
        batch, groups, group_f, group_c, rows_of_dy, columns_of_dy, height, width, down, right, top, left,
        tall, row_of_scratch, block, pitch, depth_of_all, longest,
    ) = unpacked(numbers, INTS)  # fmt: skip
    tables = numbers[INTS:]
    places, firsts, offsets = tables[:right], tables[right:], tables[right + down * right + 1 :]
    lanes = VECTOR_BYTES // dy.itemsize
    blocks = (longest + block - 1) // block
    units = batch * blocks
    tasks = min(units, 2 * TASKS)
    no_start, left_of = packed, np.full(1, left)
    for task in prange(tasks):
        scratch = buffer(group_f * tall * row_of_scratch + WIDE * lanes, dy)
        lines_of = buffer(group_c * block * down * pitch * (right > 1), dy)
        clear(scratch)  # of the columns on either side once: no gradient is copied there
        for unit in range(task * units // tasks, (task + 1) * units // tasks):
            n, begin = unit // blocks, unit % blocks * block
            for g in range(groups):
                copy_rows(dy, (n * groups + g) * group_f * rows_of_dy * columns_of_dy, group_f,
                          (rows_of_dy, columns_of_dy), begin - top, tall, 1, left_of, scratch,
                          row_of_scratch)  # fmt: skip
                to = (n * groups + g) * group_c * height * width
                for p in range(down):
                    rows = (height - p + down - 1) // down
                    lines = min(begin + block, rows) - begin
                    if lines <= 0:
                        continue
                    at = to + (begin * down + p) * width
                    for q in range(right):
                        number = p * right + q
                        from_, depth = firsts[number], firsts[number + 1] - firsts[number]
                        w_at = (g * depth_of_all + from_) * group_c
                        if right == 1:
                            along_rows(group_c, lines, packed, w_at, depth, scratch, left, row_of_scratch,
                                       offsets[from_:], depth, no_start, 0, 0, out, at, height * width,
                                       down * width, width, 0)  # fmt: skip
                        else:
                            # whole vectors, what lies beyond the last pixel is not merged
                            wide = ((width - q + right - 1) // right + lanes - 1) // lanes * lanes
                            along_rows(group_c, lines, packed, w_at, depth, scratch, left, row_of_scratch,
                                       offsets[from_:], depth, no_start, 0, 0, lines_of,
                                       p * pitch + places[q], block * down * pitch, down * pitch, wide,
                                       0)  # fmt: skip
                for c in range(group_c * (right > 1)):
                    merge_rows(lines_of, c * block * down * pitch, pitch,
                               min(block * down, height - begin * down), right, places, out,
                               to + (c * height + begin * down) * width, width)  # fmt: skip


PICTURES = Kernel(_pictures)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How dx is divided, and what of dy is copied for a block."""

    below: list[list[tuple[int, int]]]
    """For each phase of the rows, the (offset, tap) of its taps."""
    across: list[list[tuple[int, int]]]
    top: int
    """Rows of dy above those that lie over a block's first rows."""
    left: int
    tall: int
    """Rows of dy that are copied, each of `row` elements."""
    row: int
    block: int
    """Rows of each phase of a block."""
    pitch: int
    """Elements of a row of one phase."""


def geometry(spec: ConvSpec) -> Geometry:
    """Return the geometry of a problem."""
    itemsize = np.dtype(spec.dtype).itemsize
    lanes = VECTOR_BYTES // itemsize
    (down, right), (top_pad, _, left_pad, _) = spec.stride, spec.pad
    below = [taps_of_phase(spec.kh, phase, top_pad, spec.dilation[0], down) for phase in range(down)]
    across = [taps_of_phase(spec.kw, phase, left_pad, spec.dilation[1], right) for phase in range(right)]
    rows = [offset for taps in below for offset, _ in taps]
    columns = [offset for taps in across for offset, _ in taps]
    top, bottom = max(0, -min(rows)), max(0, *rows)
    left = -(-max(0, -min(columns)) // lanes) * lanes  # what lies over a pixel begins with a vector
    longest, widest = -(-spec.h // down), -(-spec.w // right)
    row = -(-(left + max(spec.ow, widest + max(0, *columns)) + lanes) // lanes) * lanes
    # at least as many rows as are copied beside them
    most = max(1, top + bottom, SCRATCH_BYTES // (spec.f // spec.groups * row * itemsize) - top - bottom)
    wanted = TASKS if threads_pay(work(spec)) else 1
    block = -(-longest // max(-(-longest // most), min(longest, -(-wanted // max(1, spec.n)))))
    return Geometry(below, across, top, left, block + top + bottom, row, block, -(-widest // lanes) * lanes)


def work(spec: ConvSpec) -> int:
    """Guess the nanoseconds of one thread."""
    return spec.madds // 40


def serves(spec: ConvSpec) -> str | None:
    """Return None where channels are few, and every phase has pixels.

    With few channels this took 0.13 to 0.99 of the time of pixels on some 50 problems, of most 0.2 to 0.8;
    but 1.15 to 1.33 where a stride of 8 leaves most of 32x32 pixels without a tap of 3x3 (two Zen 3 cores).
    """
    if reason := few_channels(spec):
        return reason
    within = spec.stride[0] <= spec.h and spec.stride[1] <= spec.w
    return None if within else "needs strides within the image"


def elements(spec: ConvSpec) -> int:
    """Return the elements of the filters in the order of their phases, and of the buffers of the tasks that
    run at once.
    """
    its = geometry(spec)
    copied = spec.f // spec.groups * its.tall * its.row
    merged = spec.c // spec.groups * its.block * math.prod(spec.stride) * its.pitch * (spec.stride[1] > 1)
    longest = -(-spec.h // spec.stride[0])
    units = spec.n * -(-longest // its.block)
    return math.prod(spec.w_shape) + at_once(work(spec), min(units, 2 * TASKS)) * (copied + merged)


class RowsDx:
    """The gradient of the pictures of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        its = geometry(spec)
        group_c, group_f, (down, right) = spec.c // spec.groups, spec.f // spec.groups, spec.stride
        firsts, offsets, filters = [0], [], []
        for below in its.below:
            for across in its.across:
                taps = [(its.top + oh) * its.row + ow for oh, _ in below for ow, _ in across]
                offsets += [f * its.tall * its.row + tap for f in range(group_f) for tap in taps]
                filters.append([(kh, kw) for _, kh in below for _, kw in across])
                firsts.append(len(offsets))
        self._places = packed_places(spec, filters)
        self._numbers = flat(
            spec.n, spec.groups, group_f, group_c, spec.oh, spec.ow, spec.h, spec.w, down, right, its.top,
            its.left, its.tall, its.row, its.block, right * its.pitch, len(offsets), -(-spec.h // down),
            [phase * its.pitch for phase in range(right)], firsts, offsets,
        )  # fmt: skip
        self._run = PICTURES.of(work(spec))

    def __call__(self, dy: Array, w: Array, dx: Array) -> None:
        """Fill `dx` from gradients as they are stored."""
        self._run(dy, w.reshape(-1)[self._places], dx, self._numbers)


def packed_places(spec: ConvSpec, filters: list[list[tuple[int, int]]]) -> Array:
    """Return where each number of (group, phase, channel, filter, tap) lies in w."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    places = np.arange(math.prod(spec.w_shape)).reshape(spec.groups, group_f, group_c, spec.kh, spec.kw)
    if spec.flip_kernel:
        places = places[..., ::-1, ::-1]
    phases = []
    for taps in filters:
        kh, kw = np.array(taps, np.int64).reshape(-1, 2).T
        phases.append(places[..., kh, kw].transpose(0, 2, 1, 3).reshape(spec.groups, -1))
    return np.concatenate(phases, axis=1).reshape(-1)

"""Groups of few filters: vectors of outputs that lie side by side in a row, one channel's plane at a time.

Any layout and any number of channels and filters in a group. In NCHW with strides of 1 and 2 planes are read
and written as they lie. Else a task copies the rows that it needs: apart for each column modulo the stride,
so that the inputs that neighbouring outputs meet with a tap lie side by side.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.views import strides
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
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.micro.taps import OUTPUTS, PLAIN, READS_APART, WRITES_APART, correlation
from jitconv.specs import ConvSpec

correlate = correlation("outputs", lanes_are_channels=False)

TASKS = 8
"""At least so many tasks, so that two to eight threads have equal parts; a task has some of the rows where
there are few planes."""

ROWS_OF_A_TASK = 8
"""A task has so many rows of each plane where channels lie together (NHWC): the planes of all groups, read
one after the other, then stay in the cache."""


@inlined
def gather(source, at, strides, first, last, width, count, apart, rows):
    """Copy rows first..last-1 of `count` planes; columns `apart` apart lie together, zeros behind the
    last.
    """
    down, right, deep = strides
    part = (width + apart - 1) // apart
    to = 0
    for channel in range(count):
        for ih in range(first, last):
            start = at + channel * deep + ih * down
            for phase in range(apart):
                met = (width - phase + apart - 1) // apart
                for j in range(met):
                    rows[to + j] = source[start + (phase + j * apart) * right]
                for j in range(met, part):
                    rows[to + j] = 0
                to += part


@inlined
def scatter(lines, length, width, out, at, right):
    """Write one row of `width` outputs, whose columns modulo the number of lines lie in lines."""
    apart = lines.size // length
    for phase in range(apart):
        for j in range((width - phase + apart - 1) // apart):
            out[at + (phase + j * apart) * right] = lines[phase * length + j]


def _correlate(x, x_strides, in_place, w, w_strides, bias, biased, y, y_strides, written, batch, groups,
               sources, targets, block, size, out_size, steps, reach, row_phases, rows, column_phases,
               columns, floor):  # fmt: skip
    """A task has `block` rows of each phase, for one group; `reach` is the least and the greatest row offset.

    `x_strides` and `y_strides` are of (picture, row, column, channel), `w_strides` of (group, source,
    target).
    """
    part = size[1] if in_place else (size[1] + steps[1] - 1) // steps[1]
    pitch = size[1] if in_place else part * steps[1]
    most = min(size[0], (block - 1) * steps[0] + reach[1] - reach[0] + 1)
    blocks = (row_phases[0, COUNT] + block - 1) // block  # the first phase has the most rows and columns
    form = PLAIN
    if in_place and steps[1] == 2:
        form = READS_APART
    if written and column_phases.shape[0] == 2:
        form = WRITES_APART
    length = column_phases[0, COUNT]
    share = column_phases.shape[0] * length
    second = column_phases.shape[0] - 1  # read where there is one phase alone, too: Numba moves the read up
    units = batch * blocks * groups
    tasks = min(units, 8 * TASKS)
    for task in prange(tasks):
        # chosen once for many planes: what counts the references to an array is shared by the threads
        source = x if in_place else buffer(sources * most * pitch, x)
        target = y if written else buffer(OUTPUTS * share, y)
        unit = task * units // tasks
        # counted on: divisions are slow beside a plane of 7x7
        n, block_number, g = unit // groups // blocks, unit // groups % blocks, unit % groups - 1
        for _ in range(unit, (task + 1) * units // tasks):
            g += 1
            if g == groups:
                g = 0
                block_number += 1
                if block_number == blocks:
                    block_number = 0
                    n += 1
            first = block_number * block
            begin = max(0, first * steps[0] + reach[0])
            end = max(begin, min(size[0], (first + block - 1) * steps[0] + reach[1] + 1))
            at = n * x_strides[0] + g * sources * x_strides[3]
            deep = x_strides[3]
            if not in_place:
                gather(x, at, x_strides[1:], begin, end, size[1], sources, steps[1], source)
                at, deep = -begin * pitch, (end - begin) * pitch
            for t in range(targets):
                filter_ = g * targets + t
                y_at = n * y_strides[0] + filter_ * y_strides[3]
                for p in range(row_phases.shape[0]):
                    a_begin, a_end = row_phases[p, BEGIN], row_phases[p, END]
                    oh, height = row_phases[p, FIRST], row_phases[p, COUNT]
                    upper, lower = row_phases[p, INNER], row_phases[p, BEYOND]
                    shared = row_phases[p, SHARING] if form != WRITES_APART else 0
                    if shared != (2 if form == READS_APART else 1):
                        shared = 0
                    bottom = min(first + block, height)
                    q = first
                    while q < bottom:
                        a0, a1 = met_taps(rows, a_begin, a_end, q * steps[0], size[0])
                        inner = upper <= q < lower
                        outputs = next_tile(min(lower, bottom) - q, OUTPUTS) if inner else 1
                        to = y_at + (oh + q * row_phases.shape[0]) * y_strides[1]
                        for r in range(1 if form == WRITES_APART else column_phases.shape[0]):
                            middle = column_phases[r, END]
                            end_column = column_phases[second, END] if form == WRITES_APART else middle
                            for s in range(sources):
                                correlate(
                                outputs, form, shared if inner else 0, source,
                                at + s * deep + q * steps[0] * pitch, steps[0] * pitch, rows, a0, a1, columns,
                                column_phases[r, BEGIN], middle, end_column, part, w,
                                g * w_strides[0] + s * w_strides[1] + t * w_strides[2], bias, filter_,
                                biased and s == 0, s > 0, target, to if written else r * length,
                                row_phases.shape[0] * y_strides[1] if written else share,
                                out_size[1] if form == WRITES_APART else column_phases[r, COUNT],
                                floor and s == sources - 1,
                            )  # fmt: skip
                        if not written:
                            for i in range(outputs):
                                scatter(target[i * share : (i + 1) * share], length, out_size[1], y,
                                    to + i * row_phases.shape[0] * y_strides[1], y_strides[2])  # fmt: skip
                        q += outputs


CORRELATE = Kernel(_correlate)


class OutputsCorrelation:
    """One correlation: a forward pass, or with `backward` the gradient of the pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis, *, backward: bool = False) -> None:
        group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
        tap, group, filter_, channel = filter_places(spec)
        self._x_strides = strides(rows.size, columns.size, spec.f if backward else spec.c, spec.layout)
        self._w_strides = (group, filter_, channel) if backward else (group, channel, filter_)
        y_strides = strides(rows.outputs, columns.outputs, spec.c if backward else spec.f, spec.layout)
        in_place = self._x_strides[2] == 1 and columns.step <= 2
        longest = int(rows.phases[0, COUNT])
        self._before = self._x_strides, in_place
        self._after = (
            y_strides, y_strides[2] == 1 and len(columns.phases) <= 2, spec.n, spec.groups,
            *((group_f, group_c) if backward else (group_c, group_f)), rows_of_a_task(spec, longest),
            (rows.size, columns.size), (rows.outputs, columns.outputs), (rows.step, columns.step),
            *tables(spec, rows, columns, tap, in_place=in_place),
        )  # fmt: skip
        self._work = spec.madds // 20
        block, sources = rows_of_a_task(spec, longest), group_f if backward else group_c
        pitch = -(-columns.size // columns.step) * columns.step
        scratch = 0 if in_place else sources * rows_met(rows, block) * pitch
        written = y_strides[2] == 1 and len(columns.phases) <= 2
        lines = 0 if written else OUTPUTS * len(columns.phases) * int(columns.phases[0, COUNT])
        tasks = min(spec.n * spec.groups * -(-longest // block), 8 * TASKS)
        self.elements = at_once(self._work, tasks) * (scratch + lines)
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, floor: bool = False) -> None:
        """Fill `y`; negative results become 0 with `floor`."""
        w = w.reshape(-1)
        CORRELATE(self._work, x.reshape(-1), *self._before, w, self._w_strides, w if b is None else b,
                  b is not None, y.reshape(-1), *self._after, floor)  # fmt: skip


def rows_met(rows: Axis, block: int) -> int:
    """Return how many rows of a plane `block` rows of one phase meet at most."""
    reach = int(np.ptp(rows.offsets)) if rows.offsets.size else 0
    return min(rows.size, (block - 1) * rows.step + reach + 1)


def filter_places(spec: ConvSpec) -> tuple[int, int, int, int]:
    """Return the steps of w from tap to tap, group to group, filter to filter and channel to channel."""
    group_c, group_f, taps = spec.c // spec.groups, spec.f // spec.groups, spec.kh * spec.kw
    if spec.layout == "NHWC":
        return group_c * spec.f, group_f, 1, spec.f
    return 1, group_f * group_c * taps, group_c * taps, taps


def tables(spec: ConvSpec, rows: Axis, columns: Axis, tap: int, *, in_place: bool) -> tuple[object, ...]:
    """Return the reach of the rows, and for both axes the phases and the table of taps."""
    apart = 1 if in_place else columns.step
    lanes, phase = np.divmod(columns.offsets, apart)
    part = -(-columns.size // apart)
    pitch = part * apart
    down = rows.table(rows.offsets * pitch, spec.kw * tap, spec.kh, flip=spec.flip_kernel)
    right = columns.table(phase * part + lanes, tap, spec.kw, flip=spec.flip_kernel, lanes=lanes)
    reach = (int(rows.offsets.min()), int(rows.offsets.max())) if rows.offsets.size else (0, 0)
    return reach, rows.phases, down, columns.phases, right


def rows_of_a_task(spec: ConvSpec, longest: int) -> int:
    """Return how many rows of a plane a task has."""
    if spec.layout == "NHWC":
        return min(longest, ROWS_OF_A_TASK)
    planes = max(1, spec.n * spec.groups)
    return max(min(longest, OUTPUTS), -(-longest * planes // TASKS)) if planes < TASKS else longest

"""dw and db of groups of few filters, from planes as in `planes.py`."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.direct.axes import BEYOND, INNER, Axis, met_taps
from jitconv.algorithms.direct.grouped.outputs import (
    TASKS,
    filter_places,
    gather,
    rows_met,
    rows_of_a_task,
    tables,
)
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.taps import PLAIN, READS_APART
from jitconv.micro.taps_gradient import BLOCK, gradient
from jitconv.specs import ConvSpec

correlate_gradient = gradient("outputs", lanes_are_channels=False)


@inlined
def summed_up(values, at, count):
    """Return the sum of `count` neighbours."""
    line = values[at : at + count]
    total = line[0]
    for i in range(1, line.size):
        total += line[i]
    return total


def _gradients(x, x_strides, in_place, dy, dy_strides, dy_in_place, dw, w_strides, tap_place, db, wanted,
               summed, batch, groups, group_c, group_f, block, parts, size, out_size, steps, reach,
               row_phases, rows, column_phases, columns):  # fmt: skip
    """A task has one group of one part of the rows, and sums of its own: (parts, *w's shape) and (parts, F).

    There are as many parts on every number of threads.
    """
    lanes = VECTOR_BYTES // x.itemsize
    part_width = size[1] if in_place else (size[1] + steps[1] - 1) // steps[1]
    pitch = size[1] if in_place else part_width * steps[1]
    blocks = (out_size[0] + block - 1) // block
    units = batch * blocks
    taps = rows.shape[0] * columns.shape[0]
    upper, lower = row_phases[0, INNER], row_phases[0, BEYOND]
    form = READS_APART if in_place and steps[1] == 2 else PLAIN
    most = min(size[0], (block - 1) * steps[0] + reach[1] - reach[0] + 1)
    tasks = min(parts * groups, 8 * TASKS)
    for task in prange(tasks):
        # chosen once for many planes: what counts the references to an array is shared by the threads
        sums = buffer(group_f * group_c * taps * lanes, x)
        totals = buffer(group_f, x)
        source = x if in_place else buffer(group_c * most * pitch, x)
        upstream = dy if dy_in_place else buffer(group_f * block * out_size[1], x)
        for one in range(task * parts * groups // tasks, (task + 1) * parts * groups // tasks):
            part, g = one // groups, one % groups
            sums[:] = 0
            totals[:] = 0
            unit = part * units // parts
            # counted on: divisions are slow, as in `planes.py`
            n, block_number = unit // blocks, unit % blocks - 1
            for _ in range(unit, (part + 1) * units // parts):
                block_number += 1
                if block_number == blocks:
                    block_number = 0
                    n += 1
                top = block_number * block
                bottom = min(top + block, out_size[0])
                begin = max(0, top * steps[0] + reach[0])
                end = max(begin, min(size[0], (bottom - 1) * steps[0] + reach[1] + 1))
                at = n * x_strides[0] + g * group_c * x_strides[3]
                deep = x_strides[3]
                if not in_place:
                    gather(x, at, x_strides[1:], begin, end, size[1], group_c, steps[1], source)
                    at, deep = -begin * pitch, (end - begin) * pitch
                dy_at, dy_deep = n * dy_strides[0] + g * group_f * dy_strides[3], dy_strides[3]
                if not dy_in_place:
                    gather(dy, dy_at, dy_strides[1:], top, bottom, out_size[1], group_f, 1, upstream)
                    dy_at, dy_deep = -top * out_size[1], (bottom - top) * out_size[1]
                for f in range(group_f):
                    here = dy_at + f * dy_deep
                    if summed:
                        totals[f] += summed_up(
                            upstream, here + top * out_size[1], (bottom - top) * out_size[1]
                        )
                    q = top
                    while wanted and q < bottom:
                        height = min(lower, bottom) - q if upper <= q < lower else 1
                        a0, a1 = met_taps(rows, 0, rows.shape[0], q * steps[0], size[0])
                        for c in range(group_c):
                            for a in range(a0, a1, BLOCK):
                                for b in range(0, columns.shape[0], BLOCK):
                                    correlate_gradient(
                                    min(BLOCK, a1 - a), min(BLOCK, columns.shape[0] - b), form, 0, source,
                                    at + c * deep + q * steps[0] * pitch, steps[0] * pitch, 1, upstream,
                                    here + q * out_size[1], out_size[1], 1, rows, a, columns, b, part_width,
                                    sums, (f * group_c + c) * taps * lanes, height, out_size[1], lanes,
                                )  # fmt: skip
                        q += height
            if summed:
                for f in range(group_f):
                    db[part * groups * group_f + g * group_f + f] = totals[f]
            if wanted:
                to = part * groups * group_f * group_c * taps + g * w_strides[0]
                for f in range(group_f):
                    for c in range(group_c):
                        for tap in range(taps):
                            start = ((f * group_c + c) * taps + tap) * lanes
                            dw[to + f * w_strides[1] + c * w_strides[2] + tap * tap_place] = summed_up(
                                sums, start, lanes
                            )


GRADIENTS = Kernel(_gradients)


class OutputsDw:
    """dw and db."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        tap, *w_strides = filter_places(spec)
        x_strides = strides(spec.h, spec.w, spec.c, spec.layout)
        dy_strides = strides(spec.oh, spec.ow, spec.f, spec.layout)
        in_place = x_strides[2] == 1 and columns.step <= 2
        block = rows_of_a_task(spec, spec.oh)
        self._parts = max(1, min(spec.n * -(-spec.oh // block), -(-TASKS // spec.groups)))
        self._x = x_strides, in_place
        self._dy = dy_strides, dy_strides[2] == 1
        self._w = tuple(w_strides), tap
        self._after = (
            spec.n, spec.groups, spec.c // spec.groups, spec.f // spec.groups, block, self._parts, (spec.h,
            spec.w), (spec.oh, spec.ow), spec.stride, *tables(spec, rows, columns, 1, in_place=in_place),
        )  # fmt: skip
        self._work = spec.madds // 20
        self.elements = self._elements(spec, rows, block)
        """Of the parts' sums, and of the buffers of the tasks that run at once."""

    def _elements(self, spec: ConvSpec, rows: Axis, block: int) -> int:
        lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        group_c, group_f, weights = spec.c // spec.groups, spec.f // spec.groups, math.prod(spec.w_shape)
        pitch = -(-spec.w // spec.stride[1]) * spec.stride[1]
        task = weights // spec.groups * lanes + group_f
        task += 0 if self._x[1] else group_c * rows_met(rows, block) * pitch
        task += 0 if self._dy[1] else group_f * block * spec.ow
        sums = self._parts * (weights * ("w" in spec.wrt) + spec.f * ("b" in spec.wrt))
        return sums + at_once(self._work, min(self._parts * spec.groups, 8 * TASKS)) * task

    def __call__(self, dy: Array, x: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted."""
        products = np.empty((self._parts, 0 if dw is None else dw.size), x.dtype)
        sums = np.empty((self._parts, 0 if db is None else db.size), x.dtype)
        GRADIENTS(
            self._work, x.reshape(-1), *self._x, dy.reshape(-1), *self._dy, products.reshape(-1), *self._w,
            sums.reshape(-1), dw is not None, db is not None, *self._after,
        )  # fmt: skip
        if dw is not None:
            products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)

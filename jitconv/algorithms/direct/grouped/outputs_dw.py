"""dw and db of groups of few filters, from planes as in `outputs.py`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.direct.axes import Axis
from jitconv.algorithms.direct.grouped.outputs import (
    TASKS,
    filter_places,
    gather,
    of_outputs,
    reach,
    rows_met,
    rows_of_a_task,
)
from jitconv.algorithms.direct.grouped.plane import PLANE, Plane, met_taps, phase_at
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import unpacked, unpacked_at
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.taps import PLAIN, READS_APART
from jitconv.micro.taps_gradient import BLOCK, Region, gradient
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


class Numbers(NamedTuple):
    """What `_gradients` is given of a problem, before those of a `Plane`."""

    batch: int
    groups: int
    group_c: int
    """Channels of a group, and filters."""
    group_f: int
    block: int
    """Rows of dy that are done at once."""
    parts: int
    """Into how many the rows of all images are divided: each part has sums of its own."""
    x_image: int
    """Elements from image to image of x; then from row to row, of columns, of channels."""
    x_row: int
    x_column: int
    x_channel: int
    dy_image: int
    dy_row: int
    dy_column: int
    dy_channel: int
    w_group: int
    """Elements of dw from group to group; then from filter to filter, of channels, of taps."""
    w_filter: int
    w_channel: int
    w_tap: int
    in_place: int
    """Whether rows of x are read as they lie, not from a buffer."""
    dy_in_place: int
    least: int
    """The offsets of the uppermost and of the lowest tap, in rows."""
    greatest: int


NUMBERS = len(Numbers._fields)


def _gradients(x, dy, dw, db, wanted, summed, numbers):
    """A task has one group of one part of the rows, and sums of its own: (parts, *w's shape) and (parts, F).

    There are as many parts on every number of threads.
    """
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
    tables = numbers[NUMBERS + PLANE :]
    row_taps = tables[plane.row_taps_at :]
    lanes = VECTOR_BYTES // x.itemsize
    part_width = plane.width if n.in_place else (plane.width + plane.column_step - 1) // plane.column_step
    pitch = plane.width if n.in_place else part_width * plane.column_step
    blocks = (plane.out_height + n.block - 1) // n.block
    units = n.batch * blocks
    taps = plane.row_taps * plane.column_taps
    group_w = n.group_f * n.group_c * taps
    form = READS_APART if n.in_place and plane.column_step == 2 else PLAIN
    most = min(plane.height, (n.block - 1) * plane.row_step + n.greatest - n.least + 1)
    tasks = min(n.parts * n.groups, 8 * TASKS)
    for task in prange(tasks):
        row = phase_at(tables, 0, 0)
        # chosen once for many planes: what counts the references to an array is shared by the threads
        sums = buffer(group_w * lanes, x)
        totals = buffer(n.group_f, x)
        source = x if n.in_place else buffer(n.group_c * most * pitch, x)
        upstream = dy if n.dy_in_place else buffer(n.group_f * n.block * plane.out_width, x)
        for one in range(task * n.parts * n.groups // tasks, (task + 1) * n.parts * n.groups // tasks):
            part, g = one // n.groups, one % n.groups
            sums[:] = 0
            totals[:] = 0
            unit = part * units // n.parts
            # counted on: divisions are slow, as in `outputs.py`
            image, number = unit // blocks, unit % blocks - 1
            for _ in range(unit, (part + 1) * units // n.parts):
                number += 1
                if number == blocks:
                    number = 0
                    image += 1
                top = number * n.block
                bottom = min(top + n.block, plane.out_height)
                begin = max(0, top * plane.row_step + n.least)
                end = max(begin, min(plane.height, (bottom - 1) * plane.row_step + n.greatest + 1))
                at = image * n.x_image + g * n.group_c * n.x_channel
                x_plane = n.x_channel
                if not n.in_place:
                    steps = (n.x_row, n.x_column, n.x_channel)
                    gather(x, at, steps, begin, end, plane.width, n.group_c, plane.column_step, source)
                    at, x_plane = -begin * pitch, (end - begin) * pitch
                dy_at, dy_plane = image * n.dy_image + g * n.group_f * n.dy_channel, n.dy_channel
                if not n.dy_in_place:
                    steps = (n.dy_row, n.dy_column, n.dy_channel)
                    gather(dy, dy_at, steps, top, bottom, plane.out_width, n.group_f, 1, upstream)
                    dy_at, dy_plane = -top * plane.out_width, (bottom - top) * plane.out_width
                for f in range(n.group_f):
                    here = dy_at + f * dy_plane
                    if summed:
                        first, count = here + top * plane.out_width, (bottom - top) * plane.out_width
                        totals[f] += summed_up(upstream, first, count)
                    # over rows of dy that meet the same taps: the middle of the block at once
                    q = top
                    while wanted and q < bottom:
                        height = min(row.beyond, bottom) - q if row.inner <= q < row.beyond else 1
                        a0, a1 = met_taps(row_taps, 0, plane.row_taps, q * plane.row_step, plane.height)
                        for c in range(n.group_c):
                            x_at = at + c * x_plane + q * plane.row_step * pitch
                            sums_at = (f * n.group_c + c) * taps * lanes
                            # as many taps at once as there are registers for their sums
                            for a in range(a0, a1, BLOCK):
                                for b in range(0, plane.column_taps, BLOCK):
                                    region = Region(
                                        x_at=x_at,
                                        x_down=plane.row_step * pitch,
                                        x_right=1,
                                        dy_at=here + q * plane.out_width,
                                        dy_down=plane.out_width,
                                        dy_right=1,
                                        rows_at=plane.row_taps_at,
                                        first_row=a,
                                        columns_at=plane.column_taps_at,
                                        first_column=b,
                                        limit=part_width,
                                        sums_at=sums_at,
                                        channel_step=0,
                                        down=height,
                                        across=plane.out_width,
                                        length=lanes,
                                    )
                                    tall, wide = min(BLOCK, a1 - a), min(BLOCK, plane.column_taps - b)
                                    correlate_gradient(
                                        tall, wide, form, 0, source, upstream, sums, tables, region
                                    )
                        q += height
            if summed:
                for f in range(n.group_f):
                    db[(part * n.groups + g) * n.group_f + f] = totals[f]
            if wanted:
                to = part * n.groups * group_w + g * n.w_group
                for f in range(n.group_f):
                    for c in range(n.group_c):
                        for tap in range(taps):
                            start = ((f * n.group_c + c) * taps + tap) * lanes
                            place = to + f * n.w_filter + c * n.w_channel + tap * n.w_tap
                            dw[place] = summed_up(sums, start, lanes)


GRADIENTS = Kernel(_gradients)


class OutputsDw:
    """dw and db."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        w_tap, w_group, w_filter, w_channel = filter_places(spec)
        x_image, x_row, x_column, x_channel = strides(spec.h, spec.w, spec.c, spec.layout)
        dy_image, dy_row, dy_column, dy_channel = strides(spec.oh, spec.ow, spec.f, spec.layout)
        self._in_place, self._dy_in_place = x_column == 1 and columns.step <= 2, dy_column == 1
        block = rows_of_a_task(spec, spec.oh)
        self._parts = max(1, min(spec.n * -(-spec.oh // block), -(-TASKS // spec.groups)))
        least, greatest = reach(rows)
        numbers = Numbers(
            batch=spec.n,
            groups=spec.groups,
            group_c=spec.c // spec.groups,
            group_f=spec.f // spec.groups,
            block=block,
            parts=self._parts,
            x_image=x_image,
            x_row=x_row,
            x_column=x_column,
            x_channel=x_channel,
            dy_image=dy_image,
            dy_row=dy_row,
            dy_column=dy_column,
            dy_channel=dy_channel,
            w_group=w_group,
            w_filter=w_filter,
            w_channel=w_channel,
            w_tap=w_tap,
            in_place=self._in_place,
            dy_in_place=self._dy_in_place,
            least=least,
            greatest=greatest,
        )
        self._numbers = of_outputs(spec, rows, columns, 1, self._in_place, *numbers)
        self._work = spec.madds // 20
        self.elements = self._elements(spec, rows, block)
        """Of the parts' sums, and of the buffers of the tasks that run at once."""

    def _elements(self, spec: ConvSpec, rows: Axis, block: int) -> int:
        lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        group_c, group_f, weights = spec.c // spec.groups, spec.f // spec.groups, math.prod(spec.w_shape)
        pitch = -(-spec.w // spec.stride[1]) * spec.stride[1]
        task = weights // spec.groups * lanes + group_f
        task += 0 if self._in_place else group_c * rows_met(rows, block) * pitch
        task += 0 if self._dy_in_place else group_f * block * spec.ow
        sums = self._parts * (weights * ("w" in spec.wrt) + spec.f * ("b" in spec.wrt))
        return sums + at_once(self._work, min(self._parts * spec.groups, 8 * TASKS)) * task

    def __call__(self, dy: Array, x: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted."""
        products = np.empty((self._parts, 0 if dw is None else dw.size), x.dtype)
        sums = np.empty((self._parts, 0 if db is None else db.size), x.dtype)
        GRADIENTS(
            self._work,
            x.reshape(-1),
            dy.reshape(-1),
            products.reshape(-1),
            sums.reshape(-1),
            dw is not None,
            db is not None,
            self._numbers,
        )
        if dw is not None:
            products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)

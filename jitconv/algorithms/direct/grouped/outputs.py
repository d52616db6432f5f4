"""Groups of few filters: vectors of outputs that lie side by side in a row, one channel's plane at a time.

Any layout and any number of channels and filters in a group. In NCHW with strides of 1 and 2 planes are read
and written as they lie. Else a task copies the rows that it needs: apart for each column modulo the stride,
so that the inputs that neighbouring outputs meet with a tap lie side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.direct.axes import COUNT, Axis, next_tile
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.grouped.plane import PLANE, Plane, met_taps, phase_at, plane_numbers
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import unpacked, unpacked_at
from jitconv.micro.taps import OUTPUTS, PLAIN, READS_APART, WRITES_APART, Tile, correlation
from jitconv.specs import ConvSpec

correlate = correlation("outputs", lanes_are_channels=False)

TASKS = BLOCKS.tasks
ROWS_OF_A_TASK = BLOCKS.outputs_rows


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


class Numbers(NamedTuple):
    """What `_correlate` is given of a problem, before those of a `Plane`."""

    batch: int
    groups: int
    sources: int
    """Planes of a group that are read, and planes that are written."""
    targets: int
    block: int
    """Rows of a task, of each phase."""
    x_image: int
    """Elements from image to image of what is read; then from row to row, of columns, of channels."""
    x_row: int
    x_column: int
    x_channel: int
    y_image: int
    y_row: int
    y_column: int
    y_channel: int
    w_group: int
    """Elements of the filters from group to group; then from source to source, from target to target."""
    w_source: int
    w_target: int
    in_place: int
    """Whether rows are read as they lie, not from a buffer."""
    written: int
    """Whether rows are written as they lie, not into a buffer."""
    least: int
    """The offsets of the uppermost and of the lowest tap, in rows."""
    greatest: int


NUMBERS = len(Numbers._fields)


def _correlate(x, w, bias, y, biased, relu, numbers):
    """A task has `block` rows of each phase, of one group of an image."""
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
    tables = numbers[NUMBERS + PLANE :]
    row_taps = tables[plane.row_taps_at :]
    part = plane.width if n.in_place else (plane.width + plane.column_step - 1) // plane.column_step
    pitch = plane.width if n.in_place else part * plane.column_step
    most = min(plane.height, (n.block - 1) * plane.row_step + n.greatest - n.least + 1)
    blocks = (plane.longest + n.block - 1) // n.block
    form = PLAIN
    if n.in_place and plane.column_step == 2:
        form = READS_APART
    if n.written and plane.column_phases == 2:
        form = WRITES_APART
    share = plane.column_phases * plane.widest
    y_step = plane.row_phases * n.y_row
    # read where there is one phase alone, too: Numba moves the read up
    last_column = phase_at(tables, plane.column_phases_at, plane.column_phases - 1).end
    units = n.batch * blocks * n.groups
    tasks = min(units, 8 * TASKS)
    for task in prange(tasks):
        # chosen once for many planes: what counts the references to an array is shared by the threads
        source = x if n.in_place else buffer(n.sources * most * pitch, x)
        target = y if n.written else buffer(OUTPUTS * share, y)
        unit = task * units // tasks
        # counted on: divisions are slow beside a plane of 7x7
        image, number, g = unit // n.groups // blocks, unit // n.groups % blocks, unit % n.groups - 1
        # over blocks of rows; those of all groups one after the other, for in NHWC they share cache lines
        for _ in range(unit, (task + 1) * units // tasks):
            g += 1
            if g == n.groups:
                g = 0
                number += 1
                if number == blocks:
                    number = 0
                    image += 1
            top = number * n.block
            begin = max(0, top * plane.row_step + n.least)
            end = max(begin, min(plane.height, (top + n.block - 1) * plane.row_step + n.greatest + 1))
            at = image * n.x_image + g * n.sources * n.x_channel
            x_plane = n.x_channel
            if not n.in_place:
                steps = (n.x_row, n.x_column, n.x_channel)
                gather(x, at, steps, begin, end, plane.width, n.sources, plane.column_step, source)
                at, x_plane = -begin * pitch, (end - begin) * pitch
            for t in range(n.targets):
                filter_ = g * n.targets + t
                y_at = image * n.y_image + filter_ * n.y_channel
                for p in range(plane.row_phases):
                    row = phase_at(tables, 0, p)
                    shared = row.sharing if form != WRITES_APART else 0
                    if shared != (2 if form == READS_APART else 1):
                        shared = 0
                    bottom = min(top + n.block, row.results)
                    q = top
                    # in tiles down the block, each of as many rows as meet the same taps
                    while q < bottom:
                        a0, a1 = met_taps(row_taps, row.begin, row.end, q * plane.row_step, plane.height)
                        inner = row.inner <= q < row.beyond
                        outputs = next_tile(min(row.beyond, bottom) - q, OUTPUTS) if inner else 1
                        sharing = shared if inner else 0
                        x_at = at + q * plane.row_step * pitch
                        to = y_at + (row.first + q * plane.row_phases) * n.y_row
                        # both phases of columns at once if they are written as they lie, else one by one
                        for r in range(1 if form == WRITES_APART else plane.column_phases):
                            column = phase_at(tables, plane.column_phases_at, r)
                            end_column = last_column if form == WRITES_APART else column.end
                            c_at = to if n.written else r * plane.widest
                            c_step = y_step if n.written else share
                            count = plane.out_width if form == WRITES_APART else column.results
                            # the first source begins the sums, others add to them, the last may end them
                            for s in range(n.sources):
                                starts, ends = biased and s == 0, relu and s == n.sources - 1
                                tile = Tile(
                                    x_at=x_at + s * x_plane,
                                    x_step=plane.row_step * pitch,
                                    rows_at=plane.row_taps_at,
                                    first_row=a0,
                                    last_row=a1,
                                    columns_at=plane.column_taps_at,
                                    first_column=column.begin,
                                    middle_column=column.end,
                                    last_column=end_column,
                                    limit=part,
                                    w_at=g * n.w_group + s * n.w_source + t * n.w_target,
                                    channel_step=0,
                                    bias_at=filter_,
                                    biased=starts,
                                    added=s > 0,
                                    y_at=c_at,
                                    y_step=c_step,
                                    length=count,
                                    relu=ends,
                                )
                                correlate(outputs, form, sharing, source, w, bias, target, tables, tile)
                        if not n.written:
                            for i in range(outputs):
                                line = target[i * share : (i + 1) * share]
                                scatter(line, plane.widest, plane.out_width, y, to + i * y_step, n.y_column)
                        q += outputs


CORRELATE = Kernel(_correlate)


class OutputsCorrelation:
    """One correlation: a forward pass, or with `backward` the gradient of the pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis, *, backward: bool = False) -> None:
        sources, targets = spec.c // spec.groups, spec.f // spec.groups
        tap, w_group, w_target, w_source = filter_places(spec)
        channels, filters = spec.c, spec.f
        if backward:
            sources, targets, w_source, w_target = targets, sources, w_target, w_source
            channels, filters = filters, channels
        x_image, x_row, x_column, x_channel = strides(rows.size, columns.size, channels, spec.layout)
        y_image, y_row, y_column, y_channel = strides(rows.outputs, columns.outputs, filters, spec.layout)
        in_place = x_column == 1 and columns.step <= 2
        written = y_column == 1 and len(columns.phases) <= 2
        longest = int(rows.phases[0, COUNT])
        block = rows_of_a_task(spec, longest)
        least, greatest = reach(rows)
        numbers = Numbers(
            batch=spec.n,
            groups=spec.groups,
            sources=sources,
            targets=targets,
            block=block,
            x_image=x_image,
            x_row=x_row,
            x_column=x_column,
            x_channel=x_channel,
            y_image=y_image,
            y_row=y_row,
            y_column=y_column,
            y_channel=y_channel,
            w_group=w_group,
            w_source=w_source,
            w_target=w_target,
            in_place=in_place,
            written=written,
            least=least,
            greatest=greatest,
        )
        self._numbers = of_outputs(spec, rows, columns, tap, in_place, *numbers)
        self._work = spec.madds // 20
        pitch = -(-columns.size // columns.step) * columns.step
        scratch = 0 if in_place else sources * rows_met(rows, block) * pitch
        lines = 0 if written else OUTPUTS * len(columns.phases) * int(columns.phases[0, COUNT])
        tasks = min(spec.n * spec.groups * -(-longest // block), 8 * TASKS)
        self.elements = at_once(self._work, tasks) * (scratch + lines)
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, relu: bool = False) -> None:
        """Fill `y`; negative results become 0 with `relu`."""
        w = w.reshape(-1)
        bias = w if b is None else b
        CORRELATE(self._work, x.reshape(-1), w, bias, y.reshape(-1), b is not None, relu, self._numbers)


def reach(rows: Axis) -> tuple[int, int]:
    """Return the least and the greatest offset of the taps, in rows."""
    return (int(rows.offsets.min()), int(rows.offsets.max())) if rows.offsets.size else (0, 0)


def rows_met(rows: Axis, block: int) -> int:
    """Return how many rows of a plane `block` rows of one phase meet at most."""
    least, greatest = reach(rows)
    return min(rows.size, (block - 1) * rows.step + greatest - least + 1)


def filter_places(spec: ConvSpec) -> tuple[int, int, int, int]:
    """Return the steps of w from tap to tap, group to group, filter to filter and channel to channel."""
    group_c, group_f, taps = spec.c // spec.groups, spec.f // spec.groups, spec.kh * spec.kw
    if spec.layout == "NHWC":
        return group_c * spec.f, group_f, 1, spec.f
    return 1, group_f * group_c * taps, group_c * taps, taps


def of_outputs(spec: ConvSpec, rows: Axis, columns: Axis, tap: int, in_place: bool, *before: int) -> Array:
    """Return numbers, and behind them those of a `Plane`, for filters whose taps are `tap` apart."""
    apart = 1 if in_place else columns.step
    lanes, phase = np.divmod(columns.offsets, apart)
    part = -(-columns.size // apart)
    pitch = part * apart
    down = rows.table(rows.offsets * pitch, spec.kw * tap, spec.kh, flip=spec.flip_kernel)
    right = columns.table(phase * part + lanes, tap, spec.kw, flip=spec.flip_kernel, lanes=lanes)
    return plane_numbers(rows, columns, down, right, *before)


def rows_of_a_task(spec: ConvSpec, longest: int) -> int:
    """Return how many rows of a plane a task has."""
    if spec.layout == "NHWC":
        return min(longest, ROWS_OF_A_TASK)
    planes = max(1, spec.n * spec.groups)
    return max(min(longest, OUTPUTS), -(-longest * planes // TASKS)) if planes < TASKS else longest

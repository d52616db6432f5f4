"""dx in NCHW of few channels, by rows as `forward.py`: a tap scatters a row of dy to a row of pixels.

The rows and columns of dx that are alike modulo the stride are a phase of it, with taps of its own, and

    dx[c, phase + q·stride, phase + j·stride] = Σ_f Σ_tap w[f, c, tap] · dy[f, q + row[tap], j + column[tap]]

is a product whose rows are channels, whose columns are a row of pixels, and whose sums run over filters and
taps. A task copies padded rows of dy, of all filters; rows of the phases of columns are merged at last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.axes import taps_of_phase
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.plan import MOST_TASKS, blocks_of_image, wanted_blocks
from jitconv.algorithms.direct.rows.copy import copy_rows, few_channels, fuller, merge_rows
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile_rows import WIDE, LineProduct, Run, along_rows
from jitconv.specs import ConvSpec

SCRATCH_BYTES = BLOCKS.rows_dx_copied_bytes
MOST_OF_GROUPS = BLOCKS.rows_groups_most_channels
FULLER, FULLER_STRIDED = BLOCKS.rows_dx_groups_fuller, BLOCKS.rows_dx_groups_strided_fuller


class Numbers(NamedTuple):
    """What `_pictures` is given of a problem, before its tables.

    They are the places in a row of the `column_step` phases; for each phase of rows and columns where its
    products begin, and where the last ones end; and the offset of each product.
    """

    batch: int
    groups: int
    group_c: int
    """Channels of a group, and filters."""
    group_f: int
    rows: int
    """Of dy, and columns."""
    columns: int
    height: int
    """Of dx."""
    width: int
    row_step: int
    """Rows of dx from one row of dy to the next, and columns."""
    column_step: int
    top: int
    """Rows of dy above a block's, and columns of zeros before a row, that are copied."""
    left: int
    tall: int
    """Rows of each plane of dy that are copied for a block, and the elements of one."""
    copied_row: int
    block: int
    """Rows of each phase."""
    phase_rows: int
    """Of dx, of the phase that has the most."""
    unmerged_row: int
    """Elements of a row of dx whose phases are one after the other."""


COUNT = len(Numbers._fields)


def _pictures(upstream, packed, gradients, numbers):
    """Run blocks of some rows of each phase, several in a task."""
    dy, out = upstream.ravel(), gradients.ravel()
    n, table = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    places, phases = table[: n.column_step], n.row_step * n.column_step
    firsts, offsets = table[n.column_step :], table[n.column_step + phases + 1 :]
    lanes = VECTOR_BYTES // dy.itemsize
    size_of_dy, plane_of_dy, plane = (n.rows, n.columns), n.rows * n.columns, n.height * n.width
    blocks = (n.phase_rows + n.block - 1) // n.block
    units = n.batch * blocks
    tasks = min(units, MOST_TASKS)
    no_start, left = packed, np.full(1, n.left)
    merged = n.column_step > 1
    out_row = n.unmerged_row if merged else n.width
    out_plane = n.block * n.row_step * n.unmerged_row if merged else plane
    for task in prange(tasks):
        scratch = buffer(n.group_f * n.tall * n.copied_row + WIDE * lanes, dy)
        unmerged = buffer(n.group_c * n.block * n.row_step * n.unmerged_row * merged, dy)
        clear(scratch)  # of the columns on either side once: no gradient is copied there
        # units: (image, block), of which each has its rows of all phases
        for unit in range(task * units // tasks, (task + 1) * units // tasks):
            image, begin = unit // blocks, unit % blocks * n.block
            for g in range(n.groups):
                source = (image * n.groups + g) * n.group_f * plane_of_dy
                copy_rows(
                    dy, source, n.group_f, size_of_dy, begin - n.top, n.tall, 1, left, scratch, n.copied_row
                )
                to = (image * n.groups + g) * n.group_c * plane + begin * n.row_step * n.width
                for row in range(n.row_step):
                    rows = (n.height - row + n.row_step - 1) // n.row_step
                    lines = min(begin + n.block, rows) - begin
                    if lines <= 0:
                        continue
                    for column in range(n.column_step):
                        phase = row * n.column_step + column
                        first, depth = firsts[phase], firsts[phase + 1] - firsts[phase]
                        w_at = (g * offsets.size + first) * n.group_c
                        product = LineProduct(
                            lines=lines,
                            b_line_step=n.copied_row,
                            c_line_step=n.row_step * out_row,
                            a_step=depth,
                            c_step=out_plane,
                            depth=depth,
                            started=0,
                            relu=0,
                        )
                        if merged:
                            # whole vectors, what is beyond the last pixel is not merged
                            width = (n.width - column + n.column_step - 1) // n.column_step
                            run = Run(
                                a=w_at,
                                b=n.left,
                                c=row * n.unmerged_row + places[column],
                                start=0,
                                columns=(width + lanes - 1) // lanes * lanes,
                            )
                            along_rows(
                                n.group_c, packed, scratch, offsets[first:], no_start, unmerged, run, product
                            )
                        else:
                            run = Run(a=w_at, b=n.left, c=to + row * n.width, start=0, columns=n.width)
                            along_rows(
                                n.group_c, packed, scratch, offsets[first:], no_start, out, run, product
                            )
                if merged:
                    rows = min(n.block * n.row_step, n.height - begin * n.row_step)
                    for c in range(n.group_c):
                        at, start = c * n.block * n.row_step * n.unmerged_row, to + c * plane
                        merge_rows(
                            unmerged, at, n.unmerged_row, rows, n.column_step, places, out, start, n.width
                        )


PICTURES = Kernel(_pictures)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How dx is divided, and what of dy is copied for a block."""

    below: list[list[tuple[int, int]]]
    """For each phase of the rows, the (offset, tap) of its taps."""
    across: list[list[tuple[int, int]]]
    top: int
    """Rows of dy above a block's first that are copied, and columns of zeros before a row."""
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
    left = -(-max(0, -min(columns)) // lanes) * lanes  # so that the first pixel's input begins a vector
    longest, widest = -(-spec.h // down), -(-spec.w // right)
    row = -(-(left + max(spec.ow, widest + max(0, *columns)) + lanes) // lanes) * lanes
    halo = top + bottom
    fitting = SCRATCH_BYTES // (spec.f // spec.groups * row * itemsize) - halo
    wanted = wanted_blocks(work(spec))
    block = -(-longest // blocks_of_image(longest, fitting, halo, batch=spec.n, wanted=wanted))
    return Geometry(below, across, top, left, block + halo, row, block, -(-widest // lanes) * lanes)


def work(spec: ConvSpec) -> int:
    """Guess the nanoseconds of one thread."""
    return spec.madds // 40


def by_groups(spec: ConvSpec) -> str | None:
    """Return None for groups in NCHW whose channels leave more lanes empty than rows of dx."""
    channels, strided = spec.c // spec.groups, spec.stride != (1, 1)
    if channels > MOST_OF_GROUPS:
        return f"needs groups of at most {MOST_OF_GROUPS} channels"
    least = FULLER_STRIDED if strided else FULLER
    row = -(-spec.w // spec.stride[1])
    if fuller(spec, row, channels) < least:
        return f"{channels} channels fill lanes as well as rows of {row} pixels"
    return None


def serves(spec: ConvSpec) -> str | None:
    """Return None where channels are few, and every phase has pixels.

    With few channels this took 0.13 to 0.99 of the time of pixels on some 50 problems, of most 0.2 to 0.8;
    but 1.15 to 1.33 where a stride of 8 leaves most of 32x32 pixels without a tap of 3x3 (two Zen 3 cores).
    """
    if spec.groups > 1 and spec.layout == "NCHW":
        if reason := by_groups(spec):
            return reason
    elif reason := few_channels(spec):
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
    return math.prod(spec.w_shape) + at_once(work(spec), min(units, MOST_TASKS)) * (copied + merged)


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
        numbers = Numbers(
            batch=spec.n,
            groups=spec.groups,
            group_c=group_c,
            group_f=group_f,
            rows=spec.oh,
            columns=spec.ow,
            height=spec.h,
            width=spec.w,
            row_step=down,
            column_step=right,
            top=its.top,
            left=its.left,
            tall=its.tall,
            copied_row=its.row,
            block=its.block,
            phase_rows=-(-spec.h // down),
            unmerged_row=right * its.pitch,
        )
        places = [phase * its.pitch for phase in range(right)]
        self._numbers = flat(numbers, places, firsts, offsets)
        self._run = PICTURES.of(work(spec))

    def __call__(self, dy: Array, w: Array, dx: Array) -> None:
        """Fill `dx` from gradients as they are stored."""
        self._run(dy, w.reshape(-1)[self._places], dx, self._numbers)


def packed_places(spec: ConvSpec, filters: list[list[tuple[int, int]]]) -> Array:
    """Return the place in w of each number of (group, phase, channel, filter, tap)."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    places = np.arange(math.prod(spec.w_shape)).reshape(spec.groups, group_f, group_c, spec.kh, spec.kw)
    if spec.flip_kernel:
        places = places[..., ::-1, ::-1]
    phases = []
    for taps in filters:
        kh, kw = np.array(taps, np.int64).reshape(-1, 2).T
        phases.append(places[..., kh, kw].transpose(0, 2, 1, 3).reshape(spec.groups, -1))
    return np.concatenate(phases, axis=1).reshape(-1)

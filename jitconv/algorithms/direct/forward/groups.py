"""Groups on the register tile: a task packs the filters of its group, fetches the channels, and uses both.

Both are in the caches of one core: filters that all threads pack and then share come from one core to the
other at some 100 ns a line, which took as long as the products of 7x7 pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import clear, fetch, put
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.forward.correlation import SCRATCH_BYTES
from jitconv.algorithms.direct.forward.geometry import Correlation, Pictures, Results
from jitconv.algorithms.direct.forward.pack import transpose
from jitconv.algorithms.direct.forward.panel import PASS_BYTES, Rows, fill_rows
from jitconv.algorithms.direct.plan import wanted_blocks
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.move import copy
from jitconv.micro.panels import pack_rows
from jitconv.micro.tile import WIDEST, width_of
from jitconv.specs import ConvSpec

MOST_PIXELS = BLOCKS.groups_most_pixels


class Numbers(NamedTuple):
    """What `_correlate` is given of a problem, before its table of segments and the place of each tap."""

    x_image: int
    """Elements from image to image of x; then from row to row, from column to column, of channels."""
    x_row: int
    x_column: int
    x_channel: int
    y_image: int
    y_row: int
    y_column: int
    y_channel: int
    channel_step: int
    """Elements of the filters from channel to channel, from filter to filter and from group to group."""
    filter_step: int
    group_step: int
    top: int
    """First row and column, height and width, of what one row of results needs."""
    left: int
    tall: int
    wide: int
    height: int
    """Of x."""
    width: int
    rows: int
    """Of results, and columns."""
    columns: int
    row_step: int
    """Rows of x from one row of results to the next, and columns."""
    column_step: int
    batch: int
    group_c: int
    group_f: int
    groups: int
    parts: int
    """Tasks by images, by panels of filters and by bands of rows."""
    splits: int
    bands: int
    block: int
    """Rows of results at once."""
    segments: int
    segments_of_a_pass: int
    relu: int


COUNT = len(Numbers._fields)


@inlined
def pack_group(filters, places, n, group, low, count, packed, to):
    """Pack a panel of filters of a group: (tap, channel, lane)."""
    at = group * n.group_step + low * n.filter_step
    if n.filter_step == 1:
        for t in range(places.size):
            row = places[t] + at
            depth = places.size * n.group_c
            pack_rows(filters, row, n.channel_step, n.group_c, count, packed, to, t * n.group_c, depth)
    else:
        transpose(filters, places, at, n, 0, n.group_c, count, packed, to)


@inlined
def fetch_group(x, at, n, top, height, out):
    """Copy the channels of a group into (height, wide, channels), zeros where the image ends."""
    if n.x_channel != 1:
        steps, size = (n.x_row, n.x_column, n.x_channel), (n.height, n.width)
        fetch(x, at, steps, size, top, n.left, height, n.wide, n.group_c, out)
        return
    first, last = max(0, -n.left), min(n.wide, n.width - n.left)
    for r in range(height):
        to = r * n.wide * n.group_c
        if top + r < 0 or top + r >= n.height or first >= last:
            clear(out[to : to + n.wide * n.group_c])
            continue
        clear(out[to : to + first * n.group_c])
        clear(out[to + last * n.group_c : to + n.wide * n.group_c])
        row = at + (top + r) * n.x_row + n.left * n.x_column
        for j in range(first, last):
            copy(x, row + j * n.x_column, out, to + j * n.group_c, n.group_c)


def _correlate(x, w, bias, y, numbers):
    """A task has a share of the panels of a group, a band of rows and a part of the images."""
    source, filters, out = x.ravel(), w.ravel(), y.ravel()
    n = Numbers(*unpacked(numbers, COUNT))
    table, places = numbers[COUNT : COUNT + 2 * n.segments], numbers[COUNT + 2 * n.segments :]
    lanes = VECTOR_BYTES // source.itemsize
    panel_width = WIDEST * lanes
    panels = (n.group_f + panel_width - 1) // panel_width
    depth = places.size * n.group_c
    biased, in_place = bias.size > 0, n.y_channel == 1
    for task in prange(n.groups * n.parts * n.splits * n.bands):
        band, split = task % n.bands, task // n.bands % n.splits
        part, g = task // n.bands // n.splits % n.parts, task // n.bands // n.splits // n.parts
        from_panel, to_panel = panels * split // n.splits, panels * (split + 1) // n.splits
        packed = buffer((to_panel - from_panel) * panel_width * depth, source)
        for panel in range(from_panel, to_panel):
            low = panel * panel_width
            to = (panel - from_panel) * panel_width * depth
            pack_group(filters, places, n, g, low, min(panel_width, n.group_f - low), packed, to)
        scratch = buffer(((n.block - 1) * n.row_step + n.tall) * n.wide * n.group_c, source)
        target = out if in_place else buffer(n.block * n.columns * panel_width, source)
        c_row, c_step = (n.y_row, n.y_column) if in_place else (n.columns * panel_width, panel_width)
        begin, end = n.rows * band // n.bands, n.rows * (band + 1) // n.bands
        for image in range(n.batch * part // n.parts, n.batch * (part + 1) // n.parts):
            for first in range(begin, end, n.block):
                rows = min(n.block, end - first)
                at = image * n.x_image + g * n.group_c * n.x_channel
                height = (rows - 1) * n.row_step + n.tall
                fetch_group(source, at, n, first * n.row_step + n.top, height, scratch)
                for panel in range(from_panel, to_panel):
                    low = panel * panel_width
                    count, f = min(panel_width, n.group_f - low), g * n.group_f + low
                    to = image * n.y_image + first * n.y_row + f * n.y_channel
                    c_at = to if in_place else 0
                    some = Rows(
                        a=0,
                        a_row=n.row_step * n.wide * n.group_c,
                        a_step=n.column_step * n.group_c,
                        b=(panel - from_panel) * panel_width * depth,
                        b_step=width_of(count, lanes) * lanes,
                        b_masked=0,
                        c=c_at,
                        c_row=c_row,
                        c_step=c_step,
                        first_filter=f,
                        filters=count,
                        rows=rows,
                        columns=n.columns,
                        segments_of_a_pass=n.segments_of_a_pass,
                        depth=n.group_c,
                        biased=biased,
                        relu=n.relu,
                    )
                    fill_rows(scratch, packed, table, bias, target, some)
                    if not in_place:
                        steps = n.y_row, n.y_column, n.y_channel
                        put(target, panel_width, count, rows, n.columns, out, to, *steps)


CORRELATE = Kernel(_correlate)


def serves(spec: ConvSpec) -> str | None:
    """Return None for several groups, where to fetch their channels pays."""
    if spec.groups == 1 or spec.kh * spec.kw == 1:
        return "needs several groups, and a kernel larger than 1x1"
    pixels = max(spec.h * spec.w, spec.oh * spec.ow)
    return (
        None
        if spec.layout == "NCHW" or pixels <= MOST_PIXELS
        else f"needs NCHW, or at most {MOST_PIXELS} pixels"
    )


def able(spec: ConvSpec) -> str | None:
    """Return None for several groups."""
    return None if spec.groups > 1 else "needs several groups"


def serves_dx(spec: ConvSpec) -> str | None:
    """Return None where it serves, without a stride: dx is one correlation of dy."""
    return serves(spec) or able_dx(spec)


def able_dx(spec: ConvSpec) -> str | None:
    """Return None for several groups without a stride."""
    return able(spec) or (None if spec.stride == (1, 1) else "needs a stride of 1")


class GroupsCorrelation:
    """A correlation of the channels of each group with its filters, ready to run."""

    def __init__(
        self,
        spec: ConvSpec,
        geometry: Correlation,
        pictures: Pictures,
        results: Results,
        *,
        places: Array,
        steps: tuple[int, int, int],
        relu: bool = False,
    ) -> None:
        itemsize = np.dtype(spec.dtype).itemsize
        (rows, columns), (down, across) = geometry.counts, geometry.steps
        top, left, height, width = geometry.window
        group_c, group_f = pictures.channels // spec.groups, results.filters // spec.groups
        panel_width = WIDEST * VECTOR_BYTES // itemsize
        panels = -(-group_f // panel_width)
        in_place = results.steps[3] == 1
        put_back = 0 if in_place else columns * panel_width
        halo = (height - down) * width * group_c * itemsize
        most = max(1, (SCRATCH_BYTES - halo) // ((down * width * group_c + put_back) * itemsize))
        work = spec.madds // 40
        wanted = wanted_blocks(work)
        parts = max(1, min(spec.n, -(-wanted // spec.groups)))
        splits = min(panels, -(-wanted // (spec.groups * parts)))
        bands = min(rows, -(-wanted // (spec.groups * parts * splits)))
        of_a_band = -(-rows // bands)
        block = -(-of_a_band // -(-of_a_band // most))
        table = geometry.segments(1, width * group_c, group_c)
        numbers = Numbers(
            *pictures.steps,
            *results.steps,
            *steps,
            top=top,
            left=left,
            tall=height,
            wide=width,
            height=pictures.size[0],
            width=pictures.size[1],
            rows=rows,
            columns=columns,
            row_step=down,
            column_step=across,
            batch=spec.n,
            group_c=group_c,
            group_f=group_f,
            groups=spec.groups,
            parts=parts,
            splits=splits,
            bands=bands,
            block=block,
            segments=len(table),
            segments_of_a_pass=max(1, PASS_BYTES // (group_c * panel_width * itemsize)),
            relu=relu,
        )
        self._numbers = flat(numbers, [one for pair in table for one in pair] + list(places))
        self._no_bias = np.empty(0, spec.dtype)
        self._run = CORRELATE.of(work)
        of_a_task = -(-panels // splits) * panel_width * len(places) * group_c
        of_a_task += ((block - 1) * down + height) * width * group_c + block * put_back
        self.elements = at_once(work, spec.groups * parts * splits * bands) * of_a_task
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array) -> None:
        """Fill `y`."""
        self._run(x, w, self._no_bias if b is None else b, y, self._numbers)

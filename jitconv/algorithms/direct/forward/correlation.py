"""A correlation of rows of pictures with packed filters, on the register tile.

The forward pass is one such correlation. The gradient of the pictures is one for each phase of the
stride: where (row mod stride, column mod stride) is the same, the same taps of the filters meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.layout import fetched_nhwc
from jitconv.algorithms._shared.memory import fetch, put
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.forward.geometry import Correlation, Pictures, Results
from jitconv.algorithms.direct.forward.panel import PASS_BYTES, Rows, fill_rows
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.kernels import threads_pay
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, width_of

SCRATCH_BYTES = BLOCKS.packed_rows_bytes
TASKS = BLOCKS.tasks


class Numbers(NamedTuple):
    """What `_correlate` is given of a problem, before its table of segments."""

    x_image: int
    """Elements from image to image of x; then from row to row, from column to column, of channels."""
    x_row: int
    x_column: int
    x_channel: int
    y_image: int
    y_row: int
    y_column: int
    y_channel: int
    y_at: int
    """Where the first result lies."""
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
    fetched: int
    """Whether rows of x are copied into a buffer; else x itself serves: NHWC that no window leaves."""
    batch: int
    channels: int
    filters: int
    groups: int
    block: int
    """Rows of results of a task."""
    splits: int
    """Shares of the panels of filters."""
    panel_rows: int
    """Rows of a panel of filters."""
    b_step: int
    """Filters from row to row where they are not packed, else 0."""
    segments_of_a_pass: int
    depth: int
    """Products of a segment."""
    relu: int


COUNT = len(Numbers._fields)


def _correlate(pictures, packed, bias, results, numbers):
    """Run tasks of `block` rows of results, each from rows of the padded image; an empty `bias` is none."""
    source, out = pictures.ravel(), results.ravel()
    n, table = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    lanes = VECTOR_BYTES // source.itemsize
    panel_width = WIDEST * lanes
    group_c, group_f = n.channels // n.groups, n.filters // n.groups
    panels = (group_f + panel_width - 1) // panel_width
    group_size = packed.size // n.groups
    blocks = (n.rows + n.block - 1) // n.block
    biased = bias.size > 0
    in_place = n.y_channel == 1
    for task in prange(n.batch * blocks * n.splits):
        split, image, first = task // blocks // n.batch, task // blocks % n.batch, task % blocks * n.block
        last = min(first + n.block, n.rows)
        if n.fetched:
            height = (last - first - 1) * n.row_step + n.tall
            scratch = buffer(height * n.wide * n.channels, source)
            begin = 0
            steps, size = (n.x_row, n.x_column, n.x_channel), (n.height, n.width)
            top = first * n.row_step + n.top
            fetch(source, image * n.x_image, steps, size, top, n.left, height, n.wide, n.channels, scratch)
        else:
            scratch = source
            begin = image * n.x_image + (first * n.row_step + n.top) * n.x_row + n.left * n.x_column
        target = out if in_place else buffer((last - first) * n.columns * panel_width, source)
        c_row, c_step = (n.y_row, n.y_column) if in_place else (n.columns * panel_width, panel_width)
        for g in range(n.groups):
            for panel in range(split, panels, n.splits):
                low = panel * panel_width
                filters = min(panel_width, group_f - low)
                step = n.b_step if n.b_step else width_of(filters, lanes) * lanes
                masked = n.b_step > 0 and filters < width_of(filters, lanes) * lanes
                f = g * group_f + low
                c_at = n.y_at + image * n.y_image + first * n.y_row + f if in_place else 0
                some = Rows(
                    a=begin + g * group_c,
                    a_row=n.row_step * n.wide * n.channels,
                    a_step=n.column_step * n.channels,
                    b=g * group_size + n.panel_rows * low,
                    b_step=step,
                    b_masked=masked,
                    c=c_at,
                    c_row=c_row,
                    c_step=c_step,
                    first_filter=f,
                    filters=filters,
                    rows=last - first,
                    columns=n.columns,
                    segments_of_a_pass=n.segments_of_a_pass,
                    depth=n.depth,
                    biased=biased,
                    relu=n.relu,
                )
                fill_rows(scratch, packed, table, bias, target, some)
                if not in_place:
                    to = n.y_at + image * n.y_image + first * n.y_row + f * n.y_channel
                    steps = n.y_row, n.y_column, n.y_channel
                    put(target, panel_width, filters, last - first, n.columns, out, to, *steps)


CORRELATE = Kernel(_correlate)


class PackedCorrelation:
    """One correlation, ready to run on pictures of one shape.

    Filters come as `pack.packer` makes them; or, of one group and one panel, as (tap, channel, filter): then
    they lie as a tile reads them (`b_step` is their number). If they are packed with those of other
    correlations `panel_rows` is how many rows a panel has of all. With `relu` negative results become 0.
    """

    def __init__(
        self,
        geometry: Correlation,
        pictures: Pictures,
        results: Results,
        *,
        groups: int,
        dtype: str,
        b_step: int = 0,
        panel_rows: int = 0,
        relu: bool = False,
    ) -> None:
        itemsize = np.dtype(dtype).itemsize
        batch, size, channels, steps = pictures
        (rows, columns), down = geometry.counts, geometry.steps[0]
        top, left, height, width = geometry.window
        bottom = (rows - 1) * down + max(geometry.rows)
        inside = top >= 0 and left >= 0 and bottom < size[0] and left + width <= size[1]
        fetched = not (inside and steps[3] == 1)
        if not fetched:
            width = size[1]
        panel_width = WIDEST * VECTOR_BYTES // itemsize
        put_back = 0 if results.steps[3] == 1 else columns * panel_width
        row_bytes = (down * width * channels + put_back) * itemsize
        halo = (height - down) * width * channels * itemsize
        block = max(1, (SCRATCH_BYTES - halo) // row_bytes)
        weights = len(geometry.rows) * geometry.depth * results.filters
        work = batch * rows * columns * weights // 40
        wanted = TASKS if threads_pay(work) else 1
        panels = -(-(results.filters // groups) // panel_width)
        more = weights > math.prod(size) * channels
        blocks, splits = _shares(batch, rows, -(-rows // block), panels, wanted, filters_weigh_more=more)
        block = -(-rows // blocks)
        self._first, once = None, 0
        if fetched and splits > 1:
            # once for all shares of the panels: eight fetched 49 pixels of 2048 channels eight times
            tall = (rows - 1) * down + height
            once = batch * tall * width * channels
            self._first = steps, size, batch, (-top, -left), tall, width, channels
            steps, size = (tall * width * channels, width * channels, channels, 1), (tall, width)
            fetched, top, left = False, 0, 0
        scratch = ((block - 1) * down + height) * width * channels if fetched else 0
        tasks = at_once(work, batch * -(-rows // block) * splits)
        self.elements = once + tasks * (scratch + block * put_back)
        """Of the pictures that are fetched once, and of the buffers of the tasks that run at once."""
        parts = _parts(geometry.depth, PASS_BYTES // (panel_width * itemsize))
        depth = geometry.depth // parts
        table = geometry.segments(parts, width * channels, channels)
        numbers = Numbers(
            x_image=steps[0],
            x_row=steps[1],
            x_column=steps[2],
            x_channel=steps[3],
            y_image=results.steps[0],
            y_row=results.steps[1],
            y_column=results.steps[2],
            y_channel=results.steps[3],
            y_at=results.at,
            top=top,
            left=left,
            tall=height,
            wide=width,
            height=size[0],
            width=size[1],
            rows=rows,
            columns=columns,
            row_step=down,
            column_step=geometry.steps[1],
            fetched=fetched,
            batch=batch,
            channels=channels,
            filters=results.filters,
            groups=groups,
            block=block,
            splits=splits,
            panel_rows=panel_rows or len(table) * depth,
            b_step=b_step,
            segments_of_a_pass=max(1, PASS_BYTES // (depth * panel_width * itemsize)),
            depth=depth,
            relu=relu,
        )
        self._numbers = flat(numbers, table)
        self._no_bias = np.empty(0, dtype)
        self._run = CORRELATE.of(work)

    def __call__(self, source: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Correlate `source` with packed filters into `out`."""
        self.holding(packed, bias)(source, out)

    def holding(self, packed: Array, bias: Array | None) -> Callable[[Array, Array], None]:
        """Return the same with filters and bias held, to be called with `source` and `out`."""
        run, numbers, bias = self._run, self._numbers, self._no_bias if bias is None else bias
        if self._first is None:
            return lambda source, out: run(source, packed, bias, out, numbers)
        first = self._first

        def fetched(source: Array, out: Array) -> None:
            with fetched_nhwc(source, *first) as pictures:
                run(pictures, packed, bias, out, numbers)

        return fetched


def _shares(
    batch: int, rows: int, blocks: int, panels: int, wanted: int, *, filters_weigh_more: bool
) -> tuple[int, int]:
    """Return in how many blocks of rows, and shares of panels, a picture is done: at least `blocks`, and
    so many of both that there are `wanted` tasks.

    Every block reads all filters and every share of panels all of a picture, so what weighs more is divided.
    """
    batch = max(1, batch)
    splits = min(panels, max(1, wanted // (batch * blocks))) if filters_weigh_more else 1
    blocks = max(blocks, min(-(-rows // 2), -(-wanted // (batch * splits))))
    return blocks, max(splits, min(panels, -(-wanted // (batch * blocks))))


def _parts(depth: int, most: int) -> int:
    """Return into how many equal parts of about `most` a segment's depth is cut, if it can be."""
    wanted = -(-depth // most)
    return next((parts for parts in range(wanted, 2 * wanted) if depth % parts == 0), 1)

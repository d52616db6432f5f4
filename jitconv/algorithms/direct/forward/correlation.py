"""A correlation of rows of pictures with packed filters, on the register tile.

The forward pass is one such correlation. The gradient of the pictures is one for each phase of the
stride: where (row mod stride, column mod stride) is the same, the same taps of the filters meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.layout import fetched_nhwc
from jitconv.algorithms._shared.memory import fetch, put
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.kernels import threads_pay
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, tiles, width_of
from jitconv.specs import ConvSpec

SCRATCH_BYTES = BLOCKS.packed_rows_bytes
PASS_BYTES = BLOCKS.packed_filters_bytes
LEAST_COLUMNS = BLOCKS.packed_least_columns
TASKS = BLOCKS.tasks


@dataclass(frozen=True, slots=True)
class Correlation:
    """The geometry of one correlation, in elements.

    Output (n, q, j, f) sums over segments s and d < depth: picture (n, q·down + row[s], j·across +
    column[s], …), d elements further on, times filter row begins[s] + d.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    begins: tuple[int, ...]
    depth: int
    steps: tuple[int, int]
    counts: tuple[int, int]
    """Output rows and columns."""
    reach: int
    """Columns that a segment spans: the taps that lie side by side in `depth`."""


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
    segments = table.size // 2
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
            fetch(source, image * n.x_image, (n.x_row, n.x_column, n.x_channel), (n.height, n.width),
                  first * n.row_step + n.top, n.left, height, n.wide, n.channels, scratch)  # fmt: skip
        else:
            scratch = source
            begin = image * n.x_image + (first * n.row_step + n.top) * n.x_row + n.left * n.x_column
        target = out if in_place else buffer((last - first) * n.columns * panel_width, source)
        c_row = n.y_column if in_place else panel_width
        for g in range(n.groups):
            for panel in range(split, panels, n.splits):
                low = panel * panel_width
                count = min(panel_width, group_f - low)
                vectors = width_of(count, lanes)
                step = n.b_step if n.b_step else vectors * lanes
                masked = n.b_step > 0 and count < vectors * lanes
                f = g * group_f + low
                b_at = g * group_size + n.panel_rows * low
                # a pass of the panel's rows stays in the cache while all rows of results use it
                for begun in range(0, segments, n.segments_of_a_pass):
                    ended = min(begun + n.segments_of_a_pass, segments)
                    relu = n.relu > 0 and ended == segments
                    for q in range(first, last):
                        a_at = begin + (q - first) * n.row_step * n.wide * n.channels + g * group_c
                        c_at = (q - first) * n.columns * panel_width
                        if in_place:
                            c_at = n.y_at + image * n.y_image + q * n.y_row + f
                        if begun == 0:
                            tiles(n.columns, vectors, scratch, a_at, n.column_step * n.channels, packed, b_at,
                                  step, masked, table, begun, ended, n.depth, bias, f, 0, biased,
                                  target, c_at, c_row, count, relu)  # fmt: skip
                        else:
                            tiles(n.columns, vectors, scratch, a_at, n.column_step * n.channels, packed, b_at,
                                  step, masked, table, begun, ended, n.depth, target, c_at, c_row, 1,
                                  target, c_at, c_row, count, relu)  # fmt: skip
                if not in_place:
                    put(target, panel_width, count, last - first, n.columns, out,
                        n.y_at + image * n.y_image + first * n.y_row + f * n.y_channel,
                        n.y_row, n.y_column, n.y_channel)  # fmt: skip


CORRELATE = Kernel(_correlate)


class PackedCorrelation:
    """One correlation, ready to run on pictures of one shape.

    Filters come as `pack.packer` makes them; or, of one group and one panel, as (tap, channel, filter): then
    they lie as a tile reads them (`b_step` is their number). If they are packed with those of other
    correlations `panel_rows` is how many rows a panel has of all. With `relu` negative results become 0.
    """

    def __init__(
        self, geometry: Correlation, *, batch: int, size: tuple[int, int], channels: int, filters: int,
        groups: int, strides: tuple[int, int, int, int], out_strides: tuple[int, int, int, int], out_at: int,
        dtype: str, b_step: int = 0, panel_rows: int = 0, relu: bool = False,
    ) -> None:  # fmt: skip
        itemsize = np.dtype(dtype).itemsize
        top, left = min(geometry.rows), min(geometry.columns)
        down, across = geometry.steps
        height = max(geometry.rows) - top + 1
        width = (geometry.counts[1] - 1) * across + max(geometry.columns) - left + geometry.reach
        bottom = (geometry.counts[0] - 1) * down + max(geometry.rows)
        inside = top >= 0 and left >= 0 and bottom < size[0] and left + width <= size[1]
        fetched = not (inside and strides[3] == 1)
        if not fetched:
            width = size[1]
        rows = geometry.counts[0]
        panel_width = WIDEST * VECTOR_BYTES // itemsize
        put_back = 0 if out_strides[3] == 1 else geometry.counts[1] * panel_width
        row_bytes = (down * width * channels + put_back) * itemsize
        halo = (height - down) * width * channels * itemsize
        block = max(1, (SCRATCH_BYTES - halo) // row_bytes)
        work = batch * rows * geometry.counts[1] * len(geometry.rows) * geometry.depth * filters // 40
        wanted = TASKS if threads_pay(work) else 1
        panels = -(-(filters // groups) // panel_width)
        weights = len(geometry.rows) * geometry.depth * filters
        blocks, splits = _shares(batch, rows, -(-rows // block), panels, wanted,
                                 filters_weigh_more=weights > math.prod(size) * channels)  # fmt: skip
        block = -(-rows // blocks)
        self._first, once = None, 0
        if fetched and splits > 1:
            # once for all shares of the panels: eight fetched 49 pixels of 2048 channels eight times
            tall = (rows - 1) * down + height
            once = batch * tall * width * channels
            self._first = strides, size, batch, (-top, -left), tall, width, channels
            strides, size = (tall * width * channels, width * channels, channels, 1), (tall, width)
            fetched, window = False, (0, 0, height, width)
        else:
            window = (top, left, height, width)
        scratch = ((block - 1) * down + height) * width * channels if fetched else 0
        tasks = at_once(work, batch * -(-rows // block) * splits)
        self.elements = once + tasks * (scratch + block * put_back)
        """Of the pictures that are fetched once, and of the buffers of the tasks that run at once."""
        parts = _parts(geometry.depth, PASS_BYTES // (panel_width * itemsize))
        depth = geometry.depth // parts
        table = np.array(
            [
                (((row - top) * width + column - left) * channels + part * depth, begin + part * depth)
                for row, column, begin in zip(geometry.rows, geometry.columns, geometry.begins, strict=True)
                for part in range(parts)
            ],
            np.int64,
        ).reshape(-1)
        segments_of_a_pass = max(1, PASS_BYTES // (depth * panel_width * itemsize))
        self._numbers = flat(
            Numbers(
                *strides, *out_strides, out_at, *window, *size, *geometry.counts, *geometry.steps,
                fetched=fetched, batch=batch, channels=channels, filters=filters, groups=groups, block=block,
                splits=splits, panel_rows=panel_rows or table.size // 2 * depth, b_step=b_step,
                segments_of_a_pass=segments_of_a_pass, depth=depth, relu=relu,
            ),
            table,
        )  # fmt: skip
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


def merge_rows(spec: ConvSpec) -> ConvSpec:
    """Return the same problem with some rows merged, if it is 1x1 of stride 1.

    A tile has pixels of one row, and of 7 they would be 4 and 3; from `LEAST_COLUMNS` pixels on the heights
    of tiles are nearly equal.
    """
    if (spec.kh, spec.kw, *spec.stride, *spec.pad) != (1, 1, 1, 1, 0, 0, 0, 0):
        return spec
    joined = next(rows for rows in range(1, spec.h + 1) if spec.h % rows == 0 and
                  (rows * spec.w >= LEAST_COLUMNS or rows == spec.h))  # fmt: skip
    return replace(spec, h=spec.h // joined, w=spec.w * joined)

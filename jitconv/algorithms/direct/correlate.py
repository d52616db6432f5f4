"""A correlation of rows of pictures with packed filters, on the register tile.

The forward pass is one such correlation. The gradient of the pictures is one for each phase of the
stride: where (row mod stride, column mod stride) is the same, the same taps of the filters meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import prange

from jitconv.algorithms._shared.memory import fetch, put
from jitconv.algorithms._shared.views import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import inlined
from jitconv.jit.tile import ROWS, VECTOR_BYTES, tile

SCRATCH_BYTES = 384 * 1024
"""Rows of the padded pictures that a task takes at once: they and a panel of filters stay in the
second-level cache of 1 MiB. Chosen for that, not swept yet."""

TASKS = 8
"""At least so many tasks, so that two to eight threads have equal parts."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """The geometry of one correlation, in elements.

    Output (n, q, j, f) sums over segments s and d < depth: picture (n, q·down + row[s], j·across +
    column[s], …), d elements further on, times filter row s·depth + d.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    depth: int
    steps: tuple[int, int]
    counts: tuple[int, int]
    """Output rows and columns."""
    reach: int
    """Columns that a segment spans: the taps that lie side by side in `depth`."""


@inlined
def row_of_tiles(vectors, a, a_at, a_row, b, b_at, b_step, table, segments, depth, bias, bias_at, biased,
                 c, c_at, c_row, count, lanes, floor):  # fmt: skip
    """Fill one row of `count` outputs; a tile may overlap the one before it by a seventh."""
    width = VECTOR_BYTES // a.itemsize
    step = b_step if b_step else vectors * width
    masked = lanes % width if b_step else 0  # panels have whole vectors
    done = 0
    while done < count:
        rows = 1
        for height in ROWS:
            if height <= count and height - (count - done) <= height // 7:
                rows = height
                break
        start = min(done, count - rows)
        tile(rows, vectors, a, a_at + start * a_row, a_row, 1, b, b_at, step, masked, table, 0, segments,
             depth, bias, bias_at, 0, biased, c, c_at + start * c_row, c_row, lanes, floor)  # fmt: skip
        done = start + rows


def _correlate(source, fetched, strides, size, batch, filters_of, b_step, wide, narrow, depth, bias, biased,
               out, out_at, out_strides, counts, window, steps, channels, filters, groups, block, splits,
               floor):  # fmt: skip
    """Run tasks of `block` output rows, each from rows of the padded picture.

    They are fetched into a buffer first, unless `source` itself serves: NHWC that no window leaves.

    `window` is (first row, first column, height, width) of what one output row needs.
    """
    lanes = VECTOR_BYTES // source.itemsize
    rows, columns = counts
    group_c, group_f = channels // groups, filters // groups
    panels = (group_f + 2 * lanes - 1) // (2 * lanes)
    segments = wide.size // 2
    group_size = segments * depth * ((group_f + lanes - 1) // lanes * lanes)
    blocks = (rows + block - 1) // block
    in_place = out_strides[3] == 1
    for task in prange(batch * blocks * splits):
        split = task % splits
        n = task // splits // blocks
        first = task // splits % blocks * block
        last = min(first + block, rows)
        if fetched:
            height = (last - first - 1) * steps[0] + window[2]
            scratch = np.empty(height * window[3] * channels, source.dtype)
            begin = 0
            fetch(source, n * strides[0], strides[1:], size, first * steps[0] + window[0], window[1],
                  height, window[3], channels, scratch)  # fmt: skip
        else:
            scratch = source
            begin = n * strides[0] + (first * steps[0] + window[0]) * strides[1] + window[1] * strides[2]
        buffer = np.empty(0 if in_place else (last - first) * columns * 2 * lanes, source.dtype)
        for g in range(groups):
            for panel in range(split, panels, splits):
                low = panel * 2 * lanes
                count = min(2 * lanes, group_f - low)
                vectors = 2 if count > lanes else 1
                f = g * group_f + low
                b_at = f if b_step else g * group_size + segments * depth * low
                for q in range(first, last):
                    a_at = begin + (q - first) * steps[0] * window[3] * channels + g * group_c
                    target = out if in_place else buffer
                    c_at = (q - first) * columns * 2 * lanes
                    if in_place:
                        c_at = out_at + n * out_strides[0] + q * out_strides[1] + f
                    row_of_tiles(
                        vectors, scratch, a_at, steps[1] * channels, filters_of, b_at, b_step,
                        wide if vectors == 2 else narrow, segments, depth, bias, f, biased,
                        target, c_at, out_strides[2] if in_place else 2 * lanes, columns, count, floor,
                    )  # fmt: skip
                if not in_place:
                    put(buffer, 2 * lanes, count, last - first, columns, out,
                        out_at + n * out_strides[0] + first * out_strides[1] + f * out_strides[3],
                        out_strides[1], out_strides[2], out_strides[3])  # fmt: skip


def _pack(filters, strides, taps, group_c, group_f, groups, packed):
    """Copy the taps' filters into panels of two vectors: (group, panel, tap, channel, lane).

    `taps` holds each tap's place; `strides` steps from channel to channel and from filter to filter;
    lanes beyond the last filter are 0.
    """
    lanes = VECTOR_BYTES // filters.itemsize
    panels = (group_f + 2 * lanes - 1) // (2 * lanes)
    depth = taps.size * group_c
    group_size = depth * ((group_f + lanes - 1) // lanes * lanes)
    for task in prange(groups * panels):
        g, panel = task // panels, task % panels
        f = panel * 2 * lanes
        width = 2 * lanes if group_f - f > lanes else lanes
        count = min(width, group_f - f)
        base = g * group_size + panel * depth * 2 * lanes
        for t in range(taps.size):
            for c in range(group_c):
                at = taps[t] + g * strides[2] + c * strides[0] + f * strides[1]
                to = base + (t * group_c + c) * width
                for i in range(count):
                    packed[to + i] = filters[at + i * strides[1]]
                for i in range(count, width):
                    packed[to + i] = 0


CORRELATE, PACK = Kernel(_correlate), Kernel(_pack)


def pack(
    filters: Array, taps: Array, strides: tuple[int, int, int], group_c: int, group_f: int, groups: int
) -> Array:
    """Return the filters of `taps` in panels.

    `strides` steps, in elements of the flat `filters`, from channel to channel, from filter to filter
    and from group to group.
    """
    lanes = VECTOR_BYTES // filters.itemsize
    packed = np.empty(groups * taps.size * group_c * -(-group_f // lanes) * lanes, filters.dtype)
    PACK(packed.size, filters.reshape(-1), strides, taps, group_c, group_f, groups, packed)
    return packed


class Correlator:
    """One correlation, ready to run on pictures of one shape.

    With `places` the filters are read as they lie, (…, channel, filter): it says where those of each
    segment begin. Else they come in panels, as `pack` makes them.
    """

    def __init__(
        self, geometry: Correlation, *, batch: int, size: tuple[int, int], channels: int, filters: int,
        groups: int, strides: tuple[int, int, int, int], out_strides: tuple[int, int, int, int], out_at: int,
        itemsize: int, places: Array | None = None,
    ) -> None:  # fmt: skip
        lanes = VECTOR_BYTES // itemsize
        top, left = min(geometry.rows), min(geometry.columns)
        down, across = geometry.steps
        height = max(geometry.rows) - top + 1
        width = (geometry.counts[1] - 1) * across + max(geometry.columns) - left + geometry.reach
        bottom = (geometry.counts[0] - 1) * down + max(geometry.rows)
        inside = top >= 0 and left >= 0 and bottom < size[0] and left + width <= size[1]
        self._fetched = not (inside and strides[3] == 1)
        if not self._fetched:
            width = size[1]
        row_bytes = width * channels * itemsize
        block = max(1, (SCRATCH_BYTES // row_bytes - height) // down + 1)
        rows = geometry.counts[0]
        blocks = max(-(-rows // block), -(-TASKS // batch))
        block = max(-(-rows // min(blocks, rows)), min(rows, 2))
        tasks = batch * -(-rows // block)
        panels = -(-(filters // groups) // (2 * lanes))
        splits = 1 if tasks >= TASKS else min(panels, -(-TASKS // tasks))
        table = np.empty((2, len(geometry.rows), 2), np.int64)
        for place, (row, column) in enumerate(zip(geometry.rows, geometry.columns, strict=True)):
            table[:, place, 0] = ((row - top) * width + column - left) * channels
            table[:, place, 1] = place * geometry.depth * lanes
        table[0, :, 1] *= 2
        if places is not None:
            table[:, :, 1] = places
        self._b_step = filters if places is not None else 0
        self._wide, self._narrow = table[0].reshape(-1), table[1].reshape(-1)
        self._before = strides, size, batch
        self._after = (
            out_strides, geometry.counts, (top, left, height, width), geometry.steps, channels, filters,
            groups, block, splits,
        )  # fmt: skip
        self._depth, self._out_at = geometry.depth, out_at
        pixels = batch * geometry.counts[0] * geometry.counts[1]
        self._work = pixels * len(geometry.rows) * geometry.depth * filters // 40

    def __call__(
        self, source: Array, packed: Array, bias: Array | None, out: Array, *, floor: bool = False
    ) -> None:
        """Correlate `source` with packed filters into `out`; negative results become 0 with `floor`."""
        self.holding(packed, bias, floor=floor)(source, out)

    def holding(
        self, packed: Array, bias: Array | None, *, floor: bool = False
    ) -> Callable[[Array, Array], None]:
        """Return the same with filters and bias held, to be called with `source` and `out`."""
        work = self._work
        before = (
            self._fetched, *self._before, packed, self._b_step, self._wide, self._narrow, self._depth,
            packed if bias is None else bias, bias is not None,
        )  # fmt: skip
        after = self._out_at, *self._after, floor
        return lambda source, out: CORRELATE(work, source.reshape(-1), *before, out.reshape(-1), *after)

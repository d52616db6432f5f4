"""Filters in panels, as a tile reads them: (group, panel, tap, channel, lane)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.filters import rows_of_a_block
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import aligned
from jitconv.micro.panels import PANELS_AT_ONCE, pack_rows
from jitconv.micro.tile import WIDEST, padded_columns, width_of
from jitconv.micro.transpose import planes_to_pixels


class Numbers(NamedTuple):
    """What `_pack` is given, before the place of each tap."""

    channel_step: int
    """Elements from channel to channel, from filter to filter and from group to group."""
    filter_step: int
    group_step: int
    group_c: int
    """Channels of a group, filters of a group, and groups."""
    group_f: int
    groups: int


COUNT = len(Numbers._fields)


@inlined
def transpose(filters, taps, at, n, first, last, filter_count, packed, to):
    """Put filters that are not neighbours into one panel: channels are, or the taps of a channel.

    Those taps are all, in order or in the opposite order.
    """
    lanes = VECTOR_BYTES // filters.itemsize
    width = width_of(filter_count, lanes) * lanes
    if n.channel_step == 1:
        for t in range(taps.size):
            place, here = taps[t] + at + first, to + (t * n.group_c + first) * width
            planes_to_pixels(filters, place, n.filter_step, filter_count, last - first, packed, here, width)
    else:
        backwards = taps[0] > taps[taps.size - 1]
        begin, tap = min(taps[0], taps[taps.size - 1]) + at, n.group_c * width
        here, step = (to + (taps.size - 1) * tap, -tap) if backwards else (to, tap)
        for c in range(first, last):
            place, there = begin + c * n.channel_step, here + c * width
            planes_to_pixels(filters, place, n.filter_step, filter_count, taps.size, packed, there, step)
    for t in range(taps.size):
        for c in range(first, last):
            for i in range(filter_count, width):
                packed[to + (t * n.group_c + c) * width + i] = 0


def _pack(w, packed, numbers):
    """Run tasks of some panels and channels; lanes beyond the last filter are 0."""
    n, filters, taps = Numbers(*unpacked(numbers, COUNT)), w.ravel(), numbers[COUNT:]
    neighbours = n.filter_step == 1
    panel_width = WIDEST * (VECTOR_BYTES // filters.itemsize)
    wide = panel_width * PANELS_AT_ONCE if neighbours else panel_width
    depth = taps.size * n.group_c
    group_size = packed.size // n.groups
    block = rows_of_a_block(taps.size)
    parts, blocks = (n.group_f + wide - 1) // wide, (n.group_c + block - 1) // block
    for task in prange(n.groups * parts * blocks):
        g, f, first = task // blocks // parts, task // blocks % parts * wide, task % blocks * block
        last, filter_count = min(first + block, n.group_c), min(wide, n.group_f - f)
        at, to = g * n.group_step + f * n.filter_step, g * group_size + depth * f
        if neighbours:
            rows, step = last - first, n.channel_step
            for t in range(taps.size):
                row, done = taps[t] + at + first * step, t * n.group_c + first
                pack_rows(filters, row, step, rows, filter_count, packed, to, done, depth)
        else:
            transpose(filters, taps, at, n, first, last, filter_count, packed, to)


PACK = Kernel(_pack)


def packer(
    taps: Array, strides: tuple[int, int, int], group_c: int, group_f: int, groups: int, dtype: str
) -> Callable[[Array], Array]:
    """Return what puts the filters of `taps` in panels.

    `taps` holds where each begins; `strides` steps, in elements of the flat filters, from channel to channel,
    from filter to filter and from group to group.
    """
    size = groups * taps.size * group_c * padded_columns(group_f, np.dtype(dtype).itemsize)
    numbers = Numbers(*strides, group_c=group_c, group_f=group_f, groups=groups)
    run, table = PACK.of(size), flat(numbers, taps)

    def pack(w: Array) -> Array:
        packed = aligned(size, dtype)
        run(w, packed, table)
        return packed

    return pack

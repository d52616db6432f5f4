"""Filters in panels, as a tile reads them: (group, panel, tap, channel, lane)."""

from __future__ import annotations

from collections.abc import Callable

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


@inlined
def turn(filters, taps, at, strides, first, last, count, packed, to, group_c):
    """Put filters that do not lie side by side into one panel: channels do, or the taps of a channel.

    Those taps are all, in order or in the opposite order.
    """
    width = width_of(count, VECTOR_BYTES // filters.itemsize) * (VECTOR_BYTES // filters.itemsize)
    if strides[0] == 1:
        for t in range(taps.size):
            place, here = taps[t] + at + first, to + (t * group_c + first) * width
            planes_to_pixels(filters, place, strides[1], count, last - first, packed, here, width)
    else:
        turned = taps[0] > taps[taps.size - 1]
        begin, tap = min(taps[0], taps[taps.size - 1]) + at, group_c * width
        here, step = (to + (taps.size - 1) * tap, -tap) if turned else (to, tap)
        for c in range(first, last):
            place = begin + c * strides[0]
            planes_to_pixels(filters, place, strides[1], count, taps.size, packed, here + c * width, step)
    for t in range(taps.size):
        for c in range(first, last):
            for i in range(count, width):
                packed[to + (t * group_c + c) * width + i] = 0


def _pack(w, packed, numbers):
    """Run tasks of some panels and channels; lanes beyond the last filter are 0.

    `taps` holds each tap's place; `strides` steps from channel to channel, filter to filter and group to
    group.
    """
    filters, taps = w.ravel(), numbers[6:]
    ints = unpacked(numbers, 6)
    strides = ints[:3]
    group_c, group_f, groups = ints[3:]
    panel_width = WIDEST * (VECTOR_BYTES // filters.itemsize)
    wide = panel_width * PANELS_AT_ONCE if strides[1] == 1 else panel_width
    depth = taps.size * group_c
    group_size = packed.size // groups
    block = rows_of_a_block(taps.size)
    parts, blocks = (group_f + wide - 1) // wide, (group_c + block - 1) // block
    for task in prange(groups * parts * blocks):
        g, f, first = task // blocks // parts, task // blocks % parts * wide, task % blocks * block
        last, count = min(first + block, group_c), min(wide, group_f - f)
        at, to = g * strides[2] + f * strides[1], g * group_size + depth * f
        if strides[1] == 1:
            for t in range(taps.size):
                pack_rows(filters, taps[t] + at + first * strides[0], strides[0], last - first, count,
                          packed, to, t * group_c + first, depth)  # fmt: skip
        else:
            turn(filters, taps, at, strides, first, last, count, packed, to, group_c)


PACK = Kernel(_pack)


def packer(
    taps: Array, strides: tuple[int, int, int], group_c: int, group_f: int, groups: int, dtype: str
) -> Callable[[Array], Array]:
    """Return what puts the filters of `taps` in panels.

    `taps` holds where each begins; `strides` steps, in elements of the flat filters, from channel to channel,
    from filter to filter and from group to group.
    """
    size = groups * taps.size * group_c * padded_columns(group_f, np.dtype(dtype).itemsize)
    run, numbers = PACK.of(size), flat(strides, group_c, group_f, groups, taps)

    def pack(w: Array) -> Array:
        packed = aligned(size, dtype)
        run(w, packed, numbers)
        return packed

    return pack

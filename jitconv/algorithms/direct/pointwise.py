"""NCHW convolution with 1x1 kernels on the register tile: columns are pixels of a plane, rows filters.

No transpose: filters lie as a tile reads them, a row of C products for each, and results as it writes
them. Pixels are copied in panels, some channels at a time, which stay in the cache while every filter
comes by. (Larger kernels were gathered so too, from a column matrix: 1.4 to 2.6 times slower than rows
of pictures fetched as NHWC, on all eight of ResNet-50's.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange

from jitconv.algorithms._shared.views import Array
from jitconv.jit import Kernel
from jitconv.jit.tile import WIDEST, tiles, width_of
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

DEPTH = 256
"""At most so many channels are copied at once."""

PANELS = 4
"""Panels of pixels of a task: with `DEPTH` channels 256 KiB, a part of a second-level cache."""

ROWS = 48
"""Filters that all panels of a task meet before the next ones do. None of the three is swept."""

TASKS = 4
"""At least so many tasks, if there are filters enough to share: each copies for itself."""

LEAST_PIXELS = 32
"""Pixels of a result from which they fill a tile well enough: half a panel. A choice."""


def serves(spec: ConvSpec) -> bool:
    """Whether a problem is of this kind."""
    return (
        spec.layout == "NCHW"
        and (spec.kh, spec.kw) == (1, 1)
        and not any(spec.pad)
        and spec.oh * spec.ow >= LEAST_PIXELS
    )


def _pointwise(x, w, bias, biased, y, batch, channels, size, filters, counts, steps, groups, block, splits,
            floor):  # fmt: skip
    """Run tasks of `block` pixels and a part of the filters of one picture."""
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    pixels, plane = counts[0] * counts[1], size[0] * size[1]
    group_c, group_f = channels // groups, filters // groups
    parts = (group_c + DEPTH - 1) // DEPTH
    blocks = (pixels + block - 1) // block
    share = (group_f + splits - 1) // splits
    table = np.zeros(2, np.int64)
    for task in prange(batch * blocks * splits):
        n, begin = task // splits // blocks, task // splits % blocks * block
        end = min(begin + block, pixels)
        low, high = task % splits * share, min((task % splits + 1) * share, group_f)
        scratch = np.empty(((group_c + parts - 1) // parts) * block, x.dtype)
        for g in range(groups):
            for part in range(parts):
                first, last = group_c * part // parts, group_c * (part + 1) // parts
                depth = last - first
                for c in range(first, last):
                    at = ((n * groups + g) * group_c + c) * plane
                    for p in range(begin, end, panel_width):
                        count = min(panel_width, end - p)
                        width = width_of(count, lanes) * lanes
                        to = (p - begin) * depth + (c - first) * width
                        target = scratch[to : to + width]
                        if pixels == plane:
                            source = x[at + p : at + p + count]
                            for i in range(source.size):
                                target[i] = source[i]
                        else:
                            row, column = p // counts[1], p % counts[1]
                            for i in range(count):
                                target[i] = x[at + row * steps[0] * size[1] + column * steps[1]]
                                column += 1
                                if column == counts[1]:
                                    row, column = row + 1, 0
                        for i in range(count, width):
                            target[i] = 0
                for f in range(low, high, ROWS):
                    rows = min(ROWS, high - f)
                    filter_ = g * group_f + f
                    for p in range(begin, end, panel_width):
                        count = min(panel_width, end - p)
                        vectors = width_of(count, lanes)
                        y_at = (n * filters + filter_) * pixels + p
                        b_at = (p - begin) * depth
                        floored = floor and part == parts - 1
                        if part == 0:
                            tiles(rows, vectors, w, filter_ * group_c, group_c, scratch, b_at,
                                  vectors * lanes, 0, table, 0, 1, depth, bias, filter_ * panel_width,
                                  panel_width, biased,
                                  y, y_at, pixels, count, floored)  # fmt: skip
                        else:
                            tiles(rows, vectors, w, filter_ * group_c + first, group_c, scratch, b_at,
                                  vectors * lanes, 0, table, 0, 1, depth, y, y_at, pixels, 1,
                                  y, y_at, pixels, count, floored)  # fmt: skip


POINTWISE = Kernel(_pointwise)


class Pointwise:
    """The forward op of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        self._panel = WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        panels = -(-spec.oh * spec.ow // self._panel)
        block = max(1, min(PANELS, panels * spec.n // TASKS))
        tasks = spec.n * -(-panels // block)
        splits = max(1, min(-(-TASKS // tasks), spec.f // spec.groups // ROWS))
        self._work = spec.madds // 40
        self._after = (
            spec.n, spec.c, (spec.h, spec.w), spec.f, (spec.oh, spec.ow), spec.stride, spec.groups,
            block * self._panel, splits,
        )  # fmt: skip

    def holding(self, w: Array, b: Array | None, *, floor: bool = False) -> Callable[[Array, Array], None]:
        """Return ``(x, y) -> None`` with filters and bias held; negative results become 0 with `floor`."""
        w = w.ravel()
        before = w, w if b is None else np.repeat(b, self._panel), b is not None
        work, after = self._work, (*self._after, floor)
        return lambda x, y: POINTWISE(work, x.ravel(), *before, y.ravel(), *after)

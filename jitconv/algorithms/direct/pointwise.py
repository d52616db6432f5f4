"""NCHW convolution on the register tile, filters as they lie: columns are pixels of a plane, rows filters.

No transpose: filters lie as a tile reads them, a row of C·KH·KW products for each, and results as it writes
them. What the pixels meet is copied in panels, some products at a time, which stay in the cache while every
filter comes by. That serves 1x1 kernels, and larger ones of so few pixels that packing the filters would
take longer than copying each pixel KH·KW times.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange

from jitconv.algorithms._shared.views import Array
from jitconv.jit import Kernel, team
from jitconv.jit.loops import inlined
from jitconv.jit.pixels import copy
from jitconv.jit.tile import WIDEST, tiles, width_of
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

DEPTH = 256
"""At most so many products are summed at once."""

PANELS = 4
"""Panels of pixels of a task: with `DEPTH` channels 256 KiB, a part of a second-level cache."""

ROWS = 48
"""Filters that all panels of a task meet before the next ones do. None of the three is swept."""

TASKS = 4
"""At least so many tasks, if there are filters enough to share: each copies for itself."""

LEAST_PIXELS = 32
"""Pixels of a result from which they fill a tile well enough: half a panel. A choice."""

PIXELS_OF_FILTERS = 0.5
"""Pixels of a call, over filters of a group, up to which filters of larger kernels are not packed. On one
picture 196 of 512 took 11.3 ms, packed 13.8; 169 of 256 took 5.4, packed 4.7."""


def serves(spec: ConvSpec) -> bool:
    """Whether a problem is of this kind, and gains by it even if its filters were given beforehand."""
    one = (spec.kh, spec.kw) == (1, 1) and not any(spec.pad)
    return spec.layout == "NCHW" and one and spec.oh * spec.ow >= LEAST_PIXELS


def spares_packing(spec: ConvSpec) -> bool:
    """Whether a problem has fewer pixels than filters are worth being packed for."""
    pixels = spec.oh * spec.ow
    few = pixels >= LEAST_PIXELS and spec.n * pixels <= PIXELS_OF_FILTERS * (spec.f // spec.groups)
    return spec.layout == "NCHW" and few


@inlined
def copy_met(x, at, size, top, left, steps, columns, begin, out, to, count):
    """Put to out[to:] what `count` pixels from `begin` on meet with a tap: 0 beyond the picture."""
    right = steps[1]
    within, beyond = (right - 1 - left) // right, (size[1] - 1 - left) // right + 1
    row, column = begin // columns, begin % columns
    end = to + count
    while to < end:
        run = min(columns - column, end - to)
        ih = row * steps[0] + top
        first = last = 0
        if 0 <= ih < size[0]:
            first = min(run, max(0, within - column))
            last = max(first, min(run, beyond - column))
            start = at + ih * size[1] + left + (column + first) * right
            if right == 1:
                copy(x, start, out, to + first, last - first)
            else:
                for j in range(last - first):
                    out[to + first + j] = x[start + j * right]
        for j in range(first):
            out[to + j] = 0
        for j in range(last, run):
            out[to + j] = 0
        to += run
        column = 0
        row += 1


def _pointwise(x, w, bias, biased, y, batch, channels, size, filters, counts, taps, steps, groups, block,
               splits, floor):  # fmt: skip
    """Run tasks of `block` pixels and a part of the filters of one picture.

    `taps` holds for each tap the row and the column of the picture that the first pixel meets.
    """
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    pixels, plane = counts[0] * counts[1], size[0] * size[1]
    group_f = filters // groups
    whole = channels // groups * taps.shape[0]
    as_it_lies = taps.shape[0] == 1 and pixels == plane and taps[0, 0] == 0 and taps[0, 1] == 0
    parts = (whole + DEPTH - 1) // DEPTH
    blocks = (pixels + block - 1) // block
    share = (group_f + splits * ROWS - 1) // (splits * ROWS) * ROWS
    table = np.zeros(2, np.int64)
    for task in prange(batch * blocks * splits):
        n, begin = task // splits // blocks, task // splits % blocks * block
        end = min(begin + block, pixels)
        low, high = task % splits * share, min((task % splits + 1) * share, group_f)
        scratch = np.empty(((whole + parts - 1) // parts) * block, x.dtype)
        for g in range(groups):
            for part in range(parts):
                first, last = whole * part // parts, whole * (part + 1) // parts
                depth = last - first
                for k in range(first, last):
                    c, t = k // taps.shape[0], k % taps.shape[0]
                    at = (n * channels + g * (channels // groups) + c) * plane
                    for p in range(begin, end, panel_width):
                        count = min(panel_width, end - p)
                        width = width_of(count, lanes) * lanes
                        to = (p - begin) * depth + (k - first) * width
                        if as_it_lies:
                            copy(x, at + p, scratch, to, count)
                        else:
                            copy_met(x, at, size, taps[t, 0], taps[t, 1], steps, counts[1], p, scratch, to,
                                     count)  # fmt: skip
                        for i in range(to + count, to + width):
                            scratch[i] = 0
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
                            tiles(rows, vectors, w, filter_ * whole, whole, scratch, b_at,
                                  vectors * lanes, 0, table, 0, 1, depth, bias, filter_ * panel_width,
                                  panel_width, biased,
                                  y, y_at, pixels, count, floored)  # fmt: skip
                        else:
                            tiles(rows, vectors, w, filter_ * whole + first, whole, scratch, b_at,
                                  vectors * lanes, 0, table, 0, 1, depth, y, y_at, pixels, 1,
                                  y, y_at, pixels, count, floored)  # fmt: skip


POINTWISE = Kernel(_pointwise)


class Pointwise:
    """The forward op of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        self._panel = WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        panels = -(-spec.oh * spec.ow // self._panel)
        block = max(1, min(PANELS, panels * spec.n // TASKS))
        if spec.kh * spec.kw > 1:
            # all pixels in one task: copied once for each thread, which has a share of the filters
            block = panels
        tasks = spec.n * -(-panels // block)
        splits = max(1, min(-(-TASKS // tasks), spec.f // spec.groups // ROWS))
        self._work = spec.madds // 40
        taps = np.array([
            (kh * spec.dilation[0] - spec.pad[0], kw * spec.dilation[1] - spec.pad[2])
            for kh in range(spec.kh) for kw in range(spec.kw)
        ], np.int64)  # fmt: skip
        self._splits, self._taps = splits, spec.kh * spec.kw
        self._after = (
            spec.n, spec.c, (spec.h, spec.w), spec.f, (spec.oh, spec.ow),
            np.ascontiguousarray(taps[::-1]) if spec.flip_kernel else taps, spec.stride, spec.groups,
            block * self._panel,
        )  # fmt: skip

    def holding(self, w: Array, b: Array | None, *, floor: bool = False) -> Callable[[Array, Array], None]:
        """Return ``(x, y) -> None`` with filters and bias held; negative results become 0 with `floor`."""
        w = w.ravel()
        before = w, w if b is None else np.repeat(b, self._panel), b is not None
        splits = self._splits if self._taps == 1 else min(self._splits, team())
        work, after = self._work, (*self._after, splits, floor)
        return lambda x, y: POINTWISE(work, x.ravel(), *before, y.ravel(), *after)

"""dw in NCHW on the register tile, all arrays as they lie: rows are filters, columns a filter's products.

Some pixels at a time, dy's planes are transposed to pixels of filters, and what the columns of a panel meet
to pixels of columns: buffers of a cache. No copy of the pictures as pixels, and dw is written where it lies.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms._shared.weights import SLICED_BYTES, SLICES
from jitconv.algorithms.direct.forward.columns import copy_tap
from jitconv.arrays import Array
from jitconv.jit import Kernel, team
from jitconv.jit.kernels import threads_pay
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import LINE
from jitconv.micro.tile import WIDEST, tiles_across, width_of
from jitconv.micro.transpose import planes_to_pixels
from jitconv.specs import ConvSpec

BLOCK = 6144 // VECTOR_BYTES
"""About so many pixels at once: what a panel meets, 12 KiB, stays in the first-level cache."""

CHUNK = 32
"""Filters that lie side by side in a buffer."""

LEAST_FILTERS = 256
"""Of a group, for kernels larger than 1x1: each column is copied KH·KW times. 384, 256 and 192 filters took
0.81, 0.84 and 1.00 of the time of a copy of the pictures as pixels, 64 to 128 filters 0.88 to 1.55 (eleven
layers of one picture, one Zen 3 core)."""

INTS = 14
"""Numbers of `_gradient` before its taps."""


@inlined
def columns_met(x, at, size, channel, taps, steps, width, k, count, begin, pixels, rows, out, to, pitch):
    """Put what `count` columns from `k` on meet with some pixels from `begin` on to out[to:], by pixels.

    `rows` is a buffer for a row of pixels of each column, or empty if they lie in x as they are wanted.
    """
    plane = size[0] * size[1]
    if rows.size == 0:
        planes_to_pixels(x, at + (channel + k) * plane + begin, plane, count, pixels, out, to, pitch)
        return
    for i in range(count):
        c, t = (k + i) // (taps.size // 2), (k + i) % (taps.size // 2)
        copy_tap(x, at + (channel + c) * plane, size, taps[2 * t], taps[2 * t + 1], steps, width, begin, rows,
                 i * pixels, pixels)  # fmt: skip
    planes_to_pixels(rows, 0, pixels, count, pixels, out, to, pitch)


def _gradient(x, dy, dw, parts, numbers):
    """Sum over blocks of pixels; every panel of columns is one part's own, whatever `parts` is.

    `dw` has `slices` gradients, each the sum over its share of pixels.
    """
    ints, taps = unpacked(numbers, INTS), numbers[INTS:]
    size, counts, steps = ints[:2], ints[2:4], ints[4:6]
    batch, channels, filters, groups, pixels, slices, as_it_lies, block = ints[6:]
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    group_c, group_f = channels // groups, filters // groups
    whole = group_c * (taps.size // 2)
    panels = (whole + panel_width - 1) // panel_width
    table = np.zeros(2, np.int64)
    for task in prange(slices * parts):
        number, part = task // parts, task % parts
        low, high = number * batch * pixels // slices, (number + 1) * batch * pixels // slices
        upstream = buffer(block * (filters + CHUNK), x)
        met = buffer(block * panel_width, x)
        rows = buffer(0 if as_it_lies else block * panel_width, x)
        for first in range(low, high, block):
            depth = min(block, high - first)
            for g in range(groups):
                p = first
                while p < first + depth:
                    n, begin = p // pixels, p % pixels
                    some = min(pixels - begin, first + depth - p)
                    for f in range(0, group_f, CHUNK):
                        planes_to_pixels(
                            dy, (n * filters + g * group_f + f) * pixels + begin, pixels,
                            min(CHUNK, group_f - f), some, upstream, depth * f + (p - first) * CHUNK, CHUNK,
                        )  # fmt: skip
                    p += some
                for panel in range(part * panels // parts, (part + 1) * panels // parts):
                    k = panel * panel_width
                    count = min(panel_width, whole - k)
                    vectors = width_of(count, lanes)
                    width = vectors * lanes
                    p = first
                    while p < first + depth:
                        n, begin = p // pixels, p % pixels
                        some = min(pixels - begin, first + depth - p)
                        columns_met(x, n * channels * size[0] * size[1], size, g * group_c, taps, steps,
                                    counts[1], k, count, begin, some, rows, met, (p - first) * width,
                                    width)  # fmt: skip
                        p += some
                    for f in range(0, group_f, CHUNK):
                        at = number * filters * whole + (g * group_f + f) * whole + k
                        tiles_across(min(CHUNK, group_f - f), vectors, upstream, depth * f, CHUNK,
                                     met, 0, width, 0, table, 0, 1, depth,
                                     dw, at, whole, first > low, dw, at, whole, count, 0)  # fmt: skip


GRADIENT = Kernel(_gradient)


def serves(spec: ConvSpec) -> str | None:
    """Return None where it gains: a column that is copied serves every filter."""
    if spec.layout == "NCHW" and (spec.kh * spec.kw == 1 or spec.f // spec.groups >= LEAST_FILTERS):
        return None
    return f"needs NCHW, and a 1x1 kernel or at least {LEAST_FILTERS} filters in a group"


class PlanesDw:
    """dw of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        taps = np.array([
            (kh * spec.dilation[0] - spec.pad[0], kw * spec.dilation[1] - spec.pad[2])
            for kh in range(spec.kh) for kw in range(spec.kw)
        ], np.int64)  # fmt: skip
        size = math.prod(spec.w_shape)
        pixels = spec.oh * spec.ow
        sliced = size * np.dtype(spec.dtype).itemsize <= SLICED_BYTES and spec.n * pixels >= SLICES * BLOCK
        self._slices = SLICES if sliced else 1
        of_a_slice = max(1, -(-spec.n * pixels // self._slices))
        line = LINE // np.dtype(spec.dtype).itemsize
        block = -(-of_a_slice // -(-of_a_slice // BLOCK) // line) * line
        as_it_lies = (spec.kh, spec.kw, *spec.stride) == (1, 1, 1, 1) and not any(spec.pad)
        self._numbers = flat(
            (spec.h, spec.w), (spec.oh, spec.ow), spec.stride, spec.n, spec.c, spec.f, spec.groups, pixels,
            self._slices, as_it_lies, block, taps[::-1] if spec.flip_kernel else taps,
        )  # fmt: skip
        self._work = work = spec.madds // 40
        panel_width = WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        self._task = block * (spec.f + CHUNK + panel_width * (1 if as_it_lies else 2))
        self._sums = size * self._slices * (self._slices > 1)
        self._undivided = sliced or not threads_pay(work)
        self._run = GRADIENT.of(work)

    def elements(self) -> int:
        """Return the elements of the slices' sums, and of the buffers of the tasks that run at once."""
        parts = 1 if self._undivided else team()
        return self._sums + at_once(self._work, self._slices * parts) * self._task

    def __call__(self, x: Array, dy: Array, dw: Array) -> None:
        """Fill `dw`."""
        sums = dw if self._slices == 1 else np.empty((self._slices, *dw.shape), dw.dtype)
        parts = 1 if self._undivided else team()
        self._run(x.reshape(-1), dy.reshape(-1), sums.reshape(-1), parts, self._numbers)
        if self._slices > 1:
            sums.sum(axis=0, out=dw)

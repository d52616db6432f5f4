"""The gradient of the filters on the register tile: rows are taps and channels, k runs over pixels."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from jitconv.algorithms._shared.filters import put_back
from jitconv.algorithms._shared.layout import pictures_nhwc
from jitconv.algorithms._shared.views import Array, hwcf
from jitconv.jit import Kernel, team
from jitconv.jit.kernels import threads_pay
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.tile import TALLEST, WIDEST, tiles_across, width_of
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

BLOCK_BYTES = 512 * 1024
"""Rows of pictures and gradients that are summed over at once, to stay in the second-level cache."""

BLOCK_PIXELS = 128
"""At most so many of dy's pixels at once: their part of a panel's columns stays in the first-level cache."""

SLICES, SLICED_BYTES = 8, 256 * 1024
"""Where dw is at most so large, the pictures' rows are summed in so many slices, as many on every number of
threads, which are added at last."""

PIXELS_OF_A_SUM = 1024
"""Pixels of dy that are summed one after the other for db; the sums of the chunks are added then."""

LEAST_SUMS = 64
"""Sums side by side for db: pixels of fewer filters are joined to rows, whose parts are added at last."""

CHUNK = 8 * TALLEST[WIDEST]
"""Taps and channels of a unit of work."""


def _gradient(x, dy, dw, table, runs, parts, numbers):
    """Sum over blocks of rows; every unit of (run, panel, chunk) is one part's own, whatever `parts` is.

    `runs` holds for each run of contiguous taps and channels: its place in x, its filter row in dw, its
    place in dy and its first filter. `dw` has `slices` gradients, each the sum over its share of rows.
    """
    ints = unpacked(numbers, 8)
    steps = ints[:2]
    depth, run_channels, filters, group_f, block, slices = ints[2:]
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    panels = (group_f + panel_width - 1) // panel_width
    chunks = (run_channels + CHUNK - 1) // CHUNK
    units = runs.shape[0] * chunks * panels
    rows, size = table.size // 2, dw.size // slices
    for task in prange(slices * parts):
        number, part = task // parts, task % parts
        begin, end = number * rows // slices, (number + 1) * rows // slices
        for first in range(begin, end, block):
            last = min(first + block, end)
            for unit in range(part * units // parts, (part + 1) * units // parts):
                run = unit // chunks // panels
                f = unit // chunks % panels * panel_width
                count = min(panel_width, group_f - f)
                i = unit % chunks * CHUNK
                at = number * size + (runs[run, 1] + i) * filters + runs[run, 3] + f
                vectors = width_of(count, lanes)
                masked = count < vectors * lanes
                tiles_across(min(CHUNK, run_channels - i), vectors, x, runs[run, 0] + i, steps[0],
                             dy, runs[run, 2] + f, steps[1], masked, table, first, last, depth,
                             dw, at, filters, first > begin, dw, at, filters, count, 0)  # fmt: skip


def _sums(dy, pixels, filters, parts):
    """parts[chunk, f] = Σ dy over a chunk of pixels: as many chunks on every number of threads."""
    chunks = parts.size // filters
    size = (pixels + chunks - 1) // chunks
    for chunk in prange(chunks):
        total = parts[chunk * filters : (chunk + 1) * filters]
        for f in range(total.size):
            total[f] = 0
        for p in range(chunk * size, min((chunk + 1) * size, pixels)):
            row = dy[p * filters : (p + 1) * filters]
            for f in range(total.size):
                total[f] += row[f]


GRADIENT, SUMS = Kernel(_gradient), Kernel(_sums)


class WeightGradient:
    """dw and db of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        height, width = spec.padded
        group_c = spec.c // spec.groups
        group_f = spec.f // spec.groups
        itemsize = np.dtype(spec.dtype).itemsize
        n, oh = np.divmod(np.arange(spec.n * spec.oh), spec.oh)
        rows_of_x = (n * height + oh * spec.stride[0]) * width * spec.c
        self._table = np.stack([rows_of_x, np.arange(spec.n * spec.oh) * spec.ow], axis=1).reshape(-1)
        side_by_side = spec.groups == 1 and spec.dilation[1] == 1
        run_channels = group_c * spec.kw if side_by_side else group_c
        runs = []
        for g in range(spec.groups):
            for kh in range(spec.kh):
                for kw in range(1 if side_by_side else spec.kw):
                    place = (kh * spec.dilation[0] * width + kw * spec.dilation[1]) * spec.c + g * group_c
                    f = g * group_f
                    runs.append((place, (kh * spec.kw + kw) * group_c, f, f))
        self._runs = np.array(runs, np.int64)
        row_bytes = (width * spec.c * spec.stride[0] + spec.ow * spec.f) * itemsize
        block = max(1, min(BLOCK_BYTES // row_bytes, BLOCK_PIXELS // spec.ow))
        sliced = math.prod(spec.w_shape) * itemsize <= SLICED_BYTES and spec.n * spec.oh >= SLICES
        self._slices = SLICES if sliced else 1
        self._numbers = flat(
            (spec.stride[1] * spec.c, spec.f), spec.ow, run_channels, spec.f, group_f, block, self._slices
        )
        work = spec.madds // 40
        self._undivided = sliced or not threads_pay(work)
        self._run, self._sum = GRADIENT.of(work), SUMS.of(math.prod(spec.y_shape) // 4)
        self._spec = spec

    def __call__(self, x: Array, upstream: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted, from `x` as it is stored and flat NHWC gradients."""
        spec = self._spec
        if db is not None:
            self._bias(upstream, db)
        if dw is None:
            return
        with pictures_nhwc(x, spec.layout, (spec.n, spec.h, spec.w, spec.c), spec.pad) as pictures:
            if spec.layout == "NHWC" and not spec.flip_kernel:
                self._taps(pictures, upstream, dw)
            else:
                taps = np.empty((spec.kh, spec.kw, spec.c // spec.groups, spec.f), dw.dtype)
                self._taps(pictures, upstream, taps)
                if spec.layout == "NCHW":
                    put_back(taps, spec, dw)
                else:
                    hwcf(dw, spec)[...] = taps

    def _taps(self, x: Array, dy: Array, dw: Array) -> None:
        sums = dw.reshape(-1) if self._slices == 1 else np.empty((self._slices, dw.size), dw.dtype)
        parts = 1 if self._undivided else team()
        self._run(x, dy, sums.reshape(-1), self._table, self._runs, parts, self._numbers)
        if self._slices > 1:
            sums.sum(axis=0, out=dw.reshape(-1))

    def _bias(self, dy: Array, db: Array) -> None:
        spec = self._spec
        pixels, joined = spec.n * spec.oh * spec.ow, 1
        while joined * spec.f < LEAST_SUMS and pixels % (2 * joined) == 0:
            joined *= 2
        rows, size = pixels // joined, joined * spec.f
        chunks = -(-rows // PIXELS_OF_A_SUM)
        alone = chunks * joined == 1
        parts = db if alone else np.empty(chunks * size, db.dtype)
        self._sum(dy, rows, size, parts)
        if not alone:
            parts.reshape(-1, spec.f).sum(axis=0, out=db)

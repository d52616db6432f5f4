"""Few pixels, many filters: each filter is read from memory once, packed in the cache and used at once.

Packing all filters first writes and reads them once more, which takes longer than the products of so few
pixels. A task has some panels of filters for itself, and all pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from jitconv.algorithms._shared.layout import pictures_nhwc
from jitconv.algorithms._shared.tasks import at_once
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.panels import PANELS_AT_ONCE, pack_rows
from jitconv.micro.tile import WIDEST, tiles, width_of
from jitconv.specs import ConvSpec

PASS_BYTES = 256 * 1024
"""Filters that are packed at once: 64, 128 and 256 KiB took 1820, 1721 and 1718 µs on n1h14w14c512 k3x3f512
s2 p1, where packing all first took 2290 (two Zen 3 cores, a second-level cache of 512 KiB)."""

MOST_PIXELS = 256
"""Up to 196 pixels filters of 1 MiB and more gained 4 to 55 %; 4 x 49 pixels gained 7 %, 8 x 49 nothing."""

LEAST_BYTES = 2**20


def _stream(pictures, w, bias, results, numbers):
    """Run tasks of `PANELS_AT_ONCE` panels; `table` has a segment's place in a picture and row of filters."""
    source, filters, out = pictures.ravel(), w.ravel(), results.ravel()
    ints, table = unpacked(numbers, 8), numbers[8:]
    batch, picture, down, across, rows, columns, columns_of_w, depth = ints
    lanes = VECTOR_BYTES // source.itemsize
    panel_width = WIDEST * lanes
    wide = panel_width * PANELS_AT_ONCE
    segments = table.size // 2
    biased = bias.size > 0
    one = np.zeros(2, np.int64)
    for task in prange((columns_of_w + wide - 1) // wide):
        begin = task * wide
        count = min(wide, columns_of_w - begin)
        packed = buffer(depth * wide, source)
        for s in range(segments):
            pack_rows(filters, table[2 * s + 1] * columns_of_w + begin, columns_of_w, depth, count,
                      packed, 0, 0, depth)  # fmt: skip
            for low in range(0, count, panel_width):
                some, f = min(panel_width, count - low), begin + low
                vectors = width_of(some, lanes)
                for row in range(batch * rows):
                    a_at = row // rows * picture + row % rows * down + table[2 * s]
                    c_at = row * columns * columns_of_w + f
                    if s == 0:
                        tiles(columns, vectors, source, a_at, across, packed, low * depth, vectors * lanes, 0,
                              one, 0, 1, depth, bias, f, 0, biased,
                              out, c_at, columns_of_w, some, 0)  # fmt: skip
                    else:
                        tiles(columns, vectors, source, a_at, across, packed, low * depth, vectors * lanes, 0,
                              one, 0, 1, depth, out, c_at, columns_of_w, 1,
                              out, c_at, columns_of_w, some, 0)  # fmt: skip


STREAM = Kernel(_stream)


def serves(spec: ConvSpec) -> str | None:
    """Return None for few pixels and many filters, which lie as rows of a matrix."""
    if spec.layout != "NHWC" or spec.groups > 1 or spec.flip_kernel:
        return "needs NHWC, one group and filters that are not flipped"
    if spec.n * spec.oh * spec.ow > MOST_PIXELS:
        return f"needs at most {MOST_PIXELS} pixels"
    if math.prod(spec.w_shape) * np.dtype(spec.dtype).itemsize < LEAST_BYTES:
        return f"needs filters of at least {LEAST_BYTES} bytes"
    return None


class Streamed:
    """The forward op of one problem."""

    def __init__(self, spec: ConvSpec) -> None:
        self._spec = spec
        height, width = spec.padded
        side_by_side = spec.dilation[1] == 1
        run = spec.c * spec.kw if side_by_side else spec.c
        most = PASS_BYTES // (PANELS_AT_ONCE * WIDEST * VECTOR_BYTES)
        parts = next(parts for parts in range(-(-run // most), run + 1) if run % parts == 0)
        depth = run // parts
        table = [
            ((kh * spec.dilation[0] * width + kw * spec.dilation[1]) * spec.c + part * depth,
             (kh * spec.kw + kw) * spec.c + part * depth)
            for kh in range(spec.kh) for kw in range(1 if side_by_side else spec.kw) for part in range(parts)
        ]  # fmt: skip
        batch, rows, columns = spec.n, spec.oh, spec.ow
        if (spec.kh, spec.kw, *spec.stride, *spec.pad) == (1, 1, 1, 1, 0, 0, 0, 0):
            batch, rows, columns = 1, 1, spec.n * spec.oh * spec.ow
        self._numbers = flat(
            batch, height * width * spec.c, spec.stride[0] * width * spec.c, spec.stride[1] * spec.c, rows,
            columns, spec.f, depth, table,
        )  # fmt: skip
        self._no_bias = np.empty(0, spec.dtype)
        work, wide = spec.madds // 40, WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize * PANELS_AT_ONCE
        self._run = STREAM.of(work)
        copied = spec.n * height * width * spec.c * any(spec.pad)
        self.elements = copied + at_once(work, -(-spec.f // wide)) * depth * wide
        """Of a padded copy of the pictures, and of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array) -> None:
        """Fill `y`."""
        spec = self._spec
        with pictures_nhwc(x, spec.layout, (spec.n, spec.h, spec.w, spec.c), spec.pad) as pictures:
            self._run(pictures, w, self._no_bias if b is None else b, y, self._numbers)

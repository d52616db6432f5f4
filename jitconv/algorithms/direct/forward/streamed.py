"""Few pixels: each filter is read from memory once, packed in the cache and used at once.

Packing all filters first writes and reads them once more, which takes longer than the products of so few
pixels. A task has some panels of filters for itself, and all pixels, or a part of them where there are few
panels: then each packs for itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.layout import images_nhwc
from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.panels import PANELS_AT_ONCE, pack_rows
from jitconv.micro.tile import WIDEST, At, Product, tiles, width_of
from jitconv.specs import ConvSpec

PASS_BYTES = BLOCKS.streamed_filters_bytes
MOST_PIXELS = BLOCKS.streamed_most_pixels
PARTS = {1: 4, 2: 2, 3: 2, 5: 2, 7: 2}
"""Of the pixels, by the panels of filters. One panel, 3x3 of 48 filters on 14x14x192, took 406 µs in one
task and 236 in four, three panels, 1x1 of 192 filters on 14x14x624, 288 in three tasks and 252 in six (two
AMD cores with AVX-512)."""

LEAST_PIXELS = 32
"""Of a part: with fewer, packing takes as long as the products. A choice."""


class Numbers(NamedTuple):
    """What `_stream` is given of a problem, before its table of segments.

    Of each segment that has the place in an image, and the row of filters that it begins with.
    """

    batch: int
    image: int
    """Elements of an image of x."""
    row_step: int
    """Elements of x from one row of results to the next, and from column to column."""
    column_step: int
    rows: int
    """Of results."""
    columns: int
    filters: int
    depth: int
    """Products of a segment."""
    parts: int
    """Of the pixels: of rows where there are enough, else of the columns."""


COUNT = len(Numbers._fields)


def _stream(pictures, w, bias, results, numbers):
    """Run tasks of `PANELS_AT_ONCE` panels of filters, each for a part of the pixels."""
    source, filters, out = pictures.ravel(), w.ravel(), results.ravel()
    n, table = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    lanes = VECTOR_BYTES // source.itemsize
    panel_width = WIDEST * lanes
    wide = panel_width * PANELS_AT_ONCE
    segments = table.size // 2
    biased = bias.size > 0
    one = np.zeros(2, np.int64)
    lines = n.batch * n.rows
    for task in prange((n.filters + wide - 1) // wide * n.parts):
        begin, part = task // n.parts * wide, task % n.parts
        count = min(wide, n.filters - begin)
        if lines >= n.parts:
            top, below, left, right = lines * part // n.parts, lines * (part + 1) // n.parts, 0, n.columns
        else:
            top, below = 0, lines
            left, right = n.columns * part // n.parts, n.columns * (part + 1) // n.parts
        packed = buffer(n.depth * wide, source)
        # a segment's filters are read once, packed in the cache, and used there by every row of pixels
        for s in range(segments):
            w_at = table[2 * s + 1] * n.filters + begin
            pack_rows(filters, w_at, n.filters, n.depth, count, packed, 0, 0, n.depth)
            for low in range(0, count, panel_width):
                some, f = min(panel_width, count - low), begin + low
                vectors = width_of(some, lanes)
                product = Product(
                    a_step=n.column_step,
                    b_step=vectors * lanes,
                    b_masked=0,
                    c_step=n.filters,
                    columns=some,
                    first=0,
                    last=1,
                    depth=n.depth,
                    relu=0,
                )
                for row in range(top, below):
                    a_at = row // n.rows * n.image + row % n.rows * n.row_step + table[2 * s]
                    a_at += left * n.column_step
                    c_at = (row * n.columns + left) * n.filters + f
                    if s == 0:
                        at = At(a=a_at, b=low * n.depth, c=c_at, start=f, start_step=0, started=biased)
                        tiles(right - left, vectors, source, packed, one, bias, out, at, product)
                    else:
                        at = At(a=a_at, b=low * n.depth, c=c_at, start=c_at, start_step=n.filters, started=1)
                        tiles(right - left, vectors, source, packed, one, out, out, at, product)


STREAM = Kernel(_stream)


def serves(spec: ConvSpec) -> str | None:
    """Return None for few pixels, and filters that lie as rows of a matrix."""
    if spec.layout != "NHWC" or spec.groups > 1 or spec.flip_kernel:
        return "needs NHWC, one group and filters that are not flipped"
    if spec.n * spec.oh * spec.ow > MOST_PIXELS:
        return f"needs at most {MOST_PIXELS} pixels"
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
        (down, across), kernel_width = spec.dilation, 1 if side_by_side else spec.kw
        taps = [(kh, kw) for kh in range(spec.kh) for kw in range(kernel_width)]
        table = [
            (place * spec.c + part * depth, tap * spec.c + part * depth)
            for place, tap in ((kh * down * width + kw * across, kh * spec.kw + kw) for kh, kw in taps)
            for part in range(parts)
        ]
        batch, rows, columns = spec.n, spec.oh, spec.ow
        if (spec.kh, spec.kw, *spec.stride, *spec.pad) == (1, 1, 1, 1, 0, 0, 0, 0):
            batch, rows, columns = 1, 1, spec.n * spec.oh * spec.ow
        wide = WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize * PANELS_AT_ONCE
        panels = -(-spec.f // wide)
        # an even number of tasks, or several: one thread of two would else wait for the other
        self._parts = min(PARTS.get(panels, 1), max(1, spec.n * spec.oh * spec.ow // LEAST_PIXELS))
        self._numbers = flat(
            Numbers(
                batch=batch,
                image=height * width * spec.c,
                row_step=spec.stride[0] * width * spec.c,
                column_step=spec.stride[1] * spec.c,
                rows=rows,
                columns=columns,
                filters=spec.f,
                depth=depth,
                parts=self._parts,
            ),
            table,
        )
        self._no_bias = np.empty(0, spec.dtype)
        work = spec.madds // 40
        self._run = STREAM.of(work)
        copied = spec.n * height * width * spec.c * any(spec.pad)
        self.elements = copied + at_once(work, panels * self._parts) * depth * wide
        """Of a padded copy of the pictures, and of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array) -> None:
        """Fill `y`."""
        spec = self._spec
        with images_nhwc(x, spec.layout, (spec.n, spec.h, spec.w, spec.c), spec.pad) as pictures:
            self._run(pictures, w, self._no_bias if b is None else b, y, self._numbers)

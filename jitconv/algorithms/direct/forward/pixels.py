"""NCHW convolution on the register tile, filters as they lie: columns are pixels of a plane, rows filters.

No transpose: filters lie as a tile reads them, a row of C·KH·KW products for each, and results as it writes
them. What the pixels meet is copied in panels, some products at a time, which stay in the cache while every
filter comes by. That serves 1x1 kernels, and larger ones of so few pixels that packing the filters would
take longer than copying each pixel KH·KW times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.forward.columns import (
    Image,
    copy_panels,
    copy_strided,
    copy_taps,
    strided_room,
)
from jitconv.arrays import Array
from jitconv.jit import Kernel, team
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import TALLEST, WIDEST, At, Product, tiles, tiles_across, width_of
from jitconv.specs import ConvSpec

PANEL_BYTES = BLOCKS.pixels_panel_bytes
PANELS = BLOCKS.pixels_panels
ROWS = BLOCKS.pixels_filters
TASKS, LEAST_SHARE = BLOCKS.pixels_tasks, BLOCKS.pixels_least_share
LEAST_PIXELS = BLOCKS.pixels_least
HELD_PIXELS = BLOCKS.pixels_held_from
PIXELS_OF_FILTERS = BLOCKS.pixels_of_filters


def serves(spec: ConvSpec) -> str | None:
    """Return None for a 1x1 kernel, and where pixels are too few for filters to be worth packing."""
    if (reason := _of_planes(spec)) or (spec.kh, spec.kw, *spec.pad) == (1, 1, 0, 0, 0, 0):
        return reason
    if spec.groups > 1:
        return "needs a 1x1 kernel without padding, or one group"
    most = PIXELS_OF_FILTERS * spec.f
    if spec.n * spec.oh * spec.ow > most:
        return f"needs a 1x1 kernel without padding, or at most {most:g} pixels"
    return None


def serves_held(spec: ConvSpec) -> str | None:
    """Return None for a 1x1 kernel that gains by it though its filters are packed beforehand."""
    if (reason := _of_planes(spec)) or (spec.kh, spec.kw, *spec.pad) != (1, 1, 0, 0, 0, 0):
        return reason or "needs a 1x1 kernel without padding"
    if spec.oh * spec.ow <= HELD_PIXELS and spec.stride == (1, 1):
        return f"needs more than {HELD_PIXELS} pixels, or a stride"
    return None


def serves_dx(spec: ConvSpec) -> str | None:
    """Return None for a 1x1 kernel without stride and padding: dx is a forward pass of dy."""
    if (reason := _of_planes(spec)) or (spec.kh, spec.kw, *spec.stride, *spec.pad) == (
        1,
        1,
        1,
        1,
        0,
        0,
        0,
        0,
    ):
        return reason
    return "needs a 1x1 kernel without stride and padding"


def of_dx(spec: ConvSpec) -> Pixels:
    """Return the pass that takes dy to dx: channels are its filters, and filters its channels."""
    return Pixels(replace(spec, c=spec.f, f=spec.c, bias=False), across=True)


def _of_planes(spec: ConvSpec) -> str | None:
    if spec.layout == "NCHW" and spec.oh * spec.ow >= LEAST_PIXELS:
        return None
    return f"needs NCHW of at least {LEAST_PIXELS} pixels"


class Numbers(NamedTuple):
    """What `_pixels` is given of a problem, before its taps.

    Those are the row and the column of the image that the first pixel has with each tap.
    """

    batch: int
    channels: int
    height: int
    """Of x, and the width."""
    width: int
    filters: int
    rows: int
    """Of results, and columns."""
    columns: int
    row_step: int
    column_step: int
    groups: int
    one: int
    """Whether there is one tap alone, and no padding."""
    blocks: int
    """Tasks of an image, by pixels."""
    splits: int
    """Tasks of an image, by filters, and of how many filters their shares are whole multiples."""
    unit: int
    most: int
    """Products of a pixel in a panel at once."""
    biased: int
    relu: int
    across: int
    """Whether filters are the columns of the stored matrix, as those of dx are: else its rows."""


COUNT = len(Numbers._fields)


@inlined
def multiply(across, size, a, b, zero, start, c, at, product):
    """Run the tiles of one panel, of filters that are rows of the stored matrix or columns."""
    rows, vectors = size
    if across:
        tiles_across(rows, vectors, a, b, zero, start, c, at, product)
    else:
        tiles(rows, vectors, a, b, zero, start, c, at, product)


def _pixels(pictures, w, bias, results, numbers):
    """Run tasks of some panels of pixels and a part of the filters of one image."""
    x, y = pictures.ravel(), results.ravel()
    n, taps = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    image = Image(n.height, n.width, n.row_step, n.column_step, n.columns)
    lanes = VECTOR_BYTES // x.itemsize
    panel_width = WIDEST * lanes
    pixels, plane = n.rows * n.columns, n.height * n.width
    group_c, group_f = n.channels // n.groups, n.filters // n.groups
    whole = group_c * (taps.size // 2)
    as_stored = n.one and pixels == plane
    # from filter to filter and from product to product of the stored matrix
    filter_step, step = (1, group_f) if n.across else (whole, 1)
    panels = (pixels + panel_width - 1) // panel_width
    parts = (whole + n.most - 1) // n.most
    longest = (whole + parts - 1) // parts
    widest = (panels + n.blocks - 1) // n.blocks * panel_width
    units = (group_f + n.unit - 1) // n.unit
    zero = np.zeros(2, np.int64)
    for task in prange(n.batch * n.blocks * n.splits):
        # neighbouring tasks, which one thread runs, share filters, if they can
        number, split, block = task // n.blocks // n.splits, task // n.blocks % n.splits, task % n.blocks
        begin, end = panels * block // n.blocks * panel_width, panels * (block + 1) // n.blocks * panel_width
        end = min(end, pixels)
        low = units * split // n.splits * n.unit
        high = min(units * (split + 1) // n.splits * n.unit, group_f)
        scratch = buffer(longest * widest, x)
        neighbours = buffer(
            longest * strided_room(widest, n.columns, lanes) if n.one and not as_stored else 0, x
        )
        for g in range(n.groups):
            # the products of a pixel in parts, so that a panel stays in the cache while every filter uses it
            for part in range(parts):
                first, last = whole * part // parts, whole * (part + 1) // parts
                depth = last - first
                at = (number * n.channels + g * group_c) * plane
                if as_stored:
                    copy_panels(x, at + first * plane + begin, plane, depth, end - begin, scratch)
                elif n.one:
                    copy_strided(x, at + first * plane, image, depth, begin, end, zero, neighbours, scratch)
                else:
                    copy_taps(x, at, image, taps, first, last, begin, end, scratch)
                relu = n.relu and part == parts - 1
                for f in range(low, high, ROWS):
                    rows = min(ROWS, high - f)
                    filter_ = g * group_f + f
                    for p in range(begin, end, panel_width):
                        count = min(panel_width, end - p)
                        vectors = width_of(count, lanes)
                        y_at = (number * n.filters + filter_) * pixels + p
                        a_at, b_at = g * group_f * whole + f * filter_step + first * step, (p - begin) * depth
                        product = Product(
                            a_step=step if n.across else whole,
                            b_step=vectors * lanes,
                            b_masked=0,
                            c_step=pixels,
                            columns=count,
                            first=0,
                            last=1,
                            depth=depth,
                            relu=relu,
                        )
                        if part == 0:
                            at = At(
                                a=a_at,
                                b=b_at,
                                c=y_at,
                                start=filter_ * panel_width,
                                start_step=panel_width,
                                started=n.biased,
                            )
                            multiply(n.across, (rows, vectors), w, scratch, zero, bias, y, at, product)
                        else:
                            at = At(a=a_at, b=b_at, c=y_at, start=y_at, start_step=pixels, started=1)
                            multiply(n.across, (rows, vectors), w, scratch, zero, y, y, at, product)


PIXELS = Kernel(_pixels)


class Pixels:
    """The forward op of one problem."""

    def __init__(self, spec: ConvSpec, *, across: bool = False) -> None:
        self._across = across
        self._panel = WIDEST * VECTOR_BYTES // np.dtype(spec.dtype).itemsize
        self._most = PANEL_BYTES // (WIDEST * VECTOR_BYTES)
        panels = -(-spec.oh * spec.ow // self._panel)
        one = spec.kh * spec.kw == 1 and not any(spec.pad)
        # all taps' pixels in one task: copied once for each thread, which has a share of the filters
        blocks = -(-panels // PANELS) if spec.kh * spec.kw == 1 else 1
        if spec.n % TASKS and blocks > 1:
            # equal parts for two or four threads: 49 panels in 13 blocks reached 0.84, in 16 blocks 0.89
            blocks = min(panels, -(-blocks // TASKS) * TASKS)
        tasks = spec.n * blocks
        # shares of several taps follow the number of threads: they end where tiles would end without
        self._unit = TALLEST[WIDEST] if spec.kh * spec.kw == 1 else ROWS
        least = LEAST_SHARE if spec.kh * spec.kw == 1 else ROWS
        splits = max(1, min(-(-TASKS // tasks), spec.f // spec.groups // least))
        self._work = spec.madds // 40
        self._run = PIXELS.of(self._work)
        rows = [kh * spec.dilation[0] - spec.pad[0] for kh in range(spec.kh)]
        columns = [kw * spec.dilation[1] - spec.pad[2] for kw in range(spec.kw)]
        taps = np.array([(row, column) for row in rows for column in columns], np.int64)
        self._splits, self._taps, self._tasks = splits, spec.kh * spec.kw, tasks
        self._spec, self._blocks = spec, blocks
        self._one, self._offsets = one, taps[::-1] if spec.flip_kernel else taps
        self._made: dict[tuple[int, bool, bool], Array] = {}

    def splits(self) -> int:
        """Return in how many shares the filters are divided, each with copies of the pixels of its own."""
        return self._splits if self._taps == 1 else min(self._splits, team())

    def elements(self) -> int:
        """Return the elements of the buffers of the tasks that run at once, and of the repeated bias."""
        spec, lanes = self._spec, self._panel // WIDEST
        whole, pixels = spec.c // spec.groups * self._taps, spec.oh * spec.ow
        longest = -(-whole // -(-whole // self._most))
        panels = -(-pixels // self._panel)
        widest = -(-panels // self._blocks) * self._panel
        one = self._taps == 1 and not any(spec.pad)
        strided = strided_room(widest, spec.ow, lanes) if one and pixels != spec.h * spec.w else 0
        tasks = at_once(self._work, self._tasks * self.splits())
        return tasks * longest * (widest + strided) + spec.f * self._panel * spec.bias

    def holding(self, w: Array, b: Array | None, *, relu: bool = False) -> Callable[[Array, Array], None]:
        """Return ``(x, y) -> None`` with filters and bias held; negative results become 0 with `relu`."""
        filters = w.ravel()
        bias = filters if b is None else np.repeat(b, self._panel)
        run, numbers = self._run, self._numbers(self.splits(), b is not None, relu)
        return lambda x, y: run(x, filters, bias, y, numbers)

    def _numbers(self, splits: int, biased: bool, relu: bool) -> Array:
        """Return what the kernel is given; made once, for it takes longer than a small problem."""
        key = splits, biased, relu
        if key not in self._made:
            spec = self._spec
            numbers = Numbers(
                batch=spec.n,
                channels=spec.c,
                height=spec.h,
                width=spec.w,
                filters=spec.f,
                rows=spec.oh,
                columns=spec.ow,
                row_step=spec.stride[0],
                column_step=spec.stride[1],
                groups=spec.groups,
                one=self._one,
                blocks=self._blocks,
                splits=splits,
                unit=self._unit,
                most=self._most,
                biased=biased,
                relu=relu,
                across=self._across,
            )
            self._made[key] = flat(numbers, self._offsets)
        return self._made[key]

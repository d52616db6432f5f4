"""A depthwise convolution in NHWC: vectors of channels, each channel with a filter of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.axes import COUNT, Axis
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.grouped.groups import depthwise
from jitconv.algorithms.direct.grouped.pixels import (
    Block,
    GradientBlock,
    add_block,
    add_sums,
    correlate_block,
    of_pixels,
)
from jitconv.algorithms.direct.grouped.plane import PLANE, Plane
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import unpacked, unpacked_at
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.move import Lines, copy_lines
from jitconv.specs import ConvSpec

ROWS_OF_A_TASK = BLOCKS.depthwise_rows
TASKS = BLOCKS.tasks
FAR = BLOCKS.depthwise_fetched_bytes
COPIED, CONFLICT = BLOCKS.depthwise_copied_bytes, BLOCKS.depthwise_conflict_bytes


class Numbers(NamedTuple):
    """What the kernels are given of a problem, before those of a `Plane`."""

    batch: int
    channels: int
    split: int
    """Channels of a task of a correlation."""
    block: int
    """Rows of results that are done at once; of each phase."""
    parts: int
    """Into how many the rows of all images are divided for gradients: each part has sums of its own."""
    far: int
    """Whether images lie beyond the caches."""
    taps: int
    """Of the filters, also those that no phase has because its results are none."""
    group: int
    """Channels of a group, as many as its filters."""
    wide: int
    """Channels that are done at once, and the elements from pixel to pixel where they are."""
    copied: int
    """Elements of a task's copies, in which those lie side by side; 0 if they are read where they lie."""
    above: int
    """The first tap's row from the row of a result, and the last one's."""
    below: int


NUMBERS = len(Numbers._fields)


def task_of(fill_block: Any) -> Any:
    """Return what runs a task of a correlation, with blocks of one kind."""

    @inlined
    def run(task, x, w, bias, y, flags, scratch, numbers):
        """Fill `split` channels of `block` rows of each phase of an image; flags: biased, relu."""
        n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
        blocks = (plane.longest + n.block - 1) // n.block
        splits = (n.channels + n.split - 1) // n.split
        # threads begin far from one another: not with the same pixels, in whose cache lines both would write
        low, top = task % splits * n.split, task // splits % blocks * n.block
        image = task // splits // blocks
        x_at = image * plane.height * plane.width * n.channels
        y_at = image * plane.out_height * plane.out_width * n.channels
        high = min(low + n.split, n.channels)
        pixels, filters = x, w
        if n.copied:
            pixels, filters = scratch, scratch
        first, last = rows_met(top, min(top + n.block, plane.longest), n, plane)
        for c in range(low, high, n.wide):
            channels, w_at, at = min(n.wide, high - c), c, x_at + c
            if n.copied:
                at, w_at = -first * plane.width * n.wide, (last - first) * plane.width * n.wide
                copy_pixels(x, x_at + c, first, last, plane.width, n, channels, scratch, 0)
                copy_pixels(w, c, 0, 1, n.taps * n.group, n, channels, scratch, w_at)
            block = Block(
                x_at=at,
                w_at=w_at,
                bias_at=c,
                y_at=y_at + c,
                pitch=n.wide,
                out_pitch=n.channels,
                channels=channels,
                top=top,
                rows=n.block,
                biased=flags[0],
                relu=flags[1],
                far=n.far,
                group=n.group,
                channel_step=n.wide,
            )
            fill_block(pixels, filters, bias, y, numbers[NUMBERS + PLANE :], plane, block)

    return run


@inlined
def rows_met(top, bottom, n, plane):
    """Return the first row of an image that some rows of results meet, and the one after the last."""
    first, last = top * plane.row_step + n.above, (bottom - 1) * plane.row_step + n.below + 1
    first = min(max(0, first), plane.height)
    return first, max(first, min(last, plane.height))


@inlined
def copy_pixels(x, at, first, last, width, n, channels, out, to):
    """Copy some channels of the pixels of some rows, so that they lie side by side."""
    lines = Lines(
        lines=(last - first) * width,
        at=at + first * width * n.channels,
        step=n.channels,
        to=to,
        out_step=n.wide,
        length=channels,
    )
    copy_lines(x, out, lines)


@inlined
def tasks_of(numbers):
    """Return the tasks of a correlation."""
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
    splits = (n.channels + n.split - 1) // n.split
    return n.batch * splits * ((plane.longest + n.block - 1) // n.block)


@inlined
def copied_by(numbers):
    """Return the elements of a task's copies."""
    return Numbers(*unpacked(numbers, NUMBERS)).copied


def part_of(add: Any) -> Any:
    """Return what adds up a part of the gradients, by blocks of one kind."""

    @inlined
    def run(part, x, dy, dw, db, summed, scratch, numbers):
        """Add up a part of the rows: (KH, KW, channels of a group, C) and, if `summed`, (C)."""
        n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
        tables = numbers[NUMBERS + PLANE :]
        lanes = VECTOR_BYTES // x.itemsize
        blocks = (plane.out_height + n.block - 1) // n.block
        units = n.batch * blocks
        taps = dw.size // n.parts
        dy_down = plane.out_width * n.channels
        pixels, upstream, wide = x, dy, n.wide
        if n.copied:
            pixels, upstream = scratch, scratch
        dw[part * taps : (part + 1) * taps] = 0
        total = db[part * n.channels : (part + 1) * n.channels]
        total[:] = 0
        # over the blocks of rows of this part; each block for one vector of channels after the other, while
        # its pixels are in the cache
        for unit in range(part * units // n.parts, (part + 1) * units // n.parts):
            image, top = unit // blocks, unit % blocks * n.block
            bottom = min(top + n.block, plane.out_height)
            x_at, dy_at = image * plane.height * plane.width * n.channels, image * plane.out_height * dy_down
            first, last = rows_met(top, bottom, n, plane)
            for c in range(0, n.channels if taps else 0, wide):
                channels, at, upstream_at = min(wide, n.channels - c), x_at + c, dy_at + c
                if n.copied:
                    at, behind = -first * plane.width * wide, (last - first) * plane.width * wide
                    upstream_at = behind - top * plane.out_width * wide
                    copy_pixels(x, x_at + c, first, last, plane.width, n, channels, scratch, 0)
                    copy_pixels(dy, dy_at + c, top, bottom, plane.out_width, n, channels, scratch, behind)
                for lane in range(0, channels, lanes):
                    block = GradientBlock(
                        x_at=at + lane,
                        dy_at=upstream_at + lane,
                        sums_at=part * taps + c + lane,
                        pitch=wide,
                        channels=min(lanes, channels - lane),
                        top=top,
                        bottom=bottom,
                        group=n.group,
                        channel_step=n.channels,
                    )
                    add(pixels, upstream, dw, tables, plane, block)
            if summed:
                add_sums(dy, dy_at + top * dy_down, n.channels, (bottom - top) * plane.out_width, total)

    return run


_task, _part = task_of(correlate_block), part_of(add_block)


def _correlate(x, w, bias, y, biased, relu, numbers):
    for task in prange(tasks_of(numbers)):
        scratch = buffer(copied_by(numbers), x)
        _task(task, x, w, bias, y, (biased, relu), scratch, numbers)


def _gradients(x, dy, dw, db, summed, numbers):
    """Each part of the rows has sums of its own; there are as many parts on every number of threads."""
    for part in prange(Numbers(*unpacked(numbers, NUMBERS)).parts):
        scratch = buffer(copied_by(numbers), x)
        _part(part, x, dy, dw, db, summed, scratch, numbers)


CORRELATE, GRADIENTS = Kernel(_correlate), Kernel(_gradients)


def serves(spec: ConvSpec) -> str | None:
    """Return None if vectors are of channels: they lie together and each has one filter."""
    return depthwise(spec) or (None if spec.layout == "NHWC" else "needs NHWC")


def conflict(spec: ConvSpec) -> bool:
    """Whether neighbouring pixels are in so few sets of the first-level cache that they evict one another.

    The lines of addresses 4 KiB apart are in one set of eight. With pixels 8, 4 and 2 KiB apart k7x7 on
    12x12x2048, k5x5 on 14x14x1024 and k7x7 on 48x48x512 took 2433, 1010 and 7182 µs where they lie, and 379,
    133 and 1543 copied; 1 and 3 KiB apart (256 and 768 channels) 0.53 to 0.75 of the time, others 0.74 to
    1.27, with 3x3 mostly above 1.1 (18 layers, two AMD cores with AVX-512).
    """
    return spec.kw > 1 and spec.c * np.dtype(spec.dtype).itemsize % CONFLICT == 0


def copies(spec: ConvSpec, rows: Axis, columns: Axis, behind: int) -> tuple[int, int, int, int]:
    """Return the last four of `Numbers`: `behind` are the pixels that a task copies behind those of rows."""
    offsets = rows.offsets if rows.offsets.size else np.zeros(1, np.int64)
    above, below = int(offsets.min()), int(offsets.max())
    if not conflict(spec):
        return spec.c, 0, above, below
    wide = min(spec.c, COPIED // np.dtype(spec.dtype).itemsize)
    block = min(int(rows.phases[0, COUNT]), ROWS_OF_A_TASK)
    tall = min(rows.size, (block - 1) * rows.step + below - above + 1)
    return wide, wide * (tall * columns.size + behind), above, below


class DepthwiseCorrelation:
    """One correlation of NHWC pictures; `group` channels have as many filters each."""

    kernel = CORRELATE

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis, group: int = 1) -> None:
        itemsize = np.dtype(spec.dtype).itemsize
        lanes = VECTOR_BYTES // itemsize
        longest = int(rows.phases[0, COUNT])
        block = min(longest, ROWS_OF_A_TASK)
        blocks = max(1, spec.n) * -(-longest // block)
        split = spec.c if blocks >= TASKS else -(-spec.c * blocks // TASKS // lanes) * lanes
        large = spec.n * rows.size * columns.size * spec.c * itemsize > FAR
        wide, copied, above, below = copies(spec, rows, columns, spec.kh * spec.kw * group)
        numbers = Numbers(
            batch=spec.n,
            channels=spec.c,
            split=split,
            block=block,
            parts=1,
            far=large and not copied and (rows.step, columns.step) == (1, 1),
            taps=spec.kh * spec.kw,
            group=group,
            wide=wide,
            copied=copied,
            above=above,
            below=below,
        )
        self._numbers = of_pixels(spec, rows, columns, wide, *numbers, tap=wide * group)
        self._work = spec.madds // 20
        self.elements = at_once(self._work, blocks * -(-spec.c // split)) * copied
        """Of the copies of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, relu: bool = False) -> None:
        """Fill `y`; negative results become 0 with `relu`."""
        w = w.reshape(-1)
        bias = w if b is None else b
        x, y = x.reshape(-1), y.reshape(-1)
        self.kernel(self._work, x, w, bias, y, b is not None, relu, self._numbers)


class DepthwiseDw:
    """dw and db of NHWC pictures."""

    kernel = GRADIENTS

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis, group: int = 1) -> None:
        block = min(spec.oh, ROWS_OF_A_TASK)
        self._parts = max(1, min(spec.n * -(-spec.oh // block), TASKS))
        wide, copied, above, below = copies(spec, rows, columns, block * spec.ow)
        numbers = Numbers(
            batch=spec.n,
            channels=spec.c,
            split=spec.c,
            block=block,
            parts=self._parts,
            far=False,
            taps=spec.kh * spec.kw,
            group=group,
            wide=wide,
            copied=copied,
            above=above,
            below=below,
        )
        self._numbers = of_pixels(spec, rows, columns, wide, *numbers, tap=spec.c * group)
        self._work = spec.madds // 20
        of_a_part = spec.c * (spec.kh * spec.kw * group * ("w" in spec.wrt) + ("b" in spec.wrt))
        self.elements = self._parts * of_a_part + at_once(self._work, self._parts) * copied
        """Of the parts' sums, and of the copies of the tasks that run at once."""

    def __call__(self, dy: Array, x: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted."""
        products = np.empty((self._parts, 0 if dw is None else dw.size), x.dtype)
        sums = np.empty((self._parts, 0 if db is None else db.size), x.dtype)
        self.kernel(
            self._work,
            x.reshape(-1),
            dy.reshape(-1),
            products.reshape(-1),
            sums.reshape(-1),
            db is not None,
            self._numbers,
        )
        if dw is not None:
            products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)

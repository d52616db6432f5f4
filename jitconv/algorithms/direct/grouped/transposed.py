"""A depthwise convolution of small planes in NCHW: too short to fill vectors, they are turned into pixels.

A task copies the planes of some channels into pixels of as many channels, squares of them transposed in
registers, and does with them what `depthwise.py` does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.axes import Axis
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.grouped.depthwise import TASKS
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
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import unpacked, unpacked_at
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.transpose import pixels_to_planes, planes_to_pixels
from jitconv.specs import ConvSpec

PIXELS_BYTES = BLOCKS.transposed_pixels_bytes
LARGEST, SMALL = BLOCKS.transposed_largest_plane, BLOCKS.transposed_small_plane
MANY_TAPS, FULL_ROWS = BLOCKS.transposed_many_taps, BLOCKS.transposed_full_rows


def serves(spec: ConvSpec) -> str | None:
    """Return None for small planes of as many channels as a vector has lanes, or more."""
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    if reason := depthwise(spec):
        return reason
    if spec.layout != "NCHW" or spec.c < lanes:
        return f"needs NCHW of at least {lanes} channels"
    plane = max(spec.h * spec.w, spec.oh * spec.ow)
    if plane > LARGEST:
        return f"needs planes of at most {LARGEST} elements"
    full = spec.ow / (-(-spec.ow // lanes) * lanes)
    if plane > SMALL and spec.kh * spec.kw < MANY_TAPS and full > FULL_ROWS:
        return f"needs at most {SMALL} elements, {MANY_TAPS} taps, or rows that leave lanes empty"
    return None


def channels_of_a_task(spec: ConvSpec) -> int:
    """Return how many channels a task has: whole vectors."""
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    vectors = PIXELS_BYTES // (VECTOR_BYTES * max(spec.h * spec.w, spec.oh * spec.ow))
    return lanes * min(max(1, vectors), max(1, spec.c // lanes // TASKS))


class Numbers(NamedTuple):
    """What the kernels are given of a problem, before those of a `Plane`."""

    batch: int
    channels: int
    wide: int
    """Channels of a task."""
    taps: int
    parts: int
    """Into how many the images are divided for gradients: each part has sums of its own."""


NUMBERS = len(Numbers._fields)


def _correlate(x, w, bias, y, biased, relu, numbers):
    """Fill `wide` channels of one image after the other."""
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
    tables = numbers[NUMBERS + PLANE :]
    splits = (n.channels + n.wide - 1) // n.wide
    size, out_size = plane.height * plane.width, plane.out_height * plane.out_width
    units = n.batch * splits
    tasks = min(units, 8 * TASKS)
    for task in prange(tasks):
        weights = buffer(n.taps * n.wide, x)
        pixels, results = buffer(size * n.wide, x), buffer(out_size * n.wide, x)
        held = -1
        # images follow one another within some channels, so that filters are seldom transposed
        for unit in range(task * units // tasks, (task + 1) * units // tasks):
            low, image = unit // n.batch * n.wide, unit % n.batch
            count = min(n.wide, n.channels - low)
            if low != held:
                planes_to_pixels(w, low * n.taps, n.taps, count, n.taps, weights, 0, n.wide)
                held = low
            first = image * n.channels + low
            planes_to_pixels(x, first * size, size, count, size, pixels, 0, n.wide)
            block = Block(
                x_at=0,
                w_at=0,
                bias_at=low,
                y_at=0,
                pitch=n.wide,
                out_pitch=n.wide,
                channels=count,
                top=0,
                rows=plane.longest,
                biased=biased,
                relu=relu,
                far=0,
                group=1,
                channel_step=0,
            )
            correlate_block(pixels, weights, bias, results, tables, plane, block)
            pixels_to_planes(results, 0, n.wide, count, out_size, y, first * out_size, out_size)


def _gradients(x, dy, dw, db, wanted, numbers):
    """A task has some channels of a part of the images: (parts, C, KH, KW) if `wanted`, and (parts, C).

    There are as many parts on every number of threads.
    """
    n, plane = Numbers(*unpacked(numbers, NUMBERS)), Plane(*unpacked_at(numbers, NUMBERS, PLANE))
    tables = numbers[NUMBERS + PLANE :]
    lanes = VECTOR_BYTES // x.itemsize
    splits = (n.channels + n.wide - 1) // n.wide
    size, out_size = plane.height * plane.width, plane.out_height * plane.out_width
    for task in prange(n.parts * splits):
        part, low = task // splits, task % splits * n.wide
        count = min(n.wide, n.channels - low)
        pixels, upstream = buffer(size * n.wide, x), buffer(out_size * n.wide, x)
        sums = buffer(n.taps * n.wide, x)
        sums[:] = 0
        own = part * n.channels + low
        total = db[own : own + count]
        total[:] = 0
        for image in range(part * n.batch // n.parts, (part + 1) * n.batch // n.parts):
            first = image * n.channels + low
            planes_to_pixels(dy, first * out_size, out_size, count, out_size, upstream, 0, n.wide)
            add_sums(upstream, 0, n.wide, out_size, total)
            if wanted:
                planes_to_pixels(x, first * size, size, count, size, pixels, 0, n.wide)
                for c in range(0, count, lanes):
                    block = GradientBlock(
                        x_at=c,
                        dy_at=c,
                        sums_at=c,
                        pitch=n.wide,
                        channels=min(lanes, count - c),
                        top=0,
                        bottom=plane.out_height,
                        group=1,
                        channel_step=0,
                    )
                    add_block(pixels, upstream, sums, tables, plane, block)
        if wanted:
            pixels_to_planes(sums, 0, n.wide, count, n.taps, dw, own * n.taps, n.taps)


CORRELATE, GRADIENTS = Kernel(_correlate), Kernel(_gradients)


class TransposedCorrelation:
    """One correlation: a forward pass, or the gradient of the pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        wide, taps = channels_of_a_task(spec), spec.kh * spec.kw
        numbers = Numbers(batch=spec.n, channels=spec.c, wide=wide, taps=taps, parts=1)
        self._numbers = of_pixels(spec, rows, columns, wide, *numbers)
        self._work = spec.madds // 20
        pixels = rows.size * columns.size + rows.outputs * columns.outputs + taps
        self.elements = at_once(self._work, spec.n * -(-spec.c // wide)) * wide * pixels
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, relu: bool = False) -> None:
        """Fill `y`; negative results become 0 with `relu`."""
        w = w.reshape(-1)
        bias = w if b is None else b
        CORRELATE(self._work, x.reshape(-1), w, bias, y.reshape(-1), b is not None, relu, self._numbers)


class TransposedDw:
    """dw and db."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        wide, taps = channels_of_a_task(spec), spec.kh * spec.kw
        splits = -(-spec.c // wide)
        self._parts = max(1, min(spec.n, TASKS // splits))
        numbers = Numbers(batch=spec.n, channels=spec.c, wide=wide, taps=taps, parts=self._parts)
        self._numbers = of_pixels(spec, rows, columns, wide, *numbers)
        self._work, self._channels = spec.madds // 20, spec.c
        task = wide * (spec.h * spec.w + spec.oh * spec.ow + taps * ("w" in spec.wrt) + 1)
        sums = self._parts * spec.c * (taps * ("w" in spec.wrt) + 1)
        self.elements = sums + at_once(self._work, self._parts * splits) * task
        """Of the parts' sums, and of the buffers of the tasks that run at once."""

    def __call__(self, dy: Array, x: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted."""
        products = np.empty((self._parts, 0 if dw is None else dw.size), x.dtype)
        sums = np.empty((self._parts, self._channels), x.dtype)
        GRADIENTS(
            self._work,
            x.reshape(-1),
            dy.reshape(-1),
            products.reshape(-1),
            sums.reshape(-1),
            dw is not None,
            self._numbers,
        )
        if dw is not None:
            products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)

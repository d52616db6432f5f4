"""A depthwise convolution of small planes in NCHW: too short to fill vectors, they are turned into pixels.

A task copies the planes of some channels into pixels of as many channels, squares of them transposed in
registers, and does what `depthwise.py` does.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.axes import COUNT, Axis
from jitconv.algorithms.direct.grouped.depthwise import TASKS, add_block, add_sums, correlate_block, tables
from jitconv.algorithms.direct.grouped.groups import depthwise
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.transpose import pixels_to_planes, planes_to_pixels
from jitconv.specs import ConvSpec

PIXELS_BYTES = 16 * 1024
"""Pixels of a task, if they are more than a vector of channels: results beside them fit in the first-level
cache."""

LARGEST = 14 * 14
"""Elements of a plane up to which it is turned. Of 16 pictures with 192 channels of 28x28 planes took 1.9 ms,
pixels 2.9; with 960 channels of 7x7 planes took 3.1 ms, pixels 0.9. Runs apart, the machine in use."""


def serves(spec: ConvSpec) -> str | None:
    """Return None for small planes of as many channels as a vector has lanes, or more."""
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    if reason := depthwise(spec):
        return reason
    if spec.layout != "NCHW" or spec.c < lanes:
        return f"needs NCHW of at least {lanes} channels"
    if max(spec.h * spec.w, spec.oh * spec.ow) > LARGEST:
        return f"needs planes of at most {LARGEST} elements"
    return None


def channels_of_a_task(spec: ConvSpec) -> int:
    """Return how many channels a task has: whole vectors."""
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    vectors = PIXELS_BYTES // (VECTOR_BYTES * max(spec.h * spec.w, spec.oh * spec.ow))
    return lanes * min(max(1, vectors), max(1, spec.c // lanes // TASKS))


def _correlate(x, w, bias, biased, y, batch, channels, wide, taps, size, out_size, steps, row_phases, rows,
               column_phases, columns, floor):  # fmt: skip
    """Fill `wide` channels of a picture after the other."""
    splits = (channels + wide - 1) // wide
    plane, out_plane = size[0] * size[1], out_size[0] * out_size[1]
    units = batch * splits
    tasks = min(units, 8 * TASKS)
    for task in prange(tasks):
        weights = buffer(taps * wide, x)
        pixels, results = buffer(plane * wide, x), buffer(out_plane * wide, x)
        held = -1
        for unit in range(task * units // tasks, (task + 1) * units // tasks):
            low, n = unit // batch * wide, unit % batch
            count = min(wide, channels - low)
            if low != held:
                planes_to_pixels(w, low * taps, taps, count, taps, weights, 0, wide)
                held = low
            planes_to_pixels(x, (n * channels + low) * plane, plane, count, plane, pixels, 0, wide)
            correlate_block(pixels, 0, weights, 0, bias, low, biased, results, 0, wide, count, 0,
                            row_phases[0, COUNT], size, out_size, steps, row_phases, rows, column_phases,
                            columns, floor, False)  # fmt: skip
            pixels_to_planes(results, 0, wide, count, out_plane, y, (n * channels + low) * out_plane,
                             out_plane)  # fmt: skip


def _gradients(x, dy, dw, db, wanted, batch, channels, wide, parts, taps, size, out_size, steps, row_phases,
               rows, column_phases, columns):  # fmt: skip
    """A task has some channels of a part of the pictures: (parts, C, KH, KW) if `wanted`, and (parts, C).

    There are as many parts on every number of threads.
    """
    lanes = VECTOR_BYTES // x.itemsize
    splits = (channels + wide - 1) // wide
    plane, out_plane = size[0] * size[1], out_size[0] * out_size[1]
    for task in prange(parts * splits):
        part, low = task // splits, task % splits * wide
        count = min(wide, channels - low)
        pixels, upstream = buffer(plane * wide, x), buffer(out_plane * wide, x)
        sums = buffer(taps * wide, x)
        sums[:] = 0
        total = db[part * channels + low : part * channels + low + count]
        total[:] = 0
        for n in range(part * batch // parts, (part + 1) * batch // parts):
            planes_to_pixels(dy, (n * channels + low) * out_plane, out_plane, count, out_plane, upstream, 0,
                             wide)  # fmt: skip
            add_sums(upstream, 0, wide, out_plane, total)
            if wanted:
                planes_to_pixels(x, (n * channels + low) * plane, plane, count, plane, pixels, 0, wide)
                for c in range(0, count, lanes):
                    add_block(pixels, c, upstream, c, wide, min(lanes, count - c), 0, out_size[0], sums, c,
                              size, out_size, steps, row_phases, rows, column_phases, columns)  # fmt: skip
        if wanted:
            pixels_to_planes(sums, 0, wide, count, taps, dw, (part * channels + low) * taps, taps)


CORRELATE, GRADIENTS = Kernel(_correlate), Kernel(_gradients)


class TransposedCorrelation:
    """One correlation: a forward pass, or the gradient of the pictures."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        wide = channels_of_a_task(spec)
        self._geometry = (
            spec.n, spec.c, wide, spec.kh * spec.kw, (rows.size, columns.size),
            (rows.outputs, columns.outputs), (rows.step, columns.step), *tables(spec, rows, columns, wide),
        )  # fmt: skip
        self._work = spec.madds // 20
        pixels = rows.size * columns.size + rows.outputs * columns.outputs + spec.kh * spec.kw
        self.elements = at_once(self._work, spec.n * -(-spec.c // wide)) * wide * pixels
        """Of the buffers of the tasks that run at once."""

    def __call__(self, x: Array, w: Array, b: Array | None, y: Array, *, floor: bool = False) -> None:
        """Fill `y`; negative results become 0 with `floor`."""
        w = w.reshape(-1)
        CORRELATE(self._work, x.reshape(-1), w, w if b is None else b, b is not None, y.reshape(-1),
                  *self._geometry, floor)  # fmt: skip


class TransposedDw:
    """dw and db."""

    def __init__(self, spec: ConvSpec, rows: Axis, columns: Axis) -> None:
        wide = channels_of_a_task(spec)
        self._parts = max(1, min(spec.n, TASKS // -(-spec.c // wide)))
        self._geometry = (
            spec.n, spec.c, wide, self._parts, spec.kh * spec.kw, (spec.h, spec.w), (spec.oh, spec.ow),
            spec.stride, *tables(spec, rows, columns, wide),
        )  # fmt: skip
        self._work, self._channels = spec.madds // 20, spec.c
        taps, splits = spec.kh * spec.kw, -(-spec.c // wide)
        task = wide * (spec.h * spec.w + spec.oh * spec.ow + taps * ("w" in spec.wrt) + 1)
        sums = self._parts * spec.c * (taps * ("w" in spec.wrt) + 1)
        self.elements = sums + at_once(self._work, self._parts * splits) * task
        """Of the parts' sums, and of the buffers of the tasks that run at once."""

    def __call__(self, dy: Array, x: Array, dw: Array | None, db: Array | None) -> None:
        """Fill `dw` and `db`, where they are wanted."""
        products = np.empty((self._parts, 0 if dw is None else dw.size), x.dtype)
        sums = np.empty((self._parts, self._channels), x.dtype)
        GRADIENTS(self._work, x.reshape(-1), dy.reshape(-1), products.reshape(-1), sums.reshape(-1),
                  dw is not None, *self._geometry)  # fmt: skip
        if dw is not None:
            products.sum(axis=0, out=dw.reshape(-1))
        if db is not None:
            sums.sum(axis=0, out=db)

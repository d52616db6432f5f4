"""Filters in the order that a kernel reads them."""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.transpose import pixels_to_planes
from jitconv.specs import ConvSpec

LINES = 144
"""Cache lines of output that are written at once: those of 16 rows of 3x3 taps fit in the first-level cache.
Not measured."""


@inlined
def rows_of_a_block(taps):
    """Return how many rows are written side by side, so that a line that is read is read whole."""
    return max(1, LINES // taps)


def _arrange(w, places, row_step, column_step, rows, columns, out):
    """out[t, row, column] = w[places[t] + row·row_step + column·column_step]."""
    block = rows_of_a_block(places.size)
    for task in prange((rows + block - 1) // block):
        first = task * block
        for column in range(columns):
            for row in range(first, min(first + block, rows)):
                at = row * row_step + column * column_step
                for t in range(places.size):
                    out[(t * rows + row) * columns + column] = w[places[t] + at]


def _put_back(taps, flipped, count, channels, filters, out):
    """out[filter, channel, t] = taps[t, channel, filter], some filters and channels at a time.

    `flipped`: out[filter, channel, count - 1 - t].
    """
    tap = channels * filters
    lanes = VECTOR_BYTES // taps.itemsize
    wide = 4 * lanes  # neighbouring cache lines are read soon after one another
    block = rows_of_a_block(count)
    blocks = (channels + block - 1) // block
    for task in prange((filters + wide - 1) // wide * blocks):
        low, first = task // blocks * wide, task % blocks * block
        high, last = min(low + wide, filters), min(first + block, channels)
        # one tap: a transpose of channels and filters; else of taps and filters, a channel after the other
        if count == 1:
            at, to = first * filters + low, low * channels + first
            pixels_to_planes(taps, at, filters, high - low, last - first, out, to, channels)
            continue
        for c in range(first, last):
            at = c * filters + low + ((count - 1) * tap if flipped else 0)
            to = (low * channels + c) * count
            pixels_to_planes(taps, at, -tap if flipped else tap, high - low, count, out, to, channels * count)


ARRANGE, PUT_BACK = Kernel(_arrange), Kernel(_put_back)


def put_back(gradient: Array, spec: ConvSpec, dw: Array) -> None:
    """Fill `dw`, stored as NCHW has it, from cross-correlation's (KH, KW, C/groups, F)."""
    group_c = spec.c // spec.groups
    count = spec.kh * spec.kw
    PUT_BACK(dw.size // 2, gradient.reshape(-1), spec.flip_kernel, count, group_c, spec.f, dw.reshape(-1))


def taps_first(w: Array, spec: ConvSpec) -> Array:
    """Return filters of one group as (KH, KW, C, F), as cross-correlation wants them."""
    if spec.layout == "NHWC" and not spec.flip_kernel:
        return w
    channel, filter_, _ = filter_strides(spec)
    out = np.empty((spec.kh, spec.kw, spec.c, spec.f), w.dtype)
    ARRANGE(out.size, w.reshape(-1), taps(spec), channel, filter_, spec.c, spec.f, out.reshape(-1))
    return out


def taps(spec: ConvSpec) -> Array:
    """Return where the filters of each tap begin in w."""
    return np.array([place(kh, kw, spec) for kh in range(spec.kh) for kw in range(spec.kw)], np.int64)


def place(kh: int, kw: int, spec: ConvSpec) -> int:
    """Return where the filters of a tap begin in w."""
    if spec.flip_kernel:
        kh, kw = spec.kh - 1 - kh, spec.kw - 1 - kw
    return (kh * spec.kw + kw) * (spec.c // spec.groups * spec.f if spec.layout == "NHWC" else 1)


def filter_strides(spec: ConvSpec) -> tuple[int, int, int]:
    """Return the steps of w from channel to channel, filter to filter and group to group."""
    group_c, group_f = spec.c // spec.groups, spec.f // spec.groups
    if spec.layout == "NHWC":
        return spec.f, 1, group_f
    return spec.kh * spec.kw, group_c * spec.kh * spec.kw, group_f * group_c * spec.kh * spec.kw

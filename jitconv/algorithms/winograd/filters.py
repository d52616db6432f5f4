"""The transforms of 3x3 filters, read where they lie in any layout, turned round or not."""

from __future__ import annotations

from numba import prange

from jitconv.algorithms._shared.filters import filter_strides, place
from jitconv.algorithms.winograd.pieces import FILTER_2, FILTER_4, LARGE, points_of
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.interleave import interleave
from jitconv.micro.tile import WIDEST
from jitconv.specs import ConvSpec

CHUNK = 16
"""Channels of filters that are transformed by a task. Not measured."""

TAPS = 9

Steps = tuple[int, int, int, int]


def forward_steps(spec: ConvSpec) -> Steps:
    """Return where the first tap lies in w, and the steps from tap to tap, channel and filter."""
    channel, filter_, _ = filter_strides(spec)
    return place(0, 0, spec), place(0, 1, spec) - place(0, 0, spec), channel, filter_


def turned_steps(spec: ConvSpec) -> Steps:
    """Return the same of filters turned by 180 degrees whose channels and filters have changed places."""
    first, tap, channel, filter_ = forward_steps(spec)
    return first + (TAPS - 1) * tap, -tap, filter_, channel


@inlined
def _transform(side, w, at, tap, step, out, to, apart, channels, count):
    """Transform the taps of some channels and `count` filters that lie side by side."""
    width = WIDEST * (VECTOR_BYTES // w.itemsize)
    if side == LARGE:
        FILTER_4(w, at, 3 * tap, tap, step, out, to, (side + 2) * apart, apart, width, channels, count)
    else:
        FILTER_2(w, at, 3 * tap, tap, step, out, to, (side + 2) * apart, apart, width, channels, count)


@inlined
def transform_filters(w, steps, side, first, last, f, count, out, at, apart, gathered):
    """Transform channels first..last-1 of filters f..f+count-1: (point, channel, lane) of a panel.

    `out` has a panel's lanes for every channel and `apart` elements for every point. Filters that do not
    lie side by side are gathered, a vector of them at a time, in a buffer of `gathered_size`.
    """
    origin, tap, channel, filter_ = steps
    lanes, channels = VECTOR_BYTES // w.itemsize, last - first
    if filter_ == 1:
        _transform(side, w, origin + first * channel + f, tap, channel, out, at, apart, channels, count)
        return
    for v in range(0, count, lanes):
        start, some, to = origin + (f + v) * filter_, min(lanes, count - v), at + v
        if channel == 1:
            run = (channels + lanes - 1) // lanes * lanes * lanes
            for t in range(TAPS):
                interleave(w, start + t * tap + first, filter_, some, channels, gathered[t * run :])
            _transform(side, gathered, 0, run, lanes, out, to, apart, channels, some)
            continue
        lowest, begin = start + min(0, (TAPS - 1) * tap), max(0, -tap) * (TAPS - 1) * lanes
        if channel == TAPS:
            interleave(w, lowest + first * TAPS, filter_, some, channels * TAPS, gathered)
            _transform(side, gathered, begin, tap * lanes, TAPS * lanes, out, to, apart, channels, some)
            continue
        for c in range(first, last):
            interleave(w, lowest + c * channel, filter_, some, TAPS, gathered)
            _transform(
                side, gathered, begin, tap * lanes, 0, out, to + (c - first) * WIDEST * lanes, apart, 1, some
            )


@inlined
def gathered_size(channels, like):
    """Return the elements of the buffer in which so many channels are gathered."""
    lanes = VECTOR_BYTES // like.itemsize
    return (TAPS * (channels + lanes) + lanes) * lanes


def _filters(w, steps, side, channels, filters, out, apart):
    """Transform all filters: (panel, point, channel, lane), `apart` from point to point."""
    width = WIDEST * (VECTOR_BYTES // w.itemsize)
    panels = (filters + width - 1) // width
    chunks = (channels + CHUNK - 1) // CHUNK
    for task in prange(panels * chunks):
        gathered = buffer(gathered_size(CHUNK, w), w)
        panel, first = task // chunks, task % chunks * CHUNK
        last = min(first + CHUNK, channels)
        at = panel * points_of(side) * apart + first * width
        transform_filters(w, steps, side, first, last, panel * width, min(width, filters - panel * width),
                          out, at, apart, gathered)  # fmt: skip


FILTERS = Kernel(_filters)

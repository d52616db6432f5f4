"""The transforms of 3x3 filters, read as they are stored in any layout, rotated by 180 degrees or not."""

from __future__ import annotations

from typing import NamedTuple

from numba import prange

from jitconv.algorithms._shared.filters import filter_strides, place
from jitconv.algorithms.winograd.pieces import FILTER_2, FILTER_4, LARGE, points_of
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.interleave import interleave
from jitconv.micro.tile import WIDEST
from jitconv.micro.transform import Places
from jitconv.specs import ConvSpec

CHUNK = 16
"""Channels of filters that are transformed by a task. Not measured."""

TAPS = 9


class Steps(NamedTuple):
    """How filters are stored."""

    first: int
    """Where the first tap of the first filter is."""
    tap: int
    """Elements from tap to tap; then from channel to channel, from filter to filter."""
    channel: int
    filter: int


def forward_steps(spec: ConvSpec) -> Steps:
    """Return the steps of w."""
    channel, filter_, _ = filter_strides(spec)
    return Steps(place(0, 0, spec), place(0, 1, spec) - place(0, 0, spec), channel, filter_)


def rotated_steps(spec: ConvSpec) -> Steps:
    """Return the same of filters rotated by 180 degrees whose channels and filters have changed places."""
    first, tap, channel, filter_ = forward_steps(spec)
    return Steps(first + (TAPS - 1) * tap, -tap, filter_, channel)


class Filters(NamedTuple):
    """How filters are transformed: (panel, point, channel, lane)."""

    side: int
    """Of a tile of results."""
    channels: int
    filters: int
    first: int
    """As in `Steps`."""
    tap: int
    channel: int
    filter: int
    apart: int
    """Elements of the transformed filters from point to point."""


FILTER_NUMBERS = len(Filters._fields)


@inlined
def _transform(side, w, at, tap, step, out, to, apart, channels, count):
    """Transform the taps of some channels and `count` contiguous filters."""
    width = WIDEST * (VECTOR_BYTES // w.itemsize)
    read = Places(at=at, down=3 * tap, right=tap, step=step)
    written = Places(at=to, down=(side + 2) * apart, right=apart, step=width)
    if side == LARGE:
        FILTER_4(w, out, read, written, channels, count)
    else:
        FILTER_2(w, out, read, written, channels, count)


@inlined
def transform_filters(w, out, gathered, n, apart, first, last, f, at):
    """Transform channels first..last-1 of the panel of filters from f on: (point, channel, lane).

    out[at:] has a panel's lanes for every channel and `apart` elements for every point. Filters that are not
    neighbours are gathered, a vector of them at a time, in a buffer of `gathered_size`.
    """
    lanes, channels = VECTOR_BYTES // w.itemsize, last - first
    count = min(WIDEST * lanes, n.filters - f)
    if n.filter == 1:
        start = n.first + first * n.channel + f
        _transform(n.side, w, start, n.tap, n.channel, out, at, apart, channels, count)
        return
    for v in range(0, count, lanes):
        start, some, to = n.first + (f + v) * n.filter, min(lanes, count - v), at + v
        if n.channel == 1:  # a tap of all channels is contiguous
            run = (channels + lanes - 1) // lanes * lanes * lanes
            for t in range(TAPS):
                interleave(w, start + t * n.tap + first, n.filter, some, channels, gathered[t * run :])
            _transform(n.side, gathered, 0, run, lanes, out, to, apart, channels, some)
            continue
        lowest, begin = start + min(0, (TAPS - 1) * n.tap), max(0, -n.tap) * (TAPS - 1) * lanes
        tap = n.tap * lanes
        if n.channel == TAPS:  # all taps of all channels are contiguous
            interleave(w, lowest + first * TAPS, n.filter, some, channels * TAPS, gathered)
            _transform(n.side, gathered, begin, tap, TAPS * lanes, out, to, apart, channels, some)
            continue
        for c in range(first, last):  # the taps of one channel are
            interleave(w, lowest + c * n.channel, n.filter, some, TAPS, gathered)
            place = to + (c - first) * WIDEST * lanes
            _transform(n.side, gathered, begin, tap, 0, out, place, apart, 1, some)


@inlined
def gathered_size(channels, like):
    """Return the elements of the buffer in which so many channels are gathered."""
    lanes = VECTOR_BYTES // like.itemsize
    return (TAPS * (channels + lanes) + lanes) * lanes


def _filters(w, out, numbers):
    """Transform all filters: (panel, point, channel, lane)."""
    n = Filters(*unpacked(numbers, FILTER_NUMBERS))
    width = WIDEST * (VECTOR_BYTES // w.itemsize)
    panels = (n.filters + width - 1) // width
    chunks = (n.channels + CHUNK - 1) // CHUNK
    for task in prange(panels * chunks):
        gathered = buffer(gathered_size(CHUNK, w), w)
        panel, first = task // chunks, task % chunks * CHUNK
        last = min(first + CHUNK, n.channels)
        at = panel * points_of(n.side) * n.apart + first * width
        transform_filters(w, out, gathered, n, n.apart, first, last, panel * width, at)


FILTERS = Kernel(_filters)

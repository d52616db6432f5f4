"""Planes interleaved, buffer[p·LANES + l] = x[at + l·plane + p], and back.

So many planes are interleaved as a vector has lanes; what runs over the channels of NHWC pictures then
runs over planes.
"""

from __future__ import annotations

from typing import Any

from jitconv.jit.vectors import VECTOR_BYTES, Vectors, emitted
from jitconv.micro.square import Square


def lanes(dtype: Any) -> int:
    """Return how many planes of a dtype are interleaved."""
    return VECTOR_BYTES // int(dtype.itemsize)


@emitted()
def interleave(v, x, at, plane, planes, count, buffer):
    """Fill a buffer with `count` elements of each plane, the first of them at x[at].

    Parameters
    ----------
    x : array of one axis
        The planes, `plane` elements from one to the next.
    planes : int
        How many there are; lanes beyond repeat the last one.
    buffer : array of one axis
        Has room for `count` rounded up to whole vectors, times the lanes.
    """
    square = Square(v, x, at, plane, planes)

    def body(p: Any, rest: Any) -> None:
        for place, column in enumerate(square.transposed(square.rows(p, rest))):
            v.store(column, square.of_buffer(buffer, p, place))

    square.each(count, body)


@emitted()
def deinterleave(v, like, buffer, y, at, plane, planes, count):
    """Undo `interleave`, from a buffer into the planes of `y`; `like` has the dtype that gives the lanes."""
    square = Square(Vectors(v.build, y.type.pointee, v.lanes), y, at, plane, planes)

    def body(p: Any, rest: Any) -> None:
        columns = [square.v.load(square.of_buffer(buffer, p, n)) for n in range(v.lanes)]
        for lane, row in enumerate(square.transposed(columns)):
            square.v.store(row, square.of_plane(lane, p), rest)

    square.each(count, body)

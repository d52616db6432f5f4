"""NCHW to NHWC, out[to + p·pitch + c] = x[at + c·plane + p], and back, a square at a time.

Arrays are passed whole, with places in them: a slice of an array that threads share is counted, and the
count is what they then wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES, Vectors, emitted
from jitconv.jit.workspace import LINE
from jitconv.micro.square import Square

SQUARES_AT_ONCE = LINE // VECTOR_BYTES
"""Squares whose channels fill a cache line of each pixel: pixels 2 KiB apart evict each other's lines from
the first-level cache. Of 256 channels of 28x28 half lines moved 5.2 bytes a cycle, whole ones 7.6 (Zen 3)."""

SIZES = [(1,), (SQUARES_AT_ONCE,)][:SQUARES_AT_ONCE]


@inlined
def planes_to_pixels(x, at, plane, channels, count, out, to, pitch):
    """Put `count` neighbouring pixels of planes of `x` to out[to:], `pitch` from one to the next."""
    squares = SQUARES_AT_ONCE if channels * x.itemsize >= LINE else 1
    wide = squares * VECTOR_BYTES // x.itemsize
    for c in range(0, channels, wide):
        first = max(0, min(c, channels - wide))  # the last ones begin so early that they are whole
        gather(squares, x, at + first * plane, plane, min(wide, channels), count, out, to + first, pitch)


@inlined
def pixels_to_planes(x, at, pitch, channels, count, out, to, plane):
    """Undo `planes_to_pixels`."""
    squares = SQUARES_AT_ONCE if channels * x.itemsize >= LINE else 1
    wide = squares * VECTOR_BYTES // x.itemsize
    for c in range(0, channels, wide):
        first = max(0, min(c, channels - wide))
        scatter(squares, x, at + first, pitch, min(wide, channels), count, out, to + first * plane, plane)


@emitted(sizes=SIZES)
def gather(v, at_once, x, at, plane, planes, count, out, to, pitch):
    """Do `planes_to_pixels` of the planes of some squares; of fewer, if there is one."""
    squares = _squares(v, at_once, x, at, plane, planes)
    last = count - v.lanes
    close = pitch == planes

    def body(p: Any, rest: Any, inside: Any) -> None:
        for n, square in enumerate(squares):
            columns = square.transposed(square.rows(p, rest))
            pixels = [p + place for place in range(v.lanes)]
            places = [v.at(out, to, pixel * pitch, n * v.lanes) for pixel in pixels]

            def put(mask: Any, columns: Any = columns, places: Any = places) -> list[Any]:
                for column, place in zip(columns, places, strict=True):
                    v.store(column, place, mask)
                return []

            if rest is not None:
                for column, pixel, place in zip(columns, pixels, places, strict=True):
                    with v.build.if_then(pixel < count):
                        v.store(column, place, inside)
            elif inside is None:
                put(None)
            else:
                # of pixels without a gap each may write into the next ones, which come later
                free = close & (pixels[-1] <= last)
                v.either(free, lambda put=put: put(None), lambda put=put: put(inside))

    _with_mask(v, planes, lambda inside: squares[0].each(count, lambda p, rest: body(p, rest, inside)))


@emitted(sizes=SIZES)
def scatter(v, at_once, x, at, pitch, planes, count, out, to, plane):
    """Do `pixels_to_planes` of the planes of some squares; of fewer, if there is one."""
    squares = _squares(v, at_once, out, to, plane, planes)
    last = count - 1

    def body(p: Any, rest: Any, inside: Any) -> None:
        pixels = [p + place for place in range(v.lanes)]
        if rest is not None:
            pixels = [(pixel < count).choose(pixel, last) for pixel in pixels]
        for n, square in enumerate(squares):
            places = [v.at(x, at, pixel * pitch, n * v.lanes) for pixel in pixels]
            rows = square.transposed([v.load(place, inside) for place in places])
            # lanes beyond the last plane are written where that is, and so before it
            for lane in reversed(range(v.lanes)):
                v.store(rows[lane], square.of_plane(lane, p), rest)

    _with_mask(v, planes, lambda inside: squares[0].each(count, lambda p, rest: body(p, rest, inside)))


def _squares(v: Vectors, count: int, base: Any, at: Any, plane: Any, planes: Any) -> list[Square]:
    """Return squares of neighbouring planes."""
    if count == 1:
        return [Square(v, base, at, plane, planes)]
    step = plane * v.lanes
    starts = [at + step * n for n in range(count)]
    return [Square(v, base, start, plane, v.known(v.lanes)) for start in starts]


def _with_mask(v: Vectors, planes: Any, write: Callable[[Any], None]) -> None:
    """Write it without a mask for a whole vector of planes, with theirs for fewer."""
    with v.build.if_else(planes >= v.lanes) as (one, other):
        with one:
            write(None)
        with other:
            write(v.below(planes))

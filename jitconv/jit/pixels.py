"""NCHW to NHWC and back, a square of pixels and channels at a time, transposed in registers.

Arrays are passed whole, with places in them: a slice of an array that threads share is counted, and the
count is what they then wait for.
"""

from __future__ import annotations

from typing import Any

from jitconv.jit.interleave import Square
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import I64, VECTOR_BYTES, Vectors, emitted


@inlined
def planes_to_pixels(x, at, plane, channels, count, out, to, pitch):
    """Put `count` pixels that lie side by side in planes of `x` to out[to:], `pitch` from one to the next."""
    side = VECTOR_BYTES // x.itemsize
    for c in range(0, channels, side):
        first = max(0, min(c, channels - side))  # the last square begins so early that it is whole
        gather(x, at + first * plane, plane, min(side, channels), count, out, to + first, pitch)


@inlined
def pixels_to_planes(x, at, pitch, channels, count, out, to, plane):
    """Undo `planes_to_pixels`."""
    side = VECTOR_BYTES // x.itemsize
    for c in range(0, channels, side):
        first = max(0, min(c, channels - side))
        scatter(x, at + first, pitch, min(side, channels), count, out, to + first * plane, plane)


@emitted()
def copy(v, x, at, out, to, count):
    """Put x[at : at + count] to out[to:]."""

    def body(i: Any, mask: Any) -> list[Any]:
        v.store(v.load(v.at(x, at, i), mask), v.at(out, to, i), mask)
        return []

    whole = v.build.and_(count, I64(-v.lanes))
    v.loop(I64(0), whole, v.lanes, [], lambda i, _: body(i, None))
    v.loop(whole, count, v.lanes, [], lambda i, _: body(i, v.within(i, count)))


@emitted()
def gather(v, x, at, plane, planes, count, out, to, pitch):
    """Do `planes_to_pixels` of as many planes as a vector has lanes, or fewer."""
    square, build = Square(v, x, at, plane, planes), v.build
    last = build.sub(count, I64(v.lanes))
    close = build.icmp_signed("==", pitch, planes)

    def store(column: Any, pixel: Any, inside: Any) -> None:
        v.store(column, v.at(out, to, build.mul(pixel, pitch)), inside)

    def body(p: Any, rest: Any, inside: Any) -> None:
        pixels = [build.add(p, I64(n)) for n in range(v.lanes)]
        columns = square.transposed(square.rows(p, rest))
        if rest is None and inside is None:
            for column, pixel in zip(columns, pixels, strict=True):
                store(column, pixel, None)
        elif rest is None:
            # of pixels without a gap each may write into the next ones, which come later
            with build.if_else(build.and_(close, build.icmp_signed("<=", pixels[-1], last))) as (free, held):
                with free:
                    for column, pixel in zip(columns, pixels, strict=True):
                        store(column, pixel, None)
                with held:
                    for column, pixel in zip(columns, pixels, strict=True):
                        store(column, pixel, inside)
        else:
            for column, pixel in zip(columns, pixels, strict=True):
                with build.if_then(build.icmp_signed("<", pixel, count)):
                    store(column, pixel, inside)

    def squares(inside: Any) -> list[Any]:
        square.each(count, lambda p, rest: body(p, rest, inside))
        return []

    v.either(_whole(v, planes), lambda: squares(None), lambda: squares(v.below(planes)))


@emitted()
def scatter(v, x, at, pitch, planes, count, out, to, plane):
    """Do `pixels_to_planes` of as many planes as a vector has lanes, or fewer."""
    square, build = Square(v, out, to, plane, planes), v.build

    def body(p: Any, rest: Any, inside: Any) -> None:
        pixels = [build.add(p, I64(n)) for n in range(v.lanes)]
        if rest is not None:
            last = build.sub(count, I64(1))
            pixels = [build.select(build.icmp_signed("<", one, count), one, last) for one in pixels]
        columns = [v.load(v.at(x, at, build.mul(pixel, pitch)), inside) for pixel in pixels]
        rows = square.transposed(columns)
        # lanes beyond the last plane are written where it lies, and so before it
        for lane in reversed(range(v.lanes)):
            v.store(rows[lane], square.of_plane(lane, p), rest)

    def squares(inside: Any) -> list[Any]:
        square.each(count, lambda p, rest: body(p, rest, inside))
        return []

    v.either(_whole(v, planes), lambda: squares(None), lambda: squares(v.below(planes)))


def _whole(v: Vectors, planes: Any) -> Any:
    return v.build.icmp_signed(">=", planes, I64(v.lanes))

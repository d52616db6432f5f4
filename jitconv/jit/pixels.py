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
        gather(x, at + c * plane, plane, min(side, channels - c), count, out, to + c, pitch)


@inlined
def pixels_to_planes(x, at, pitch, channels, count, out, to, plane):
    """Undo `planes_to_pixels`."""
    side = VECTOR_BYTES // x.itemsize
    for c in range(0, channels, side):
        scatter(x, at + c, pitch, min(side, channels - c), count, out, to + c * plane, plane)


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
    square = Square(v, x, at, plane, planes)

    def body(p: Any, rest: Any) -> None:
        places = _pixels(v, out, to, p, pitch, planes, None if rest is None else count)
        for column, (place, mask) in zip(square.transposed(square.rows(p, rest)), places, strict=True):
            v.store(column, place, mask)

    square.each(count, body, aligned=False)


@emitted()
def scatter(v, x, at, pitch, planes, count, out, to, plane):
    """Do `pixels_to_planes` of as many planes as a vector has lanes, or fewer."""
    square = Square(v, out, to, plane, planes)

    def body(p: Any, rest: Any) -> None:
        places = _pixels(v, x, at, p, pitch, planes, None if rest is None else count)
        columns = [v.load(place, mask) for place, mask in places]
        for lane, row in enumerate(square.transposed(columns)):
            # lanes beyond the last plane have nothing to write
            inside = v.splat(v.build.icmp_signed("<", I64(lane), planes))
            v.store(row, square.of_plane(lane, p), inside if rest is None else v.build.and_(inside, rest))

    square.each(count, body, aligned=False)


def _pixels(v: Vectors, base: Any, at: Any, p: Any, pitch: Any, planes: Any, count: Any) -> Any:
    """Return address and mask of each pixel of a square; none beyond `count`, if that is not None."""
    pixels = [v.build.add(p, I64(place)) for place in range(v.lanes)]
    masks = [v.below(planes)] * v.lanes
    if count is not None:
        masks = [
            v.build.and_(mask, v.splat(v.build.icmp_signed("<", pixel, count)))
            for mask, pixel in zip(masks, pixels, strict=True)
        ]
    return [
        (v.at(base, at, v.build.mul(pixel, pitch)), mask) for pixel, mask in zip(pixels, masks, strict=True)
    ]

"""Planes laid side by side: element p of plane l goes to p · LANES + l, and back.

So many planes are interleaved as a vector has lanes; what runs over the channels of NHWC pictures then
runs over planes. A square of LANES by LANES is transposed in registers, in log2(LANES) rounds of LANES
shuffles.
"""

from __future__ import annotations

from typing import Any

from jitconv.jit.vectors import I64, VECTOR_BYTES, Vectors, emitted


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


def _plane_reduction(name: str, start: float, combine: Any) -> Any:
    """Return the piece that reduces whole planes; ``combine(build, total, value)`` writes one step."""

    @emitted(name)
    def reduction(v, x, at, plane, planes, count, y, to):
        square, build, begin = Square(v, x, at, plane, planes), v.build, v.constant(start)
        totals = [v.variable(begin) for _ in square.planes]

        def step(p: Any, mask: Any) -> list[Any]:
            for value, total in zip(square.rows(p, mask), totals, strict=True):
                value = value if mask is None else build.select(mask, value, begin)
                build.store(combine(build, build.load(total), value), total)
            return []

        whole = build.and_(count, I64(-v.lanes))
        v.loop(I64(0), whole, v.lanes, [], lambda p, _: step(p, None))
        v.loop(whole, count, v.lanes, [], lambda p, _: step(p, v.below(build.sub(count, p))))
        rows = square.transposed([build.load(total) for total in totals])
        while len(rows) > 1:
            rows = [combine(build, one, other) for one, other in zip(rows[::2], rows[1::2], strict=True)]
        v.store(rows[0], v.at(y, to), v.below(planes))

    return reduction


def _greater(build: Any, best: Any, value: Any) -> Any:
    """Return the greater one; a NaN wins."""
    wins = build.fcmp_unordered(">", value, best)
    return build.select(build.and_(wins, build.fcmp_ordered("ord", best, best)), value, best)


plane_maxima = _plane_reduction("plane_maxima", float("-inf"), _greater)
"""Put the maximum of each of some planes (as `interleave` has them) into y from y[to] on; a NaN wins."""

plane_sums = _plane_reduction("plane_sums", 0.0, lambda build, total, value: build.fadd(total, value))
"""Put the sum of each of some planes into y from y[to] on."""


class Square:
    """A vector of each of as many planes."""

    def __init__(self, v: Vectors, base: Any, at: Any, plane: Any, planes: Any) -> None:
        self.v, self.plane = v, plane
        self.start = v.at(base, at)
        self.planes = []
        last = v.build.sub(planes, I64(1))
        for lane in range(v.lanes):
            inside = v.build.icmp_signed("<", I64(lane), planes)
            self.planes.append(v.at(self.start, v.build.mul(v.build.select(inside, I64(lane), last), plane)))

    def each(self, count: Any, body: Any) -> None:
        """Write ``body(p, mask)`` for the squares of `count` elements; a mask only where they fill none.

        The last square begins so early that it is whole: what the one before did it does again. Where all
        planes lie alike in cache lines a second one leads to the first whole line: a vector across two
        lines costs twice, and planes that lie whole pages apart throw each other's lines out.
        """
        v, build, side = self.v, self.v.build, I64(self.v.lanes)
        alike = build.icmp_signed("==", build.srem(self.plane, side), I64(0))
        address = build.sdiv(build.ptrtoint(self.start, I64), I64(v.bits // 8))
        head = build.select(alike, build.and_(build.neg(address), build.sub(side, I64(1))), I64(0))
        with build.if_else(build.icmp_signed(">=", count, side)) as (some, few):
            with some:
                with build.if_then(build.icmp_signed(">", head, I64(0))):
                    body(I64(0), None)
                last = build.sub(count, side)

                def whole(p: Any, _: list[Any]) -> list[Any]:
                    body(p, None)
                    return []

                v.loop(head, build.add(last, I64(1)), v.lanes, [], whole)
                rest = build.and_(build.sub(count, head), build.sub(side, I64(1)))
                with build.if_then(build.icmp_signed(">", rest, I64(0))):
                    body(last, None)
            with few, build.if_then(build.icmp_signed(">", count, I64(0))):
                body(I64(0), v.below(count))

    def rows(self, p: Any, mask: Any) -> list[Any]:
        """Return a vector of each plane."""
        return [self.v.load(self.of_plane(lane, p), mask) for lane in range(self.v.lanes)]

    def of_plane(self, lane: int, p: Any) -> Any:
        return self.v.at(self.planes[lane], p)

    def of_buffer(self, buffer: Any, p: Any, place: int) -> Any:
        build = self.v.build
        return self.v.at(buffer, build.mul(build.add(p, I64(place)), I64(self.v.lanes)))

    def transposed(self, rows: list[Any]) -> list[Any]:
        """Swap, for each bit of the places, the halves where rows and lanes differ in that bit."""
        bit, lanes = 1, self.v.lanes
        while bit < lanes:
            for r in [r for r in range(lanes) if not r & bit]:
                upper, lower = rows[r], rows[r + bit]
                swapped = [n if not n & bit else lanes + n - bit for n in range(lanes)]
                rows[r] = self.v.shuffled(upper, lower, swapped)
                swapped = [n + bit if not n & bit else lanes + n for n in range(lanes)]
                rows[r + bit] = self.v.shuffled(upper, lower, swapped)
            bit *= 2
        return rows

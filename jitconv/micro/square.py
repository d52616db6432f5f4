"""Squares of LANES by LANES, transposed in registers: log2(LANES) rounds of LANES shuffles."""

from __future__ import annotations

from typing import Any

from jitconv.jit.vectors import I64, Vectors


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

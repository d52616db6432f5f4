"""Squares of LANES by LANES, out[lane][p] = in[p][lane], transposed in registers: log2(LANES) rounds of LANES
shuffles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitconv.jit.integers import I64, Int
from jitconv.jit.vectors import Vectors


class Square:
    """A vector of each of as many planes; lanes beyond the last plane repeat it."""

    def __init__(self, v: Vectors, base: Any, at: Any, plane: Any, planes: Any) -> None:
        self.v, self.plane = v, plane
        self.start = v.at(base, at)
        self.planes = []
        last = planes - 1
        for lane in range(v.lanes):
            inside = v.known(lane) < planes
            self.planes.append(v.at(self.start, inside.choose(lane, last) * plane))

    def each(self, count: Any, body: Callable[[Any, Any], None]) -> None:
        """Write ``body(p, mask)`` for the squares of `count` elements; a mask only where they fill none.

        The last square begins so early that it is whole: what the one before did it does again. Where all
        planes begin at one place of a cache line a second square leads to the first whole line: a vector
        across two lines costs twice, and planes that are whole pages apart evict each other's lines.
        """
        v, build, side = self.v, self.v.build, self.v.known(self.v.lanes)
        alike = self.plane % side == 0
        address = Int(build, build.ptrtoint(self.start, I64)) // (v.bits // 8)
        head = alike.choose(-address & (side - 1), 0)
        with build.if_else(count >= side) as (some, few):
            with some:
                with build.if_then(head > 0):
                    body(v.known(0), None)
                last = count - side
                with v.range(head, last + 1, v.lanes) as p:
                    body(p, None)
                rest = (count - head) & (side - 1)
                with build.if_then(rest > 0):
                    body(last, None)
            with few, build.if_then(count > 0):
                body(v.known(0), v.below(count))

    def rows(self, p: Any, mask: Any) -> list[Any]:
        """Return a vector of each plane."""
        return [self.v.load(self.of_plane(lane, p), mask) for lane in range(self.v.lanes)]

    def of_plane(self, lane: int, p: Any) -> Any:
        """Return the address of element p of a plane."""
        return self.v.at(self.planes[lane], p)

    def of_buffer(self, buffer: Any, p: Any, place: int) -> Any:
        """Return the address of element p + place of all planes, where they are interleaved."""
        return self.v.at(buffer, (p + place) * self.v.lanes)

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

"""The loops around what is done to a window, and the words for doing it, written as LLVM IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import cgutils

from jitconv.jit.vectors import I32, I64, Vectors

VECTORS_AT_ONCE = 4
"""Vectors of channels at a time: their chains of comparisons or additions do not wait for one another."""

UNROLLED = (2, 3)
"""Sides of the square windows whose loops over taps are unrolled."""

Values = list[Any]


class Run:
    """Writes the loops over windows, channels and taps; positions are numbers of 64 bits if `large`."""

    def __init__(
        self, v: Vectors, windows: Any, channels: Any, rows: Any, cols: Any, *, large: int = 0
    ) -> None:
        self.v, self.build = v, v.build
        self.whole = I64 if large else I32
        self.windows, self.channels, self.rows, self.cols = windows, channels, rows, cols

    def each_window(self, write: Callable[[Any, Any, Values], None]) -> None:
        """Write ``write(window, channel, masks)`` once for each usual window, and once for any other."""
        build, rows, cols = self.build, self.rows, self.cols
        for side in UNROLLED:
            usual = build.and_(*(build.icmp_signed("==", count, I64(side)) for count in (rows, cols)))
            here, other = (build.append_basic_block(f"{word}_{side}") for word in ("usual", "other"))
            build.cbranch(usual, here, other)
            build.position_at_end(here)
            self.rows = self.cols = I64(side)
            self._windows(write)
            build.ret_void()
            build.position_at_end(other)
        self.rows, self.cols = rows, cols
        self._windows(write)

    def _windows(self, write: Callable[[Any, Any, Values], None]) -> None:
        """Write the loops over windows and channels: blocks of whole vectors, whole ones, the rest."""
        build, lanes = self.build, self.v.lanes
        blocks, whole = (build.and_(self.channels, I64(-size)) for size in (lanes * VECTORS_AT_ONCE, lanes))
        parts = [(I64(0), blocks, [None] * VECTORS_AT_ONCE), (blocks, whole, [None])]
        with cgutils.for_range(build, self.windows) as windows:
            for first, last, masks in parts:

                def block(c: Any, _: Values, masks: Values = masks) -> Values:
                    write(windows.index, c, masks)
                    return []

                self.v.loop(first, last, lanes * len(masks), [], block)
            with build.if_then(build.icmp_signed("<", whole, self.channels)):
                write(windows.index, whole, [self.v.below(build.sub(self.channels, whole))])

    def each_tap(self, write: Callable[[Any, Any], None], first: Any = None, last: Any = None) -> None:
        """Write ``write(row, column)`` for the taps of a window, or those in some of its rows."""
        below = cgutils.for_range(self.build, last or self.rows, start=first or I64(0))
        with below as down, cgutils.for_range(self.build, self.cols) as right:
            write(down.index, right.index)

    def place(self, at: Any, *steps: tuple[Any, Any]) -> Any:
        """Return at + Σ count · step."""
        for count, step in steps:
            if step != 1:
                count = self.build.mul(count, I64(step) if isinstance(step, int) else step)
            at = self.build.add(at, count)
        return at

    def loads(self, base: Any, at: Any, masks: Values) -> Values:
        """Return as many vectors in a row as there are masks."""
        start = self.build.gep(base, [at])
        places = [self.build.gep(start, [I64(n * self.v.lanes)]) for n in range(len(masks))]
        return [self.v.load(place, mask) for place, mask in zip(places, masks, strict=True)]

    def stores(self, values: Values, base: Any, at: Any, masks: Values) -> None:
        """Write vectors in a row."""
        start = self.build.gep(base, [at])
        for n, (value, mask) in enumerate(zip(values, masks, strict=True)):
            self.v.store(value, self.build.gep(start, [I64(n * self.v.lanes)]), mask)

    def add(self, values: Values, base: Any, at: Any, masks: Values, added: Any) -> None:
        """Add vectors to what stands there, or put them there."""
        with self.build.if_else(added) as (adding, putting):
            with adding:
                before = self.loads(base, at, masks)
                sums = [self.build.fadd(a, b) for a, b in zip(before, values, strict=True)]
                self.stores(sums, base, at, masks)
            with putting:
                self.stores(values, base, at, masks)

    def lowest(self) -> Any:
        """Return a place for maxima, -inf."""
        return self.v.variable(self.v.constant(float("-inf")))

    def number(self, value: Any) -> Any:
        """Return a place for positions, all `value`."""
        return self.v.variable(self.splat(value))

    def splat(self, value: Any) -> Any:
        """Return a position in all lanes."""
        return self.v.splat(value if self.whole is I64 else self.build.trunc(value, self.whole))

    def nan(self, value: Any) -> Any:
        """Return where a value is a NaN."""
        return self.build.fcmp_unordered("uno", value, value)

    def wins(self, value: Any, best: Any) -> Any:
        """Return where a value beats the best so far: it is greater, or the first NaN."""
        before = self.build.load(best)
        greater = self.build.fcmp_unordered(">", value, before)
        return self.build.and_(greater, self.build.fcmp_ordered("ord", before, before))

    def keep(self, place: Any, value: Any, where: Any) -> None:
        """Note a value where it wins."""
        self.build.store(self.build.select(where, value, self.build.load(place)), place)

    def values(self, places: Values) -> Values:
        """Return what was noted."""
        return [self.build.load(place) for place in places]

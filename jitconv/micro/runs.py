"""The loops around what is done to a window, Σ or max over its taps, and the words for doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import cgutils

from jitconv.jit.integers import I32, I64, Int, known
from jitconv.jit.vectors import Vectors

VECTORS_AT_ONCE = 4
"""Vectors of channels at a time: their chains of comparisons or additions do not wait for one another.
Not measured."""

UNROLLED = (2, 3)
"""Sides of the square windows whose loops over taps are unrolled. Not measured."""

Values = list[Any]


class Run:
    """Writes the loops over windows, channels and taps; positions are numbers of 64 bits if `large`."""

    def __init__(self, v: Vectors, windows: Any, *, large: int = 0) -> None:
        self.v, self.build, self.of = v, v.build, windows
        self.position = I64 if large else I32
        self.rows, self.cols = windows.rows, windows.cols

    def each_window(self, write: Callable[[Any, Any, Values], None]) -> None:
        """Write ``write(window, channel, masks)`` once for each usual window, and once for any other."""
        build, rows, cols = self.build, self.of.rows, self.of.cols
        for side in UNROLLED:
            usual = (rows == side) & (cols == side)
            here, other = (build.append_basic_block(f"{word}_{side}") for word in ("usual", "other"))
            build.cbranch(usual, here, other)
            build.position_at_end(here)
            self.rows = self.cols = self.v.known(side)
            self._windows(write)
            build.ret_void()
            build.position_at_end(other)
        self.rows, self.cols = rows, cols
        self._windows(write)

    def _windows(self, write: Callable[[Any, Any, Values], None]) -> None:
        """Write the loops over windows and channels: blocks of whole vectors, whole ones, the rest."""
        lanes = self.v.lanes
        channels = self.of.channels
        blocks, whole = (channels & -size for size in (lanes * VECTORS_AT_ONCE, lanes))
        parts = [(0, blocks, VECTORS_AT_ONCE), (blocks, whole, 1)]
        with self._counted(self.of.windows) as window:
            for first, last, vectors in parts:
                with self.v.range(first, last, lanes * vectors) as c:
                    write(window, c, [None] * vectors)
            with self.build.if_then(whole < channels):
                write(window, whole, [self.v.below(channels - whole)])

    @contextmanager
    def taps(self, first: Any = 0, last: Any = None) -> Iterator[tuple[Int, Int]]:
        """Write the loops over row and column of a window's taps, or of those in some of its rows."""
        beyond = self.rows if last is None else last
        with self._counted(beyond, first) as row, self._counted(self.cols) as column:
            yield row, column

    @contextmanager
    def _counted(self, last: Any, first: Any = 0) -> Iterator[Int]:
        """Write a loop as `range` does, whose counter is marked as one that does not overflow."""
        with cgutils.for_range(self.build, last, start=known(first)) as loop:
            yield Int(self.build, loop.index)

    def tap(self, at: Any, w: Any, c: Any, r: Any, q: Any) -> Any:
        """Return where the tap in row r and column q of window w is, from the channel c on."""
        return at + w * self.of.step + c + r * self.of.down + q * self.of.right

    def loads(self, base: Any, at: Any, masks: Values) -> Values:
        """Return as many vectors in a row as there are masks."""
        start = self.v.at(base, at)
        places = [self.v.at(start, n * self.v.lanes) for n in range(len(masks))]
        return [self.v.load(place, mask) for place, mask in zip(places, masks, strict=True)]

    def stores(self, values: Values, base: Any, at: Any, masks: Values) -> None:
        """Write vectors in a row."""
        start = self.v.at(base, at)
        for n, (value, mask) in enumerate(zip(values, masks, strict=True)):
            self.v.store(value, self.v.at(start, n * self.v.lanes), mask)

    def add(self, values: Values, base: Any, at: Any, masks: Values, added: Any) -> None:
        """Add vectors to those that are there if `added`, else put them there."""
        with self.build.if_else(added) as (adding, putting):
            with adding:
                before = self.loads(base, at, masks)
                self.stores(self.v.sums(before, values), base, at, masks)
            with putting:
                self.stores(values, base, at, masks)

    def lowest(self) -> Any:
        """Return a variable for maxima, -inf."""
        return self.v.variable(self.v.constant(float("-inf")))

    def number(self, value: Any) -> Any:
        """Return a variable for positions, all `value`."""
        return self.v.variable(self.splat(value))

    def splat(self, value: Any) -> Any:
        """Return a position in all lanes."""
        value = known(value)
        return self.v.splat(value if self.position is I64 else self.build.trunc(value, self.position))

    def wins(self, value: Any, best: Any) -> Any:
        """Return where a value takes the place of the best so far, a variable."""
        return self.v.wins(value, self.build.load(best))

    def keep(self, place: Any, value: Any, where: Any) -> None:
        """Set a variable to a value where it wins."""
        self.build.store(where.choose(value, self.build.load(place)), place)

    def values(self, places: Values) -> Values:
        """Return the values of variables."""
        return [self.build.load(place) for place in places]

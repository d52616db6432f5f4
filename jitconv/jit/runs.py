"""The loops around what is done to a window, and the words for doing it, written as LLVM IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from jitconv.jit.tile import I32, I64
from jitconv.jit.vectors import Vectors, lanes_of

ABREAST = 4
"""Vectors of channels at a time: their chains of comparisons or additions do not wait for one another."""

UNROLLED = (2, 3)
"""Sides of the square windows whose loops over taps are unrolled."""

Values = list[Any]


class Run:
    """Writes the loops over windows, channels and taps."""

    def __init__(self, function: Any, windows: Any, channels: Any, rows: Any, cols: Any) -> None:
        element = next(arg.type.pointee for arg in function.args if arg.type.is_pointer)
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.lanes = lanes_of(element)
        self.vectors = Vectors(self.builder, element, self.lanes)
        self.windows, self.channels, self.rows, self.cols = windows, channels, rows, cols

    def each_window(self, write: Callable[[Any, Any, Values], None]) -> None:
        """Write ``write(window, channel, masks)`` once for each usual window, and once for any other."""
        build = self.builder
        rows, cols = self.rows, self.cols
        for side in UNROLLED:
            usual = build.and_(*(build.icmp_signed("==", count, I64(side)) for count in (rows, cols)))
            here, other = (self.builder.append_basic_block(f"{word}_{side}") for word in ("usual", "other"))
            build.cbranch(usual, here, other)
            build.position_at_end(here)
            self.rows = self.cols = I64(side)
            self._windows(write)
            build.ret_void()
            build.position_at_end(other)
        self.rows, self.cols = rows, cols
        self._windows(write)
        build.ret_void()

    def _windows(self, write: Callable[[Any, Any, Values], None]) -> None:
        """Write the loops over windows and channels: blocks of whole vectors, then one at a time."""
        build, block = self.builder, self.lanes * ABREAST
        whole = build.sdiv(self.channels, I64(block))
        begin = build.mul(whole, I64(block))
        count = build.sdiv(build.add(build.sub(self.channels, begin), I64(self.lanes - 1)), I64(self.lanes))
        with cgutils.for_range(build, self.windows) as windows:
            with cgutils.for_range(build, whole) as blocks:
                write(windows.index, build.mul(blocks.index, I64(block)), [None] * ABREAST)
            with cgutils.for_range(build, count) as rest:
                c = build.add(begin, build.mul(rest.index, I64(self.lanes)))
                write(windows.index, c, [self.vectors.below(build.sub(self.channels, c))])

    def each_tap(self, write: Callable[[Any, Any], None], first: Any = None, last: Any = None) -> None:
        """Write ``write(row, column)`` for the taps of a window, or those in some of its rows."""
        below = cgutils.for_range(self.builder, last or self.rows, start=first or I64(0))
        with below as down, cgutils.for_range(self.builder, self.cols) as right:
            write(down.index, right.index)

    def place(self, at: Any, *steps: tuple[Any, Any]) -> Any:
        """Return at + Σ count · step."""
        for count, step in steps:
            if step != 1:
                count = self.builder.mul(count, I64(step) if isinstance(step, int) else step)
            at = self.builder.add(at, count)
        return at

    def loads(self, base: Any, at: Any, masks: Values) -> Values:
        """Return as many vectors in a row as there are masks."""
        start = self.builder.gep(base, [at])
        places = [self.builder.gep(start, [I64(n * self.lanes)]) for n in range(len(masks))]
        return [self.vectors.load(place, mask) for place, mask in zip(places, masks, strict=True)]

    def stores(self, values: Values, base: Any, at: Any, masks: Values) -> None:
        """Write vectors in a row."""
        start = self.builder.gep(base, [at])
        for n, (value, mask) in enumerate(zip(values, masks, strict=True)):
            self.vectors.store(value, self.builder.gep(start, [I64(n * self.lanes)]), mask)

    def add(self, values: Values, base: Any, at: Any, masks: Values, added: Any) -> None:
        """Add vectors to what stands there, or put them there."""
        with self.builder.if_else(added) as (adding, putting):
            with adding:
                before = self.loads(base, at, masks)
                sums = [self.builder.fadd(a, b) for a, b in zip(before, values, strict=True)]
                self.stores(sums, base, at, masks)
            with putting:
                self.stores(values, base, at, masks)

    def lowest(self) -> Any:
        """Return a place for maxima, -inf."""
        return self.vectors.variable(ir.Constant(self.vectors.kind, [float("-inf")] * self.lanes))

    def number(self, value: Any) -> Any:
        """Return a place for positions, all `value`."""
        return self.vectors.variable(self.splat(value))

    def splat(self, value: Any) -> Any:
        """Return a position in 32 bits, in all lanes."""
        return self.vectors.splat(self.builder.trunc(value, I32))

    def nan(self, value: Any) -> Any:
        """Return where a value is a NaN."""
        return self.builder.fcmp_unordered("uno", value, value)

    def wins(self, value: Any, best: Any) -> Any:
        """Return where a value beats the best so far: it is greater, or the first NaN."""
        before = self.builder.load(best)
        greater = self.builder.fcmp_unordered(">", value, before)
        return self.builder.and_(greater, self.builder.fcmp_ordered("ord", before, before))

    def keep(self, place: Any, value: Any, where: Any) -> None:
        """Note a value where it wins."""
        self.builder.store(self.builder.select(where, value, self.builder.load(place)), place)

    def values(self, places: Values) -> Values:
        """Return what was noted."""
        return [self.builder.load(place) for place in places]

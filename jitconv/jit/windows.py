"""Runs of windows, a few vectors of channels at a time.

Every piece works on `windows` windows of rows·cols taps; the steps lead from a tap to the one below
(`down`) and to the right, and from a window to the next (`step`); `channels` elements lie together at
each. All of a window's partial results stay in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from jitconv.jit.tile import I32, I64
from jitconv.jit.vectors import Vectors, emit, lanes_of

ABREAST = 4
"""Vectors of channels at a time: their chains of comparisons or additions do not wait for one another."""

UNROLLED = (2, 3)
"""Sides of the square windows whose loops over taps are unrolled."""

Values = list[Any]


@intrinsic
def maxima(typing, x, at, rows, cols, down, right, step, windows, channels, y, to, y_step):
    """Put each window's maximum into y; a NaN wins.

    NaNs are noted apart: no comparison then waits for more than the one before it.
    """
    signature = types.void(x, at, rows, cols, down, right, step, windows, channels, y, to, y_step)

    def write(function: Any) -> None:
        x, at, rows, cols, down, right, step, windows, channels, y, to, y_step = function.args
        run = _Run(function, windows, channels, rows, cols)

        def window(w: Any, c: Any, masks: Values) -> None:
            best, nans = [run.lowest() for _ in masks], [run.lowest() for _ in masks]

            def tap(r: Any, q: Any) -> None:
                taps = run.loads(x, run.place(at, (w, step), (c, 1), (r, down), (q, right)), masks)
                for value, place, nan in zip(taps, best, nans, strict=True):
                    run.keep(place, value, run.builder.fcmp_ordered(">", value, run.builder.load(place)))
                    run.keep(nan, value, run.nan(value))

            run.each_tap(tap)
            results = [
                run.builder.select(run.nan(nan), nan, value)
                for value, nan in zip(run.values(best), run.values(nans), strict=True)
            ]
            run.stores(results, y, run.place(to, (w, y_step), (c, 1)), masks)

        run.each_window(window)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(context, builder, signature, arguments, "maxima", write)

    return signature, generate


@intrinsic
def winners(typing, x, at, rows, cols, down, right, step, windows, channels, y, to, y_step,
            position, p_down, p_right, p_step, positions):  # fmt: skip
    """As `maxima`, and put the first winner's position into `positions`, which lie as y does.

    `position` is that of the first window's first tap, and `p_down`, `p_right` and `p_step` lead on.
    """
    signature = types.void(
        x, at, rows, cols, down, right, step, windows, channels, y, to, y_step,
        position, p_down, p_right, p_step, positions,
    )  # fmt: skip

    def write(function: Any) -> None:
        (x, at, rows, cols, down, right, step, windows, channels, y, to, y_step,
         position, p_down, p_right, p_step, positions) = function.args  # fmt: skip
        run = _Run(function, windows, channels, rows, cols)

        def window(w: Any, c: Any, masks: Values) -> None:
            begin = run.place(position, (w, p_step))
            best, winner = [run.lowest() for _ in masks], [run.number(begin) for _ in masks]

            def tap(r: Any, q: Any) -> None:
                taps = run.loads(x, run.place(at, (w, step), (c, 1), (r, down), (q, right)), masks)
                here = run.splat(run.place(begin, (r, p_down), (q, p_right)))
                for value, place, first in zip(taps, best, winner, strict=True):
                    wins = run.wins(value, place)
                    run.keep(place, value, wins)
                    run.keep(first, here, wins)

            run.each_tap(tap)
            target = run.place(to, (w, y_step), (c, 1))
            run.stores(run.values(best), y, target, masks)
            wide = Vectors(run.builder, I64, run.lanes)
            for n, value in enumerate(run.values(winner)):
                place = run.builder.gep(positions, [run.place(target, (I64(n), run.lanes))])
                wide.store(run.builder.sext(value, wide.kind), place, masks[n])

        run.each_window(window)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(context, builder, signature, arguments, "winners", write)

    return signature, generate


@intrinsic
def means(typing, x, at, rows, cols, down, right, step, windows, channels, y, to, y_step, share):
    """Put each window's sum, times a share, into y."""
    signature = types.void(x, at, rows, cols, down, right, step, windows, channels, y, to, y_step, share)

    def write(function: Any) -> None:
        x, at, rows, cols, down, right, step, windows, channels, y, to, y_step, share = function.args
        run = _Run(function, windows, channels, rows, cols)

        def window(w: Any, c: Any, masks: Values) -> None:
            total = [run.vectors.variable(run.vectors.zeros) for _ in masks]

            def tap(r: Any, q: Any) -> None:
                taps = run.loads(x, run.place(at, (w, step), (c, 1), (r, down), (q, right)), masks)
                for value, place in zip(taps, total, strict=True):
                    run.builder.store(run.builder.fadd(run.builder.load(place), value), place)

            run.each_tap(tap)
            scale = run.vectors.splat(share)
            results = [run.builder.fmul(value, scale) for value in run.values(total)]
            run.stores(results, y, run.place(to, (w, y_step), (c, 1)), masks)

        run.each_window(window)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(context, builder, signature, arguments, "means", write)

    return signature, generate


@intrinsic
def spread(typing, dx, at, rows, cols, down, right, step, windows, channels, dy, start, dy_step,
           share, adding):  # fmt: skip
    """Add dy times a share to every tap of its window; where `adding` is 0, put it there."""
    signature = types.void(
        dx, at, rows, cols, down, right, step, windows, channels, dy, start, dy_step, share, adding
    )

    def write(function: Any) -> None:
        (dx, at, rows, cols, down, right, step, windows, channels, dy, start, dy_step, share,
         adding) = function.args  # fmt: skip
        run = _Run(function, windows, channels, rows, cols)
        added = run.builder.icmp_signed("!=", adding, I64(0))
        scale = run.vectors.splat(share)

        def window(w: Any, c: Any, masks: Values) -> None:
            gradients = run.loads(dy, run.place(start, (w, dy_step), (c, 1)), masks)
            parts = [run.builder.fmul(gradient, scale) for gradient in gradients]

            def tap(r: Any, q: Any) -> None:
                run.add(parts, dx, run.place(at, (w, step), (c, 1), (r, down), (q, right)), masks, added)

            run.each_tap(tap)

        run.each_window(window)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(context, builder, signature, arguments, "spread", write)

    return signature, generate


def _route(name: str, shared: bool) -> Any:
    """Return the piece for the first of several maxima, or that for all of them."""

    @intrinsic
    def route(typing, x, at, rows, cols, down, right, step, windows, channels, dy, start, dy_step,
              dx, dx_at, first, last, adding, dividing):  # fmt: skip
        signature = types.void(
            x, at, rows, cols, down, right, step, windows, channels, dy, start, dy_step,
            dx, dx_at, first, last, adding, dividing,
        )  # fmt: skip

        def write(function: Any) -> None:
            _write_route(function, shared)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(context, builder, signature, arguments, name, write)

        return signature, generate

    return route


def _write_route(function: Any, shared: bool) -> None:
    (x, at, rows, cols, down, right, step, windows, channels, dy, start, dy_step,
     dx, dx_at, first, last, adding, dividing) = function.args  # fmt: skip
    run = _Run(function, windows, channels, rows, cols)
    build = run.builder
    added = build.icmp_signed("!=", adding, I64(0))
    divided = run.vectors.splat(build.icmp_signed("!=", dividing, I64(0)))
    ones = ir.Constant(run.vectors.kind, [1.0] * run.lanes)

    def window(w: Any, c: Any, masks: Values) -> None:
        best, winner = [run.lowest() for _ in masks], [run.number(I64(0)) for _ in masks]

        def loaded(r: Any, q: Any) -> Values:
            return run.loads(x, run.place(at, (w, step), (c, 1), (r, down), (q, right)), masks)

        def search(r: Any, q: Any) -> None:
            here = run.splat(run.place(q, (r, cols)))
            for value, place, noted in zip(loaded(r, q), best, winner, strict=True):
                wins = run.wins(value, place)
                run.keep(place, value, wins)
                run.keep(noted, here, wins)

        run.each_tap(search)
        maximum, place_of = run.values(best), run.values(winner)
        parts = run.loads(dy, run.place(start, (w, dy_step), (c, 1)), masks)

        def marked(r: Any, q: Any) -> Values:
            """Return where a tap is a winner; no NaN equals another, only the first one's place does."""
            here = run.splat(run.place(q, (r, cols)))
            marks = [build.icmp_signed("==", one, here) for one in place_of]
            if not shared:
                return marks
            equal = [build.fcmp_ordered("==", a, b) for a, b in zip(loaded(r, q), maximum, strict=True)]
            return [build.or_(one, other) for one, other in zip(marks, equal, strict=True)]

        if shared:
            count = [run.vectors.variable(run.vectors.zeros) for _ in masks]

            def tally(r: Any, q: Any) -> None:
                for mark, place in zip(marked(r, q), count, strict=True):
                    number = build.load(place)
                    build.store(build.select(mark, build.fadd(number, ones), number), place)

            run.each_tap(tally)
            shares = [build.fdiv(one, ties) for one, ties in zip(parts, run.values(count), strict=True)]
            parts = [build.select(divided, a, b) for a, b in zip(shares, parts, strict=True)]

        def give(r: Any, q: Any) -> None:
            given = [
                build.select(mark, part, run.vectors.zeros)
                for mark, part in zip(marked(r, q), parts, strict=True)
            ]
            run.add(given, dx, run.place(dx_at, (w, step), (c, 1), (r, down), (q, right)), masks, added)

        run.each_tap(give, first, last)

    run.each_window(window)


route = _route("route", shared=False)
"""Search each window of x for its first maximum and add dy there, to the taps in rows first..last-1 of
the window only; where `adding` is 0, put it there, and zeros at the other taps. The first tap of the
first window is at x[at], and would be at dx[dx_at]."""

route_shared = _route("route_shared", shared=True)
"""As `route`, but all elements equal to the maximum get dy; where `dividing` is not 0, a share of it."""


class _Run:
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
        with cgutils.for_range(self.builder, last or self.rows, start=first or I64(0)) as down:
            with cgutils.for_range(self.builder, self.cols) as right:
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

"""Runs of windows, a few vectors of channels at a time.

Every piece works on `windows` windows of rows·cols taps; the steps lead from a tap to the one below
(`down`) and to the right, and from a window to the next (`step`); `channels` elements lie together at
each. All of a window's partial results stay in registers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from jitconv.jit.runs import Run, Values
from jitconv.jit.tile import I64
from jitconv.jit.vectors import Vectors, emit


@intrinsic
def maxima(typing, x, at, rows, cols, down, right, step, windows, channels, y, to, y_step):
    """Put each window's maximum into y; a NaN wins.

    NaNs are noted apart: no comparison then waits for more than the one before it.
    """
    signature = types.void(x, at, rows, cols, down, right, step, windows, channels, y, to, y_step)

    def write(function: Any) -> None:
        x, at, rows, cols, down, right, step, windows, channels, y, to, y_step = function.args
        run = Run(function, windows, channels, rows, cols)

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
        run = Run(function, windows, channels, rows, cols)

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
        run = Run(function, windows, channels, rows, cols)

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
        run = Run(function, windows, channels, rows, cols)
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
    run = Run(function, windows, channels, rows, cols)
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

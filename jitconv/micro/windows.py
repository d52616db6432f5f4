"""Runs of windows, y[w] = max_tap x[w, tap], (Σ_tap x[w, tap]) · share, and their gradients.

Every piece works on a run of `Windows`. All of a window's partial results stay in registers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jitconv.jit.integers import I64, Flag
from jitconv.jit.vectors import Vectors, emitted
from jitconv.micro.runs import Run, Values

SMALL = 2**31 - 1
"""Up to so many positions fit in the numbers of 32 bits that pieces count with unless there may be more:
these fill half as many registers."""

LARGE = [(0,), (1,)]
"""Whether there may be more."""


class Windows(NamedTuple):
    """A run of windows, and how their taps and their results lie."""

    rows: int
    """Taps of a window down, and across."""
    cols: int
    down: int
    """Elements from a tap to the one below, and to the one on its right."""
    right: int
    windows: int
    """How many there are."""
    step: int
    """Elements from window to window, and from the result or the gradient of one to that of the next."""
    result_step: int
    channels: int
    """Elements that are together at each tap, and at each result."""


class Positions(NamedTuple):
    """The numbers that `winners` has for taps."""

    first: int
    """Of the first window's first tap; then what one row down, to the right, and the next window add."""
    down: int
    right: int
    step: int


class Way(NamedTuple):
    """How `route` gives gradients to taps."""

    first: int
    """To those in rows first..last-1 of a window only."""
    last: int
    adding: int
    """0 to put gradients there, and zeros at the other taps; else they are added."""
    dividing: int
    """Not 0 for equal maxima to have a share each, where they do not have all of it."""


@emitted()
def maxima(v, x, at, y, to, windows):
    """Put each window's maximum into y; a NaN wins.

    NaNs are kept in variables of their own: no comparison then waits for more than the one before it.
    """
    run = Run(v, windows)

    def window(w: Any, c: Any, masks: Values) -> None:
        best, nans = [run.lowest() for _ in masks], [run.lowest() for _ in masks]
        with run.taps() as (r, q):
            values = run.loads(x, run.tap(at, w, c, r, q), masks)
            for value, place, nan in zip(values, best, nans, strict=True):
                run.keep(place, value, v.greater(value, v.build.load(place)))
                run.keep(nan, value, v.nan(value))
        pairs = zip(run.values(best), run.values(nans), strict=True)
        results = [v.nan(nan).choose(nan, value) for value, nan in pairs]
        run.stores(results, y, to + w * windows.result_step + c, masks)

    run.each_window(window)


@emitted(sizes=LARGE)
def winners(v, large, x, at, y, to, positions, windows, numbers):
    """As `maxima`, and put the first winner's number into `positions`, at the same places as y.

    `numbers` are `Positions`; there may be more than `SMALL` if `large`.
    """
    run = Run(v, windows, large=large)

    def window(w: Any, c: Any, masks: Values) -> None:
        begin = numbers.first + w * numbers.step
        best, winner = [run.lowest() for _ in masks], [run.number(begin) for _ in masks]
        with run.taps() as (r, q):
            values = run.loads(x, run.tap(at, w, c, r, q), masks)
            here = run.splat(begin + r * numbers.down + q * numbers.right)
            for value, place, first in zip(values, best, winner, strict=True):
                wins = run.wins(value, place)
                run.keep(place, value, wins)
                run.keep(first, here, wins)
        target = to + w * windows.result_step + c
        run.stores(run.values(best), y, target, masks)
        wide = Vectors(v.build, I64, v.lanes)
        for n, value in enumerate(run.values(winner)):
            place = v.at(positions, target + v.known(n) * v.lanes)
            wide.store(value if large else v.build.sext(value, wide.kind), place, masks[n])

    run.each_window(window)


@emitted()
def means(v, x, at, y, to, share, windows):
    """Put each window's sum, times a share, into y."""
    run = Run(v, windows)

    def window(w: Any, c: Any, masks: Values) -> None:
        sums = [v.variable(v.zeros) for _ in masks]
        with run.taps() as (r, q):
            values = run.loads(x, run.tap(at, w, c, r, q), masks)
            for value, place in zip(values, sums, strict=True):
                v.build.store(v.build.fadd(v.build.load(place), value), place)
        scale = v.splat(share)
        results = [v.build.fmul(value, scale) for value in run.values(sums)]
        run.stores(results, y, to + w * windows.result_step + c, masks)

    run.each_window(window)


@emitted()
def spread(v, dx, at, dy, start, share, adding, windows):
    """Add dy times a share to every tap of its window; where `adding` is 0, put it there."""
    run = Run(v, windows)
    added = adding != 0
    scale = v.splat(share)

    def window(w: Any, c: Any, masks: Values) -> None:
        gradients = run.loads(dy, start + w * windows.result_step + c, masks)
        parts = [v.build.fmul(gradient, scale) for gradient in gradients]
        with run.taps() as (r, q):
            run.add(parts, dx, run.tap(at, w, c, r, q), masks, added)

    run.each_window(window)


def _route(name: str, shared: bool) -> Any:
    """Return the piece for the first of several maxima, or that for all of them."""

    @emitted(name, LARGE)
    def route(v, large, x, at, dy, start, dx, dx_at, windows, way):
        run, build = Run(v, windows, large=large), v.build
        added = way.adding != 0
        divided = v.where(way.dividing)

        def window(w: Any, c: Any, masks: Values) -> None:
            best, winner = [run.lowest() for _ in masks], [run.number(0) for _ in masks]

            def loaded(r: Any, q: Any) -> Values:
                return run.loads(x, run.tap(at, w, c, r, q), masks)

            with run.taps() as (r, q):
                here = run.splat(q + r * windows.cols)
                for value, place, number in zip(loaded(r, q), best, winner, strict=True):
                    wins = run.wins(value, place)
                    run.keep(place, value, wins)
                    run.keep(number, here, wins)
            maximum, place_of = run.values(best), run.values(winner)
            parts = run.loads(dy, start + w * windows.result_step + c, masks)

            def marked(r: Any, q: Any) -> list[Flag]:
                """Return where a tap is a winner; no NaN equals another, only the first one's place does."""
                here = run.splat(q + r * windows.cols)
                marks = [Flag(build, build.icmp_signed("==", one, here)) for one in place_of]
                if not shared:
                    return marks
                equal = [v.equal(*pair) for pair in zip(loaded(r, q), maximum, strict=True)]
                return [one | other for one, other in zip(marks, equal, strict=True)]

            if shared:
                one, count = run.splat(1), [run.number(0) for _ in masks]
                with run.taps() as (r, q):
                    for mark, place in zip(marked(r, q), count, strict=True):
                        number = build.load(place)
                        build.store(mark.choose(build.add(number, one), number), place)
                # float32 would count to 2^24 and stay there
                ties = [build.uitofp(number, v.kind) for number in run.values(count)]
                shares = [build.fdiv(*pair) for pair in zip(parts, ties, strict=True)]
                parts = [divided.choose(*pair) for pair in zip(shares, parts, strict=True)]

            with run.taps(way.first, way.last) as (r, q):
                pairs = zip(marked(r, q), parts, strict=True)
                values = [mark.choose(part, v.zeros) for mark, part in pairs]
                run.add(values, dx, run.tap(dx_at, w, c, r, q), masks, added)

        run.each_window(window)

    return route


route = _route("route", shared=False)
"""Search each window of x for its first maximum and give dy to it, in the `Way` that is told. A window has
more than `SMALL` taps only if `large`. The first tap of the first window is at x[at], and would be at
dx[dx_at]."""

route_shared = _route("route_shared", shared=True)
"""As `route`, but all elements equal to the maximum get dy, or a share of it."""

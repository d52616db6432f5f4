"""Maxima of neighbouring windows, y[w] = max_{r, q} x[r, w·columns + q], a vector of windows at a time.

A window's columns are split over as many vectors as it has, its rows come one after the other: what one tap
reads for the windows of a vector is a vector then. Nothing is transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from llvmlite import ir

from jitconv.jit.vectors import emitted
from jitconv.micro.phases import deinterleaved

COLUMNS = (2, 4)
"""Windows of so many columns are served."""

FIRST, ALL, SPLIT = 0, 1, 2
"""Rules for ties."""


class Lines(NamedTuple):
    """Lines of windows, which follow one another in x and in y."""

    lines: int
    windows: int
    """Of a line."""
    rows: int
    """Of a window."""


@emitted("row_maxima", [(columns,) for columns in COLUMNS])
def row_maxima(v, columns, x, at, y, to, n):
    """Put the maximum of each window of some `Lines` into y; a NaN wins."""

    def write(x_here: Any, line: Any, window: Any, masks: list[Any], inside: Any) -> None:
        maximum = _maximum(v, x_here, n.rows, n.windows * columns, masks)
        v.store(maximum, v.at(y, to, line * n.windows + window), inside)

    _each(v, columns, x, at, n, write)


@emitted("row_routes", [(columns, rule) for columns in COLUMNS for rule in (FIRST, ALL, SPLIT)])
def row_routes(v, columns, rule, x, at, dy, start, dx, to, n):
    """Put each window's gradient at its maximum, and zeros elsewhere; windows are placed as in `row_maxima`.

    At the first of several equal ones, at all, or shared among them; of NaNs always at the first.
    """
    row = n.windows * columns

    def write(x_here: Any, line: Any, window: Any, masks: list[Any], inside: Any) -> None:
        gradient = v.load(v.at(dy, start, line * n.windows + window), inside)
        dx_here = v.at(dx, to, line * (n.rows * row), window * columns)
        route = _Route(v, columns, rule, x_here, dx_here, row, masks, gradient)
        v.either(n.rows == 2, lambda: route.write(2), lambda: route.write(n.rows))

    _each(v, columns, x, at, n, write)


class _Route:
    """Writes what a vector of windows does in `row_routes`: elements stay in the order of x.

    A window's maximum, and its number of them or the first of them, come to all of its columns by exchanging
    neighbours, then pairs of them.
    """

    def __init__(self, v, columns, rule, x_here, dx_here, row, masks, gradient):
        self.v, self.columns, self.rule, self.gradient = v, columns, rule, gradient
        self.x_here, self.dx_here, self.row, self.masks = x_here, dx_here, row, masks

    def write(self, rows: Any) -> list[Any]:
        """Write it for `rows` rows: a number that is known now makes no loops."""
        v, build, count = self.v, self.v.build, len(self.masks)

        def highest(r: Any, carried: list[Any]) -> list[Any]:
            values = self.loaded(r)
            best = [self.larger(*pair) for pair in zip(values, carried[:count], strict=True)]
            # Σ 0 · value is NaN after a NaN or an infinity; only then is there more to do
            return best + [
                v.fused(value, v.zeros, one) for value, one in zip(values, carried[count:], strict=True)
            ]

        carried = self.each(rows, [v.constant(float("-inf"))] * count + [v.zeros] * count, highest)
        maxima = [self.exchanged(one, self.larger) for one in carried[:count]]
        product = reduce(build.fadd, carried[count:])
        bits = build.bitcast(v.nan(product), ir.IntType(v.lanes))
        there = build.icmp_unsigned("!=", bits, bits.type(0))
        return v.either(
            there, lambda: self.with_nans(rows, maxima), lambda: self.put(rows, self.equal(maxima))
        )

    def equal(self, maxima: list[Any]) -> Callable[..., Any]:
        """Return the test whether an element is a maximum, if there are no NaNs."""
        return lambda n, value: self.v.equal(value, maxima[n])

    def with_nans(self, rows: Any, maxima: list[Any]) -> list[Any]:
        """Write the rest where there may be NaNs: the first of a window gets its gradient."""
        v, equal, one = self.v, self.equal(maxima), self.v.constant(1.0)

        def seen(r: Any, carried: list[Any]) -> list[Any]:
            pairs = zip(self.loaded(r), carried, strict=True)
            return [v.nan(value).choose(one, before) for value, before in pairs]

        nans = self.each(rows, [v.zeros] * len(self.masks), seen)
        with_nan = [v.equal(self.exchanged(nan, self.larger), one) for nan in nans]

        def wins(n: int, value: Any) -> Any:
            return (with_nan[n] & v.nan(value)) | (~with_nan[n] & equal(n, value))

        return self.put(rows, wins, with_nan)

    def put(self, rows: Any, wins: Callable[..., Any], alone: Sequence[Any] = ()) -> list[Any]:
        """Write the gradients of windows to the elements where `wins`, or to the first of them if `alone`."""
        v = self.v
        firsts = self.firsts(rows, wins) if self.rule == FIRST or alone else None

        def marks(r: Any) -> list[Any]:
            found = []
            for n, value in enumerate(self.loaded(r)):
                mark = wins(n, value)
                if firsts is not None:
                    first = v.equal(self.number(r), firsts[n])
                    mark = first if self.rule == FIRST else alone[n].choose(first, mark)
                found.append(mark)
            return found

        def tally(r: Any, carried: list[Any]) -> list[Any]:
            one = v.constant(1.0)
            return [
                v.build.fadd(total, mark.choose(one, v.zeros))
                for mark, total in zip(marks(r), carried, strict=True)
            ]

        shares = self.gradient
        if self.rule == SPLIT:
            totals = self.each(rows, [v.zeros] * len(self.masks), tally)
            ties = deinterleaved(v, [self.exchanged(total, v.build.fadd) for total in totals])
            shares = v.build.fdiv(shares, ties[0])
        spread = [
            v.shuffled(shares, shares, [(n * v.lanes + i) // self.columns for i in range(v.lanes)])
            for n in range(self.columns)
        ]

        def row(r: Any, _: list[Any]) -> list[Any]:
            for n, mark in enumerate(marks(r)):
                place = v.at(self.dx_here, r * self.row + n * v.lanes)
                v.store(mark.choose(spread[n], v.zeros), place, self.masks[n])
            return []

        return self.each(rows, [], row)

    def firsts(self, rows: Any, wins: Callable[..., Any]) -> list[Any]:
        """Return the number of each window's first winner, in the order of its rows."""
        v = self.v

        def lower(one: Any, other: Any) -> Any:
            return v.less(one, other).choose(one, other)

        def earliest(r: Any, carried: list[Any]) -> list[Any]:
            number = self.number(r)
            found = [wins(n, value).choose(number, carried[n]) for n, value in enumerate(self.loaded(r))]
            return [lower(*pair) for pair in zip(found, carried, strict=True)]

        none = v.constant(float("inf"))
        return [self.exchanged(one, lower) for one in self.each(rows, [none] * len(self.masks), earliest)]

    def number(self, r: Any) -> Any:
        """Return the number of each element of a row within its window."""
        v, build = self.v, self.v.build
        across = ir.Constant(v.kind, [float(i % self.columns) for i in range(v.lanes)])
        below = build.sitofp(r * self.columns, v.kind.element)
        return build.fadd(across, v.splat(below))

    def larger(self, one: Any, other: Any) -> Any:
        """Return the larger of two; the other one, where one is a NaN."""
        return self.v.greater(one, other).choose(one, other)

    def exchanged(self, value: Any, joined: Callable[[Any, Any], Any]) -> Any:
        """Return, at every column of a window, what all of its columns are joined to."""
        step = 1
        while step < self.columns:
            value = joined(value, self.v.shuffled(value, value, [i ^ step for i in range(self.v.lanes)]))
            step *= 2
        return value

    def loaded(self, r: Any) -> list[Any]:
        """Return the vectors of a row."""
        return _loads(self.v, self.x_here, r, self.row, self.masks)

    def each(self, rows: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
        """Write ``carried = body(r, carried)`` for all rows."""
        if not isinstance(rows, int):
            return self.v.loop(0, rows, 1, carried, body)
        for r in range(rows):
            carried = body(self.v.known(r), carried)
        return carried


def _loads(v: Any, x_here: Any, r: Any, row: Any, masks: list[Any]) -> list[Any]:
    """Return the vectors of a row of x that some windows have."""
    return [v.load(v.at(x_here, r * row + n * v.lanes), mask) for n, mask in enumerate(masks)]


def _maximum(v: Any, x_here: Any, rows: Any, row: Any, masks: list[Any]) -> Any:
    """Return the maximum of each window, or a NaN that is there."""
    count = len(masks)

    def below(r: Any, carried: list[Any]) -> list[Any]:
        best, nans = carried[:count], carried[count:]
        for n, value in enumerate(_loads(v, x_here, r, row, masks)):
            unknown = v.nan(value)
            best[n] = v.greater(value, best[n]).choose(value, best[n])
            nans[n] = unknown.choose(value, nans[n])
        return best + nans

    lowest = [v.constant(float("-inf"))] * count
    carried = v.loop(0, rows, 1, lowest + lowest, below)
    best, *others = deinterleaved(v, carried[:count])
    nan, *nans = deinterleaved(v, carried[count:])
    for other, other_nan in zip(others, nans, strict=True):
        best = v.greater(other, best).choose(other, best)
        nan = v.nan(other_nan).choose(other_nan, nan)
    return v.nan(nan).choose(nan, best)


def _each(v: Any, columns: int, x: Any, at: Any, n: Any, write: Callable[..., None]) -> None:
    """Call ``write(x_here, line, window, masks, inside)`` for each vector of windows; None masks nothing."""
    row = n.windows * columns
    whole = n.windows - n.windows % v.lanes
    with v.range(n.lines) as line:
        above = v.at(x, at, line * (n.rows * row))
        with v.range(0, whole, v.lanes) as window:
            write(v.at(above, window * columns), line, window, [None] * columns, None)
        with v.range(whole, n.windows, v.lanes) as window:
            column, left = window * columns, n.windows - window
            masks = v.masks(left * columns, columns)
            write(v.at(above, column), line, window, masks, v.below(left))

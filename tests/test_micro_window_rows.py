"""Micro-kernels of windows that lie side by side in rows."""

import numpy as np
import pytest
from micro_arrays import around
from micro_helpers import guarded

from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.window_rows import ALL, FIRST, SPLIT, Lines, row_maxima, row_routes

ODD = [(), (-np.inf,), (np.inf,), (np.nan, -np.inf)]


LINES = [(1, 1), (3, 2), (2, 3)]
"""How many lines of windows, and how many rows a window has."""


def drawn(case, lines, rows, windows, odd):
    """Return (line, row, window, column) of a few different numbers, some of which are not finite."""
    columns = case.size[0]
    x = case.rng.integers(-3, 0, (lines, rows, windows, columns)).astype(case.dtype)
    for value in odd:
        x[case.rng.random(x.shape) < 0.2] = value
    return x


@guarded(row_maxima, lines=LINES, windows=around, odd=ODD)
def test_row_maxima_finds_each_window_s_greatest_and_a_nan_wins(case, lines, windows, odd):
    lines, rows = lines
    x = drawn(case, lines, rows, windows, odd)
    y = case.output("y", (lines, windows))
    case.call(*case.given("x", x), *y, Lines(lines=lines, windows=windows, rows=rows))
    y.must_be(x.max((1, 3)))


def routed(case, lines, rows, windows, odd):
    """Call the piece; each window's gradient must be at the maxima that the rule names."""
    columns, rule = case.size
    x, dy = drawn(case, lines, rows, windows, odd), 12 * case.integers(lines, windows)
    taps = x.transpose(0, 2, 1, 3).reshape(lines, windows, -1)
    marks = np.arange(rows * columns) == taps.argmax(-1)[..., None]
    if rule in (ALL, SPLIT):
        marks |= taps == taps.max(-1, keepdims=True)
    parts = marks * dy[..., None]
    if rule == SPLIT:
        parts = parts / marks.sum(-1, keepdims=True)
    expected = parts.reshape(lines, windows, rows, columns).transpose(0, 2, 1, 3)
    dx = case.output("dx", x.shape)
    lie = Lines(lines=lines, windows=windows, rows=rows)
    case.call(*case.given("x", x), *case.given("dy", dy), *dx, lie)
    dx.must_sum_to(expected, 100 * np.finfo(case.dtype).eps)


@guarded(row_routes, when=lambda lanes, columns, _: columns <= lanes, lines=LINES, windows=around, odd=ODD)
def test_row_routes_gives_to_maxima_by_the_rule_but_of_nans_to_the_first(case, lines, windows, odd):
    routed(case, *lines, windows, odd)


@pytest.mark.skipif(VECTOR_BYTES > 16, reason="vectors have as many lanes as windows have columns")
@pytest.mark.xfail(
    strict=True,
    reason="columns are exchanged within a vector: a window of 4 has two; no algorithm has such ones",
)
@guarded(
    row_routes,
    ["float64"],
    when=lambda lanes, columns, _: columns > lanes,
    lines=LINES,
    windows=around,
    odd=ODD,
)
def test_row_routes_serves_windows_wider_than_a_vector(case, lines, windows, odd):
    routed(case, *lines, windows, odd)


def test_there_are_all_rules_for_windows_of_two_and_of_four_columns():
    assert set(row_routes.sizes) == {(n, rule) for n in (2, 4) for rule in (FIRST, ALL, SPLIT)}

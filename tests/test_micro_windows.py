"""Micro-kernels of pooling: maxima, means and gradients of runs of windows, and of rows of windows."""

import numpy as np
from micro_arrays import around, places
from micro_helpers import guarded

from jitconv.micro.runs import VECTORS_AT_ONCE
from jitconv.micro.windows import (
    SMALL,
    Positions,
    Way,
    Windows,
    maxima,
    means,
    route,
    route_shared,
    spread,
    winners,
)

SIDES = [(1, 1), (2, 2), (3, 3), (2, 3), (3, 1), (1, 4)]
"""Windows with code of their own (of 2x2 and 3x3 taps) and others."""


def channels_of(lanes, *_):
    """Return numbers of channels around a vector, and around as many as are worked on at once."""
    return [*around(lanes), VECTORS_AT_ONCE * lanes, (2 * VECTORS_AT_ONCE + 1) * lanes + 1]


APART, OVERLAPPING, IN_COLUMNS = "apart", "overlapping", "in columns"
"""How windows lie: with room between them, with taps in common, below one another."""


def run_of(lay, side, channels):
    """Return windows that lie so, the results of which have some room between them."""
    step, down, right = steps_of(lay, side, channels)
    return Windows(
        rows=side[0],
        cols=side[1],
        down=down,
        right=right,
        windows=WINDOWS,
        step=step,
        result_step=channels + 2,
        channels=channels,
    )


def steps_of(lay, side, channels):
    """Return the steps (window, row, column) between the taps of three windows that lie so."""
    rows, cols = side
    if lay == IN_COLUMNS:
        return rows * cols * channels + 2, channels, rows * channels
    step = (cols + 1 if lay == APART else 1) * channels
    return step, 3 * step + cols * channels + 1, channels


WINDOWS = 3


def taps_of(lay, side, channels):
    """Return the windows, and where each element lies: (window, row, column, channel)."""
    steps = steps_of(lay, side, channels)
    return run_of(lay, side, channels), places((WINDOWS, *side, channels), (*steps, 1))


def with_ties(odd):
    """Return what draws a few different numbers, some of which are not finite."""

    def draw(case):
        def numbers(count):
            drawn = case.rng.integers(-3, 0, count).astype(case.dtype)
            for value in odd:
                drawn[case.rng.random(count) < 0.3] = value
            return drawn

        return numbers

    return draw


KINDS = [(APART, ()), (OVERLAPPING, (-np.inf,)), (IN_COLUMNS, (np.inf, np.nan)), (OVERLAPPING, (np.nan,))]
"""How windows lie, and what is not finite in them."""


def flat_windows(met):
    """Return windows with their taps on the last axis: (window, channel, tap)."""
    return met.reshape(WINDOWS, -1, met.shape[-1]).transpose(0, 2, 1)


@guarded(maxima, side=SIDES, channels=channels_of, kind=KINDS)
def test_maxima_finds_each_window_s_greatest_and_a_nan_wins(case, side, channels, kind):
    lay, odd = kind
    windows, where = taps_of(lay, side, channels)
    x, met = case.met("x", where, with_ties(odd)(case))
    y = case.output("y", (WINDOWS, channels), (channels + 2, 1))
    case.call(*x, *y, windows)
    y.must_be(met.max((1, 2)))


@guarded(winners, side=SIDES, channels=channels_of, kind=KINDS)
def test_winners_tells_where_the_first_of_the_greatest_is(case, side, channels, kind):
    """NumPy's argmax has the same rule: the first NaN, else the first of the greatest."""
    (large,), (lay, odd) = case.size, kind
    windows, where = taps_of(lay, side, channels)
    x, met = case.met("x", where, with_ties(odd)(case))
    y = case.output("y", (WINDOWS, channels), (channels + 2, 1))
    positions = case.output("positions", (WINDOWS, channels), (channels + 2, 1), dtype=np.int64)
    told = Positions(first=2**40 if large else SMALL - 10_000, down=100, right=7, step=1000)
    case.call(*x, *y, positions.array, windows, told)
    taps = flat_windows(met)
    steps = told.step, told.down, told.right
    numbers = told.first + places((WINDOWS, *side), steps).reshape(WINDOWS, 1, -1)
    winner = taps.argmax(-1)[..., None]
    y.must_be(taps.max(-1))
    positions.must_be(np.take_along_axis(np.broadcast_to(numbers, taps.shape), winner, -1)[..., 0])


@guarded(means, side=SIDES, channels=channels_of, lay=[APART, OVERLAPPING, IN_COLUMNS])
def test_means_puts_each_window_s_sum_times_a_share(case, side, channels, lay):
    windows, where = taps_of(lay, side, channels)
    x, met = case.met("x", where)
    y = case.output("y", (WINDOWS, channels), (channels + 2, 1))
    share = case.dtype.type(0.25)
    case.call(*x, *y, share, windows)
    y.must_sum_to(met.sum((1, 2)) / 4)


def added_up(case, where, parts, adding):
    """Return an output with room for what lies at some places, and what it holds with parts added to it."""
    size, met = int(where.max()) + 1, np.unique(where)
    before = case.untouched(size)
    expected = before.copy()
    if adding:
        before[met] = case.integers(met.size)
    expected[met] = before[met] if adding else 0
    np.add.at(expected, where, parts)
    return before, expected


@guarded(spread, side=SIDES, channels=channels_of, way=[(APART, 0), (IN_COLUMNS, 0), (OVERLAPPING, 1)])
def test_spread_gives_every_tap_a_share(case, side, channels, way):
    """Where nothing is added the windows have no taps in common."""
    lay, adding = way
    windows, where = taps_of(lay, side, channels)
    dy = case.integers(WINDOWS, channels)
    parts = np.broadcast_to(dy[:, None, None] / 4, where.shape)
    before, expected = added_up(case, where, parts, adding)
    dx = case.output("dx", before.shape, before=before)
    dy = case.given("dy", dy, (channels + 2, 1))
    case.call(*dx, *dy, case.dtype.type(0.25), adding, windows)
    dx.must_sum_to(expected)


WAYS = [
    (APART, (), 0, 1),
    (OVERLAPPING, (-np.inf,), 1, 0),
    (IN_COLUMNS, (np.inf, np.nan), 0, 1),
    (OVERLAPPING, (np.nan,), 1, 1),
    (APART, (np.inf,), 0, 0),
]
"""How windows lie, what is not finite in them, whether gradients are added to what is there, and divided."""


def routed(case, side, channels, way, *, shared):
    """Call a piece that gives gradients to maxima in all rows of the windows, or in the last one."""
    lay, odd, adding, dividing = way
    windows, where = taps_of(lay, side, channels)
    x, met = case.met("x", where, with_ties(odd)(case))
    taps, dy = flat_windows(met), 12 * case.integers(WINDOWS, channels)
    marks = np.arange(taps.shape[-1]) == taps.argmax(-1)[..., None]
    if shared:
        marks |= taps == taps.max(-1, keepdims=True)
    parts = marks * dy[..., None]
    if shared and dividing:
        parts = parts / marks.sum(-1, keepdims=True)
    parts = parts.transpose(0, 2, 1).reshape(where.shape).astype(case.dtype)
    first, last = case.rng.choice([0, side[0] - 1]), side[0]
    above = first * windows.down
    given = where[:, first:last] - above
    before, expected = added_up(case, given, parts[:, first:last], adding)
    dx = case.output("dx", before.shape, before=before)
    dy = case.given("dy", dy, (channels + 2, 1))
    told = Way(first=first, last=last, adding=adding, dividing=dividing)
    case.call(*x, *dy, dx.array, dx.at - above, windows, told)
    dx.must_sum_to(expected, 100 * np.finfo(case.dtype).eps)


@guarded(route, side=SIDES, channels=channels_of, way=WAYS)
def test_route_gives_all_to_the_first_maximum(case, side, channels, way):
    routed(case, side, channels, way, shared=False)


@guarded(route_shared, side=SIDES, channels=channels_of, way=WAYS)
def test_route_shared_gives_to_all_maxima_but_of_nans_to_the_first(case, side, channels, way):
    routed(case, side, channels, way, shared=True)

"""Micro-kernels that sum up: products of rows, lanes, whole planes; and the maxima of planes."""

import numpy as np
from micro_arrays import PLANES, around, plane_step
from micro_helpers import guarded

from jitconv.micro.dots import TALL, WIDE, Lines, Tile, all_dots, dots, lane_sums
from jitconv.micro.plane_reduce import plane_maxima, plane_sums


def dotted(case, size, count, lines, gap, *, first=None):
    """Call a piece that adds a[r, line, j] · b[n, line, j] to sums[r, n, j modulo the lanes].

    `first` is the number of b's first row among the offsets, for the piece that takes one.
    """
    rows, width = size
    lanes, length = case.lanes, -(-count // case.lanes) * case.lanes
    a, b = case.integers(rows, lines, count), case.integers(width, lines, count)
    before = case.integers(rows, width, lanes)
    line = count + gap
    a_row, b_row = lines * line + gap, lines * line
    offsets = [10**9] * (first or 0) + [(width - 1 - n) * b_row for n in range(width)]  # the last one first
    offsets = case.table("offsets", offsets)
    sums_row = width * lanes + (0 if first is None else gap)
    sums = case.output("sums", before.shape, (sums_row, lanes, 1), before=before)
    left, right = case.given("a", a, (a_row, line, 1)), case.given("b", b[::-1], (b_row, line, 1))
    lie = Lines(lines=lines, length=count, a_row=a_row, a_line=line, b_at=right.at, b_line=line)
    if first is None:
        case.call(rows, width, *left, right.array, offsets, *sums, lie)
    else:
        tile = Tile(a_at=left.at, first=first, sums_at=sums.at, sums_row=sums_row)
        case.call(left.array, right.array, offsets, sums.array, lie, tile)
    ends = [(0, 0), (0, 0), (0, length - count)]
    a, b = (np.pad(one, ends).reshape(*one.shape[:2], -1, lanes) for one in (a, b))
    sums.must_sum_to(before + np.einsum("rlji,nlji->rni", a, b))


@guarded(dots, count=lambda lanes, *_: [0, *around(lanes)], lines=[1, 3])
def test_dots_adds_the_products_of_rows_with_rows(case, count, lines):
    dotted(case, case.size, count, lines, lines - 1, first=2 if lines > 1 else 0)


ROWS, COLUMNS = [*range(1, TALL + 2), 2 * TALL + 1], [*range(1, WIDE + 2), 2 * WIDE + 1]


@guarded(all_dots, count=lambda lanes: [1, 2 * lanes + 3], rows=ROWS, columns=COLUMNS)
def test_all_dots_takes_any_number_of_rows(case, count, rows, columns):
    dotted(case, (rows, columns), count, 2, 2)


@guarded(lane_sums, count=lambda lanes: [0, *around(lanes)])
def test_lane_sums_adds_up_the_lanes_of_each_vector(case, count):
    sums = case.integers(count, case.lanes)
    out = case.output("out", count)
    case.call(case.given("sums", sums).part, count, *out)
    out.must_sum_to(sums.sum(1))


def planes_at_once(lanes):
    """Return how many planes there may be: at most one for each lane."""
    return sorted({1, 2, lanes - 1, lanes} - {0})


def reduced(case, x, lay):
    """Call a piece that reduces planes; return where it puts the results."""
    planes, count = x.shape
    more, shift = lay
    plane = plane_step(count, more, case.lanes)
    y = case.output("y", planes)
    case.call(*case.given("x", x, (plane, 1), shift=shift), plane, planes, count, *y)
    return y


@guarded(plane_sums, planes=planes_at_once, count=around, lay=PLANES[:3])
def test_plane_sums_adds_up_whole_planes(case, planes, count, lay):
    x = case.integers(planes, count)
    reduced(case, x, lay).must_sum_to(x.sum(1))


@guarded(
    plane_maxima,
    planes=planes_at_once,
    count=around,
    lay=PLANES[:3],
    odd=[(), (-np.inf,), (np.inf, np.nan), (-np.inf, np.nan)],
)
def test_plane_maxima_finds_the_greatest_of_whole_planes_and_a_nan_wins(case, planes, count, lay, odd):
    x = case.integers(planes, count) - 5
    for plane, value in enumerate(odd * planes):  # in some planes; and one plane is full of -inf
        x[plane % planes, case.rng.integers(count)] = value
    x[-1] = x[-1] if odd else -np.inf
    reduced(case, x, lay).must_be(x.max(1))

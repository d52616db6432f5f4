"""The register tile along rows of many columns."""

import numpy as np
from micro_helpers import guarded

from jitconv.micro.tile_rows import (
    TALLEST,
    UNROLLED,
    WIDE,
    LineProduct,
    Run,
    along,
    along_rows,
    tile_along,
)

PLAIN = {"depth": 1}
BIAS = {"depth": UNROLLED, "started": 1, "floor": 1}
LINES = {"depth": 2 * UNROLLED + 3, "started": 1, "lines": 2, "gap": 3}
KINDS = [PLAIN, BIAS, LINES]
"""Kinds of calls: where a kind says nothing, one line begins with 0, and its rows lie close."""


def columns_of(lanes, rows, vectors):
    """Return numbers of columns around vectors and around tiles."""
    wide = vectors * lanes
    return sorted({1, lanes - 1, lanes, lanes + 1, wide - 1, wide, wide + 1, 2 * wide + 3} - {0})


def correlated(case, kind, counts, rows, columns, room):
    """Call a piece: c[row, column] = start[row] + Σ_k a[row, k] · b[offsets[k] + column].

    `counts` are its arguments before the arrays; after the last columns b can be read so much further.
    """
    kind = {"started": 0, "floor": 0, "lines": 1, "gap": 0, **kind}
    depth, lines, gap = kind["depth"], kind["lines"], kind["gap"]
    offsets = np.roll(np.arange(depth) * 3 % (depth + 2), 1)  # overlapping, in no order, and with the last
    b_line_step = int(offsets.max()) + columns + gap
    where = np.arange(lines)[:, None, None] * b_line_step + offsets[:, None] + np.arange(columns)
    numbers = case.integers(int(where.max()) + 1)
    factors, begins = case.integers(rows, depth), case.integers(rows if kind["started"] else 0)
    a, b = case.given("a", factors, (depth + gap, 1)), case.given("b", numbers, room=room)
    start = case.given("start", begins)
    c = case.output("c", (lines, rows, columns), (rows * (columns + gap), columns + gap, 1))
    run = Run(a=a.at, b=b.at, c=c.at, start=start.at, columns=columns)
    product = LineProduct(
        lines=lines,
        b_line_step=b_line_step,
        c_line_step=rows * (columns + gap),
        a_step=depth + gap,
        c_step=columns + gap,
        depth=depth,
        started=kind["started"],
        relu=kind["floor"],
    )
    table = case.table("offsets", offsets)
    case.call(*counts, a.array, b.array, table, start.array, c.array, run, product)
    total = np.einsum("rk,lkc->lrc", factors, numbers[where]) + (begins[:, None] if kind["started"] else 0)
    c.must_sum_to(np.maximum(total, 0) if kind["floor"] else total)


@guarded(tile_along, columns=columns_of, kind=KINDS)
def test_tile_along_adds_products_with_columns_at_offsets(case, columns, kind):
    rows, vectors = case.size
    correlated(case, kind, (), rows, columns, room=-columns % (vectors * case.lanes))


HEIGHTS = sorted({n for most in TALLEST.values() for n in (1, most + 1, 2 * most + 1, 3 * most - 1)})


@guarded(along, vectors=list(TALLEST), rows=HEIGHTS, kind=KINDS)
def test_along_fills_any_number_of_rows(case, vectors, rows, kind):
    columns = vectors * case.lanes + 1
    correlated(case, kind, (rows, vectors), rows, columns, room=vectors * case.lanes - 1)


@guarded(along_rows, rows=HEIGHTS[:4], columns=lambda lanes: columns_of(lanes, 0, WIDE), kind=KINDS)
def test_along_rows_fills_any_number_of_columns(case, rows, columns, kind):
    correlated(case, kind, (rows,), rows, columns, room=WIDE * case.lanes)


@guarded(tile_along)
def test_the_floor_lifts_negative_sums_and_keeps_a_nan(case):
    rows, vectors = case.size
    b = case.integers(vectors * case.lanes)
    b[:: case.lanes], b[1 :: case.lanes] = np.nan, -np.inf
    c = case.output("c", (rows, b.size))
    ones, given = case.given("a", np.ones(rows, case.dtype)), case.given("b", b)
    run = Run(a=ones.at, b=given.at, c=c.at, start=0, columns=b.size)
    product = LineProduct(
        lines=1,
        b_line_step=0,
        c_line_step=0,
        a_step=1,
        c_step=b.size,
        depth=1,
        started=0,
        relu=1,
    )
    case.call(ones.array, given.array, case.table("offsets", [0]), case.poison(0), c.array, run, product)
    c.must_sum_to(np.where(b < 0, 0, b))

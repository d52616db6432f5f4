"""The register tile: every size, every kind of end, between guard pages."""

import numpy as np
from micro_arrays import lanes_of
from micro_helpers import guarded

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import (
    TALLEST,
    UNROLLED,
    At,
    Product,
    Tiles,
    padded_columns,
    tile,
    tile_across,
    tiles,
    tiles_across,
    vectors_of,
    width_of,
)

PLAIN = {"depth": 1}
BIAS = {"depth": UNROLLED, "started": "one row", "b_masked": 1, "floor": 1}
ROWS = {"depth": 2 * UNROLLED + 3, "started": "each row", "segments": 2, "tiles": 2, "gap": 2, "b_masked": 1}
NOTHING = {"depth": 1, "started": "each row", "segments": 0, "tiles": 2}
WIDE = {"depth": UNROLLED + 1, "segments": 3, "floor": 1, "gap": 1}
"""Kinds of calls: where a kind says nothing, one tile begins with 0, and its rows lie close."""

KINDS = [PLAIN, BIAS, ROWS, NOTHING, WIDE]


def columns_of(lanes, rows, vectors):
    """Return numbers of columns around each end that a tile may have."""
    wide = vectors * lanes
    return sorted(
        {1, lanes - 1, lanes, lanes + 1, wide - lanes + 1, wide - 1, wide} & set(range(1, wide + 1))
    )


def multiplied(case, kind, rows, vectors, columns, *, across, many=None):
    """Call one of the pieces on matrices of small numbers; its result must be start + Σ a · b.

    `many` is the number of rows for the pieces that cut them into tiles themselves; else `rows` is that of a
    tile.
    """
    kind = {"tiles": 1, "segments": 1, "started": None, "b_masked": 0, "floor": 0, "gap": 0, **kind}
    depth, segments, gap, lanes = kind["depth"], kind["segments"], kind["gap"], case.lanes
    height = many or rows * kind["tiles"]
    a, b = case.integers(segments, height, depth), case.integers(segments, depth, columns)
    sums = np.einsum("srk,skc->rc", a, b)
    a_step = (height if across else depth) + gap
    a_segment, b_step = a_step * (depth if across else height) + gap, columns + gap
    a_steps = (a_segment, 1, a_step) if across else (a_segment, a_step, 1)
    # the last segment comes first, and one that is not asked for comes before it
    table = [(10**9, 10**9), *((s * a_segment, s * (depth + 1)) for s in reversed(range(segments)))]
    start = case.integers(1 if kind["started"] == "one row" else height, columns)
    start = start if kind["started"] else case.poison(0, 0)
    # without masks whole vectors of b are read
    room = 0 if kind["b_masked"] else vectors * lanes - columns
    a, b = case.given("a", a, a_steps), case.given("b", b, ((depth + 1) * b_step, b_step, 1), room=room)
    first = case.given("start", start, (columns + gap, 1))
    c = case.output("c", (height, columns), (columns + gap, 1))
    at = At(
        a=a.at,
        b=b.at,
        c=c.at,
        start=first.at,
        start_step=0 if kind["started"] == "one row" else columns + gap,
        started=kind["started"] is not None,
    )
    product = Product(
        a_step=a_step,
        b_step=b_step,
        b_masked=kind["b_masked"],
        c_step=columns + gap,
        columns=columns,
        first=1,
        last=segments + 1,
        depth=depth,
        relu=kind["floor"],
    )
    arrays = a.array, b.array, case.table("segments", np.ravel(table)), first.array, c.array
    if many:
        case.call(many, vectors, *arrays, at, product)
    else:
        case.call(*arrays, Tiles(kind["tiles"], *at), product)
    total = sums + (start if kind["started"] else 0)
    c.must_sum_to(np.maximum(total, 0) if kind["floor"] else total)


@guarded(tile, columns=columns_of, kind=KINDS)
def test_tile_adds_products_of_rows_and_columns(case, columns, kind):
    multiplied(case, kind, *case.size, columns, across=False)


@guarded(tile_across, columns=columns_of, kind=KINDS)
def test_tile_across_does_so_for_rows_that_lie_side_by_side(case, columns, kind):
    multiplied(case, kind, *case.size, columns, across=True)


HEIGHTS = sorted({n for most in TALLEST.values() for n in (1, most, most + 1, 2 * most + 1, 3 * most - 1)})


@guarded(tiles, many=HEIGHTS, vectors=list(TALLEST), kind=[PLAIN, BIAS, ROWS])
def test_tiles_fill_any_number_of_rows(case, many, vectors, kind):
    multiplied(case, kind, 0, vectors, vectors * case.lanes - 1, across=False, many=many)


@guarded(tiles_across, many=HEIGHTS, vectors=list(TALLEST), kind=[PLAIN, BIAS, ROWS])
def test_tiles_across_fill_any_number_of_rows(case, many, vectors, kind):
    multiplied(case, kind, 0, vectors, vectors * case.lanes - 1, across=True, many=many)


def lifted(case, *, across):
    """Call a tile whose sums are b itself, and are to be lifted to 0."""
    rows, vectors = case.size
    b = case.integers(1, vectors * case.lanes)
    b[0, :: case.lanes] = np.nan
    b[0, 1 :: case.lanes] = -np.inf
    c = case.output("c", (rows, b.size))
    ones, given = case.given("a", np.ones(rows, case.dtype)), case.given("b", b)
    at = Tiles(tiles=1, a=ones.at, b=given.at, c=c.at, start=0, start_step=0, started=0)
    product = Product(
        a_step=1,
        b_step=b.size,
        b_masked=1,
        c_step=b.size,
        columns=b.size,
        first=0,
        last=1,
        depth=1,
        relu=1,
    )
    case.call(ones.array, given.array, case.table("segments", [0, 0]), case.poison(0), c.array, at, product)
    c.must_sum_to(np.where(b < 0, 0, b))


@guarded(tile)
def test_the_floor_of_tile_lifts_negative_sums_and_keeps_a_nan(case):
    lifted(case, across=False)


@guarded(tile_across)
def test_the_floor_of_tile_across_lifts_negative_sums_and_keeps_a_nan(case):
    lifted(case, across=True)


@inlined
def widths_of(columns, lanes, out, to):
    """Put `width_of` for each number of columns to out[to:]."""
    for i in range(columns.size):
        out[to + i] = width_of(columns[i], lanes)


@guarded(widths_of)
def test_the_narrowest_tile_that_holds_some_columns_is_chosen_or_the_widest(case):
    columns = np.arange(1, 5 * max(TALLEST) * case.lanes)
    expected = [next((n for n in sorted(TALLEST) if n * case.lanes >= one), max(TALLEST)) for one in columns]
    out = case.output("out", columns.size, dtype=np.int64)
    case.call(case.table("columns", columns), case.lanes, *out)
    out.must_be(expected)
    out.must_be([vectors_of(int(one), case.dtype.itemsize) for one in columns])


def test_the_columns_of_panels_are_those_of_whole_panels_and_of_the_tile_for_the_rest():
    lanes = lanes_of("float32")
    panel = max(TALLEST) * lanes
    for columns in range(1, 3 * panel):
        last = min(n * lanes for n in TALLEST if n * lanes >= (columns - 1) % panel + 1)
        assert padded_columns(columns, VECTOR_BYTES // lanes) == (columns - 1) // panel * panel + last

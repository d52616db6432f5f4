"""The register tile along rows of many columns, where what they meet lies anywhere: at offsets of a table.

``tile_along`` adds, for a few rows of a,

    c[row, column] = start[row] + Σ_k a[row, k] · b[offsets[k] + column]

for all columns, a tile after the other. So a filter's taps need no column matrix, and no filters in panels.
"""

from __future__ import annotations

from typing import Any

from jitconv.jit.loops import inlined
from jitconv.jit.tile import TALLEST, UNROLLED, WIDEST
from jitconv.jit.vectors import I64, emitted

_SIZES = [(rows, width) for width, tallest in TALLEST.items() for rows in range(1, tallest + 1)]

_HEIGHTS = tuple(TALLEST.get(width, 0) for width in range(WIDEST + 1))


@inlined
def along(count, lines, vectors, a, a_at, a_apart, b, b_at, b_line, offsets, depth, start, start_at, started,
          c, c_at, c_row, c_line, columns, floor):  # fmt: skip
    """Fill `count` rows by tiles of nearly one height."""
    left = (count + _HEIGHTS[vectors] - 1) // _HEIGHTS[vectors]
    done = 0
    while left > 0:
        rows = (count - done + left - 1) // left
        tile_along(rows, vectors, a, a_at + done * a_apart, a_apart, b, b_at, b_line, lines, offsets, depth,
                   start, start_at + done, started, c, c_at + done * c_row, c_row, c_line, columns,
                   floor)  # fmt: skip
        done += rows
        left -= 1


@emitted("tile_along", _SIZES)
def tile_along(v, rows, vectors, a, a_at, a_apart, b, b_at, b_line, lines, offsets, depth, start, start_at,
               started, c, c_at, c_row, c_line, columns, floor):  # fmt: skip
    """Run tiles of `vectors` vectors, a key of `TALLEST`, along the columns of some lines.

    Parameters
    ----------
    a, a_at, a_apart : array of one axis, and int
        Where the first element lies, and the step from row to row; from k to k it is 1.
    b, b_at : array of one axis, and int
        Whole vectors of b can be read, of the last columns too.
    lines, b_line, c_line : int
        How many lines, each of all rows and columns, and their steps in b and in c.
    offsets : int64 array of one axis
        For each k < depth, what is added to `b_at`.
    start, start_at, started : array and int
        What the sums of each row begin with, one number; 0 for `started` is for sums that begin with 0.
    c, c_at, c_row : array and int
        Where the sums go.
    floor : int
        Not 0 to put 0 in the place of negative sums.
    """
    build = v.build
    sizes = [(r, n) for r in range(rows) for n in range(vectors)]
    wide = vectors * v.lanes
    most = build.sub(depth, build.srem(depth, I64(UNROLLED)))

    def begun() -> list[Any]:
        values = [v.splat(build.load(v.at(start, start_at, I64(r)))) for r in range(rows)]
        return [values[r] for r, _ in sizes]

    def steps(b_here: Any, count: int) -> Any:
        def body(k: Any, carried: list[Any]) -> list[Any]:
            a_k, *sums = carried
            for step in range(count):
                b_k = v.at(b_here, build.load(v.at(offsets, k, I64(step))))
                columns_of_b = [v.load(v.at(b_k, I64(n * v.lanes))) for n in range(vectors)]
                for r in range(rows):
                    value = v.splat(build.load(v.at(a_k, build.mul(a_apart, I64(r)))))
                    for n in range(vectors):
                        sums[r * vectors + n] = v.fused(value, columns_of_b[n], sums[r * vectors + n])
                a_k = v.at(a_k, I64(1))
            return [a_k, *sums]

        return body

    def one(line: Any, column: Any, masks: list[Any]) -> list[Any]:
        sums = v.either(build.icmp_signed("!=", started, I64(0)), begun, lambda: [v.zeros] * len(sizes))
        b_here = v.at(b, b_at, column, build.mul(line, b_line))
        carried = v.loop(I64(0), most, UNROLLED, [v.at(a, a_at), *sums], steps(b_here, UNROLLED))
        sums = v.loop(most, depth, 1, carried, steps(b_here, 1))[1:]
        c_here = v.at(c, c_at, column, build.mul(line, c_line))
        for (r, n), total in zip(sizes, v.floored(sums, floor), strict=True):
            place = v.at(c_here, build.mul(c_row, I64(r)), I64(n * v.lanes))
            v.store(total, place, masks[n])
        return []

    def line(number: Any, _: list[Any]) -> list[Any]:
        end = build.sub(columns, build.srem(columns, I64(wide)))
        v.loop(I64(0), end, wide, [], lambda column, _: one(number, column, [None] * vectors))

        def rest(column: Any, _: list[Any]) -> list[Any]:
            left = build.sub(columns, column)
            return one(number, column, [v.below(build.sub(left, I64(n * v.lanes))) for n in range(vectors)])

        return v.loop(end, columns, wide, [], rest)

    v.loop(I64(0), lines, 1, [], line)


@emitted("deal", [(1, 1), (2, 2), (4, 4), (2, 1), (4, 1)])
def deal(v, hands, kept, x, at, x_row, rows, count, out, to, out_row, places):
    """Deal the `count` elements of each of some rows in turn to as many runs as there are `hands`.

    The first `kept` of them are written; `places` says where in a row of `out` each begins. Whole vectors are
    written, 0 beyond the last one.
    """
    build = v.build
    starts = [v.at(out, to, build.load(v.at(places, I64(hand)))) for hand in range(kept)]
    wide = hands * v.lanes
    end = build.sub(count, build.srem(count, I64(wide)))

    def row(number: Any, _: list[Any]) -> list[Any]:
        x_here, out_here = v.at(x, at, build.mul(number, x_row)), build.mul(number, out_row)

        def step(column: Any, masks: list[Any]) -> list[Any]:
            values = [v.load(v.at(x_here, column, I64(n * v.lanes)), masks[n]) for n in range(hands)]
            for hand, value in enumerate(_dealt(v, values)[:kept]):
                v.store(value, v.at(starts[hand], out_here, build.sdiv(column, I64(hands))))
            return []

        def rest(column: Any, _: list[Any]) -> list[Any]:
            left = build.sub(count, column)
            return step(column, [v.below(build.sub(left, I64(n * v.lanes))) for n in range(hands)])

        v.loop(I64(0), end, wide, [], lambda column, _: step(column, [None] * hands))
        return v.loop(end, count, wide, [], rest)

    v.loop(I64(0), rows, 1, [], row)


def _dealt(v: Any, values: list[Any]) -> list[Any]:
    """Return, of vectors in a row, one with every so manieth element from each of the first ones on."""
    if len(values) == 1:
        return values
    halves = [
        _dealt(v, [v.every_second(*values[n : n + 2], odd) for n in range(0, len(values), 2)])
        for odd in range(2)
    ]
    return [value for pair in zip(*halves, strict=True) for value in pair]


@emitted("to_panels", [(width,) for width in TALLEST])
def to_panels(v, vectors, x, at, x_row, rows, panels, columns, out, to, apart):
    """Put rows of x, `x_row` apart, in panels of `vectors` vectors: (panel, row, lane), the panels `apart`.

    `columns` are how many of a panel there are; 0 stands in the place of the others.
    """
    build = v.build
    wide = vectors * v.lanes
    whole = build.icmp_signed(">=", columns, I64(wide))
    inside = [v.below(build.sub(columns, I64(n * v.lanes))) for n in range(vectors)]

    def copied(masks: list[Any]) -> list[Any]:
        def row(number: Any, _: list[Any]) -> list[Any]:
            x_here, out_here = (
                v.at(x, at, build.mul(number, x_row)),
                v.at(out, to, build.mul(number, I64(wide))),
            )

            def panel(p: Any, _: list[Any]) -> list[Any]:
                x_panel, out_panel = (
                    v.at(x_here, build.mul(p, I64(wide))),
                    v.at(out_here, build.mul(p, apart)),
                )
                for n in range(vectors):
                    place = I64(n * v.lanes)
                    v.store(v.load(v.at(x_panel, place), masks[n]), v.at(out_panel, place))
                return []

            return v.loop(I64(0), panels, 1, [], panel)

        return v.loop(I64(0), rows, 1, [], row)

    v.either(whole, lambda: copied([None] * vectors), lambda: copied(inside))

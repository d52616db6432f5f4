"""The register tile along rows of many columns, where what they meet lies anywhere: at offsets of a table.

``tile_along`` adds, for a few rows of a,

    c[row, column] = start[row] + Σ_k a[row, k] · b[offsets[k] + column]

for all columns, a tile after the other. So a filter's taps need no column matrix, and no filters in panels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import I64, VECTOR_BYTES, emitted
from jitconv.jit.workspace import LINE
from jitconv.micro import tile
from jitconv.micro.tile import IN_FLIGHT, UNROLLED, width_of

TALLEST = {4: 3, **tile.TALLEST}
"""As `tile.TALLEST`, and tiles of few rows as wide on 16 registers too: 3 x 4 sums, 3 broadcasts, and one
vector of b after the other. 7 loads for 12 products, where 3 x 2 need 5 for 6 and a core begins two of each
in a cycle: dx of 3 channels took 1295 -> 1034 µs (k3x3f25 s2 in float64) and 5017 -> 3945 (k7x7f32), the
forward pass of 25 to 64 filters 0.93 to 0.98 of the time with tiles of 5 x 2 (two Zen 3 cores)."""

WIDE = max(TALLEST)

_SIZES = [(rows, width) for width, tallest in TALLEST.items() for rows in range(1, tallest + 1)]

_HEIGHTS = tuple(TALLEST.get(width, 0) for width in range(WIDE + 1))


@inlined
def along_rows(count, lines, a, a_at, a_apart, b, b_at, b_line, offsets, depth, start, start_at, started,
               c, c_at, c_row, c_line, columns, floor):  # fmt: skip
    """Fill `count` rows of any number of columns: the last tiles are narrower.

    b can be read `WIDE` vectors beyond the last column.
    """
    lanes = VECTOR_BYTES // b.itemsize
    whole = columns // (WIDE * lanes) * (WIDE * lanes)
    if whole:
        along(count, lines, WIDE, a, a_at, a_apart, b, b_at, b_line, offsets, depth, start, start_at,
              started, c, c_at, c_row, c_line, whole, floor)  # fmt: skip
    done = whole
    while done < columns:
        vectors = width_of(columns - done, lanes)
        # the last vectors begin within the ones before: no masks, where a row has as many
        here = max(0, min(done, columns - vectors * lanes))
        along(count, lines, vectors, a, a_at, a_apart, b, b_at + here, b_line, offsets, depth, start,
              start_at, started, c, c_at + here, c_row, c_line, min(columns - here, vectors * lanes),
              floor)  # fmt: skip
        done += vectors * lanes


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
    chains = 1
    while chains < UNROLLED and chains * len(sizes) < IN_FLIGHT:
        chains *= 2

    def begun() -> list[Any]:
        values = [v.splat(build.load(v.at(start, start_at, I64(r)))) for r in range(rows)]
        return [values[r] for r, _ in sizes]

    def row(a_k: Any, r: int) -> Any:
        return v.splat(build.load(v.at(a_k, build.mul(a_apart, I64(r)))))

    def column(b_k: Any, n: int) -> Any:
        return v.load(v.at(b_k, I64(n * v.lanes)))

    def products(a_k: Any, b_k: Any) -> Iterator[tuple[int, int, Any, Any]]:
        """Load rows and columns: all of what is fewer, then one of the others at a time."""
        if rows < vectors:
            values = [row(a_k, r) for r in range(rows)]
            for n in range(vectors):
                met = column(b_k, n)
                yield from ((r, n, value, met) for r, value in enumerate(values))
            return
        columns_of_b = [column(b_k, n) for n in range(vectors)]
        for r in range(rows):
            value = row(a_k, r)
            yield from ((r, n, value, met) for n, met in enumerate(columns_of_b))

    def steps(b_here: Any, count: int) -> Any:
        def body(k: Any, carried: list[Any]) -> list[Any]:
            a_k, *sums = carried
            for step in range(count):
                b_k = v.at(b_here, build.load(v.at(offsets, k, I64(step))))
                turn = step % chains * len(sizes)
                for r, n, value, column in products(a_k, b_k):
                    place = turn + r * vectors + n
                    sums[place] = v.fused(value, column, sums[place])
                a_k = v.at(a_k, I64(1))
            return [a_k, *sums]

        return body

    def one(line: Any, column: Any, masks: list[Any]) -> list[Any]:
        c_here = v.at(c, c_at, column, build.mul(line, c_line))
        # what 27 taps write waits for memory: 25 filters took 872 -> 833 µs, in float32 465 -> 408
        for r in range(rows):
            for n in range(0, vectors, max(1, LINE // VECTOR_BYTES)):
                v.prefetch(v.at(c_here, build.mul(c_row, I64(r)), I64(n * v.lanes)), written=True)
        sums = v.either(build.icmp_signed("!=", started, I64(0)), begun, lambda: [v.zeros] * len(sizes))
        sums = sums + [v.zeros] * (len(sizes) * (chains - 1))
        b_here = v.at(b, b_at, column, build.mul(line, b_line))
        carried = v.loop(I64(0), most, UNROLLED, [v.at(a, a_at), *sums], steps(b_here, UNROLLED))
        sums = v.loop(most, depth, 1, carried, steps(b_here, 1))[1:]
        while len(sums) > len(sizes):
            half = len(sums) // 2
            sums = [build.fadd(*pair) for pair in zip(sums[:half], sums[half:], strict=True)]
        for (r, n), total in zip(sizes, v.relu(sums, floor), strict=True):
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

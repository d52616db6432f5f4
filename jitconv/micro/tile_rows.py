"""The register tile along rows of many columns, with inputs anywhere: at offsets of a table.

``tile_along`` adds, for a few rows of a,

    c[row, column] = start[row] + Σ_k a[row, k] · b[offsets[k] + column]

for all columns, a tile after the other. So a filter's taps need no column matrix, and no filters in panels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES, emitted
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
               c, c_at, c_row, c_line, columns, relu):  # fmt: skip
    """Fill `count` rows of any number of columns: the last tiles are narrower.

    b can be read `WIDE` vectors beyond the last column.
    """
    lanes = VECTOR_BYTES // b.itemsize
    whole = columns // (WIDE * lanes) * (WIDE * lanes)
    if whole:
        along(count, lines, WIDE, a, a_at, a_apart, b, b_at, b_line, offsets, depth, start, start_at,
              started, c, c_at, c_row, c_line, whole, relu)  # fmt: skip
    done = whole
    while done < columns:
        vectors = width_of(columns - done, lanes)
        # the last vectors begin within the ones before: no masks, where a row has as many
        here = max(0, min(done, columns - vectors * lanes))
        along(count, lines, vectors, a, a_at, a_apart, b, b_at + here, b_line, offsets, depth, start,
              start_at, started, c, c_at + here, c_row, c_line, min(columns - here, vectors * lanes),
              relu)  # fmt: skip
        done += vectors * lanes


@inlined
def along(count, lines, vectors, a, a_at, a_apart, b, b_at, b_line, offsets, depth, start, start_at, started,
          c, c_at, c_row, c_line, columns, relu):  # fmt: skip
    """Fill `count` rows by tiles of nearly one height."""
    left = (count + _HEIGHTS[vectors] - 1) // _HEIGHTS[vectors]
    done = 0
    while left > 0:
        rows = (count - done + left - 1) // left
        tile_along(rows, vectors, a, a_at + done * a_apart, a_apart, b, b_at, b_line, lines, offsets, depth,
                   start, start_at + done, started, c, c_at + done * c_row, c_row, c_line, columns,
                   relu)  # fmt: skip
        done += rows
        left -= 1


@emitted("tile_along", _SIZES)
def tile_along(v, rows, vectors, a, a_at, a_apart, b, b_at, b_line, lines, offsets, depth, start, start_at,
               started, c, c_at, c_row, c_line, columns, relu):  # fmt: skip
    """Run tiles of `vectors` vectors, a key of `TALLEST`, along the columns of some lines.

    Parameters
    ----------
    a, a_at, a_apart : array of one axis, and int
        Where the first element is, and the step from row to row; from k to k it is 1.
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
    relu : int
        Not 0 to put 0 in the place of negative sums.
    """
    sizes = [(r, n) for r in range(rows) for n in range(vectors)]
    most = depth - depth % UNROLLED
    chains = 1  # of sums for each result: as many as keep `IN_FLIGHT` multiply-adds under way
    while chains < UNROLLED and chains * len(sizes) < IN_FLIGHT:
        chains *= 2

    def initial() -> list[Any]:
        values = [v.splat(v.build.load(v.at(start, start_at, r))) for r in range(rows)]
        return [values[r] for r, _ in sizes]

    def row(a_k: Any, r: int) -> Any:
        return v.splat(v.build.load(v.at(a_k, a_apart * r)))

    def column(b_k: Any, n: int) -> Any:
        return v.load(v.at(b_k, n * v.lanes))

    def products(a_k: Any, b_k: Any) -> Iterator[tuple[int, int, Any, Any]]:
        """Load rows and columns: all of what is fewer, then one of the others at a time."""
        if rows < vectors:
            values = [row(a_k, r) for r in range(rows)]
            for n in range(vectors):
                inputs = column(b_k, n)
                yield from ((r, n, value, inputs) for r, value in enumerate(values))
            return
        columns_of_b = [column(b_k, n) for n in range(vectors)]
        for r in range(rows):
            value = row(a_k, r)
            yield from ((r, n, value, inputs) for n, inputs in enumerate(columns_of_b))

    def steps(b_here: Any, count: int) -> Any:
        def body(k: Any, carried: list[Any]) -> list[Any]:
            a_k, *sums = carried
            for step in range(count):
                b_k = v.at(b_here, v.entry(offsets, k, step))
                chain = step % chains * len(sizes)
                for r, n, value, inputs in products(a_k, b_k):
                    place = chain + r * vectors + n
                    sums[place] = v.fused(value, inputs, sums[place])
                a_k = v.at(a_k, 1)
            return [a_k, *sums]

        return body

    def tile(line: Any, column: Any, masks: list[Any]) -> None:
        c_here = v.at(c, c_at, column, line * c_line)
        # what 27 taps write waits for memory: 25 filters took 872 -> 833 µs, in float32 465 -> 408
        for r in range(rows):
            for n in range(0, vectors, max(1, LINE // VECTOR_BYTES)):
                v.prefetch(v.at(c_here, c_row * r + n * v.lanes), written=True)
        sums = v.either(started != 0, initial, lambda: [v.zeros] * len(sizes))
        sums = sums + [v.zeros] * (len(sizes) * (chains - 1))
        b_here = v.at(b, b_at, column, line * b_line)
        carried = v.loop(0, most, UNROLLED, [v.at(a, a_at), *sums], steps(b_here, UNROLLED))
        sums = v.loop(most, depth, 1, carried, steps(b_here, 1))[1:]
        while len(sums) > len(sizes):
            half = len(sums) // 2
            sums = v.sums(sums[:half], sums[half:])
        for (r, n), total in zip(sizes, v.relu(sums, relu), strict=True):
            v.store(total, v.at(c_here, c_row * r + n * v.lanes), masks[n])

    with v.range(lines) as line:
        whole = columns - columns % (vectors * v.lanes)
        v.each(columns, lambda column, masks: tile(line, column, masks), vectors=vectors, whole=whole)

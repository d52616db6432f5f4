"""The register tile along rows of many columns, with inputs anywhere: at offsets of a table.

``tile_along`` adds, for a few rows of a,

    c[row, column] = start[row] + Σ_k a[row, k] · b[offsets[k] + column]

for all columns, a tile after the other. So a filter's taps need no column matrix, and no filters in panels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

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


class Run(NamedTuple):
    """Where the rows of a call begin in a, b, c and start, and how many columns they have."""

    a: int
    b: int
    c: int
    start: int
    columns: int


class LineProduct(NamedTuple):
    """How a, b and c lie, and what is added: the same for all calls of a product."""

    lines: int
    """Each of all rows and columns; then the elements from line to line of b and of c."""
    b_line_step: int
    c_line_step: int
    a_step: int
    """Elements from row to row of a; from k to k it is 1."""
    c_step: int
    """From row to row."""
    depth: int
    """Values of k."""
    started: int
    """0 for sums that begin with 0."""
    relu: int
    """Not 0 to put 0 in the place of negative sums."""


@inlined
def along_rows(count, a, b, offsets, start, c, run, product):
    """Fill `count` rows of any number of columns: the last tiles are narrower.

    b can be read `WIDE` vectors beyond the last column.
    """
    lanes = VECTOR_BYTES // b.itemsize
    whole = run.columns // (WIDE * lanes) * (WIDE * lanes)
    if whole:
        some = Run(a=run.a, b=run.b, c=run.c, start=run.start, columns=whole)
        along(count, WIDE, a, b, offsets, start, c, some, product)
    done = whole
    while done < run.columns:
        vectors = width_of(run.columns - done, lanes)
        # the last vectors begin within the ones before: no masks, where a row has as many
        here = max(0, min(done, run.columns - vectors * lanes))
        columns = min(run.columns - here, vectors * lanes)
        rest = Run(a=run.a, b=run.b + here, c=run.c + here, start=run.start, columns=columns)
        along(count, vectors, a, b, offsets, start, c, rest, product)
        done += vectors * lanes


@inlined
def along(count, vectors, a, b, offsets, start, c, run, product):
    """Fill `count` rows by tiles of nearly one height."""
    left = (count + _HEIGHTS[vectors] - 1) // _HEIGHTS[vectors]
    done = 0
    while left > 0:
        rows = (count - done + left - 1) // left
        some = Run(
            a=run.a + done * product.a_step,
            b=run.b,
            c=run.c + done * product.c_step,
            start=run.start + done,
            columns=run.columns,
        )
        tile_along(rows, vectors, a, b, offsets, start, c, some, product)
        done += rows
        left -= 1


@emitted("tile_along", _SIZES)
def tile_along(v, rows, vectors, a, b, offsets, start, c, run, product):
    """Run tiles of `vectors` vectors, a key of `TALLEST`, along the columns of some lines.

    Parameters
    ----------
    a, b : arrays of one axis
        The factors. Whole vectors of b can be read, of the last columns too.
    offsets : int64 array of one axis
        For each k, what is added to the place in b.
    start, c : arrays of one axis
        What the sums of each row begin with, one number, and where they go.
    run : Run
    product : LineProduct
    """
    sizes = [(r, n) for r in range(rows) for n in range(vectors)]
    most = product.depth - product.depth % UNROLLED
    chains = 1  # of sums for each result: as many as keep `IN_FLIGHT` multiply-adds under way
    while chains < UNROLLED and chains * len(sizes) < IN_FLIGHT:
        chains *= 2

    def initial() -> list[Any]:
        values = [v.splat(v.build.load(v.at(start, run.start, r))) for r in range(rows)]
        return [values[r] for r, _ in sizes]

    def row(a_k: Any, r: int) -> Any:
        return v.splat(v.build.load(v.at(a_k, product.a_step * r)))

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
        c_here = v.at(c, run.c, column, line * product.c_line_step)
        # what 27 taps write waits for memory: 25 filters took 872 -> 833 µs, in float32 465 -> 408
        for r in range(rows):
            for n in range(0, vectors, max(1, LINE // VECTOR_BYTES)):
                v.prefetch(v.at(c_here, product.c_step * r + n * v.lanes), written=True)
        sums = v.either(product.started != 0, initial, lambda: [v.zeros] * len(sizes))
        sums = sums + [v.zeros] * (len(sizes) * (chains - 1))
        b_here = v.at(b, run.b, column, line * product.b_line_step)
        carried = v.loop(0, most, UNROLLED, [v.at(a, run.a), *sums], steps(b_here, UNROLLED))
        sums = v.loop(most, product.depth, 1, carried, steps(b_here, 1))[1:]
        while len(sums) > len(sizes):
            half = len(sums) // 2
            sums = v.sums(sums[:half], sums[half:])
        for (r, n), total in zip(sizes, v.relu(sums, product.relu), strict=True):
            v.store(total, v.at(c_here, product.c_step * r + n * v.lanes), masks[n])

    with v.range(product.lines) as line:
        whole = run.columns - run.columns % (vectors * v.lanes)
        v.each(run.columns, lambda column, masks: tile(line, column, masks), vectors=vectors, whole=whole)

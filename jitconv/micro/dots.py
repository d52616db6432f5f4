"""Products of rows with rows, summed over their common elements: ``dots`` adds, for some rows of a and of b,

    sums[r, n, lane] += Σ_line Σ_j a[r, line, j + lane] · b[n, line, j + lane]

where j steps over vectors. The lanes are added up when all is summed: nothing is transposed, and no element
broadcast.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from jitconv.jit.integers import I32
from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES, emitted

TALL, WIDE = {64: (5, 4), 32: (4, 3), 16: (4, 3)}[VECTOR_BYTES]
"""Rows of a and of b of a tile: the sums, a vector of each row of b and one of a fill the registers."""

_SIZES = [(rows, width) for rows in range(1, TALL + 1) for width in range(1, WIDE + 1)]


class Lines(NamedTuple):
    """The lines that a row has, and how rows lie; row n of b begins at b_at + offsets[n]."""

    lines: int
    length: int
    """Elements of a line: what is beyond is not read, it could be an infinity."""
    a_row: int
    """Elements of a from row to row; then from line to line."""
    a_line: int
    b_at: int
    b_line: int
    """Elements of b from line to line."""


class Tile(NamedTuple):
    """Which rows have their products added, and where."""

    a_at: int
    """Where the first row of a begins."""
    first: int
    """The first row of b."""
    sums_at: int
    sums_row: int
    """Elements of the sums from row to row of a; those of one row are neighbours, a vector each."""


@inlined
def all_dots(rows, columns, a, a_at, b, offsets, sums, sums_at, lines):
    """Add the products of each of the rows of a with each of b to sums[r, n, lane], by nearly equal tiles."""
    lanes = VECTOR_BYTES // a.itemsize
    left_rows = (rows + TALL - 1) // TALL
    r = 0
    while left_rows > 0:
        high = (rows - r + left_rows - 1) // left_rows
        left, n = (columns + WIDE - 1) // WIDE, 0
        while left > 0:
            wide = (columns - n + left - 1) // left
            tile = Tile(
                a_at=a_at + r * lines.a_row,
                first=n,
                sums_at=sums_at + (r * columns + n) * lanes,
                sums_row=columns * lanes,
            )
            dots(high, wide, a, b, offsets, sums, lines, tile)
            n += wide
            left -= 1
        r += high
        left_rows -= 1


@emitted("dots", _SIZES)
def dots(v, rows, width, a, b, offsets, sums, lines, tile):
    """Add the products of `rows` rows of a with `width` rows of b to their sums; see `Lines` and `Tile`."""
    places = [
        v.at(sums, tile.sums_at + tile.sums_row * r + n * v.lanes) for r in range(rows) for n in range(width)
    ]
    starts = [v.at(b, lines.b_at, v.entry(offsets, tile.first, n)) for n in range(width)]
    whole = lines.length - lines.length % v.lanes

    def line(number: Any, totals: list[Any]) -> list[Any]:
        a_here, b_here = v.at(a, tile.a_at, number * lines.a_line), number * lines.b_line

        def products(j: Any, mask: Any) -> Iterator[tuple[Any, Any]]:
            columns = [v.load(v.at(start, b_here, j), mask) for start in starts]
            for r in range(rows):
                value = v.load(v.at(a_here, lines.a_row * r, j), mask)
                yield from ((value, column) for column in columns)

        def step(j: Any, mask: Any, totals: list[Any]) -> list[Any]:
            return [v.fused(*pair, total) for pair, total in zip(products(j, mask), totals, strict=True)]

        return v.each(lines.length, step, totals, whole=whole)

    totals = v.loop(0, lines.lines, 1, [v.load(place) for place in places], line)
    for total, place in zip(totals, places, strict=True):
        v.store(total, place)


@emitted("lane_sums")
def lane_sums(v, sums, count, out, to):
    """Add up the lanes of each of `count` vectors: out[to + i] = Σ_lane sums[i, lane].

    As many vectors as there are lanes are added up together, each of them in the order of one alone: some 45
    shuffles and additions for 16, where one alone takes 8 that wait for one another.
    """
    whole = count & -v.lanes
    with v.range(0, whole, v.lanes) as i:
        vectors = [v.load(v.at(sums, (i + n) * v.lanes)) for n in range(v.lanes)]
        while len(vectors) > 1:
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [_halved(v, one, other, len(vectors)) for one, other in pairs]
        v.store(vectors[0], v.at(out, to, i))
    with v.range(whole, count) as i:
        total, lanes = v.load(v.at(sums, i * v.lanes)), v.lanes
        while lanes > 1:
            lanes //= 2
            halves = [v.shuffled(total, total, range(first, first + lanes)) for first in (0, lanes)]
            total = v.build.fadd(*halves)
        v.build.store(v.build.extract_element(total, I32(0)), v.at(out, to, i))


def _halved(v: Any, one: Any, other: Any, length: int) -> Any:
    """Return the runs of `length` lanes of two vectors side by side, each with its halves added up."""
    firsts = range(0, 2 * v.lanes, length)
    low = [first + n for first in firsts for n in range(length // 2)]
    high = [place + length // 2 for place in low]
    return v.build.fadd(v.shuffled(one, other, low), v.shuffled(one, other, high))

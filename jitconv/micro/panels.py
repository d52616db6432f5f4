"""Rows of a matrix packed in panels as wide as a tile: out[panel, r, lane] = x[r, panel·width + lane].

In the lanes beyond the last column is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jitconv.jit.loops import inlined
from jitconv.jit.vectors import VECTOR_BYTES, emitted
from jitconv.micro.tile import TALLEST, WIDEST, width_of

PANELS_AT_ONCE = max(1, 256 // (WIDEST * VECTOR_BYTES))
"""Panels that a row is put in before the next row comes: four neighbouring cache lines, which are fetched
together. Of 4608 x 512 filters 1, 2, 4 and 8 panels of AVX2 got 33, 38, 30 and 34 GB/s, of 256 x 1024 filters
32, 44, 58 and 55; all panels before the next row 20 to 36, and NumPy's copy 43 and 70 (one Zen 3 core)."""


@inlined
def pack_rows(x, at, row, rows, columns, out, to, skipped, depth):
    """Put `rows` rows of `columns` neighbours, `row` apart, into panels of `depth` rows, the first of which
    begins at out[to]; `skipped` rows of each stay as they are, and lanes beyond the last column become 0.
    """
    lanes = VECTOR_BYTES // x.itemsize
    panel = WIDEST * lanes
    rest = columns % panel
    whole = columns - rest
    pack_whole(x, at, row, rows, whole // panel, out, to + skipped * panel, depth * panel)
    if rest > 0:
        vectors = width_of(rest, lanes)
        to += depth * whole + skipped * vectors * lanes
        pack_part(vectors, x, at + whole, row, rows, rest, out, to)


@emitted()
def pack_whole(v, x, at, row, rows, panels, out, to, apart):
    """Put rows into so many whole panels, `apart` from one to the next, `PANELS_AT_ONCE` at a time."""
    width = WIDEST * v.lanes
    most = panels & -PANELS_AT_ONCE
    parts = [(0, most, PANELS_AT_ONCE)]
    if PANELS_AT_ONCE > 1:
        parts.append((most, panels, 1))
    for first, last, count in parts:
        with v.range(first, last, count) as panel:
            source, target = v.at(x, at, panel * width), v.at(out, to, panel * apart)
            with v.range(rows) as r:
                read, written = v.at(source, r * row), v.at(target, r * width)
                values = [v.load(v.at(read, n * v.lanes)) for n in range(count * WIDEST)]
                for n, value in enumerate(values):
                    p, place = divmod(n, WIDEST)
                    v.store(value, v.at(written, apart * p, place * v.lanes))


@emitted(sizes=[(vectors,) for vectors in TALLEST])
def pack_part(v, vectors, x, at, row, rows, columns, out, to):
    """Put rows of a few columns into a panel of so many vectors."""
    masks = v.masks(columns, vectors)
    with v.range(rows) as r:
        read, written = v.at(x, at, r * row), v.at(out, to, r * (vectors * v.lanes))
        for n, mask in enumerate(masks):
            v.store(v.load(v.at(read, n * v.lanes), mask), v.at(written, n * v.lanes))


class Panels(NamedTuple):
    """What `to_panels` takes of x, and how panels lie."""

    rows: int
    panels: int
    columns: int
    """How many of a panel there are; the others are 0."""
    x_row: int
    """Elements of x from row to row."""
    apart: int
    """Elements from panel to panel."""


@emitted("to_panels", [(width,) for width in TALLEST])
def to_panels(v, vectors, x, at, out, to, n):
    """Put rows of x in panels of `vectors` vectors, (panel, row, lane); see `Panels`."""
    wide = vectors * v.lanes
    whole = n.columns >= wide
    inside = v.masks(n.columns, vectors)

    def copied(masks: list[Any]) -> list[Any]:
        with v.range(n.rows) as r:
            x_here, out_here = v.at(x, at, r * n.x_row), v.at(out, to, r * wide)
            with v.range(n.panels) as p:
                x_panel, out_panel = v.at(x_here, p * wide), v.at(out_here, p * n.apart)
                for i, mask in enumerate(masks):
                    v.store(v.load(v.at(x_panel, i * v.lanes), mask), v.at(out_panel, i * v.lanes))
        return []

    v.either(whole, lambda: copied([None] * vectors), lambda: copied(inside))

"""Rows split by phase, an element's place modulo a stride, and merged again.

``split_phases`` puts, for each of some rows and each phase p < kept,

    out[row, places[p] + i] = x[row, p + i·phases]

and ``merge_phases`` undoes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jitconv.jit.vectors import emitted


class PhaseRows(NamedTuple):
    """Rows that are split, or merged."""

    rows: int
    length: int
    """Elements of a row: of x where it is split, of what it is merged to."""
    x_row: int
    """Elements from row to row of what is read, and of what is written."""
    out_row: int


@emitted("split_phases", [(1, 1), (2, 2), (4, 4), (2, 1), (4, 1)])
def split_phases(v, phases, kept, x, at, out, to, places, n):
    """Split the `length` elements of each of some `PhaseRows` into as many runs as there are `phases`.

    The first `kept` of them are written; `places` says where in a row of `out` each begins. Whole vectors are
    written, 0 beyond the last one.
    """
    starts = [v.at(out, to, v.entry(places, phase)) for phase in range(kept)]
    whole = n.length - n.length % (phases * v.lanes)
    with v.range(n.rows) as row:
        x_here, out_here = v.at(x, at, row * n.x_row), row * n.out_row

        def step(column: Any, masks: list[Any]) -> None:
            values = [v.load(v.at(x_here, column, i * v.lanes), mask) for i, mask in enumerate(masks)]
            for phase, value in enumerate(deinterleaved(v, values)[:kept]):
                v.store(value, v.at(starts[phase], out_here, column // phases))

        v.each(n.length, step, vectors=phases, whole=whole)


@emitted("merge_phases", [(2,), (4,)])
def merge_phases(v, phases, x, at, out, to, places, n):
    """Undo `split_phases`: take the `length` elements of a row by turns from as many runs as phases.

    The runs can be read to the end of their last vectors; there is at least one row. Rows that follow one
    another in `out` are written as whole vectors, and what is too much is written over by the next row; only
    the last one has masks. With masks in all rows dx of 100 pictures 31x31 of 3 channels, 25 filters 3x3,
    took 506 instead of 443 µs, in float64 1199 instead of 1124 (two Zen 3 cores).
    """
    starts = [v.at(x, at, v.entry(places, phase)) for phase in range(phases)]
    wide = phases * v.lanes
    whole = n.length - n.length % wide
    in_order = (n.out_row == n.length) & (n.length >= wide)
    unmasked = in_order.choose(n.rows - 1, 0)

    def merge(row: Any, whole: Any) -> None:
        x_here, out_here = row * n.x_row, v.at(out, to, row * n.out_row)

        def step(column: Any, masks: list[Any]) -> None:
            place = column // phases
            values = _merged(v, [v.load(v.at(start, x_here, place)) for start in starts])
            for i, (value, mask) in enumerate(zip(values, masks, strict=True)):
                v.store(value, v.at(out_here, column, i * v.lanes), mask)

        v.each(n.length, step, vectors=phases, whole=whole)

    with v.range(unmasked) as row:
        merge(row, n.length)
    with v.range(unmasked, n.rows) as row:
        merge(row, whole)


def deinterleaved(v: Any, values: list[Any]) -> list[Any]:
    """Return n vectors of n in a row: vector i has the elements i, i + n, i + 2n …"""
    if len(values) == 1:
        return values
    halves = [
        deinterleaved(v, [v.every_second(*values[n : n + 2], odd) for n in range(0, len(values), 2)])
        for odd in range(2)
    ]
    return [value for pair in zip(*halves, strict=True) for value in pair]


def _merged(v: Any, values: list[Any]) -> list[Any]:
    """Undo `deinterleaved`."""
    if len(values) == 1:
        return values
    even, odd = (_merged(v, values[first::2]) for first in range(2))
    return [part for pair in zip(even, odd, strict=True) for part in v.in_turn(*pair)]

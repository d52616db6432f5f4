"""What kernels are given of the two axes of a correlation, as numbers: sizes, steps and tables."""

from __future__ import annotations

from typing import NamedTuple

from jitconv.algorithms.direct.axes import COUNT, Axis
from jitconv.arrays import Array
from jitconv.jit.loops import inlined
from jitconv.jit.numbers import flat, unpacked_at


class Plane(NamedTuple):
    """Both axes of a correlation; its numbers are followed by its tables.

    Those are the phases of the rows, as `Axis.phases` has them, the taps of the rows, as `Axis.table` has
    them, and then both of the columns.
    """

    height: int
    """Of what is read, and the width."""
    width: int
    out_height: int
    out_width: int
    row_step: int
    """Rows of what is read from one row of results of a phase to the next, and columns."""
    column_step: int
    longest: int
    """Rows of results of the first phase, which has the most rows, and columns of results likewise."""
    widest: int
    row_phases: int
    """How many phases there are, and taps of all phases."""
    row_taps: int
    column_phases: int
    column_taps: int
    row_taps_at: int
    """Where in the tables the rows' taps, the columns' phases and the columns' taps begin."""
    column_phases_at: int
    column_taps_at: int


PLANE = len(Plane._fields)


class Phase(NamedTuple):
    """The numbers of a phase, in the order of `Axis.phases`."""

    first: int
    """Its first result, and how many it has."""
    results: int
    begin: int
    """The first of its taps, and the one after the last."""
    end: int
    inner: int
    """The first result that all taps meet inputs for, and the one after the last."""
    beyond: int
    sharing: int


PHASE, TAP = len(Phase._fields), 3
"""Numbers of a phase in the tables, and of a tap."""


@inlined
def phase_at(tables, at, number):
    """Return a phase of an axis, whose phases begin at tables[at]."""
    return Phase(*unpacked_at(tables, at + number * PHASE, PHASE))


@inlined
def met_taps(taps, begin, end, start, size):
    """Return the first tap and the one after the last whose input start + offset lies in 0..size-1."""
    while begin < end and start + taps[begin * TAP] < 0:
        begin += 1
    while begin < end and start + taps[(end - 1) * TAP] >= size:
        end -= 1
    return begin, end


def plane_numbers(rows: Axis, columns: Axis, row_taps: Array, column_taps: Array, *before: int) -> Array:
    """Return numbers, and behind them those of both axes and their tables."""
    row_taps_at = rows.phases.size
    column_phases_at = row_taps_at + row_taps.size
    plane = Plane(
        height=rows.size,
        width=columns.size,
        out_height=rows.outputs,
        out_width=columns.outputs,
        row_step=rows.step,
        column_step=columns.step,
        longest=int(rows.phases[0, COUNT]),
        widest=int(columns.phases[0, COUNT]),
        row_phases=len(rows.phases),
        row_taps=len(row_taps),
        column_phases=len(columns.phases),
        column_taps=len(column_taps),
        row_taps_at=row_taps_at,
        column_phases_at=column_phases_at,
        column_taps_at=column_phases_at + columns.phases.size,
    )
    return flat(before + plane, rows.phases, row_taps, columns.phases, column_taps)

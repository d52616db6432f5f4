"""Micro-kernels that move elements: copies, interleaved planes, phases of rows."""

import re

import numba
import numpy as np
from micro_arrays import PLANES, around, plane_step, squares
from micro_helpers import guarded

from jitconv.jit.libraries import assembly
from jitconv.micro.interleave import deinterleave, interleave
from jitconv.micro.move import Lines, copy, copy_lines, prefetch
from jitconv.micro.phases import PhaseRows, merge_phases, split_phases


@guarded(copy, count=lambda lanes: [0, *around(lanes)])
def test_copy_moves_a_run(case, count):
    x = case.distinct(count)
    out = case.output("out", count)
    case.call(*case.given("x", x), *out, count)
    out.must_be(x)


@guarded(copy_lines, lines=[0, 1, 3], count=lambda lanes: [0, *around(lanes)], gap=[0, 2])
def test_copy_lines_moves_runs(case, lines, count, gap):
    x = case.distinct(lines, count)
    given = case.given("x", x, (count + gap, 1))
    out = case.output("out", x.shape, (count + 2 * gap, 1))
    of = Lines(lines=lines, at=given.at, step=count + gap, to=out.at, out_step=count + 2 * gap, length=count)
    case.call(given.array, out.array, of)
    out.must_be(x)


@guarded(prefetch, count=lambda lanes: [0, *around(lanes), 4096])
def test_prefetch_touches_nothing_though_it_leaves_the_array(case, count):
    x = case.given("x", case.distinct(3))
    case.call(*x, count)


def planes_at_once(lanes):
    """Return how many planes there may be: at most one for each lane."""
    return sorted({1, lanes - 1, lanes} - {0})


ASKED_FOR = re.compile(r"^\t(prefetch|prfm|pld)", re.M)


def test_prefetch_asks_for_a_line():
    """As it shows in no result, in the assembly: of x86, or ARM."""

    @numba.njit
    def call(x):
        prefetch(x, 0, x.size)

    call(np.zeros(9, np.float32))
    (text,) = assembly(f"{prefetch.__module__}.prefetch_float")
    assert ASKED_FOR.search(text)


@guarded(interleave, planes=planes_at_once, count=squares, lay=PLANES)
def test_interleave_puts_element_p_of_each_plane_side_by_side(case, planes, count, lay):
    more, shift = lay
    plane = plane_step(count, more, case.lanes)
    x = case.distinct(planes, count)
    buffer = case.output("buffer", (-(-count // case.lanes) * case.lanes, case.lanes))
    case.call(*case.given("x", x, (plane, 1), shift=shift), plane, planes, count, buffer.part)
    expected = case.anything(-(-count // case.lanes) * case.lanes, case.lanes)
    expected[:count] = x.T[:, [min(lane, planes - 1) for lane in range(case.lanes)]]
    buffer.must_be(expected)


@guarded(
    deinterleave, planes=planes_at_once, count=squares, lay=PLANES, kind=["the same", "int64"]
)  # positions are put back as pixels are
def test_deinterleave_undoes_it(case, planes, count, lay, kind):
    more, shift = lay
    plane, dtype = plane_step(count, more, case.lanes), case.dtype if kind == "the same" else np.int64
    y = case.distinct(planes, count).astype(dtype)
    laid = np.zeros((-(-count // case.lanes) * case.lanes, case.lanes), dtype)
    laid[:count] = y.T[:, [min(lane, planes - 1) for lane in range(case.lanes)]]
    out, like = (
        case.output("y", y.shape, (plane, 1), dtype=dtype, shift=shift),
        case.given("like", case.distinct(1)),
    )
    case.call(like.array, case.given("buffer", laid).part, *out, plane, planes, count)
    out.must_be(y)


def around_rounds(lanes, phases, *_):
    """Return lengths around whole vectors of each phase."""
    wide = phases * lanes
    return sorted({*around(lanes), wide - 1, wide, wide + 1, 2 * wide + 3} - {0})


@guarded(split_phases, rows=[1, 3], count=around_rounds, gap=[0, 2])
def test_split_phases_deals_rows_to_runs(case, rows, count, gap):
    """out[row, places[p] + i] = x[row, p + i·phases], and 0 to the end of the last vectors."""
    phases, kept = case.size
    x = case.distinct(rows, count)
    length = -(-count // (phases * case.lanes)) * case.lanes
    run, row = length + gap, kept * (length + gap)
    expected = np.zeros((rows, kept, length), case.dtype)
    for phase in range(kept):
        part = x[:, phase::phases]
        expected[:, phase, : part.shape[1]] = part
    backwards = [(kept - 1 - phase) * run for phase in range(kept)]
    out = case.output("out", expected.shape, (row, run, 1))
    lie = PhaseRows(rows=rows, length=count, x_row=count + gap, out_row=row)
    case.call(*case.given("x", x, (count + gap, 1)), *out, case.table("places", backwards), lie)
    out.must_be(expected[:, ::-1])


@guarded(merge_phases, rows=[1, 3], count=around_rounds, gap=[0, 2])
def test_merge_phases_takes_from_runs_in_turn(case, rows, count, gap):
    """out[row, p + i·phases] = x[row, places[p] + i]; the runs can be read to their vectors' end."""
    (phases,) = case.size
    y = case.distinct(rows, count)
    length = -(-count // (phases * case.lanes)) * case.lanes
    x = case.poison(rows, phases, length)
    for phase in range(phases):
        part = y[:, phase::phases]
        x[:, phases - 1 - phase, : part.shape[1]] = part
    run, row = length + gap, phases * (length + gap)
    backwards = [(phases - 1 - phase) * run for phase in range(phases)]
    out = case.output("out", y.shape, (count + gap, 1))
    lie = PhaseRows(rows=rows, length=count, x_row=row, out_row=count + gap)
    case.call(*case.given("x", x, (row, run, 1)), *out, case.table("places", backwards), lie)
    out.must_be(y)

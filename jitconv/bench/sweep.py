"""Which algorithm is the fastest where: every algorithm on a grid of problems, measured and predicted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from jitconv.bench.compare import candidates
from jitconv.bench.measure import interleave_able
from jitconv.bench.sweep_axes import Axis, spec_at
from jitconv.bench.sweep_points import Entry, Point, Sweep
from jitconv.config import config, current
from jitconv.errors import AlgorithmError, JitconvError, ParameterError, ShapeError, UnsupportedError
from jitconv.jit import team
from jitconv.ops import prepare
from jitconv.ops.call import memory
from jitconv.plugins import BUILTIN
from jitconv.selector import Candidate, select, trials
from jitconv.specs import Spec
from jitconv.testing import draw

HOPELESS = 100.0
"""Candidates predicted to take more than this many times the least predicted time are not run: `naive` on a
large layer would take longer than all other candidates of the whole grid."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is measured at each point.

    Parameters
    ----------
    algorithms : sequence of str, optional
        Only these, whatever the settings say of them; by default what `auto` may choose.
    variants : bool
        Whether each variant that is able is a candidate, in the place of its algorithm.
    seconds : float
        Measured time of each candidate.
    """

    algorithms: Sequence[str] | None = None
    variants: bool = False
    seconds: float = 0.1


def sweep(
    op: str, base: Spec, axes: tuple[Axis, ...], wanted: Wanted, tell: Callable[[int, str], None]
) -> Sweep:
    """Measure every candidate at every point of a grid.

    Parameters
    ----------
    op, base
        The problem that is varied.
    axes : tuple of Axis
        One or two.
    wanted : Wanted
        What is measured.
    tell : callable
        Is told how many points are done, and which comes now.

    Returns
    -------
    Sweep
        After Ctrl-C what was measured until then, if anything was.

    Raises
    ------
    ParameterError
        When the batch is empty, or no point of the grid is a problem.
    UnsupportedError
        When no candidate could be measured anywhere.
    """
    if "batch" not in {axis.name for axis in axes} and not base.n:
        raise ParameterError(f"an empty batch leaves nothing to measure; got {str(base)!r}")
    found = Sweep(op, base, axes)
    try:
        for done, values in enumerate(itertools.product(*(axis.values for axis in axes))):
            at = {axis.name: value for axis, value in zip(axes, values, strict=True)}
            tell(done, ", ".join(f"{name} {value}" for name, value in at.items()))
            found.points.append(_point(op, base, at, wanted))
    except KeyboardInterrupt:
        found.complete = False
        if not any(point.measured for point in found.points):
            raise
    if not any(point.measured for point in found.points):
        raise _nothing(found)
    return found


def _nothing(found: Sweep) -> JitconvError:
    """Return the error of a grid on which nothing was measured."""
    reasons = [point.reason for point in found.points if point.reason]
    if len(reasons) == len(found.points):
        return ParameterError(f"no point of the grid can be measured; the first: {reasons[0]}")
    said = [f"{one.algorithm}: {one.reason}" for point in found.points for one in point.entries]
    why = "; ".join(list(dict.fromkeys(said))[:3]) or f"none of the algorithms named computes {found.op}"
    return UnsupportedError(f"nothing was measured, as no algorithm ran: {why}")


def _point(op: str, base: Spec, at: dict[str, int], wanted: Wanted) -> Point:
    try:
        spec = spec_at(base, at)
    except (ParameterError, ShapeError) as error:
        return Point(at, reason=str(error))
    with config(threads=at.get("threads")):
        point = Point(at, str(spec), team())
        try:
            _measure(point, op, spec, wanted)
        except (AlgorithmError, UnsupportedError, MemoryError) as error:
            point.reason = str(error) or "not enough memory"
    return point


def _measure(point: Point, op: str, spec: Spec, wanted: Wanted) -> None:
    """Fill in a point's candidates and their times."""
    if spec.traffic(op) > memory():
        raise MemoryError(f"operands and results must fit in memory; they take {spec.traffic(op)} bytes")
    explanation = select(op, spec, "auto", current())
    listed = candidates(op, spec, wanted.algorithms, variants=wanted.variants)
    if wanted.variants and wanted.algorithms is None:
        listed = _distinct(listed, explanation.title)
    names = {one.name for one in listed}
    own, title = explanation.choice.name, explanation.title(explanation.choice)
    point.chosen = title if title in names and own not in names else own
    point.entries = [_entry(one, point.chosen, named=wanted.algorithms is not None) for one in listed]
    _skip_hopeless(point.entries)
    _try_guests(op, spec, point.entries)
    operands = draw(op, spec, np.random.default_rng(0))
    calls: dict[str, Callable[[], object]] = {}
    entries = {one.algorithm: one for one in point.entries if one.verdict == "ok"}
    for name, entry in entries.items():
        try:
            call = prepare(op, spec, name)
            call.run(operands)
        except (AlgorithmError, UnsupportedError, MemoryError) as error:
            entry.verdict, entry.reason = "failed", str(error) or "not enough memory"
        else:
            calls[name] = partial(call.run, operands)
    timings, failed = interleave_able(calls, wanted.seconds, (AlgorithmError, MemoryError))
    for name, timing in timings.items():
        entries[name].timing = timing
    for name, failure in failed.items():
        entries[name].verdict, entries[name].reason = "failed", str(failure) or "not enough memory"


def _try_guests(op: str, spec: Spec, entries: Sequence[Entry]) -> None:
    """Mark what must not be run here, as it has shown in another process."""
    names = [one.algorithm for one in entries if one.verdict == "ok"]
    lost = {one.algorithm: one.reason for one in trials.lost(trials.Asked(op, spec), names)}
    for one in entries:
        if one.verdict == "ok" and (reason := lost.get(one.algorithm.partition("/")[0])):
            one.verdict, one.reason = "failed", reason


def _distinct(listed: Sequence[Candidate], title: Callable[[Candidate], str]) -> list[Candidate]:
    """Return the candidates without those that are another one's plan under a second name.

    An algorithm gives way to the variant that serves. Of several parts, as in conv_backward, no one variant
    is the whole: those that the algorithm takes anyway give way to it.
    """
    kept: dict[str, Candidate] = {}
    for one in listed:
        if one.name == title(one) or title(one) not in kept:
            kept[title(one)] = one
    return list(kept.values())


def _entry(one: Candidate, chosen: str, *, named: bool) -> Entry:
    """Return a candidate's entry; what is named runs also where `auto` may not choose it."""
    able = one.verdict in ("chosen", "able")
    verdict = "ok" if able or (named and one.verdict == "excluded") else one.verdict
    reason = "" if able else one.reason
    entry = Entry(one.name, one.plugin, verdict, reason, one.cost, one.workspace)
    entry.auto, entry.eligible = one.name == chosen, able
    return entry


def _skip_hopeless(entries: Sequence[Entry]) -> None:
    """Mark what is predicted to take `HOPELESS` times the least.

    The least is that of built-in algorithms where there are any: what a guest claims of itself keeps nobody
    from running.
    """
    able = [one for one in entries if one.verdict == "ok" and one.predicted is not None]
    costs = [one.predicted for one in able if one.plugin == BUILTIN] or [one.predicted for one in able]
    least = min((cost for cost in costs if cost), default=0.0)
    for one in able:
        if least and one.predicted and one.predicted > HOPELESS * least and not one.auto:
            one.verdict = "skipped"
            one.reason = f"not run: predicted to take {one.predicted / least:.0f} times the least"

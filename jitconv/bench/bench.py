"""Layers of networks: jitconv's choice against a peer, interleaved in one process on the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jitconv.arrays import Arrays
from jitconv.bench import ceiling, steps
from jitconv.bench.guests import left_out
from jitconv.bench.measure import PAUSE, Timing, interleave_able
from jitconv.bench.ready import Problem, Ready, ready
from jitconv.bench.rows import LeftOut, Row, mean_ratio
from jitconv.bench.suites import Layer
from jitconv.bench.weights import fitted
from jitconv.errors import (
    JitconvError,
    ParameterError,
    UnknownAlgorithmError,
    UnsupportedError,
)
from jitconv.jit import team
from jitconv.plugins import carefully
from jitconv.selector import trials
from jitconv.selector.trials import Lost
from jitconv.specs import ConvSpec
from jitconv.testing import reference, relative_error

REFUSALS = UnsupportedError, UnknownAlgorithmError
FAILURES = JitconvError, MemoryError
"""What an algorithm that does not run a layer raises: its own error, or for want of memory."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured of each layer.

    Parameters
    ----------
    algorithm, peer : str
        Names of algorithms; `peer` may be None.
    seconds : float
        Measured time of each algorithm on each layer.
    errors : bool
        Whether to compare both with naive in float64, on a smaller batch of one.
    plan : bool
        Whether to measure plans, of jitconv and of the peer, whose weights are given beforehand; only
        conv_forward has them.
    cold : bool
        Whether operands and results are out of the caches before each call: `jitconv.bench.cold`.
    steps : bool
        Whether to divide a call's time: `jitconv.bench.steps`.
    """

    algorithm: str = "auto"
    peer: str | None = None
    seconds: float = 0.2
    errors: bool = False
    plan: bool = False
    cold: bool = False
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows, and the algorithms that did not run a layer."""

    rows: list[Row]
    left_out: list[LeftOut]
    notes: list[str] = field(default_factory=list)
    """What happened to plugins, a line each."""


def bench(
    layers: Sequence[Layer], ops: Sequence[str], wanted: Measure, tell: Callable[[int, str], None]
) -> Measured:
    """Measure every op of every layer.

    Parameters
    ----------
    layers : sequence of Layer
        The problems.
    ops : sequence of str
        Which ops; a layer has those of its kind.
    wanted : Measure
        What is measured.
    tell : callable
        Is told how many are done, and what comes now.

    Raises
    ------
    ParameterError
        When plans are wanted of another op than conv_forward.
    JitconvError
        When not one layer could be measured: the first one's error.
    """
    if wanted.plan and (others := sorted({*ops} - {"conv_forward"})):
        raise ParameterError(f"--plan measures conv_forward, which alone has plans; got {', '.join(others)}")
    jobs = [(op, layer) for layer in layers for op in layer.ops if op in ops]
    found = Measured([], [])
    first: Exception | None = None
    with carefully():
        for done, (op, layer) in enumerate(jobs):
            tell(done, f"{op} {layer.spec}")
            try:
                found.rows.append(_row(op, layer, wanted, found))
            except FAILURES as error:
                first = first or error
                found.left_out.append(_left_out(op, layer, wanted.algorithm, error, peer=False))
        found.notes.extend(left_out())
    if first is not None and not found.rows:
        raise first
    return found


def _row(op: str, layer: Layer, wanted: Measure, found: Measured) -> Row:
    """Measure a layer; a peer that does not run it, or stops on the way, loses its own cell alone."""
    spec, problem = layer.spec, Problem.drawn(op, layer.spec, plan=wanted.plan, cold=wanted.cold)
    if wanted.plan:
        problem = fitted(problem, (wanted.algorithm, wanted.peer), found.notes)
    lost = _lost(problem, wanted, found.notes)
    _refuse(wanted.algorithm, lost)
    own = ready(problem, wanted.algorithm)
    limit = ceiling.multiply_adds(spec.dtype, team()) if isinstance(spec, ConvSpec) else ceiling.copy(team())
    runs, failed = _runs(problem, wanted, own, lost)
    runs["ceiling"] = limit.run
    runs["ceiling"]()
    beside = steps.parts(problem, own) if wanted.steps else None
    if beside is not None:
        runs |= beside.runs
    timings, stopped = interleave_able(runs, wanted.seconds, FAILURES, pause=PAUSE if "peer" in runs else 0.0)
    for name in ("own", "ceiling"):  # without them there is no row
        if name in stopped:
            raise stopped[name]
    timing = timings["own"]
    amount = spec.flops(op) if isinstance(spec, ConvSpec) else spec.traffic(op)
    row = Row(
        op,
        layer.suite,
        str(spec),
        layer.times,
        own.name,
        timing.median,
        timing.spread,
        amount / timing.median / 1e9,
        limit.amount / timings["ceiling"].median / 1e9,
    )
    failed |= stopped
    if wanted.errors:
        _fill_in_errors(row, problem, runs, failed)
    _fill_in_peer(row, layer, wanted.peer, timings.get("peer"), failed.get("peer"), found)
    if beside is not None:
        divided = steps.measure(lambda: ready(problem, own.title).run, wanted.seconds)
        row.steps = steps.joined(divided, timings, beside)
    return row


def _runs(
    problem: Problem, wanted: Measure, own: Ready, lost: dict[str, Lost]
) -> tuple[dict[str, Callable[[], Any]], dict[str, Exception]]:
    """Return what is timed, each run once by now, and the error of a peer that does not run."""
    runs: dict[str, Callable[[], Any]] = {"own": own.run}
    runs["own"]()
    if wanted.peer is not None:
        try:
            _refuse(wanted.peer, lost)
            peer = ready(problem, wanted.peer).run
            peer()
        except FAILURES as error:
            return runs, {"peer": error}
        runs["peer"] = peer
    return runs, {}


def _fill_in_errors(
    row: Row, problem: Problem, runs: dict[str, Callable[[], Any]], failed: dict[str, Exception]
) -> None:
    correct = reference(problem.op, problem.spec, problem.operands)
    row.error = _error(runs["own"](), correct)
    if "peer" in runs and "peer" not in failed:
        try:
            row.peer_error = _error(runs["peer"](), correct)
        except (*FAILURES, ValueError) as error:  # the latter of results that have other shapes
            failed["peer"] = error


def _fill_in_peer(
    row: Row,
    layer: Layer,
    peer: str | None,
    timing: Timing | None,
    error: Exception | None,
    found: Measured,
) -> None:
    if peer is not None and error is not None:
        found.left_out.append(_left_out(row.op, layer, peer, error, peer=True))
        row.peer_verdict = found.left_out[-1].verdict
    elif timing is not None:
        row.peer_seconds, row.peer_spread = timing.median, timing.spread
        row.ratio = timing.median / row.seconds


def _lost(problem: Problem, wanted: Measure, notes: list[str]) -> dict[str, Lost]:
    """Return what must not be run here of plugins, as it has shown in another process, by name."""
    names = [one for one in (wanted.algorithm, wanted.peer) if one is not None and one != "auto"]
    weights = problem.operands[1:] if problem.plan else None
    asked = trials.Asked(problem.op, problem.spec, problem.plan, weights)  # type: ignore[arg-type]
    found = trials.lost(asked, [*names, *trials.allowed(problem.op)], notes)
    return {one.algorithm: one for one in found}


def _refuse(name: str, lost: dict[str, Lost]) -> None:
    if one := lost.get(name.partition("/")[0]):
        raise one.refusal(name)


def _left_out(op: str, layer: Layer, algorithm: str, error: Exception, *, peer: bool) -> LeftOut:
    verdict = "refuses" if isinstance(error, REFUSALS) else "fails"
    reason = " ".join(str(error).split()) or type(error).__name__
    return LeftOut(op, layer.suite, str(layer.spec), algorithm, verdict, reason, peer)


def _error(got: Arrays, wanted: Arrays) -> float:
    return max(
        relative_error(one, other)
        for one, other in zip(got, wanted, strict=True)
        if one is not None and other is not None
    )


__all__ = ["Layer", "LeftOut", "Measure", "Measured", "Row", "Timing", "bench", "mean_ratio"]

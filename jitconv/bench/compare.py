"""Every algorithm on one job: time, error, and whether it is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from jitconv.arrays import Arrays
from jitconv.bench.guests import left_out
from jitconv.bench.jobs import Job, cropped
from jitconv.bench.measure import NOISY, interleave_able
from jitconv.bench.trial import FAILURES, tried
from jitconv.config import current, scope
from jitconv.errors import AlgorithmError, PluginError, UnsupportedError
from jitconv.plugins import carefully, registry
from jitconv.selector import Candidate, Explanation, select, trials
from jitconv.selector.judge import barred, judge
from jitconv.selector.trials import Lost
from jitconv.specs import ConvSpec, Spec
from jitconv.testing import reference

SECONDS_EACH = 0.25
"""Measured time of each algorithm on each job."""

NAIVE_SECONDS = 0.1
"""The naive algorithm is timed on a corner of the problem that it is predicted to end within this."""

REFERENCE_SECONDS = 20.0
"""The reference is made on the whole problem if it is predicted to end within this, else on a corner."""


@dataclass
class Row:
    """One algorithm on one job; what was not measured is None."""

    op: str
    label: str
    problem: str
    algorithm: str
    plugin: str
    verdict: str
    """``ok``, ``wrong``, ``failed``, ``refused`` or ``quarantined``."""
    reason: str = ""
    auto: bool = False
    candidate: bool = False
    """Whether `auto` may choose it here."""
    predicted: float | None = None
    seconds: float | None = None
    spread: float | None = None
    laps: int | None = None
    gflops: float | None = None
    gigabytes: float | None = None
    """GB/s of operands and outputs."""
    workspace: int | None = None
    error: float | None = None
    bound: float | None = None
    timed_on: str = ""
    """The problem string of the corner that was timed, if not the whole problem."""
    checked_on: str = ""
    """The problem string of the corner that was checked, if not the whole problem."""
    changed: str = ""
    """What it did to its operands, which are not its own."""

    @property
    def noisy(self) -> bool:
        """Whether the time is to be taken with care."""
        return self.spread is not None and self.spread > NOISY


@dataclass
class Comparison:
    """All rows of a run."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What happened to plugins, a line each."""

    @property
    def lost(self) -> list[str]:
        """The algorithms whose plugins came into quarantine on the way."""
        return list(dict.fromkeys(row.algorithm for row in self.rows if row.verdict == "quarantined"))

    @property
    def bad(self) -> list[Row]:
        """The rows of algorithms that are wrong or failed."""
        return [row for row in self.rows if row.verdict in ("wrong", "failed")]

    def jobs(self, op: str | None = None) -> Iterator[list[Row]]:
        """Give the rows of each job."""
        keys = dict.fromkeys((row.op, row.label) for row in self.rows if op in (None, row.op))
        for key in keys:
            yield [row for row in self.rows if (row.op, row.label) == key]

    def regrets(self) -> dict[tuple[str, str], float | None]:
        """Return for each job the time of auto's choice over the best of what it may choose.

        None where one of the two is noisy.
        """
        return {key: None if noisy else ratio for key, (ratio, noisy) in self.ratios().items()}

    def ratios(self) -> dict[tuple[str, str], tuple[float, bool]]:
        """Return the same, and whether one of the two is noisy."""
        found: dict[tuple[str, str], tuple[float, bool]] = {}
        for rows in self.jobs():
            timed = {row.algorithm: row.seconds for row in rows if row.seconds and row.verdict == "ok"}
            able = [row for row in rows if row.algorithm in timed and row.candidate and not row.timed_on]
            picked = next((row for row in able if row.auto), None)
            if picked is not None:
                best = min(able, key=lambda row: timed[row.algorithm])
                ratio = timed[picked.algorithm] / timed[best.algorithm]
                found[picked.op, picked.label] = ratio, picked.noisy or best.noisy
        return found


def compare(
    jobs: Sequence[Job],
    names: Sequence[str] | None,
    tell: Callable[[int, str], None],
    *,
    variants: bool = False,
) -> Comparison:
    """Run every able algorithm (or those named) on every job.

    Parameters
    ----------
    jobs : sequence of Job
        The problems.
    names : sequence of str, optional
        Which algorithms.
    tell : callable
        Is told how many jobs are done, and which comes now.
    variants : bool
        Whether every variant that serves a problem runs too, as an algorithm of its own.

    Raises
    ------
    UnsupportedError
        When no algorithm takes any of the problems: nothing was compared then.
    """
    found = Comparison()
    if names is None:
        registry().load_all()
    with carefully():
        found.notes += left_out()
        for done, job in enumerate(jobs):
            tell(done, f"{job.op}: {job.label}")
            found.rows += _rows(job, names, variants, found.notes)
    if all(row.verdict in ("refused", "quarantined") for row in found.rows):
        reasons = dict.fromkeys(_why_not_run(row) for row in found.rows)
        why = "; ".join(reasons) or f"none of {', '.join(names or ())} computes {', '.join(op_names(jobs))}"
        raise UnsupportedError(f"nothing was compared, as no algorithm ran: {why}")
    return found


def _why_not_run(row: Row) -> str:
    if row.verdict == "quarantined":
        return f"{row.algorithm} of {row.plugin} {row.reason}, and is in quarantine: see `jitconv plugins`"
    return f"{row.algorithm} refuses: it {row.reason}"


def op_names(jobs: Sequence[Job]) -> list[str]:
    """Return the ops of some jobs, each once."""
    return list(dict.fromkeys(job.op for job in jobs))


def candidates(
    op: str, spec: Spec, names: Sequence[str] | None, *, variants: bool, notes: list[str] | None = None
) -> list[Candidate]:
    """Return the algorithms that are wanted, and the variants: those named, or all that are able.

    What is not wanted is not asked. Where a plugin keeps `auto` from choosing, that is noted, if there are
    `notes`, and the choice is the one without plugins.
    """
    found = []
    for one in _judged(op, spec, names, notes):
        wanted = names is None or one.name in names
        found += [one] * wanted
        for variant in one.algorithm.variants.listed if one.algorithm.variants else ():
            titles = {f"{one.name}/{variant.title}", f"{one.name}/{variant.name}"}
            named = not titles.isdisjoint(names or ())
            if named or (variants and wanted):
                only = one.algorithm.only(variant.title)
                judged = judge(only, one.plugin, spec, current(), prepared=False, needed=True)
                if judged.verdict == "able" and (reason := barred(one.algorithm, one.plugin, current())):
                    judged = replace(judged, verdict="excluded", reason=reason)  # by the algorithm's name
                found += [judged] * (named or judged.verdict != "refused")
    return found


def _judged(op: str, spec: Spec, names: Sequence[str] | None, notes: list[str] | None) -> list[Candidate]:
    explanation = _choice(op, spec, notes)
    if names is None:
        return list(explanation.candidates)
    plugins, bases = registry(), {name.partition("/")[0] for name in names}
    chosen = explanation.choice
    found = [chosen] if chosen.name in bases else []
    for one in plugins.present(op):
        if one.name in bases and one.name != chosen.name:
            provider = plugins.provider(one)
            found.append(judge(one, provider, spec, current(), prepared=False, needed=False))
    return found


def _choice(op: str, spec: Spec, notes: list[str] | None) -> Explanation:
    try:
        return select(op, spec, "auto", current())
    except (AlgorithmError, PluginError) as error:
        if notes is None or not current().allow:
            raise
        if (line := f"`auto` cannot choose with what --allow names: {error}") not in notes:
            notes.append(line)
        with scope(replace(current(), allow=())):
            return select(op, spec, "auto", current())


def _rows(job: Job, names: Sequence[str] | None, variants: bool, notes: list[str]) -> list[Row]:
    checked = cropped(job, REFERENCE_SECONDS)

    @cache
    def wanted() -> Arrays:
        return reference(job.op, checked.spec, checked.operands)

    its = None if names is None else [*names, *trials.allowed(job.op)]
    lost = trials.lost(trials.Asked(job.op, job.spec), its, notes, lambda: (checked, job, wanted()))
    every = candidates(job.op, job.spec, names, variants=variants, notes=notes)
    gone = {one.algorithm for one in lost}
    listed = [one for one in every if one.name.partition("/")[0] not in gone]
    named = None if names is None else {name.partition("/")[0] for name in names}
    rows = {one.algorithm: _lost_row(job, one) for one in lost if named is None or one.algorithm in named}
    rows |= {one.name: _row(job, one) for one in listed}
    calls: dict[str, Callable[[], object]] = {}
    for one in listed:
        if one.verdict in ("refused", "failed"):
            continue
        row = rows[one.name]
        timed = cropped(job, NAIVE_SECONDS) if one.name == "naive" else job
        corner = timed if one.name == "naive" else checked
        row.checked_on = "" if corner is job else str(corner.spec)
        row.timed_on = "" if timed is job else str(timed.spec)
        against = wanted() if corner is checked else reference(job.op, corner.spec, corner.operands)
        try:
            trial = tried(one.algorithm, corner, timed, against)
        except FAILURES as error:
            row.verdict, row.reason = "failed", str(error)
            continue
        row.error, row.bound, row.changed = trial.error, trial.bound, trial.changed
        if trial.reason:
            row.verdict, row.reason = "wrong", trial.reason
        if not row.changed:
            calls[one.name] = partial(trial.call.run, timed.operands)
    timings, failed = interleave_able(calls, SECONDS_EACH, (AlgorithmError,))
    for name, failure in failed.items():
        rows[name].verdict, rows[name].reason = "failed", str(failure)
    for name, timing in timings.items():
        row = rows[name]
        row.seconds, row.spread, row.laps = timing.median, timing.spread, timing.laps
        timed_spec = cropped(job, NAIVE_SECONDS).spec if name == "naive" else job.spec
        row.gflops, row.gigabytes = rates(job.op, timed_spec, timing.median)
    return sorted(rows.values(), key=lambda row: (bool(row.timed_on), row.seconds or math.inf))


def _lost_row(job: Job, lost: Lost) -> Row:
    row = Row(job.op, job.label, str(job.spec), lost.algorithm, lost.plugin, lost.verdict, lost.reason)
    row.error, row.bound = lost.error, lost.bound
    return row


def _row(job: Job, one: Candidate) -> Row:
    row = Row(job.op, job.label, str(job.spec), one.name, one.plugin, "ok")
    row.predicted, row.workspace = one.cost, one.workspace
    row.auto, row.candidate = one.verdict == "chosen", one.verdict in ("chosen", "able")
    if one.verdict in ("refused", "failed"):
        row.verdict, row.reason = one.verdict, one.reason
    return row


def rates(op: str, spec: Spec, seconds: float) -> tuple[float | None, float]:
    """Return GFLOP/s (of a convolution) and GB/s of operands and outputs."""
    gflops = spec.flops(op) / seconds / 1e9 if isinstance(spec, ConvSpec) else None
    return gflops, spec.traffic(op) / seconds / 1e9


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(values))))

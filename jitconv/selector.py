"""Chooses an algorithm for a problem, and says why."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jitconv.algorithm import OPS, Algorithm
from jitconv.config import Settings
from jitconv.errors import AlgorithmError, UnknownAlgorithmError, UnsupportedError, nearest, shown
from jitconv.jit.threads import why_serial
from jitconv.plugins import BUILTIN, Registry, registry
from jitconv.specs import Spec
from jitconv.specs.values import choice, nbytes

WORKSPACE_BASE = 64 * 2**20
WORKSPACE_PER_OUTPUT = 2
"""By default `auto` takes at most 64 MiB and twice the output, as the speed targets promise."""

WORTH_MEASURING = 10.0
"""In mode "measure", candidates predicted to take longer than this many times the best are not run."""


VERDICTS = ("chosen", "able", "excluded", "refused", "failed")
"""Runs; could; could but for the settings; refuses with a reason; raised when it was asked."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One algorithm's part in a choice; its verdict is one of `VERDICTS`."""

    algorithm: Algorithm
    plugin: str
    verdict: str
    reason: str = ""
    cost: float | None = None
    """Predicted seconds."""
    workspace: int | None = None
    """Bytes."""

    @property
    def name(self) -> str:
        """The algorithm's name."""
        return self.algorithm.name


@dataclass(frozen=True, slots=True)
class Explanation:
    """A choice: every candidate with its verdict, the chosen one first."""

    op: str
    spec: Spec
    settings: Settings
    candidates: tuple[Candidate, ...]

    @property
    def choice(self) -> Candidate:
        """The candidate that runs."""
        return self.candidates[0]

    def __str__(self) -> str:
        lines = [f"{self.op}  {self.spec}"]
        for one in self.candidates:
            cost = "" if one.cost is None else f"{one.cost * 1e3:.4g} ms"
            workspace = "" if one.workspace is None else f"{one.workspace / 2**20:.1f} MiB"
            row = (
                f"  {one.verdict:<9} {one.name:<8} {one.plugin:<14} {cost:>11} {workspace:>11}  {one.reason}"
            )
            lines.append(row.rstrip())
        if reason := why_serial():
            lines.append(f"  kernels run on one thread: {reason}")
        return "\n".join(lines)


def revision() -> int:
    """Return a number that changes whenever a plugin comes or goes."""
    return registry().revision


def select(op: str, spec: Spec, algorithm: str, settings: Settings, *, prepared: bool = False) -> Explanation:
    """Choose the algorithm that `algorithm` names, or the best candidate for "auto".

    Parameters
    ----------
    op, spec, algorithm, settings
        The problem, a name or "auto", and what is in force.
    prepared : bool
        Whether the weights are given beforehand, as to `jitconv.plan_conv`: costs are those of a call
        after that.

    Raises
    ------
    UnknownAlgorithmError
        When `algorithm`, or a name in the settings' `allow` or `deny`, is nobody's.
    UnsupportedError
        When a forced algorithm refuses, or no candidate is left.
    AlgorithmError
        When a forced or permitted algorithm fails to judge the problem.
    """
    plugins = registry()
    _check_names(plugins, settings)
    forced = None if algorithm == "auto" else plugins.find(op, algorithm)
    candidates = [
        _judge(plugins, one, spec, settings, one is forced, prepared) for one in plugins.algorithms(op)
    ]
    if forced is None:
        chosen = _cheapest(op, spec, plugins, candidates, settings, prepared)
    else:
        chosen = _forced(op, spec, next(one for one in candidates if one.algorithm is forced))
    others = [one for one in candidates if one.algorithm is not chosen.algorithm]
    others.sort(key=lambda one: (VERDICTS.index(one.verdict), one.cost or 0.0))
    return Explanation(op, spec, settings, (chosen, *others))


def _judge(
    plugins: Registry, algorithm: Algorithm, spec: Spec, settings: Settings, forced: bool, prepared: bool
) -> Candidate:
    plugin = plugins.provider(algorithm)
    try:
        if reason := algorithm.why_not(spec):
            return Candidate(algorithm, plugin, "refused", reason)
        predict = (prepared and algorithm.prepared_cost) or algorithm.cost
        cost, workspace = predict(spec), algorithm.workspace(spec)
    except Exception as error:
        reason = f"failed to judge {spec}: {type(error).__name__}: {error}"
        if not forced and not _permitted(algorithm, plugin, settings):
            return Candidate(algorithm, plugin, "failed", reason)  # a guest that harms nobody else
        raise AlgorithmError(
            f"{algorithm.op}: algorithm {algorithm.name!r} of plugin {plugin!r} {reason}"
        ) from error
    reason = _exclusion(algorithm, plugin, spec, settings, workspace)
    return Candidate(algorithm, plugin, "excluded" if reason else "able", reason, cost, workspace)


def _permitted(algorithm: Algorithm, plugin: str, settings: Settings) -> bool:
    return plugin == BUILTIN or not {algorithm.name, plugin}.isdisjoint(settings.allow)


def _exclusion(algorithm: Algorithm, plugin: str, spec: Spec, settings: Settings, workspace: int) -> str:
    """Return why `auto` leaves out an able algorithm, or nothing."""
    names = {algorithm.name, plugin}
    if names & set(settings.deny):
        return "denied by config(deny=...)"
    if not _permitted(algorithm, plugin, settings):
        return f"third-party: permit it with config(allow={algorithm.name!r})"
    if settings.deterministic and not algorithm.deterministic:
        return "may give other bits with another thread count, and config(deterministic=True)"
    if settings.accuracy == "strict" and algorithm.error_class != "direct":
        return f"its error is of class {algorithm.error_class!r}, and config(accuracy='strict')"
    most = settings.max_workspace
    if most is None:
        most = WORKSPACE_BASE + WORKSPACE_PER_OUTPUT * nbytes(spec.outputs(algorithm.op))
    if workspace > most:
        given = f"config(max_workspace=...) gives {most / 2**20:.1f} MiB"
        return f"needs {workspace / 2**20:.1f} MiB of workspace; {given}"
    return ""


def _forced(op: str, spec: Spec, candidate: Candidate) -> Candidate:
    if candidate.verdict == "refused":
        raise UnsupportedError(
            f"{op}: algorithm {candidate.name!r} refuses {spec}: {candidate.reason}; "
            "use algorithm='auto' or another"
        )
    return replace(candidate, verdict="chosen", reason="named by the caller")


def _cheapest(
    op: str, spec: Spec, plugins: Registry, candidates: Sequence[Candidate], settings: Settings,
    prepared: bool,
) -> Candidate:  # fmt: skip
    able = sorted((one for one in candidates if one.verdict == "able"), key=lambda one: one.cost or 0.0)
    if not able:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in candidates)
        raise UnsupportedError(f"{op}: no algorithm is left for {spec} ({reasons})")
    records = [one.algorithm for one in able]
    override = plugins.select(spec, records, {BUILTIN, *settings.allow})
    if override is not None:
        chosen = able[records.index(override)]
        return replace(chosen, verdict="chosen", reason="chosen by a plugin's jitconv_select")
    if settings.mode == "measure" and len(able) > 1:
        return _fastest(op, spec, able, prepared)
    return replace(able[0], verdict="chosen", reason="the least predicted time")


def _fastest(op: str, spec: Spec, able: Sequence[Candidate], prepared: bool) -> Candidate:
    """Run the promising candidates on scratch arrays."""
    best = able[0].cost or 0.0
    promising = [one for one in able if (one.cost or 0.0) <= WORTH_MEASURING * best]
    seconds = {one.name: _measured(op, spec, one, prepared) for one in promising}
    name = min(seconds, key=seconds.__getitem__)
    table = ", ".join(f"{key} {value * 1e3:.3g} ms" for key, value in seconds.items())
    chosen = next(one for one in able if one.name == name)
    return replace(chosen, verdict="chosen", reason=f"the least measured time ({table})")


def _measured(op: str, spec: Spec, candidate: Candidate, prepared: bool) -> float:
    rng = np.random.default_rng(0)
    operands = [
        None if one is None else np.asarray(rng.random(one[0]) * (one[1] != "int64"), one[1])
        for one in spec.operands(op)
    ]
    outputs = [None if one is None else np.empty(*one) for one in spec.outputs(op)]
    laps = []
    try:
        if prepared:
            x, w, b = operands
            plan, operands = candidate.algorithm.prepared(spec, w, b, None), [x]
        else:
            plan = candidate.algorithm.build(spec)
        plan(*operands, *outputs)
        for _ in range(3):
            start = time.perf_counter()
            plan(*operands, *outputs)
            laps.append(time.perf_counter() - start)
    except Exception as error:
        raise AlgorithmError(
            f"{op}: algorithm {candidate.name!r} of plugin {candidate.plugin!r} failed on {spec}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return statistics.median(laps)


def _check_names(plugins: Registry, settings: Settings) -> None:
    named = (*settings.allow, *settings.deny)
    if not named:
        return
    known = {one.name for one in plugins.plugins} | {one.name for op in OPS for one in plugins.algorithms(op)}
    for name in named:
        if name not in known:
            raise UnknownAlgorithmError(
                f"config: allow and deny must name algorithms or plugins ({', '.join(sorted(known))}); "
                f"got {shown(name)}{nearest(name, sorted(known))}"
            )


def algorithms(op: str | None = None) -> tuple[Algorithm, ...]:
    """Return every algorithm that a loaded plugin provides, for one op or for all.

    Raises
    ------
    ParameterError
        When there is no such op.
    """
    if op is not None:
        op = choice("op", op, OPS)
    return registry().algorithms(op)

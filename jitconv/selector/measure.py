"""Chooses by stopwatch, and by what was measured before: modes "measure" and "unsure"."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from jitconv.config import Settings
from jitconv.errors import AlgorithmError
from jitconv.jit.workspace import aligned
from jitconv.plugins import BUILTIN
from jitconv.selector.explanation import Candidate
from jitconv.selector.judge import GivenWeights, judge
from jitconv.selector.key import key
from jitconv.selector.stopwatch import MARGIN, decide, race, seconds
from jitconv.selector.trials import Asked, lost
from jitconv.specs import Spec
from jitconv.specs.values import Operand
from jitconv.store import Found, Measured, Store, default_path, this_machine

WORTH_MEASURING = 10.0
"""Candidates predicted to take longer than this many times the best are not run. Not measured."""

VARIANTS_WORTH_MEASURING = 2.0
"""The same of variants that their algorithm would not take: each compiles a kernel that is likely not to be
used. A choice: their predicted times err by a fifth where they are near the best."""

UNSURE = 1.5
"""Standard deviations of the predicted ratio of the two best within which mode "unsure" measures. A
choice."""


def measured(
    op: str,
    spec: Spec,
    able: Sequence[Candidate],
    settings: Settings,
    *,
    prepared: bool,
    dry: bool,
    weights: GivenWeights | None = None,
) -> Candidate | str:
    """Return the candidate of least measured time, or where the predicted ones are to decide a word on why.

    Parameters
    ----------
    op, spec, settings
        The problem, and what is in force.
    able : sequence of Candidate
        The algorithms, the one of least predicted time first.
    prepared : bool
        Whether the weights are given beforehand.
    dry : bool
        Whether nothing may be run: then only what was measured before decides.
    weights : tuple of array, optional
        What is given beforehand, to run with; otherwise it is drawn.

    Raises
    ------
    WithdrawnError
        When a candidate's plugin has come into quarantine: what is left must choose anew.
    AlgorithmError
        When a candidate fails.
    """
    runners = contenders(spec, able, settings, prepared, weights)
    if len(runners) == 1:
        return ""
    if settings.mode == "unsure" and sure(runners):
        return ", by more than the predictions err"
    store, problem = own_store(), key(op, spec, settings, prepared)
    known = _known(store.find(problem), runners)
    if known is None and not dry:
        _try_guests(Asked(op, spec, prepared, weights), runners)
        _measure(store, problem, op, spec, runners, settings.measure_budget, prepared, weights)
        known = _known(store.find(problem), runners)
    return (
        f"; the first call will measure, by mode={settings.mode!r}"
        if known is None
        else _winner(runners, *known)
    )


class WithdrawnError(Exception):
    """A plugin has come into quarantine while its algorithm was a candidate."""


def _try_guests(asked: Asked, runners: Sequence[Candidate]) -> None:
    """Have what was never run on a problem tried in another process."""
    found = lost(asked, [one.name for one in runners])
    for one in found:
        if one.verdict == "failed":  # it harms nobody: it is told, as it would be here
            raise AlgorithmError(
                f"{asked.op}: algorithm {one.algorithm!r} of plugin {one.plugin!r} was tried in a process of "
                f"its own: {one.reason}"
            )
    if found:
        raise WithdrawnError


def own_store() -> Store:
    """Return the store of this machine."""
    return stored(default_path())


@lru_cache(maxsize=4)
def stored(path: Path | None) -> Store:
    """Return the store in a file; one in memory where no folder is known."""
    return Store(path, this_machine(), ours=path is not None)


def contenders(
    spec: Spec,
    able: Sequence[Candidate],
    settings: Settings,
    prepared: bool,
    weights: GivenWeights | None = None,
) -> list[Candidate]:
    """Return what is worth measuring, by predicted time: promising algorithms, and variants that they would
    not take themselves.
    """
    found = promising(able)
    best = min((one.order for one in found), default=math.inf)
    for one in list(found):
        variants = one.algorithm.variants
        if variants is None or not variants.priced:
            continue
        taken = {variant.title for variant in variants.chosen(spec, held=prepared).values()}
        for variant in variants.listed:
            if variant.title in taken or (prepared and variant.hold is None):
                continue
            own = one.algorithm.only(variant.title)
            other = judge(own, one.plugin, spec, settings, prepared=prepared, needed=True, weights=weights)
            if other.verdict == "able" and other.order <= VARIANTS_WORTH_MEASURING * best:
                found.append(other)
    return sorted(found, key=lambda one: one.order)


def promising(able: Sequence[Candidate]) -> list[Candidate]:
    """Return the algorithms that are worth measuring: the promising, and whose cost is unknown.

    The bar is set by the built-in algorithms, whose costs are measured: what a guest claims of itself keeps
    nobody from being run.
    """
    costs = [one.cost for one in able if one.cost is not None and one.plugin == BUILTIN]
    costs = costs or [one.cost for one in able if one.cost is not None]
    most = WORTH_MEASURING * min(costs, default=0.0)
    return [one for one in able if one.cost is None or one.cost <= most]


def sure(runners: Sequence[Candidate]) -> bool:
    """Whether the best predicted time is further from all others than the predictions err."""
    best, *others = sorted(runners, key=lambda one: one.order)
    return all(_further(best, one) for one in others)


def _further(best: Candidate, other: Candidate) -> bool:
    if not best.cost or not other.cost or best.cost_error is None or other.cost_error is None:
        return False
    return math.log(other.cost / best.cost) > UNSURE * math.hypot(best.cost_error, other.cost_error)


def _known(found: Found | None, runners: Sequence[Candidate]) -> tuple[dict[str, list[float]], float] | None:
    """Return the turns of every runner, and when the oldest were taken; None where one has none."""
    if found is None:
        return None
    turns, when = {}, math.inf
    for one in runners:
        samples = found.candidates.get(one.name)
        if samples is None or samples.revision != one.algorithm.revision:
            return None
        turns[one.name], when = samples.samples.tolist(), min(when, samples.when)
    return turns, when


def _winner(runners: Sequence[Candidate], turns: Mapping[str, list[float]], when: float) -> Candidate:
    name = decide(turns)
    chosen = next(one for one in runners if one.name == name)
    by_time = sorted(turns, key=lambda one: seconds(turns[one]))
    table = ", ".join(f"{one} {seconds(turns[one]) * 1e3:.3g} ms" for one in by_time)
    why = "the least measured time"
    if name != by_time[0]:
        why = f"the least predicted of those within {MARGIN:.0%} of the fastest, or within the noise"
    return replace(
        chosen,
        verdict="chosen",
        decided_by="measured",
        reason=f"{why} ({table})",
        measured=seconds(turns[name]),
        measured_age=max(0.0, time.time() - when),
    )


def _measure(
    store: Store,
    problem: Mapping[str, str],
    op: str,
    spec: Spec,
    runners: Sequence[Candidate],
    budget: float,
    prepared: bool,
    weights: GivenWeights | None,
) -> None:
    """Run the candidates in turns on scratch arrays, and store their times."""
    operands, outputs = (
        [_scratch(one) for one in spec.operands(op)],
        [_scratch(one) for one in spec.outputs(op)],
    )
    for scratch, given in zip(operands[1:], weights or (), strict=False):
        if scratch is not None and given is not None:
            scratch[...] = given
    calls = {one.name: _call(op, spec, one, operands, outputs, prepared) for one in runners}
    turns = race(calls, budget)
    revisions = {one.name: one.algorithm.revision for one in runners}
    store.add(problem, {name: Measured(turns[name], revisions[name]) for name in turns})


def _scratch(one: Operand | None) -> np.ndarray | None:
    """Return an array that begins with a cache line in every process: where it began, candidates came in
    another order.
    """
    if one is None:
        return None
    shape, dtype = one
    found = aligned(math.prod(shape), dtype).reshape(shape)
    found[...] = np.random.default_rng(0).random(shape) if np.dtype(dtype).kind == "f" else 0
    return found


def _call(
    op: str,
    spec: Spec,
    candidate: Candidate,
    operands: Sequence[np.ndarray | None],
    outputs: Sequence[np.ndarray | None],
    prepared: bool,
) -> Callable[[], object]:
    """Return a call of a candidate, whose failure names it."""

    def run() -> object:
        try:
            return plan(*given, *outputs)
        except Exception as error:
            raise _failed(op, spec, candidate, error) from error

    try:
        if prepared:
            x, w, b = operands
            plan, given = candidate.algorithm.prepared(spec, w, b, None), [x]
        else:
            plan, given = candidate.algorithm.build(spec), list(operands)
    except Exception as error:
        raise _failed(op, spec, candidate, error) from error
    return run


def _failed(op: str, spec: Spec, candidate: Candidate, error: Exception) -> AlgorithmError:
    return AlgorithmError(
        f"{op}: algorithm {candidate.name!r} of plugin {candidate.plugin!r} failed on {spec}: "
        f"{type(error).__name__}: {error}"
    )

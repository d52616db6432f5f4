"""Chooses by stopwatch: mode "measure"."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jitconv.errors import AlgorithmError
from jitconv.plugins import BUILTIN
from jitconv.selector.explanation import Candidate
from jitconv.specs import Spec

WORTH_MEASURING = 10.0
"""In mode "measure", candidates predicted to take longer than this many times the best are not run.
Not measured."""


def fastest(op: str, spec: Spec, able: Sequence[Candidate], prepared: bool) -> Candidate:
    """Run the promising candidates on scratch arrays; return the fastest one, as chosen."""
    found = promising(able)
    seconds = [_measured(op, spec, one, prepared) for one in found]
    table = ", ".join(f"{one.name} {lap * 1e3:.3g} ms" for one, lap in zip(found, seconds, strict=True))
    chosen = found[seconds.index(min(seconds))]
    reason = f"the least measured time ({table})"
    return replace(chosen, verdict="chosen", decided_by="measured", reason=reason)


def promising(able: Sequence[Candidate]) -> list[Candidate]:
    """Return what is worth measuring: the promising, and whose cost is unknown.

    The bar is set by the built-in algorithms, whose costs are measured: what a guest claims of itself keeps
    nobody from being run.
    """
    costs = [one.cost for one in able if one.cost is not None and one.plugin == BUILTIN]
    costs = costs or [one.cost for one in able if one.cost is not None]
    most = WORTH_MEASURING * min(costs, default=0.0)
    return [one for one in able if one.cost is None or one.cost <= most]


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

"""Weights of a plan that is measured: random ones, or what an algorithm makes that takes some alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jitconv.algorithm import Algorithm
from jitconv.arrays import Arrays
from jitconv.bench.ready import Problem
from jitconv.errors import AlgorithmError, UnknownAlgorithmError
from jitconv.plugins import registry
from jitconv.selector import trials
from jitconv.specs import Spec
from jitconv.testing.findings import raised
from jitconv.testing.fitted import taken


def fitted(problem: Problem, names: Sequence[str | None], notes: list[str]) -> Problem:
    """Return a problem of a plan with weights for the first of some algorithms that takes some alone.

    Whoever else runs the problem has the same ones.

    Raises
    ------
    AlgorithmError
        When its `fit_weights` fails, or does harm in a process of its own, which it is called in first.
    """
    for name in names:
        algorithm = _looking_at_weights(problem.op, name)
        if algorithm is not None:
            asked = trials.Asked(problem.op, problem.spec, plan=True, fit=True)
            for one in trials.lost(asked, [algorithm.name], notes):
                raise one.refusal(one.algorithm)
            operands = with_fitted_weights(algorithm, problem.spec, tuple(problem.operands))
            return replace(problem, operands=operands)
    return problem


def _looking_at_weights(op: str, name: str | None) -> Algorithm | None:
    """Return the algorithm of a name if it takes some weights alone."""
    if name is None or name == "auto":
        return None
    try:
        algorithm = registry().find(op, name.partition("/")[0])
    except UnknownAlgorithmError:  # which is told where it is to run
        return None
    return None if algorithm.fit_weights is None else algorithm


def with_fitted_weights(algorithm: Algorithm, spec: Spec, operands: Arrays) -> Arrays:
    """Return operands with weights that an algorithm takes.

    Raises
    ------
    AlgorithmError
        When it makes none.
    """
    try:
        return tuple(taken(algorithm, spec, list(operands)))
    except Exception as error:
        raise AlgorithmError(f"algorithm {algorithm.name!r} made no weights: {raised(error)}") from error

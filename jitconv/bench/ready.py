"""A call that is ready to be measured: its algorithm chosen, its operands drawn, warm or cold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jitconv.arrays import Array, Arrays
from jitconv.bench import cold
from jitconv.ops import Call, ConvPlan, Weights, prepare
from jitconv.specs import ConvSpec, PoolSpec
from jitconv.testing import draw


@dataclass(frozen=True, slots=True)
class Problem:
    """An op and a spec with operands, and how they are to be called."""

    op: str
    spec: ConvSpec | PoolSpec
    operands: Arrays
    plan: bool = False
    """Whether plans are called, whose weights are given beforehand."""
    cold: bool = False

    @classmethod
    def drawn(cls, op: str, spec: ConvSpec | PoolSpec, *, plan: bool = False, cold: bool = False) -> Problem:
        """Return a problem with random operands, the same ones each time."""
        return cls(op, spec, tuple(draw(op, spec, np.random.default_rng(0))), plan, cold)


@dataclass(frozen=True, slots=True)
class Ready:
    """What runs, and a run of it that returns the results."""

    call: Call
    """Of the first copy of the operands."""
    run: Callable[[], Any]

    @property
    def name(self) -> str:
        """The algorithm's name."""
        return self.call.explanation.choice.name

    @property
    def title(self) -> str:
        """The algorithm and its variant, as `algorithm=` takes them; a variant of several parts cannot be."""
        explanation = self.call.explanation
        title = explanation.title(explanation.choice)
        return self.name if "+" in title else title


def ready(problem: Problem, algorithm: str) -> Ready:
    """Return a call of an algorithm on a problem; a cold one has run already."""
    if not problem.cold:
        call, run = _one(problem, algorithm, problem.operands)
        return Ready(call, run)
    nbytes = problem.spec.traffic(problem.op)
    count = cold.copies(nbytes)
    every = [_copy(problem.operands) for _ in range(count)] if count > 1 else [problem.operands]
    first, run = _one(problem, algorithm, every[0])
    runs = [run]
    for operands in every[1:]:
        runs.append(_one(problem, algorithm, operands, None if problem.plan else first)[1])
    return Ready(first, cold.Cold(runs, nbytes))


def _one(
    problem: Problem, algorithm: str, operands: Sequence[Array | None], call: Call | None = None
) -> tuple[Call, Callable[[], Arrays]]:
    """Return a call, that which is given if there is one, and a run of it on the operands."""
    if problem.plan:
        x, w, b = operands
        call = prepare(problem.op, problem.spec, algorithm, Weights(w, b))  # type: ignore[arg-type]
        held = ConvPlan(call, None)
        return call, lambda: (held(x),)  # type: ignore[arg-type]
    its = call or prepare(problem.op, problem.spec, algorithm)
    return its, lambda: its.run(operands)


def _copy(operands: Arrays) -> Arrays:
    return tuple(None if one is None else one.copy() for one in operands)

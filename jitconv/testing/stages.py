"""The checks that run together, in their order: first what might end this process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from jitconv.algorithm import Algorithm
from jitconv.specs import Spec
from jitconv.testing import checks
from jitconv.testing.cases import Case
from jitconv.testing.findings import Findings, raised
from jitconv.testing.problems import random_problems
from jitconv.testing.subject import Subject
from jitconv.testing.substitutes import substitutes

NOT_HERE = "a kernel that touches what is not its own, dies or hangs might do so again: mend that first"
NOT_ABLE = "a problem that is accepted must be run without an error first: see able"


class Stage(NamedTuple):
    """Checks that run together."""

    checks: Collection[str]
    run: Callable[[Subject], None]


ASKED = Stage(("contract", "reach"), checks.contract.run)

MEMORY = Stage(tuple(checks.memory.PROMISES), lambda subject: None)
"""It has processes of its own, and limits: see `jitconv.testing.checks.memory`."""

RUN = (
    Stage(("spawn",), checks.memory.run_spawned),
    Stage(("state",), checks.state.run),
    Stage(tuple(checks.trials.PROMISES), checks.trials.run),
    Stage(("anywhere", "workspace"), checks.state.run_elsewhere),
    Stage(tuple(checks.reuse.PROMISES), checks.reuse.run),
    Stage(tuple(checks.laws.PROMISES), checks.laws.run),
    Stage(("cost",), checks.contract.run_cost),
)


def run(subject: Subject, stages: Sequence[Stage], only: Collection[str] | None) -> Iterator[Stage]:
    """Run stages, those that are asked for; give each before it begins."""
    findings, hindrance = subject.findings, ""
    for stage in stages:
        if not asked_for(stage, only):
            continue
        if hindrance or findings.failed("memory", "hangs"):
            findings.skip(stage.checks, hindrance or NOT_HERE)
            continue
        yield stage
        try:
            stage.run(subject)
        except Exception as error:  # of the algorithm, where a check did not expect it
            findings.fail("able", f"{', '.join(stage.checks)}: {raised(error)}")
        if stage.run is checks.trials.run and findings.failed("able"):
            hindrance = NOT_ABLE


def asked_for(stage: Stage, only: Collection[str] | None) -> bool:
    """Whether one of its checks is among those that are asked for."""
    return only is None or not set(stage.checks).isdisjoint(only)


def gathered(
    algorithm: Algorithm, findings: Findings, given: Sequence[Case], random: int, seed: int
) -> list[Case]:
    """Return the cases that are given, random ones, and substitutes for what is refused."""
    for case in given:  # where a reason never ends, one knows of which problem
        findings.at("contract", case)
        _suits(algorithm, case.spec)
    cases = [*given, *random_cases(algorithm.op, random, seed, algorithm)]
    return cases + substitutes(algorithm.op, cases, partial(_suits, algorithm))


def random_cases(op: str, count: int, seed: int, algorithm: Algorithm | None = None) -> list[Case]:
    """Return random cases: whole numbers, normal ones and some that tie, in turn.

    There are more than `count` for an algorithm that few of them suit.
    """
    kinds = ("normal", "integers", "normal", "zeros")
    suits = None if algorithm is None else partial(_suits, algorithm)
    return [
        Case(spec, f"random, seed {seed}", values=_fit(op, spec, kinds[place % len(kinds)]))
        for place, spec in enumerate(random_problems(op, count, seed, suits))
    ]


def _suits(algorithm: Algorithm, spec: Spec) -> bool:
    try:
        return algorithm.why_not(spec) is None
    except Exception:  # which is found where it is checked
        return False


def _fit(op: str, spec: object, values: str) -> str:
    """Whole numbers do not stay whole in averages and shares."""
    shares = op.startswith("avg") or op == "distribute_value" or getattr(spec, "ties", "") == "split"
    return "normal" if values == "integers" and shares else values

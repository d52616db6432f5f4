"""Plans, which hold their weights: a call of one, and making it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.problems import DEPTHWISE, FIRST, PLAIN, POINTWISE, layouts, ready
from benchmarks.timed import Timed
from jitconv.bench.ready import Problem
from jitconv.ops import Weights, prepare
from jitconv.specs import parse


class Plan(Timed):
    """A call of what is chosen where the weights are given beforehand."""

    op = "conv_forward"
    plan = True
    threads = ("1", "2")
    problems = layouts([DEPTHWISE, POINTWISE, PLAIN, FIRST])


class PlanWinograd(Timed):
    """A call of winograd's plan."""

    op, algorithm = "conv_forward", "winograd"
    plan = True
    problems = (PLAIN,)


class PlanDirect(Timed):
    """A call of direct's plan."""

    op, algorithm = "conv_forward", "direct"
    plan = True
    problems = (POINTWISE, PLAIN)


class Making(Timed):
    """Choosing, and packing or transforming the weights."""

    op = "conv_forward"
    problems = (DEPTHWISE, PLAIN)

    def ready(self, problem: str) -> Callable[[], Any]:
        """Compile, and return what makes a plan."""
        ready(self.op, problem, "auto", plan=True)
        spec = parse(problem)
        _, w, b = Problem.drawn(self.op, spec).operands
        return lambda: prepare(self.op, spec, "auto", Weights(w, b))

"""What the time of a call is spent on, as far as it can be measured without changing what is measured.

A kernel is compiled as a whole, so that no clock is inside. Its call from Python is where a step begins and
ends: each compiled kernel's time is one figure, and the rest of the call another.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from jitconv.bench.measure import BLOCK, LEAST_LAPS, Prepared, Timing
from jitconv.bench.ready import Problem, Ready, ready
from jitconv.errors import JitconvError
from jitconv.jit import Kernel
from jitconv.specs import ConvSpec, PoolSpec


@dataclass(frozen=True, slots=True)
class Steps:
    """Seconds of a call, divided; each is a median, so that they need not add up to the last digit."""

    total: float
    """Of the calls that the kernels were timed in."""
    kernels: dict[str, float] = field(default_factory=dict)
    """Of each compiled kernel, by module and function, in the order of their first call; with its start on
    several threads."""
    outside: float = 0.0
    """Of the call less its kernels: Python, and what NumPy computes."""
    packing: float | None = None
    """Of the work on the weights: a call's time less that of a plan of the same variant, in turns; None for
    other ops than conv_forward, and where plans are measured themselves."""
    packing_noise: float = 0.0
    """What that difference of two medians varies by: twice their error, as quartiles and laps tell it."""
    packing_unknown: str = ""
    """Why `packing` is None for a conv_forward."""
    smallest: float | None = None
    """Of a call of the same algorithm on its smallest problem: little else than dispatch."""
    smallest_problem: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """Calls to be measured in turns with the whole call."""

    runs: dict[str, Callable[[], Any]]
    packing_unknown: str
    smallest_problem: str


def kernel_name(kernel: Kernel) -> str:
    """Return a kernel's module and function, such as "pack.pack"."""
    return f"{kernel.loop.__module__.rpartition('.')[2]}.{kernel.loop.__name__.strip('_')}"


def smallest(spec: ConvSpec | PoolSpec) -> ConvSpec | PoolSpec:
    """Return the problem of one output with one channel that has the same kernel."""
    h, w = spec.extent
    if isinstance(spec, ConvSpec):
        return replace(spec, n=1, h=h, w=w, c=1, f=1, groups=1, stride=(1, 1), pad=(0, 0, 0, 0))
    return replace(spec, n=1, h=h, w=w, c=1, stride=(1, 1), pad=(0, 0, 0, 0))


@contextlib.contextmanager
def timed_kernels(laps: list[tuple[str, float]]) -> Iterator[None]:
    """Let every kernel that is made ready, or called, in the block append its name and seconds.

    It puts other methods in the place of `Kernel`'s own: nothing is there when nobody measures.
    """
    call, of = Kernel.__call__, Kernel.of

    def timed(kernel: Kernel, work: int, *arguments: Any) -> None:
        start = time.perf_counter()
        call(kernel, work, *arguments)
        laps.append((kernel_name(kernel), time.perf_counter() - start))

    def timed_of(kernel: Kernel, work: int) -> Callable[..., None]:
        return partial(timed, kernel, work)

    methods: Any = Kernel
    methods.__call__, methods.of = timed, timed_of
    try:
        yield
    finally:
        methods.__call__, methods.of = call, of


def parts(problem: Problem, own: Ready) -> Parts:
    """Return what is measured beside a call: a plan of the same variant, and the smallest problem.

    Parameters
    ----------
    problem : Problem
        That of the call.
    own : Ready
        The call.
    """
    runs: dict[str, Callable[[], Any]] = {}
    unknown = _plan_of_it(runs, problem, own)
    little = smallest(problem.spec)
    with contextlib.suppress(JitconvError):  # it may refuse there, and then is not told
        runs["smallest"] = ready(Problem.drawn(problem.op, little), own.name.partition("/")[0]).run
        runs["smallest"]()
    return Parts(runs, unknown, str(little))


def _plan_of_it(runs: dict[str, Callable[[], Any]], problem: Problem, own: Ready) -> str:
    """Add the plan that holds the weights; return why there is none."""
    if problem.op != "conv_forward" or problem.plan:
        return ""
    try:
        held = ready(replace(problem, plan=True), own.title)
    except JitconvError as error:
        return f"{own.title} makes no plan: {error}"
    if held.call.explanation.choice.algorithm.prepare is None:
        return f"{own.title} prepares none"
    held.run()
    runs["plan"] = held.run
    return ""


def measure(build: Callable[[], Callable[[], Any]], seconds: float) -> Steps:
    """Time the kernels of a call.

    Parameters
    ----------
    build : callable
        Makes the call anew: a plan that is there already holds kernels that nobody times.
    seconds : float
        How long to measure.
    """
    found: list[tuple[str, float]] = []
    totals: list[float] = []
    laps: list[dict[str, float]] = []
    with timed_kernels(found):
        run = build()
        run()
        until = time.perf_counter() + max(seconds, BLOCK)
        while len(totals) < LEAST_LAPS or time.perf_counter() < until:
            found.clear()
            left_out = isinstance(run, Prepared) and run.prepare()
            start = time.perf_counter()
            run()
            took = time.perf_counter() - start
            if left_out:
                continue
            totals.append(took)
            lap: dict[str, float] = {}
            for name, its in found:
                lap[name] = lap.get(name, 0.0) + its
            laps.append(lap)
    names = dict.fromkeys(name for lap in laps for name in lap)
    outside = [total - sum(lap.values()) for total, lap in zip(totals, laps, strict=True)]
    return Steps(
        statistics.median(totals),
        {name: statistics.median(lap.get(name, 0.0) for lap in laps) for name in names},
        statistics.median(outside),
    )


def joined(steps: Steps, timings: Mapping[str, Timing], beside: Parts) -> Steps:
    """Return the steps with what was measured in turns with the whole call, "own" of `timings`."""
    own, plan, little = timings["own"], timings.get("plan"), timings.get("smallest")
    if plan is not None:
        noise = 2 * math.hypot(own.error, plan.error)
        steps = replace(steps, packing=own.median - plan.median, packing_noise=noise)
    if little is not None:
        steps = replace(steps, smallest=little.median, smallest_problem=beside.smallest_problem)
    return replace(steps, packing_unknown=beside.packing_unknown)

"""What `auto` chooses: against the best way there is, and against the choices of before."""

from __future__ import annotations

import math
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import ready
from jitconv import algorithms
from jitconv.plugins import BUILTIN, registry
from jitconv.specs import parse

LOCKED = Path(__file__).parent.parent / "choices.json"
"""Written by ``jitconv lock --suite … -o choices.json``; committed when choices are meant to change."""

PROBLEMS = {
    "3x3": "n1h28w28c128 k3x3f128 p1",
    "3x3 of few channels": "n1h112w112c32 k3x3f32 p1",
    "1x1": "n1h14w14c256 k1x1f1024",
    "1x1 over one pixel": "n1h1w1c512 k1x1f128",
    "first layer": "n1h112w112c3 k7x7f64 s2 p3",
    "depthwise": "n1h28w28c192 k3x3f192 p1 g192",
    "large kernel": "n1h32w32c32 k15x15f32 p7",
}

TURNS = 5
"""Of each way; a way's time is the least of its turns."""


class Regret:
    """The time of what `auto` takes over that of the best way; unit: times."""

    params = (list(PROBLEMS), ["NHWC", "NCHW"], ["conv_forward", "conv_backward"])
    param_names = ("problem", "layout", "op")
    unit = "times"
    timeout = 300

    def track_regret(self, problem: str, layout: str, op: str) -> float:
        """Time every way that can do the problem, in turns."""
        text = f"{PROBLEMS[problem]} {layout.lower()}"
        names = ways(op, text)
        calls = {name: ready(op, text, name) for name in ["auto", *names]}
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(TURNS):
            for name, run in calls.items():
                seconds[name].append(turn(run))
        least = {name: min(turns) for name, turns in seconds.items()}
        return least["auto"] / min(least.values())


def ways(op: str, problem: str) -> list[str]:
    """Return every built-in algorithm and variant that can do a problem in ten times the predicted best."""
    spec, found = parse(problem), {}
    for one in algorithms(op):
        if registry().provider(one) == BUILTIN and one.why_not(spec) is None:
            found[one.name] = one
            for variant in one.variants.listed if one.variants else ():
                only = one.only(variant.title)
                if only.why_not(spec) is None:
                    found[only.name] = only
    costs = {name: one.cost(spec) or math.inf for name, one in found.items()}
    return [name for name in found if costs[name] <= 10 * min(costs.values())]


def turn(run: Any) -> float:
    """Return the median of the calls of 10 ms but the first."""
    laps: list[float] = []
    run()
    until = time.perf_counter() + 0.01
    while not laps or time.perf_counter() < until:
        begun = time.perf_counter()
        run()
        laps.append(time.perf_counter() - begun)
    return statistics.median(laps)


class Changed:
    """Choices that differ from those that are committed; unit: problems."""

    unit = "problems"

    def track_changed(self) -> int:
        """Choose all problems of the file again."""
        from jitconv.bench.locking import again
        from jitconv.selector.lockfile import Lockfile

        return int(np.sum([not again(one, "predict").same for one in Lockfile.read(LOCKED).choices]))

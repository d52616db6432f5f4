"""What `auto` chooses: against the best way there is, and against the choices of before."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.problems import ready
from benchmarks.ways import candidates, turn, worth
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
        spec = parse(text)
        names = worth(op, candidates(op, spec), spec)
        calls = {name: ready(op, text, name) for name in ["auto", *names]}
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(TURNS):
            for name, run in calls.items():
                seconds[name].append(statistics.median(turn(run)))
        least = {name: min(turns) for name, turns in seconds.items()}
        return least["auto"] / min(least.values())


class Changed:
    """Choices that differ from those that are committed; unit: problems."""

    unit = "problems"

    def track_changed(self) -> int:
        """Choose all problems of the file again."""
        from jitconv.bench.locking import again
        from jitconv.selector.lockfile import Lockfile

        return sum(not again(one, "predict").same for one in Lockfile.read(LOCKED).choices)

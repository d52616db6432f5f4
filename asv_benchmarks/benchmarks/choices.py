"""What `auto` chooses: against the best way there is, and against the choices of before."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.problems import ready, threads
from benchmarks.ways import candidates, turn, worth
from jitconv.bench.locking import again
from jitconv.selector.choice import Choice
from jitconv.selector.lockfile import Lockfile
from jitconv.specs import parse

LOCKED = Path(__file__).parent.parent / "choices.json"
"""Written by ``jitconv lock --suite … -o choices.json``; committed when choices are meant to change."""

PROBLEMS = {
    "1x1 over one pixel": "n1h1w1c512 k1x1f128",
    "3x3": "n1h28w28c128 k3x3f128 p1",
    "3x3 of few channels": "n1h112w112c32 k3x3f32 p1",
    "1x1": "n1h14w14c256 k1x1f1024",
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
    version = "1"
    timeout = 300

    def setup(self, problem: str, layout: str, op: str) -> None:
        """Compile every way that can do the problem and is predicted to be worth it."""
        text = f"{PROBLEMS[problem]} {layout.lower()}"
        spec = parse(text)
        self.setting = threads(2)

        def calls() -> dict[str, Callable[[], Any]]:
            names = worth(op, candidates(op, spec), spec)
            return {name: ready(op, text, name) for name in ["auto", *names]}

        self.calls = self.setting.run(calls)

    def track_regret(self, problem: str, layout: str, op: str) -> float:
        """Time them in turns."""
        return self.setting.run(regret, self.calls)


def regret(calls: Mapping[str, Callable[[], Any]]) -> float:
    """Return the time of "auto" over the least of all."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(TURNS):
        for name, run in calls.items():
            seconds[name].append(statistics.median(turn(run)))
    least = {name: min(turns) for name, turns in seconds.items()}
    return least["auto"] / min(least.values())


class Changed:
    """Choices that differ from those that are committed; unit: problems."""

    unit = "problems"
    version = "1"

    def track_changed(self) -> int:
        """Choose all problems of the file again."""
        return changed(Lockfile.read(LOCKED).choices)


def changed(choices: Sequence[Choice]) -> int:
    """Return how many of some choices are of another algorithm or variant now; a raised revision is neither.

    Raises
    ------
    RuntimeError
        When there are none: that none has changed would tell nothing.
    """
    if not choices:
        raise RuntimeError(f"{LOCKED.name} must have choices; got none")
    found = [(one, again(one, "predict").now) for one in choices]
    return sum(now is None or (now.title, now.plugin) != (one.title, one.plugin) for one, now in found)

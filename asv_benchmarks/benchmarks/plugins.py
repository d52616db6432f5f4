"""Algorithms of plugins, where `JITCONV_BENCH_PLUGINS` names some: entry points, separated by commas.

They have a class of their own: what is installed changes no benchmark of jitconv's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.errors import error
from benchmarks.problems import BATCH, DEPTHWISE, PLAIN, POINTWISE, TILING, layouts, ready, threads
from benchmarks.rates import measure
from benchmarks.timed import Once
from jitconv.algorithm import OPS
from jitconv.errors import JitconvError
from jitconv.plugins import registry
from jitconv.specs import parse

RATED = {
    "conv": layouts(["n1h56w56c64 k3x3f64 p1", "n4h28w28c128 k3x3f128 p1", "n1h112w112c3 k7x7f64 s2 p3"]),
    "pool": layouts(["n4h56w56c64 k2x2 s2", "n4h56w56c64 k3x3 s2 p1"]),
    "window": ["n65536h4w4"],
}
"""For the constants of their costs: multiply-adds or taps in a second."""

TIMED = {
    "conv": layouts([DEPTHWISE, POINTWISE, PLAIN, BATCH]),
    "pool": layouts([TILING]),
    "window": ["n4096h8w8"],
}
COMPARED = {"conv": ["n1h16w16c8 k3x3f8 p1"], "pool": ["n1h16w16c8 k2x2 s2"], "window": ["n256h4w4"]}

NAMES = [one.strip() for one in os.environ.get("JITCONV_BENCH_PLUGINS", "").split(",") if one.strip()]


def kind(op: str) -> str:
    """Return which problems an op has."""
    return "conv" if "conv" in op else "pool" if "pool" in op else "window"


def rows(problems: dict[str, list[str]]) -> list[str]:
    """Return a row for each problem that an algorithm of a plugin takes; of a plugin without any its name."""
    found: list[str] = []
    for plugin in NAMES:
        own: list[str] = []
        try:
            registry().load_plugin(plugin)
            present = [one for op in OPS for one in registry().present(op)]
            for one in (one for one in present if registry().provider(one) == plugin):
                able = [text for text in problems[kind(one.op)] if one.why_not(parse(text)) is None]
                own += [f"{one.op} {one.name} {text}" for text in able]
        except JitconvError:
            own = []
        found += own or [plugin]
    return found


def nothing(row: str) -> None:
    """Fail where a row is but the name of a plugin."""
    if " " not in row:
        raise RuntimeError(
            "JITCONV_BENCH_PLUGINS must name installed plugins that take a problem of benchmarks/plugins.py; "
            f"got {row!r}, of which nothing can be measured: see `jitconv plugins`"
        )


class _Time(Once):
    """The time of a call, on one thread."""

    params = rows(TIMED)
    param_names = ("row",)
    timeout = 300

    def made(self, row: str) -> Callable[[], Any]:
        """Draw the arrays and compile."""
        nothing(row)
        op, name, problem = row.split(" ", 2)
        setting = threads(1)
        return setting.bound(setting.run(ready, op, problem, name))


class _Error:
    """The relative L2 error."""

    version = "1"
    timeout = 300
    param_names = ("row",)
    params = rows(COMPARED)
    unit = "relative L2 error"

    def track_error(self, row: str) -> float:
        """Compare it with naive in float64."""
        nothing(row)
        return threads(1).run(error, row)


class _Rate:
    """Multiply-adds, or taps, in a second."""

    version = "1"
    timeout = 300
    param_names = ("row",)
    params = rows(RATED)
    unit = "1/s"

    def track_steps_per_second(self, row: str) -> float:
        """Measure it."""
        nothing(row)
        op, name, problem = row.split(" ", 2)
        return measure(f"{op} {name} STEPS_PER_SECOND | {problem}")


if NAMES:

    class Time(_Time):
        """Of those that are named."""

    class Error(_Error):
        """Of those that are named."""

    class Rate(_Rate):
        """Of those that are named."""

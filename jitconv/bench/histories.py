"""What asv measured of each benchmark over commits, and where it moved by a step."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jitconv.errors import ParameterError

LOW, HIGH = "stats_ci_99_a", "stats_ci_99_b"
"""asv's columns of the ends of a value's interval."""

DIGITS = 6
"""Of each value in a page. A choice: far below the noise, and a third of the bytes."""


@dataclass(frozen=True, slots=True)
class History:
    """One benchmark with one set of parameters on one machine."""

    name: str
    parameters: str
    unit: str
    machine: str
    """Its name, and asv's name of the environment."""
    points: list[tuple[int, float, float | None, float | None]] = field(default_factory=list)
    """The place of the commit, the value, and the ends of its interval."""


@dataclass(frozen=True, slots=True)
class Histories:
    """All of a folder of asv's results."""

    commits: list[dict[str, Any]]
    """Hash, and date in milliseconds, of each; the oldest first."""
    found: list[History]


def histories(figures: Mapping[str, Any], pattern: str | None = None) -> Histories:
    """Return the history of each benchmark whose name, or name and parameters, a pattern is found in.

    Results of an older version of a benchmark are left out, as asv does.
    """
    try:
        wanted = re.compile(pattern or "")
    except re.error as error:
        raise ParameterError(
            f"--history must be a regular expression; {pattern!r} is none: {error}"
        ) from None
    runs = sorted(figures["runs"], key=lambda run: run["date"])
    dates = {run["commit_hash"]: run["date"] for run in runs}
    place = {commit: number for number, commit in enumerate(dates)}
    kept: dict[tuple[str, str, str], History] = {}
    for run in runs:
        machine = f"{run['params'].get('machine', '')}, {run['env_name']}"
        for name, parameters, value, low, high in _values(run, figures["benchmarks"]):
            if not wanted.search(f"{name} {parameters}"):
                continue
            unit = figures["benchmarks"][name]["unit"]
            one = kept.setdefault((name, parameters, machine), History(name, parameters, unit, machine))
            one.points.append((place[run["commit_hash"]], value, low, high))
    if not kept:
        what = "any benchmark" if pattern is None else f"a benchmark that --history {pattern!r} is found in"
        raise ParameterError(f"expected results of {what} among those of asv; there is none")
    return Histories([{"commit": one, "date": date} for one, date in dates.items()], list(kept.values()))


def _values(
    run: Mapping[str, Any], benchmarks: Mapping[str, Any]
) -> Iterator[tuple[str, str, float, float | None, float | None]]:
    """Give name, parameters, value and interval of all that a run measured."""
    for name, cells in run["results"].items():
        told = dict(zip(run["result_columns"], cells, strict=False))  # asv leaves out what is null at the end
        benchmark = benchmarks.get(name)
        if benchmark is None or told.get("version") != benchmark["version"]:
            continue
        values = told.get("result") or []
        parameters = itertools.product(*(told.get("params") or []))
        lows, highs = (told.get(one) or [None] * len(values) for one in (LOW, HIGH))
        for one, value, low, high in zip(parameters, values, lows, highs, strict=False):
            if value is not None:
                words = ", ".join(word.strip("'") for word in one)
                yield name, words, _short(value), low and _short(low), high and _short(high)


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def detector() -> Callable[[History], list[tuple[int, int, float]]] | None:
    """Return asv's own detection of steps, or None where asv is not installed."""
    try:
        from asv.step_detect import detect_steps
    except ImportError:
        return None

    def steps(history: History) -> list[tuple[int, int, float]]:
        """Return from which to which point each level holds, the last not included, and the level."""
        values = [value for _, value, *_ in history.points]
        return [
            (left, right, _short(value)) for left, right, value, *_ in detect_steps(values, _weights(history))
        ]

    return steps


def _weights(history: History) -> Sequence[float | None]:
    """Return asv's weight of each value: it falls with the width of its interval, if that is known."""
    widths = [None if low is None or high is None else high - low for _, _, low, high in history.points]
    return [2 / abs(width) if width else None for width in widths]

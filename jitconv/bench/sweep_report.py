"""A sweep as a table for a person, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jitconv.bench import provenance
from jitconv.bench.compare import geometric_mean
from jitconv.bench.console import print_whole
from jitconv.bench.report import duration, finite
from jitconv.bench.sweep import HOPELESS
from jitconv.bench.sweep_points import Entry, Point, Sweep

LONGEST = 60
"""Rows of a table; of a larger grid those are printed where `auto` costs most."""

HEADINGS = ("winner", "time", "lead", "second", "time", "predicted", "lead", "auto", "regret")
WORDS = ("winner", "second", "predicted", "auto")
"""The headings of names."""


def show(found: Sweep, console: Console) -> None:
    """Print who wins at each point, what did not run and why, and a summary."""
    told = found.points
    if len(told) > LONGEST:
        told = sorted(told, key=lambda one: -(one.regret or 0.0))[:LONGEST]
        console.print(f"{LONGEST} of {len(found.points)} points, the greatest regret first; --json has all.")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for axis in found.axes:
        table.add_column(axis.name, no_wrap=True, justify="right")
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=True, justify="left" if heading in WORDS else "right")
    for point in told:
        table.add_row(*(str(value) for value in point.at.values()), *_cells(point))
    print_whole(table, console)
    for note in notes(found):
        console.print(note, style="dim", soft_wrap=True)
    console.print()
    for line in summary(found):
        console.print(line, style="bold", soft_wrap=True)


def _cells(point: Point) -> list[str | Text]:
    if not point.measured:
        return [Text("not measured", "dim"), *[""] * (len(HEADINGS) - 1)]
    first, second = [*point.measured, None][:2]
    assert first is not None
    expected, regret = point.expected, point.regret
    return [
        first.algorithm,
        duration(first.seconds),
        ratio(point.lead) if point.clear else f"~{ratio(point.lead)}" if second else "",
        second.algorithm if second else "",
        duration(second.seconds) if second else "",
        expected[0].algorithm if expected else "",
        ratio(point.expected_lead),
        point.chosen,
        Text(ratio(regret), "green" if regret is not None and regret < 1.1 else "yellow"),
    ]


def ratio(value: float | None) -> str:
    """Return a ratio of times with two decimals where they are of interest."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def notes(found: Sweep) -> list[str]:
    """Return what did not run, each reason once with the number of points."""
    counted: dict[str, int] = {}
    for point in found.points:
        for said in (f"{one.algorithm} {words}" for one in point.entries if (words := _words(one))):
            counted[said] = counted.get(said, 0) + 1
    lines = [f"{words} ({count} of {points(len(found.points))})." for words, count in counted.items()]
    without = [point for point in found.points if point.reason]
    if without:
        lines.append(
            f"Not measured: {points(len(without))}; the first, {place(without[0])}: {without[0].reason}"
        )
    if any(not point.clear and point.lead for point in found.points):
        lines.append("~ before a lead: the quartiles of both times overlap, so either may be the faster.")
    if not found.complete:
        lines.append(f"Interrupted: {len(found.points)} of {found.total} points were measured.")
    return lines


def points(count: int) -> str:
    """Return a number of points in words."""
    return f"{count} point{'s' * (count != 1)}"


def place(point: Point) -> str:
    """Return where a point lies, in words."""
    return ", ".join(f"{name} {value}" for name, value in point.at.items())


def _words(entry: Entry) -> str:
    """Return why a candidate has no time; the numbers of each point are in the JSON."""
    if entry.verdict == "skipped":
        return f"was not run where it is predicted to take more than {HOPELESS:.0f} times the least"
    if entry.verdict == "excluded":
        return "" if entry.reason.startswith("third-party") else "is left out by the settings"
    if entry.verdict == "refused":
        return "refuses some of the problems"
    return f"failed: {' '.join(entry.reason.split())}" if entry.verdict == "failed" else ""


def summary(found: Sweep) -> list[str]:
    """Return who wins how often, along one dimension also where, how often the model names the winner, and
    the regret of `auto`.
    """
    measured = [point for point in found.points if point.measured]
    wins: dict[str, list[Point]] = {}
    for point in measured:
        wins.setdefault(point.measured[0].algorithm, []).append(point)
    order = sorted(wins, key=lambda name: -len(wins[name]))
    counts = ", ".join(f"{name} {len(wins[name])}" for name in order)
    lines = [f"Fastest at {points(len(measured))}: {counts}."]
    if len(found.axes) == 1:
        lines.append(f"By {found.axes[0].name}: {'; '.join(_runs(measured))}.")
    both = [point for point in measured if point.expected]
    right = sum(point.expected[0].algorithm == point.measured[0].algorithm for point in both)
    lines.append(f"The least predicted time is the winner's at {right} of {len(both)}.")
    regrets = [(point.regret, point) for point in measured if point.regret is not None]
    if regrets:
        worst, where = max(regrets, key=lambda one: one[0])
        mean = geometric_mean([value for value, _ in regrets])
        lines.append(f"Regret of auto: {mean:.2f} in the mean, {worst:.2f} at worst ({place(where)}).")
    else:
        lines.append("No regret of auto is told: what it chooses was not measured.")
    return lines


def _runs(measured: list[Point]) -> list[str]:
    """Return, of one dimension, from where to where each winner leads."""
    found: list[tuple[str, int, int]] = []
    for point in measured:
        (value,), name = point.at.values(), point.measured[0].algorithm
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1], value)
        else:
            found.append((name, value, value))
    return [f"{name} at {first}" + (f" to {last}" if last != first else "") for name, first, last in found]


def as_dict(found: Sweep, about: Mapping[str, Any], begun: provenance.Sample | None = None) -> dict[str, Any]:
    """Return all figures, with the machine they come from.

    Parameters
    ----------
    found : Sweep
    about : mapping
        What was asked for besides: the settings of the run.
    begun : Sample, optional
        The state of the machine before the run.
    """
    return {
        "kind": "sweep",
        **provenance.facts(begun),
        "op": found.op,
        "problem": str(found.base),
        **about,
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in found.axes],
        "complete": found.complete,
        "hopeless": HOPELESS,
        "summary": summary(found),
        "notes": notes(found),
        "points": [_point(point) for point in found.points],
    }


def _point(point: Point) -> dict[str, Any]:
    names = [one.algorithm for one in point.measured[:2]]
    facts = {
        "at": point.at,
        "problem": point.problem,
        "threads": point.threads,
        "reason": point.reason,
        "winner": names[0] if names else None,
        "second": names[1] if len(names) > 1 else None,
        "lead": point.lead,
        "clear": point.clear,
        "predicted_winner": point.expected[0].algorithm if point.expected else None,
        "predicted_lead": point.expected_lead,
        "auto": point.chosen,
        "regret": point.regret,
        "candidates": [_candidate(one) for one in point.entries],
    }
    return finite(facts)


def _candidate(entry: Entry) -> dict[str, Any]:
    figures = asdict(entry)
    timing = figures.pop("timing") or dict.fromkeys(("median", "low", "high", "laps"))
    return finite({**figures, **timing})

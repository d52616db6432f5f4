"""Results of several runs as one HTML page that needs nothing else: `jitconv report`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from jitconv.bench import histories, provenance
from jitconv.bench.page import page
from jitconv.bench.results import Result, facts
from jitconv.bench.sweep_page import styled
from jitconv.bench.sweep_style import styles

SCRIPTS = ("chart.js", "rows.js", "points.js", "history.js", "sweep.js", "report.js")


def report_page(results: Sequence[Result], title: str, pattern: str | None = None) -> str:
    """Return the page.

    Parameters
    ----------
    results : sequence of Result
        As `jitconv.bench.results.read` returns them.
    title : str
    pattern : str, optional
        A regular expression; of asv's benchmarks only those that it is found in.
    """
    sections = [
        {"kind": one.kind, "file": one.name, **_section(one, pattern), "facts": facts(one)} for one in results
    ]
    figures = {"title": title, "made": provenance.sample().time, "sections": sections}
    return page(title, figures, SCRIPTS, "drawReport();")


def _section(result: Result, pattern: str | None) -> dict[str, Any]:
    if result.kind == "asv":
        return _histories(result.figures, pattern)
    return SECTIONS[result.kind](result.figures)


def _compare(figures: Mapping[str, Any]) -> dict[str, Any]:
    return _rows(figures, "title", "notes")


def _bench(figures: Mapping[str, Any]) -> dict[str, Any]:
    return _rows(figures, "peer", "algorithm", "plan", "cold", "ops", "left_out", "notes")


def _rows(figures: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the rows with a style for each algorithm, and what else is wanted."""
    algorithms = list(dict.fromkeys(row["algorithm"] for row in figures["rows"]))
    style = {name: one._asdict() for name, one in styles(algorithms).items()}
    return {"rows": figures["rows"], "styles": style, **{name: figures.get(name) for name in names}}


def _gate(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in ("base", "head", "verdict", "rows")}


SECTIONS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "compare": _compare,
    "bench": _bench,
    "sweep": styled,
    "gate": _gate,
}


def _histories(figures: Mapping[str, Any], pattern: str | None) -> dict[str, Any]:
    found, steps = histories.histories(figures, pattern), histories.detector()
    return {
        "detector": None if steps is None else _asv(),
        "commits": found.commits,
        "benchmarks": [
            {
                "name": one.name,
                "parameters": one.parameters,
                "unit": one.unit,
                "machine": one.machine,
                "points": one.points,
                "steps": None if steps is None else steps(one),
            }
            for one in found.found
        ],
    }


def _asv() -> str:
    try:
        return f"asv {version('asv')}"
    except PackageNotFoundError:
        return "asv"

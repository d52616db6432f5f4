"""An explanation as a table, as a table of HTML, and as plain values."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from jitconv.config import scope
from jitconv.jit import threads as jit_threads
from jitconv.selector.explanation import VERDICTS, Candidate, Explanation
from jitconv.selector.problem import problem_of

WIDTH = 120
"""Columns of a table, unless names alone need more. A choice."""

LEAST = 40
"""Columns that reasons have at least. A choice."""

AGES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
"""Seconds of a unit, the longest first. By definition."""

HEADINGS = ("verdict", "algorithm", "plugin", "predicted", "measured", "workspace", "error", "bits", "why")
NUMBERS = ("predicted", "measured", "workspace", "error")


def text(explanation: Explanation) -> str:
    """Return a table for people; a column of measured times only where there are some."""
    rows = [_row(explanation, one) for one in explanation.candidates]
    *headings, _ = _headings(rows)
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in headings}
    widths["verdict"] = max(map(len, VERDICTS)) + 1
    start = 2 + sum(widths.values()) + len(headings) + 1
    lines = [f"{explanation.op}  {explanation.spec}", _line({name: name for name in HEADINGS}, widths)]
    for one, row in zip(explanation.candidates, rows, strict=True):
        first, *more = textwrap.wrap(row["why"], max(LEAST, WIDTH - start)) or [""]
        lines.append(_line({**row, "why": first}, widths))
        lines += [" " * start + rest for rest in more]
        if explanation.verbose:
            lines += [
                f"    not {one.name.partition('/')[0]}/{title}: it {reason}"
                for title, reason in explanation.passed_over(one)
            ]
    if reason := jit_threads.why_serial():
        lines.append(f"  kernels run on one thread: {reason}")
    return "\n".join(lines)


def html(explanation: Explanation) -> str:
    """Return a table of HTML, as Jupyter shows it; whatever a plugin says is escaped."""
    rows = [_row(explanation, one) for one in explanation.candidates]
    headings = _headings(rows)
    parts = [f"<table><caption>{escape(explanation.op)} {escape(str(explanation.spec))}</caption>"]
    parts.append(f"<thead><tr>{''.join(_cell('th', name, name) for name in headings)}</tr></thead><tbody>")
    for row in rows:
        kind = "th" if row["verdict"] == "chosen" else "td"
        parts.append(f"<tr>{''.join(_cell(kind, name, row[name]) for name in headings)}</tr>")
    parts.append("</tbody></table>")
    if reason := jit_threads.why_serial():
        parts.append(f"<p>kernels run on one thread: {escape(reason)}</p>")
    return "".join(parts)


def _cell(kind: str, name: str, said: str) -> str:
    style = f"text-align: {'right' if name in NUMBERS else 'left'}; vertical-align: top"
    style += "" if name == "why" else "; white-space: nowrap"
    return f'<{kind} style="{style}">{escape(said)}</{kind}>'


def mapping(explanation: Explanation) -> dict[str, Any]:
    """Return what there is to know as plain values."""
    settings = explanation.settings
    with scope(settings):
        threads = jit_threads.team()
    return {
        "op": explanation.op,
        "problem": problem_of(explanation.op, explanation.spec),
        "prepared": explanation.prepared,
        "threads": threads,
        "serial": jit_threads.why_serial(),
        "settings": {
            name: list(one) if isinstance(one, tuple) else one for name, one in asdict(settings).items()
        },
        "chosen": explanation.title(explanation.choice),
        "decided_by": explanation.decided_by,
        "candidates": [_values(explanation, one) for one in explanation.candidates],
    }


def _values(explanation: Explanation, one: Candidate) -> dict[str, Any]:
    return {
        "algorithm": one.name,
        "variant": explanation.variant_of(one),
        "plugin": one.plugin,
        "revision": one.algorithm.revision,
        "verdict": one.verdict,
        "reason": one.reason,
        "cost": one.cost,
        "cost_error": one.cost_error,
        "measured": one.measured,
        "measured_age": one.measured_age,
        "workspace": one.workspace,
        "error_class": one.algorithm.error_class,
        "error_bound": explanation.error_bound(one),
        "deterministic": one.algorithm.deterministic,
        "passed_over": [
            {"variant": title, "reason": reason} for title, reason in explanation.passed_over(one)
        ],
    }


def _row(explanation: Explanation, one: Candidate) -> dict[str, str]:
    granted = explanation.error_bound(one)
    return {
        "verdict": one.verdict,
        "algorithm": explanation.title(one),
        "plugin": one.plugin,
        "predicted": _milliseconds(one.cost) + ("" if one.cost_error is None else f" ±{one.cost_error:.0%}"),
        "measured": _milliseconds(one.measured) + _age(one.measured_age),
        "workspace": "" if one.workspace is None else f"{one.workspace / 2**20:.1f} MiB",
        "error": "" if granted is None else f"{granted:.1e}",
        "bits": "" if not one.serves else "same" if one.algorithm.deterministic else "vary",
        "why": " ".join(one.reason.split()),
    }


def _headings(rows: Sequence[dict[str, str]]) -> list[str]:
    return [name for name in HEADINGS if name != "measured" or any(row[name] for row in rows)]


def _line(row: dict[str, str], widths: dict[str, int]) -> str:
    cells = (f"{row[name]:{'>' if name in NUMBERS else '<'}{width}}" for name, width in widths.items())
    return f"  {' '.join(cells)}  {row['why']}".rstrip()


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.4g} ms"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    size, unit = next((one for one in AGES if seconds >= one[0]), AGES[-1])  # a clock may be set back
    return f", {max(seconds, 0) / size:.0f} {unit} ago"

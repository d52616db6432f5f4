"""A comparison as tables for a person, and as JSON, CSV and a plot."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from jitconv.algorithm import OPS
from jitconv.bench import provenance
from jitconv.bench.compare import Comparison, Row, geometric_mean
from jitconv.bench.console import print_whole
from jitconv.bench.measure import NOISY
from jitconv.bench.provenance import Sample
from jitconv.errors import ParameterError
from jitconv.plugins.quarantine import what_lifts

COLUMNS = {"algorithm": 9, "plugin": 13, "median": 8, "spread": 6, "rate": 13, "workspace": 9, "error": 8}
"""Headings and their widths: the table fits in 80 columns."""


BAD = "wrong", "failed", "quarantined"
"""The verdicts that are told in red."""


LARGE = 2.0
"""From this regret on a noisy row is named, so that somebody looks at it. A choice."""


LIFTS = f"Quarantine: {what_lifts('NAME')}."


def show(found: Comparison, console: Console) -> None:
    """Print a table for each op, and its refusals below it."""
    for op in OPS:
        jobs = list(found.jobs(op))
        if jobs:
            console.rule(Text(op, "bold"), align="left", style="dim")
            for rows in jobs:
                _show_job(rows, console)
    lifts = [LIFTS] if found.lost or any("in quarantine" in line for line in found.notes) else []
    for line in [*found.notes, *lifts]:
        console.print(Text(line, "yellow"), soft_wrap=True)


def _show_job(rows: list[Row], console: Console) -> None:
    console.print(Text.assemble((rows[0].label, "cyan"), " ", (rows[0].problem, "dim")), soft_wrap=True)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for heading, width in COLUMNS.items():
        justify: JustifyMethod = "left" if heading in ("algorithm", "plugin") else "right"
        table.add_column(heading, min_width=width, no_wrap=True, justify=justify)
    table.add_column("", no_wrap=True)
    for row in rows:
        if row.verdict != "refused":
            table.add_row(*_cells(row))
    print_whole(table, console)
    for row in rows:
        note = ""
        if row.verdict == "refused":
            note = f"{row.algorithm} refuses: it {row.reason}"
        elif row.timed_on:
            note = f"{row.algorithm} ran on a crop, {row.timed_on}"
        elif row.checked_on:
            note = f"{row.algorithm} was checked on a crop, {row.checked_on}"
        if note:
            console.print(note, style="dim", soft_wrap=True)
        if row.verdict in BAD:
            who = f"{row.algorithm} of {row.plugin}:"
            console.print(Text.assemble((who, "bold red"), f" {row.reason}"), soft_wrap=True)
    console.print()


def _cells(row: Row) -> list[str | Text]:
    rate = "" if row.gigabytes is None else f"{row.gigabytes:.3g} GB/s"
    return [
        row.algorithm,
        row.plugin,
        "" if row.seconds is None else duration(row.seconds),
        "" if row.spread is None else f"{row.spread:.0%}",
        rate if row.gflops is None else f"{row.gflops:.3g} GFLOP/s",
        "" if row.workspace is None else f"{row.workspace / 2**20:.1f} MiB",
        "" if row.error is None else f"{row.error:.1e}" if row.error else "0",
        Text(" ").join(_marks(row)),
    ]


def _marks(row: Row) -> list[Text]:
    """Return what is to be said of a row, the gravest first."""
    marks = [
        Text(row.verdict.upper(), "bold red") if row.verdict in BAD else None,
        Text("auto", "green") if row.auto else None,
        Text("crop", "dim") if row.timed_on else None,
        Text("noisy", "yellow") if row.noisy else None,
    ]
    return [mark for mark in marks if mark is not None]


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def summary(found: Comparison) -> str:
    """Return one line: how many agree, and the regret of auto's choices."""
    able = [row for row in found.rows if row.verdict not in ("refused", "quarantined")]
    line = f"{len(able) - len(found.bad)} of {len(able)} results agree with naive in float64"
    ratios = found.ratios()
    if not ratios:
        return f"{line}; no choice of auto was measured."
    quiet = {key: ratio for key, (ratio, noisy) in ratios.items() if not noisy}
    varying = f"times vary by more than {100 * NOISY:.0f} %{_may_be(found)}"
    if not quiet:
        return f"{line}; no regret of auto is told, as {varying}."
    (op, label), worst = max(quiet.items(), key=lambda item: item[1])
    mean = geometric_mean(list(quiet.values()))
    line += f"; regret of auto: {mean:.2f} in the mean"
    line += f", {worst:.2f} at worst ({op}, {label})" if worst > 1 else ": always the fastest"
    left_out = len(ratios) - len(quiet)
    return f"{line}; {left_out} of {len(ratios)} left out, as {varying}." if left_out else f"{line}."


def _may_be(found: Comparison) -> str:
    """Return the end of a line that names the noisy row of the largest regret, if that is large."""
    noisy = {key: ratio for key, (ratio, noisy) in found.ratios().items() if noisy and ratio >= LARGE}
    if not noisy:
        return ""
    (op, label), worst = max(noisy.items(), key=lambda item: item[1])
    return f"; one noisy row may be {worst:.1f} times: {op}, {label}"


def wrong(found: Comparison) -> str:
    """Return which algorithms are wrong or failed."""
    rows = [f"{row.algorithm} of {row.plugin} ({row.op}, {row.verdict})" for row in found.bad]
    return "; ".join(dict.fromkeys(rows))


def contents(found: Comparison, csv_file: Path | None, plot_file: Path | None) -> dict[Path, bytes]:
    """Return what belongs in the table of figures and in the plot, if they are asked for."""
    files: dict[Path, bytes] = {}
    if csv_file:
        files[csv_file] = as_csv(found)
    if plot_file:
        files[plot_file] = plot(found, plot_file.suffix.lstrip("."))
    return files


def as_json(found: Comparison, about: Mapping[str, Any], begun: Sample | None = None) -> str:
    """Return all figures, with the machine they come from; what is not finite is null."""
    regrets = [{"op": op, "label": label, "regret": value} for (op, label), value in found.regrets().items()]
    facts = {
        "kind": "compare",
        **provenance.facts(begun),
        **about,
        "agree": not found.bad,
        "notes": found.notes,
        "regrets": regrets,
        "rows": [_figures(row) for row in found.rows],
    }
    return json.dumps(facts, indent=1, allow_nan=False) + "\n"


def _figures(row: Row) -> dict[str, Any]:
    return finite(asdict(row) | {"noisy": row.noisy})


def finite(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return figures with None for what JSON cannot hold: NaN and infinities."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


def as_csv(found: Comparison) -> bytes:
    """Return a line for each row."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*(one.name for one in fields(Row)), "noisy"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_figures(row) for row in found.rows)
    return text.getvalue().encode()


def check_plot(file: Path, option: str = "--plot") -> None:
    """Raise `ParameterError` if Matplotlib is not installed or cannot draw a file of this ending."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise ParameterError(f"{option} needs Matplotlib: pip install 'jitconv[plot]'") from None
    known = FigureCanvasBase.get_supported_filetypes()
    if file.suffix.lstrip(".").lower() not in known:
        raise ParameterError(f"{option} must end in one of .{', .'.join(sorted(known))}; got {file}")


def plot(found: Comparison, ending: str) -> bytes:
    """Return a picture of bars of time, a panel for each job, in the format of a file's ending."""
    from matplotlib.figure import Figure

    panels = [[row for row in rows if row.seconds] for rows in found.jobs()]
    panels = [rows for rows in panels if rows]
    figure = Figure(figsize=(11, 1.9 * ((len(panels) + 1) // 2)), layout="constrained")
    for place, rows in enumerate(panels):
        axes = figure.add_subplot((len(panels) + 1) // 2, 2, place + 1)
        names = [f"{row.algorithm}{' (crop)' if row.timed_on else ''}" for row in rows]
        colours = ["tab:green" if row.auto else "tab:grey" if row.timed_on else "tab:blue" for row in rows]
        milliseconds = [(row.seconds or 0) * 1e3 for row in rows]
        bars = axes.barh(names, milliseconds, color=colours)
        axes.bar_label(bars, [f"{value:.3g} ms" for value in milliseconds], padding=3, fontsize=7)
        axes.margins(x=0.2)
        axes.invert_yaxis()
        axes.tick_params(labelsize=7)
        axes.set_title(f"{rows[0].op}: {rows[0].label}", fontsize=8, loc="left")
    figure.suptitle("Median time in ms; green: what auto picks; grey: on a crop of the problem", fontsize=9)
    data = io.BytesIO()
    figure.savefig(data, format=ending, dpi=120)
    return data.getvalue()

"""A comparison as tables for a person, and as JSON, CSV and a plot."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table

from jitconv import files
from jitconv.algorithm import OPS
from jitconv.bench.compare import Comparison, Row, geometric_mean
from jitconv.errors import ParameterError
from jitconv.jit import team

COLUMNS = {"algorithm": 9, "plugin": 13, "median": 8, "spread": 6, "rate": 13, "workspace": 9, "error": 8}
"""Headings and their widths: the table fits in 80 columns."""


def show(found: Comparison, console: Console) -> None:
    """Print a table for each op, and its refusals below it."""
    for op in OPS:
        jobs = list(found.jobs(op))
        if jobs:
            console.rule(f"[bold]{op}", align="left", style="dim")
            for rows in jobs:
                _show_job(rows, console)


def _show_job(rows: list[Row], console: Console) -> None:
    console.print(f"[cyan]{rows[0].label}[/] [dim]{rows[0].problem}[/]", highlight=False)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for heading, width in COLUMNS.items():
        justify: JustifyMethod = "left" if heading in ("algorithm", "plugin") else "right"
        table.add_column(heading, min_width=width, no_wrap=True, justify=justify)
    table.add_column("", no_wrap=True)
    for row in rows:
        if row.verdict != "refused":
            table.add_row(*_cells(row))
    console.print(table)
    for row in rows:
        if row.verdict == "refused":
            console.print(f"{row.algorithm} refuses: it {row.reason}", style="dim", highlight=False)
        elif row.timed_on:
            console.print(f"{row.algorithm} ran on a crop, {row.timed_on}", style="dim", highlight=False)
        elif row.checked_on:
            console.print(
                f"{row.algorithm} was checked on a crop, {row.checked_on}", style="dim", highlight=False
            )
        if row.verdict in ("wrong", "failed"):
            console.print(f"[bold red]{row.algorithm} of {row.plugin}:[/] {row.reason}", highlight=False)
    console.print()


def _cells(row: Row) -> list[str]:
    mark = {"wrong": "[bold red]WRONG[/]", "failed": "[bold red]FAILED[/]"}.get(row.verdict, "")
    if not mark:
        mark = "[green]auto[/]" if row.auto else "[dim]crop[/]" if row.timed_on else ""
    rate = "" if row.gigabytes is None else f"{row.gigabytes:.3g} GB/s"
    return [
        row.algorithm,
        row.plugin,
        "" if row.seconds is None else duration(row.seconds),
        "" if row.spread is None else f"{row.spread:.0%}",
        rate if row.gflops is None else f"{row.gflops:.3g} GFLOP/s",
        "" if row.workspace is None else f"{row.workspace / 2**20:.1f} MiB",
        "" if row.error is None else f"{row.error:.1e}" if row.error else "0",
        mark,
    ]


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def summary(found: Comparison) -> str:
    """Return one line: how many agree, and the regret of auto's choices."""
    able = [row for row in found.rows if row.verdict != "refused"]
    line = f"{len(able) - len(found.bad)} of {len(able)} results agree with naive in float64"
    regrets = found.regrets()
    if not regrets:
        return f"{line}; no choice of auto was measured."
    (op, label), worst = max(regrets.items(), key=lambda item: item[1])
    mean = geometric_mean(list(regrets.values()))
    line += f"; regret of auto: {mean:.2f} in the mean"
    return f"{line}, {worst:.2f} at worst ({op}, {label})." if worst > 1 else f"{line}: always the fastest."


def wrong(found: Comparison) -> str:
    """Return which algorithms are wrong or failed."""
    rows = [f"{row.algorithm} of {row.plugin} ({row.op}, {row.verdict})" for row in found.bad]
    return "; ".join(dict.fromkeys(rows))


def save(
    found: Comparison,
    about: Mapping[str, Any],
    json_files: Sequence[Path],
    csv_file: Path | None,
    plot_file: Path | None,
) -> list[Path]:
    """Write a comparison to the files that are asked for; return these."""
    for file in json_files:
        save_json(file, found, about)
    if csv_file:
        save_csv(csv_file, found)
    if plot_file:
        save_plot(plot_file, found)
    return [*json_files, *filter(None, (csv_file, plot_file))]


def as_dict(found: Comparison, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comparison for JSON, with the machine it comes from."""
    regrets = [
        {"op": op, "label": label, "regret": value} for (op, label), value in found.regrets().items()
    ]  # fmt: skip
    return {
        **machine(),
        **about,
        "agree": not found.bad,
        "regrets": regrets,
        "rows": [asdict(row) for row in found.rows],
    }


def machine() -> dict[str, Any]:
    """Return the versions and the machine that figures come from."""
    return {
        "jitconv": version("jitconv"),
        "machine": {
            "python": platform.python_version(),
            "numba": version("numba"),
            "numpy": version("numpy"),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": team(),
        },
    }


def _processor() -> str:
    import llvmlite.binding

    return f"{platform.machine()} {llvmlite.binding.get_host_cpu_name()}"


def save_json(file: Path, found: Comparison, about: Mapping[str, Any]) -> None:
    """Write all figures as JSON."""
    files.write(file, (json.dumps(as_dict(found, about), indent=1) + "\n").encode())


def save_csv(file: Path, found: Comparison) -> None:
    """Write a line for each row."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [one.name for one in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in found.rows)
    files.write(file, text.getvalue().encode())


def check_plot(file: Path) -> None:
    """Raise `ParameterError` if Matplotlib is not installed or cannot draw a file of this ending."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise ParameterError("--plot needs Matplotlib: pip install 'jitconv[plot]'") from None
    known = FigureCanvasBase.get_supported_filetypes()
    if file.suffix.lstrip(".").lower() not in known:
        raise ParameterError(f"--plot must end in one of .{', .'.join(sorted(known))}; got {file}")


def save_plot(file: Path, found: Comparison) -> None:
    """Draw bars of time, a panel for each job; the format is that of the file's ending."""
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
    figure.savefig(data, format=file.suffix.lstrip("."), dpi=120)
    files.write(file, data.getvalue())

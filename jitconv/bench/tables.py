"""The figures of `jitconv bench` as tables and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jitconv.bench.bench import Row, mean_ratio
from jitconv.bench.console import print_whole
from jitconv.bench.report import duration, finite, machine
from jitconv.specs import parse
from jitconv.specs.conv import ConvSpec


def show(rows: Sequence[Row], peer: str | None, console: Console) -> None:
    """Print a table for each op, then its means and the layers that fare worst."""
    for op in dict.fromkeys(row.op for row in rows):
        found = [row for row in rows if row.op == op]
        console.rule(Text(op, "bold"), align="left", style="dim")
        print_whole(_table(found, peer), console)
        for line in [*summary(found, peer), ceilings(found)]:
            console.print(line, soft_wrap=True)
        console.print()


def _table(rows: Sequence[Row], peer: str | None) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    unit = "GFLOP/s" if isinstance(parse(rows[0].problem), ConvSpec) else "GB/s"
    for heading in ("problem", "algorithm"):
        table.add_column(heading, no_wrap=True)
    for heading in ("median", "spread", unit, "share", *((peer, "ratio") if peer else ())):
        table.add_column(heading, no_wrap=True, justify="right")
    if any(row.error is not None for row in rows):
        table.add_column("error", no_wrap=True, justify="right")
        table.add_column(f"{peer or ''} error", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for row in rows:
        cells: list[str] = [
            row.problem + (f" ×{row.times}" if row.times > 1 else ""),
            row.algorithm,
            duration(row.seconds),
            f"{row.spread:.0%}",
            f"{row.rate:.3g}",
            f"{row.share:.0%}",
        ]
        if peer:
            cells.append("" if row.peer_seconds is None else duration(row.peer_seconds))
            cells.append("refuses" if row.ratio is None else f"{row.ratio:.2f}")
        if row.error is not None:
            cells += [f"{row.error:.1e}", "" if row.peer_error is None else f"{row.peer_error:.1e}"]
        table.add_row(*cells, Text("noisy", "yellow") if row.noisy else "")
    return table


def summary(rows: Sequence[Row], peer: str | None) -> list[Text]:
    """Return the lines below a table: means of the ratios, and the worst three layers."""
    mean = mean_ratio(rows, weighted=False)
    if mean is None:
        return []
    weighted = mean_ratio(rows, weighted=True)
    worst = sorted((row for row in rows if row.ratio), key=lambda row: row.ratio or 0.0)[:3]
    named = ", ".join(f"{row.problem} {row.ratio:.2f}" for row in worst)
    noisy = sum(row.noisy for row in rows)
    measured = sum(row.ratio is not None for row in rows)
    mean_line = Text.assemble(
        (f"{peer} time ÷ jitconv time: {mean:.2f}", "bold"),
        f" in the geometric mean of {measured} layers, {weighted:.2f} weighted by how often each occurs",
    )
    lines = [mean_line, Text(f"worst: {named}")]
    return lines + [Text(f"{noisy} rows vary by more than 15 % and are marked noisy", "yellow")] * (noisy > 0)


def ceilings(rows: Sequence[Row]) -> str:
    """Return the line that says what the shares are of: rates measured beside each layer."""
    found = [row.ceiling for row in rows]
    conv = isinstance(parse(rows[0].problem), ConvSpec)
    what, unit = ("multiply-adds in registers", "GFLOP/s") if conv else ("a copy", "GB/s")
    low, median, high = min(found), statistics.median(found), max(found)
    return f"share: of {what} in the same turns, {low:.3g} to {high:.3g} {unit}, median {median:.3g}"


def as_dict(rows: Sequence[Row], peer: str | None, *, plan: bool) -> dict[str, Any]:
    """Return all figures for JSON."""
    ops = {
        op: {
            "mean": mean_ratio(found, weighted=False),
            "weighted_mean": mean_ratio(found, weighted=True),
        }
        for op in dict.fromkeys(row.op for row in rows)
        for found in [[row for row in rows if row.op == op]]
    }
    return {
        **machine(),
        "peer": peer,
        "plan": plan,
        "ops": ops,
        "rows": [finite(asdict(row) | {"share": row.share, "noisy": row.noisy}) for row in rows],
    }

"""The figures of `jitconv bench` as tables and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jitconv.bench import baseline_report, provenance
from jitconv.bench.baseline import SLOWER, Comparison, key_of
from jitconv.bench.bench import Measure, Measured
from jitconv.bench.console import print_whole
from jitconv.bench.given import Given
from jitconv.bench.jobs import settings_of
from jitconv.bench.kinds import NEAR, Standing, kind_of, standings
from jitconv.bench.report import duration, finite
from jitconv.bench.rows import LeftOut, Row, mean_ratio, worst
from jitconv.bench.steps import Steps
from jitconv.specs import parse
from jitconv.specs.conv import ConvSpec

LONGEST = 60
"""Of a longer table only the worst rows are printed."""

WORST = 20
"""So many, if no number is asked for."""

NAMED = 5
"""So many layers that somebody did not run are printed."""


@dataclass(frozen=True, slots=True)
class View:
    """What is printed of the figures.

    Parameters
    ----------
    peer : str, optional
        The peer's name.
    by_kind : bool
        Whether there is a table of means by kind.
    worst : int, optional
        So many of the worst rows have a table of their own; by default there is one where `by_kind` is, and
        where a table of all rows would be too long.
    compared : Comparison, optional
        The rows beside those of a file that was written before.
    algorithm : str
        Whose ratios to the peer these are.
    """

    peer: str | None
    by_kind: bool = False
    worst: int | None = None
    compared: Comparison | None = None
    algorithm: str = "auto"


def show(found: Measured, view: View, console: Console) -> None:
    """Print a table for each op, then its means and the layers that fare worst."""
    for op in dict.fromkeys(row.op for row in found.rows):
        rows = [row for row in found.rows if row.op == op]
        console.rule(Text(op, "bold"), align="left", style="dim")
        _show_rows(rows, [one for one in found.left_out if one.op == op and not one.peer], view, console)
        console.print()
    for line in [*left_out_lines(found, view.peer), *found.notes]:
        console.print(Text(line, "yellow"), soft_wrap=True)


def _show_rows(rows: Sequence[Row], without: Sequence[LeftOut], view: View, console: Console) -> None:
    long = len(rows) > LONGEST
    count = view.worst or (WORST if view.by_kind or long else 0)
    first = worst(rows, count, view.peer)
    listed = first if long or len(first) == len(rows) else rows
    if long:
        console.print(f"the worst {len(listed)} of {len(rows)} rows; --json has all", soft_wrap=True)
    print_whole(_table(listed, view, without if listed is rows else ()), console)
    if first and len(first) < len(listed):
        console.print(f"\nthe worst {len(first)}:")
        print_whole(_table(first, view), console)
    for told in division(listed):
        console.print(told, soft_wrap=True)
    if view.by_kind:
        print_whole(_kinds_table(standings(rows)), console)
    for line in [*summary(rows, view.peer, view.algorithm), ceilings(rows)]:
        console.print(line, soft_wrap=True)


def _kinds_table(found: Sequence[Standing]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("kind", no_wrap=True)
    for heading in ("rows", "mean", "weighted", "ahead", f"above {NEAR:g}", "worst"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for one in found:
        shares = [f"{one.ahead:.0%}", f"{one.near:.0%}"]
        figures = [str(one.rows), f"{one.mean:.2f}", f"{one.weighted:.2f}", *shares, f"{one.worst:.2f}"]
        table.add_row(one.kind, *figures, Text(one.problem, "dim"))
    return table


def division(rows: Sequence[Row]) -> list[str]:
    """Return a line for each row whose time is divided into steps, and one that says how."""
    lines = [f"{row.problem}: {_division(row.steps)}" for row in rows if row.steps is not None]
    if not lines:
        return []
    return ["steps (medians; shares of the call that they were timed in):", *lines, HOW]


def _division(steps: Steps) -> str:
    whole = steps.total
    words = [f"{name} {duration(took)} ({took / whole:.0%})" for name, took in steps.kernels.items()]
    words.append(f"outside kernels {duration(steps.outside)} ({steps.outside / whole:.0%})")
    words += _of_a_plan(steps)
    if steps.smallest is not None:
        words.append(f"smallest {duration(steps.smallest)}")
    return ", ".join(words)


def _of_a_plan(steps: Steps) -> list[str]:
    if steps.packing_unknown:
        return [f"no plan: {steps.packing_unknown}"]
    if steps.packing is None:
        return []
    if abs(steps.packing) < steps.packing_noise:
        return [f"a plan takes as long, within {duration(steps.packing_noise)}"]
    if steps.packing < 0:
        return [f"a plan takes {duration(-steps.packing)} longer"]
    return [f"a plan saves {duration(steps.packing)}"]


HOW = (
    "each kernel from its call to its return, with the start of threads; outside: Python and NumPy; a plan: "
    "of the same variant, with its weights prepared, in turns with the call; smallest: the same algorithm on "
    "one output of one channel, warm"
)


def left_out_lines(found: Measured, peer: str | None) -> list[str]:
    """Return who did not run how many layers, and why; a peer's refusals stand in a table that is printed."""
    long = {row.op for row in found.rows if sum(one.op == row.op for one in found.rows) > LONGEST}
    told = [
        one for one in found.left_out if not one.peer or one.verdict == "fails" or one.op in long or not peer
    ]
    lines = []
    for who, verdict in dict.fromkeys((one.algorithm, one.verdict) for one in told):
        some = [one for one in told if (one.algorithm, one.verdict) == (who, verdict)]
        lines.append(f"{who} {verdict} {len(some)} of the layers; they are in no mean:")
        lines += [f"  {one.problem}: {one.reason}" for one in some[:NAMED]]
        if (more := len(some) - NAMED) > 0:
            lines.append(f"  and {more} more (--json has all)")
    return lines


def _table(rows: Sequence[Row], view: View, without: Sequence[LeftOut] = ()) -> Table:
    """Return a table of rows, and of layers that were not run, without figures."""
    peer, compared = view.peer, view.compared
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    unit = "GFLOP/s" if isinstance(parse(rows[0].problem), ConvSpec) else "GB/s"
    for heading in ("problem", "algorithm"):
        table.add_column(heading, no_wrap=True)
    headings = ["median", "spread", unit, "share", *((peer, "ratio") if peer else ())]
    for heading in [*headings, *(BESIDE if compared else ())]:
        table.add_column(heading, no_wrap=True, justify="right")
    if any(row.error is not None for row in rows):
        table.add_column("error", no_wrap=True, justify="right")
        table.add_column(f"{peer or ''} error", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for row in rows:
        cells: list[str | Text] = [
            row.problem + (f" ×{row.times:g}" if row.times != 1 else ""),
            row.algorithm,
            duration(row.seconds),
            f"{row.spread:.0%}",
            f"{row.rate:.3g}",
            f"{row.share:.0%}",
        ]
        if peer:
            cells.append("" if row.peer_seconds is None else duration(row.peer_seconds))
            cells.append(row.peer_verdict if row.ratio is None else f"{row.ratio:.2f}")
        if compared:
            cells += _beside(row, compared)
        if row.error is not None:
            cells += [f"{row.error:.1e}", "" if row.peer_error is None else f"{row.peer_error:.1e}"]
        table.add_row(*cells, Text("noisy", "yellow") if row.noisy else "")
    for one in without:
        table.add_row(Text(one.problem, "dim"), one.algorithm, Text(one.verdict, "yellow"))
    return table


BESIDE = "before", "times as long"
"""Headings of what stands beside a row of a file: its seconds, and the ratio by shares of the ceiling."""


def _beside(row: Row, compared: Comparison) -> list[str | Text]:
    one = compared.rows.get(key_of(row))
    if one is None:
        return ["", ""]
    return [duration(one.before.seconds), Text(f"{one.ratio:.2f}", "red" if one.verdict == SLOWER else "")]


def summary(rows: Sequence[Row], peer: str | None, algorithm: str = "auto") -> list[Text]:
    """Return the lines below a table: means of the ratios, and the worst three layers."""
    mean = mean_ratio(rows, weighted=False)
    if mean is None:
        return []
    weighted = mean_ratio(rows, weighted=True)
    named = ", ".join(f"{row.problem} {row.ratio:.2f}" for row in worst(rows, 3, peer))
    noisy = sum(row.noisy for row in rows)
    measured = sum(row.ratio is not None for row in rows)
    mean_line = Text.assemble(
        (f"{peer} time ÷ {whose(algorithm)} time: {mean:.2f}", "bold"),
        f" in the geometric mean of {measured} layers, {weighted:.2f} weighted by how often each occurs",
    )
    lines = [mean_line, Text(f"worst: {named}")]
    return lines + [Text(f"{noisy} rows vary by more than 15 % and are marked noisy", "yellow")] * (noisy > 0)


def whose(algorithm: str) -> str:
    """Return who is compared with a peer: an algorithm by its name, the choices of ``auto`` as jitconv."""
    return "jitconv" if algorithm == "auto" else algorithm


def ceilings(rows: Sequence[Row]) -> str:
    """Return the line that says what the shares are of: rates measured beside each layer."""
    found = [row.ceiling for row in rows]
    conv = isinstance(parse(rows[0].problem), ConvSpec)
    what, unit = ("multiply-adds in registers", "GFLOP/s") if conv else ("a copy", "GB/s")
    low, median, high = min(found), statistics.median(found), max(found)
    return f"share: of {what} in the same turns, {low:.3g} to {high:.3g} {unit}, median {median:.3g}"


def as_dict(
    found: Measured,
    wanted: Measure,
    given: Given,
    begun: provenance.Sample | None = None,
    compared: Comparison | None = None,
) -> dict[str, Any]:
    """Return all figures for JSON."""
    ops = {}
    for op in dict.fromkeys(row.op for row in found.rows):
        rows = [row for row in found.rows if row.op == op]
        ops[op] = {
            "mean": mean_ratio(rows, weighted=False),
            "weighted_mean": mean_ratio(rows, weighted=True),
            "kinds": [one._asdict() for one in standings(rows)],
        }
    return {
        "kind": "bench",
        **provenance.facts(begun),
        **settings_of([layer.spec for layer in given.layers]),
        "algorithm": wanted.algorithm,
        "peer": wanted.peer,
        "plan": wanted.plan,
        "cold": wanted.cold,
        "given": given.facts,
        "ops": ops,
        "rows": [_figures(row) for row in found.rows],
        "left_out": [asdict(one) for one in found.left_out],
        "notes": found.notes,
        "baseline": None if compared is None else baseline_report.as_dict(compared),
    }


def _figures(row: Row) -> dict[str, Any]:
    return finite(asdict(row) | {"kind": kind_of(row), "share": row.share, "noisy": row.noisy})

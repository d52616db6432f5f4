"""What `jitconv check` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jitconv.algorithm import OPS

if TYPE_CHECKING:
    from jitconv.testing import Result

COLOURS = {"passed": "green", "expected": "yellow", "failed": "red"}


def show(results: Sequence[Result], seconds: float, console: Console, *, features: bool) -> None:
    """Print the results of an op: what was tested, a line for each check, and what is wrong."""
    from jitconv.testing import report

    first = results[0]
    console.print(
        f"\n[bold]{first.op}[/] {escape(first.algorithm)}  [dim]{seconds:.1f} s[/]", highlight=False
    )
    for line in report.tested(results):
        console.print(line, markup=False, highlight=False)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    for column in ("check", "verdict", "run"):
        table.add_column(column, no_wrap=True, justify="right" if column == "run" else "left")
    table.add_column("promise", style="dim")
    left_out: dict[str, list[str]] = {}
    for result in results:
        if result.verdict == "not run":
            left_out.setdefault(result.not_run, []).append(result.check)
            continue
        verdict = f"[{COLOURS.get(result.verdict, 'yellow')}]{result.verdict}[/]"
        table.add_row(result.check, verdict, str(result.ran), escape(result.promise))
    console.print(table)
    for reason, names in left_out.items():
        console.print(f"[yellow]not run[/] {', '.join(names)}: {escape(reason)}")
    if features:
        _show_features(results, console)
    for result in results:
        if result.verdict in ("failed", "expected") or result.notes:
            console.print(f"\n{result}", markup=False, highlight=False, soft_wrap=True)  # commands stay whole
        elif result.figures:
            told = "; ".join(f"{what} {value:.3g}" for what, value in result.figures.items())
            console.print(f"{result.check}: {told}", markup=False, highlight=False)


def _show_features(results: Sequence[Result], console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left")
    table.add_column("problems with")
    table.add_column("accepted", justify="right")
    table.add_column("of", justify="right")
    for result in results:
        for feature, (met, every) in result.features.items():
            table.add_row(escape(feature), str(met), str(every), style="" if met else "yellow")
    if table.row_count:
        console.print()
        console.print(table)


def cover(name: str, results: Sequence[Result], console: Console) -> None:
    """Print the compiled loops that nothing reached."""
    from jitconv.plugins import registry
    from jitconv.testing.coverage import unreached

    ops = {result.op for result in results}
    never = unreached([registry().find(op, name) for op in OPS if op in ops])
    told = f"loops that nothing reached: {', '.join(never)}" if never else "every compiled loop was reached"
    console.print(f"\n{told}", markup=False, highlight=False)

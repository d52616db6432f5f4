"""`jitconv check`: is a kernel right? The conformance kit from the command line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jitconv.algorithm import OPS

if TYPE_CHECKING:
    from jitconv.testing import Case, Result

COLOURS = {"passed": "green", "known": "yellow", "failed": "red"}


def check(
    name: Annotated[str, typer.Argument(help="The algorithm's name.")],
    op: Annotated[
        list[str] | None, typer.Option(help="An op; by default all that the algorithm does.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(help='This problem alone, as in "n2h5w7c3 k3x3f4 s1 p1".')
    ] = None,
    random: Annotated[int, typer.Option(min=0, help="So many random problems of each op, too.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the random problems.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="A problem that takes longer hangs.")] = 120.0,
    coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Name the compiled loops of the algorithm that nothing reached."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a kernel: values, memory, threads, bits, costs. Exit code 1 says that a check failed."""
    from jitconv.testing import check_algorithm

    console = Console(stderr=as_json)
    results: list[Result] = []
    problems = None if shape is None else _cases(shape)
    for one in _ops(name, op, problems):
        start = time.perf_counter()
        found = list(
            check_algorithm(
                one, name, problems=problems, random=0 if problems else random, seed=seed, seconds=seconds
            )
        )
        if problems:
            found = [result for result in found if result.check not in ("reach", "cost")]
        _show(found, time.perf_counter() - start, console)
        results += found
    if as_json:
        print(json.dumps([_record(result) for result in results], indent=1))
    if coverage:
        _cover(name, results, console)
    failed = [result for result in results if result.verdict == "failed"]
    if failed:
        console.print(f"\n[red]{len(failed)} of {len(results)} checks failed[/]: {escape(name)} is not right")
        if words := _blame(name, failed):
            console.print(words, markup=False, soft_wrap=True)
        sys.exit(1)
    ran = sum(result.ran for result in results)
    console.print(f"\n[green]nothing is wrong[/]: {ran} problems were run, in {len(results)} checks")


HARM = "memory", "hangs", "agreement"
"""The checks whose failure puts an installed plugin in quarantine: it crashed, hung, or is wrong."""


def _blame(name: str, failed: Sequence[Result]) -> str:
    """Put the plugin in quarantine if it did harm; return that it is."""
    from jitconv.plugins import blame, quarantine, registry

    for result in failed:
        if result.check in HARM and result.failures:
            plugin = registry().provider(registry().find(result.op, name))
            words = blame(plugin, f"{name}, {result.op}: {result.check}: {result.failures[0].text}")
            return words and f"{words}; {quarantine.what_lifts(plugin)}"
    return ""


def _ops(name: str, chosen: Sequence[str] | None, problems: Sequence[Case] | None) -> list[str]:
    """Return the ops that were named, or all that have such an algorithm and take such problems."""
    from jitconv.bench.options import ops_of
    from jitconv.errors import ParameterError, UnsupportedError
    from jitconv.plugins import registry

    plugins = registry()
    having = [op for op in OPS if _has(op, name)]
    named = ops_of(chosen)
    for op in named or ([] if having else OPS[:1]):
        plugins.find(op, name)  # the error lists the names there are
    able, reasons = [], []
    for op in named or having:
        wrong = [_why_not(op, name, case) for case in problems or ()]
        reasons += [f"{op}: {reason}" for reason in filter(None, wrong)]
        able += [] if any(wrong) else [op]
    if not able:
        kind = UnsupportedError if any("refuses" in reason for reason in reasons) else ParameterError
        raise kind(f"nothing to check: {'; '.join(reasons)}")
    return able


def _has(op: str, name: str) -> bool:
    from jitconv.errors import UnknownAlgorithmError
    from jitconv.plugins import registry

    try:
        registry().find(op, name)
    except UnknownAlgorithmError:
        return False
    return True


def _why_not(op: str, name: str, case: Case) -> str:
    """Return why a problem can not be checked, or nothing."""
    from jitconv.plugins import registry

    if op not in case.spec.ops:
        return f"--shape {case} is one of {', '.join(case.spec.ops)}"
    reason = registry().find(op, name).why_not(case.spec)
    return f"{name} refuses it: {reason}" if reason else ""


def _cases(shape: str) -> list[Case]:
    from jitconv.testing import Case

    return [Case.of(shape)]


def _show(results: Sequence[Result], seconds: float, console: Console) -> None:
    first = results[0]
    console.print(
        f"\n[bold]{first.op}[/] {escape(first.algorithm)}  [dim]{seconds:.1f} s[/]", highlight=False
    )
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    for column in ("check", "verdict", "run"):
        table.add_column(column, no_wrap=True, justify="right" if column == "run" else "left")
    table.add_column("promise", style="dim")
    for result in results:
        verdict = f"[{COLOURS.get(result.verdict, 'yellow')}]{result.verdict}[/]"
        table.add_row(result.check, verdict, str(result.ran), escape(result.not_run or result.promise))
    console.print(table)
    for result in results:
        if result.verdict == "failed" or result.notes:
            console.print(f"\n{result}", markup=False, highlight=False)


def _cover(name: str, results: Sequence[Result], console: Console) -> None:
    from jitconv.plugins import registry
    from jitconv.testing.coverage import unreached

    ops = {result.op for result in results}
    never = unreached([registry().find(op, name) for op in OPS if op in ops])
    told = f"loops that nothing reached: {', '.join(never)}" if never else "every compiled loop was reached"
    console.print(f"\n{told}", markup=False, highlight=False)


def _record(result: Result) -> dict[str, Any]:
    return {"verdict": result.verdict, **asdict(result)}

"""`jitconv report` and `jitconv export`: results of several runs as a page, or in other programs' formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jitconv import files
from jitconv.bench.console import plain_console
from jitconv.cli.places import check_places

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILES...",
        help="What --json of compare, bench, sweep and gate wrote, and folders of asv's results.",
        show_default=False,
    ),
]


def report(
    results: Files = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page.")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="The page's heading.")] = "jitconv",
    history: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Only those of asv's benchmarks that this is found in."),
    ] = None,
) -> None:
    """Make one HTML page of results: it needs no network and no other file.

    Ratios to peers, shares of the machine's ceiling, error against speed, histories with their steps, sweeps
    and the gate's table. Which command wrote a file is told by its content.
    """
    from jitconv.bench.report_page import report_page
    from jitconv.bench.results import read

    check_places(("--output", output))
    found = read(results or [])
    files.write(output, report_page(found, title, history).encode())
    plain_console().print(f"Saved {output}", soft_wrap=True)

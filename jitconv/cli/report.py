"""`jitconv report` and `jitconv export`: results of several runs as a page, or in other programs' formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from jitconv import files
from jitconv.bench.console import plain_console
from jitconv.cli.places import STDOUT, check_places

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILES",
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


def export(
    results: Files = None,
    wanted: Annotated[
        Literal["bmf", "github-action-benchmark", "otava", "csv"],
        typer.Option("--format", help="Whose format.", show_default=False),
    ] = ...,  # type: ignore[assignment]
    output: Annotated[Path, typer.Option("--output", "-o", help="Write here; - is stdout.")] = STDOUT,
) -> None:
    """Write results in the format of a program that tracks them.

    - bmf: Bencher's metric format, the newest run of each file

    - github-action-benchmark: for its tool customSmallerIsBetter, the newest run of each file

    - otava: a table for Apache Otava, a line for each run; with --output its settings beside it, as .yaml

    - csv: a line for each figure, with commit, time, CPU, load, stolen time, governor and versions
    """
    from jitconv.bench.export import FORMATS, otava_settings, runs
    from jitconv.bench.results import read

    settings = output.with_suffix(".yaml") if wanted == "otava" and output != STDOUT else None
    if output != STDOUT:
        check_places(("--output", output), ("the settings beside --output", settings))
    found = runs(read(results or []))
    text = FORMATS[wanted](found)
    if output == STDOUT:
        print(text, end="")
        return
    saved = {output: text}
    if settings is not None:
        saved[settings] = otava_settings(found, str(output))
    for file, content in saved.items():
        files.write(file, content.encode())
    plain_console().print(f"Saved {', '.join(map(str, saved))}", soft_wrap=True)

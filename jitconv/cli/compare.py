"""`jitconv compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jitconv import files
from jitconv.algorithm import OPS
from jitconv.bench.options import Dtype, Layout, Threads, algorithms_of, progress
from jitconv.config import config
from jitconv.specs.values import choice


def compare(
    image: Annotated[Path | None, typer.Option(help="A picture of your own.")] = None,
    op: Annotated[str | None, typer.Option(help=f"One op: {', '.join(OPS)}.")] = None,
    algorithms: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    shape: Annotated[
        str | None, typer.Option(help='A problem instead of a picture, as in "n16h56w56c64 k3x3f64 s1 p1".')
    ] = None,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Where the edge map and the figures go.")
    ] = Path("jitconv-compare"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the figures here as a table.")] = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="Draw the times (PNG, SVG or PDF; needs jitconv[plot]).")
    ] = None,
) -> None:
    """Run every algorithm of every op on a photograph, and compare time, memory and error.

    Exit code 1 when an algorithm is wrong or fails, 2 when the arguments are.
    """
    from jitconv.bench import picture, report
    from jitconv.bench.compare import compare as run
    from jitconv.bench.jobs import chosen, picture_jobs, problem_jobs

    console = Console()
    if op is not None:
        choice("--op", op, OPS)
    names = algorithms_of(algorithms)
    if plot_file:
        report.check_plot(plot_file)
    with config(threads=threads):
        if shape is None:
            pixels, title = picture.load(image)
            jobs = picture_jobs(pixels, layout=layout, dtype=dtype)
        else:
            title, jobs = shape, problem_jobs(shape, layout=layout, dtype=dtype)
        jobs = chosen(jobs, op)
        console.print(f"{title}; {dtype}, {layout}\n", highlight=False)
        with progress(console, len(jobs)) as tell:
            found = run(jobs, names, tell)
        report.show(found, console)
        facts = {"title": title, "dtype": dtype, "layout": layout}
        json_files = [folder / "figures.json", *filter(None, [json_file])]
        saved = report.save(found, facts, json_files, csv_file, plot_file)
    if shape is None:
        saved.append(folder / "edges.png")
        files.write(saved[-1], picture.edge_sheet(pixels))
    console.print("Saved " + ", ".join(map(str, saved)), highlight=False)
    console.print(f"[bold]{report.summary(found)}[/]", highlight=False)
    if found.bad:
        print(f"jitconv: wrong or failed: {report.wrong(found)}", file=sys.stderr)
        raise typer.Exit(1)

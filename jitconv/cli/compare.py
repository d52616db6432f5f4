"""`jitconv compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jitconv import files
from jitconv.algorithm import OPS
from jitconv.bench.console import plain_console
from jitconv.bench.options import Allow, Dtype, Layout, Threads, algorithms_of, names_of, ops_of, progress
from jitconv.cli.places import STDOUT, check_places, json_writer
from jitconv.config import config
from jitconv.errors import ParameterError


def compare(
    image: Annotated[Path | None, typer.Option(help="A picture of your own.")] = None,
    op: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Only these, separated by commas or given again: {', '.join(OPS)}; or conv, pool, forward, "
            "backward."
        ),
    ] = None,
    algorithms: Annotated[
        list[str] | None, typer.Option(help="Only these, separated by commas or given again.")
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="Every variant of an algorithm that serves a problem, too.")
    ] = False,
    shape: Annotated[
        str | None, typer.Option(help='A problem instead of a picture, as in "n16h56w56c64 k3x3f64 s1 p1".')
    ] = None,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    allow: Allow = None,
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Where the edge map and the figures go.")
    ] = Path("jitconv-compare"),
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here too; - is stdout, and nothing else.")
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the figures here as a table.")] = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="Draw the times (PNG, SVG or PDF; needs jitconv\\[plot]).")
    ] = None,
) -> None:
    """Run every algorithm of every op on a photograph, and compare time, memory and error.

    Kernels of installed plugins first run in a process of their own. What crashes, hangs, takes all memory or
    is wrong puts its plugin in quarantine, and the rest is compared: see jitconv plugins.

    Exit code 0: all that ran agree with naive in float64.

    Exit code 1: an algorithm is wrong, or failed on a problem that it took.

    Exit code 2: anything else, such as a mistake, no algorithm that ran, or one in quarantine that
    --algorithms names. (Other plugins in quarantine are told, and change no exit code.)
    """
    from jitconv.bench import picture, provenance, report
    from jitconv.bench.compare import compare as run
    from jitconv.bench.jobs import chosen, picture_jobs, problem_jobs, settings_of

    if image is not None and shape is not None:
        raise ParameterError("--image and --shape are two kinds of problem: give one of them")
    ops = ops_of(op) or OPS
    names = algorithms_of(algorithms)
    if plot_file:
        report.check_plot(plot_file)
    figures, edges = folder / "figures.json", folder / "edges.png"
    check_places(
        ("--output", figures),
        ("--output", edges if shape is None else None),
        ("--csv", csv_file),
        ("--plot", plot_file),
        ("--json", json_file),
    )
    with json_writer(json_file) as write_json, config(threads=threads, allow=names_of(allow)):
        console = plain_console()
        if shape is None:
            pixels, title = picture.load(image)
            jobs = picture_jobs(pixels, layout=layout, dtype=dtype)
        else:
            title, jobs = shape, problem_jobs(shape, layout=layout, dtype=dtype)
        jobs = chosen(jobs, ops)
        settings, begun = settings_of([job.spec for job in jobs]), provenance.sample()
        console.print(f"{title}; {', '.join(filter(None, settings.values()))}", soft_wrap=True)
        console.print()
        with progress(console, len(jobs)) as tell:
            found = run(jobs, names, tell, variants=variants)
        report.show(found, console)
        text = report.as_json(found, {"title": title, **settings}, begun)
        saved = {figures: text.encode(), **report.contents(found, csv_file, plot_file)}
        if shape is None:
            saved[edges] = picture.edge_sheet(pixels)
        for file, content in saved.items():
            files.write(file, content)
        write_json(text)
        named = [*saved, *([json_file] if json_file not in (None, STDOUT) else [])]
        console.print("Saved " + ", ".join(map(str, named)), soft_wrap=True)
        console.print(report.summary(found), style="bold", soft_wrap=True)
    if found.bad:
        print(f"jitconv: wrong or failed: {report.wrong(found)}", file=sys.stderr)
        raise typer.Exit(1)
    if lost := sorted({*found.lost} & {name.partition("/")[0] for name in names or ()}):
        print(
            f"jitconv: not compared: {', '.join(lost)}, in quarantine: see jitconv plugins", file=sys.stderr
        )
        raise typer.Exit(2)

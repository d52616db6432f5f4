"""The `jitconv` command."""

from __future__ import annotations

import contextlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from jitconv.algorithm import OPS
from jitconv.bench.options import (
    Batch,
    Dtype,
    Layout,
    Ops,
    Suites,
    Threads,
    algorithms_of,
    layers_of,
    ops_of,
    progress,
)
from jitconv.config import config
from jitconv.errors import JitconvError
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.specs.values import choice

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Convolution and pooling kernels, compiled when first needed.",
)


def main() -> None:
    """Run the command; a user's mistake is one line and exit code 2."""
    try:
        app()
    except (JitconvError, OSError) as error:
        print(f"jitconv: {error}", file=sys.stderr)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def about(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Compare convolution algorithms, and see why one is chosen."""
    if show_version:
        print(f"jitconv {version('jitconv')}")
        raise typer.Exit


@app.command()
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
        report.write_beside(saved[-1], picture.edge_sheet(pixels))
    console.print("Saved " + ", ".join(map(str, saved)), highlight=False)
    console.print(f"[bold]{report.summary(found)}[/]", highlight=False)
    if found.bad:
        print(f"jitconv: wrong or failed: {report.wrong(found)}", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def bench(
    suites: Suites = None,
    op: Ops = "conv_forward",
    batch: Batch = 1,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    algorithm: Annotated[str, typer.Option(help="A name, or auto.")] = "auto",
    peer: Annotated[
        str | None, typer.Option(help="Another algorithm to measure against, such as torch.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Plans of both: weights given beforehand (conv_forward alone).")
    ] = False,
    seconds: Annotated[float, typer.Option(min=0.01, help="Measured time of each, on each layer.")] = 0.2,
    errors: Annotated[
        bool, typer.Option("--errors", help="Compare with naive in float64 too (slow).")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Measure the layers of networks, against a peer in the same process."""
    from jitconv.bench import report, tables
    from jitconv.bench.bench import bench as run

    console = Console()
    if console.width < 110:  # a table of figures is wrapped by the terminal rather than cut
        console.width = 110
    ops = ops_of(op)
    algorithms_of(peer, "--peer")
    algorithms_of(None if algorithm == "auto" else algorithm, "--algorithm")
    with config(threads=threads):
        layers = layers_of(suites, batch, layout, dtype)
        total = sum(one in layer.spec.ops for layer in layers for one in ops)
        with progress(console, total) as tell:
            rows = run(layers, ops, algorithm, peer, seconds=seconds, errors=errors, plan=plan, tell=tell)
        tables.show(rows, peer, console)
        if json_file:
            facts = tables.as_dict(rows, peer, plan=plan)
            report.write_beside(json_file, (json.dumps(facts, indent=1) + "\n").encode())
            console.print(f"Saved {json_file}", highlight=False)


@app.command()
def warmup(
    suites: Suites = None,
    op: Ops = "conv,pool",
    batch: Batch = 1,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    algorithm: Annotated[str, typer.Option(help="A name, auto, or all.")] = "auto",
) -> None:
    """Compile the kernels that the layers of networks need, and keep them on disk."""
    from jitconv.bench.warmup import problems, warm

    console = Console()
    ops = ops_of(op)
    if algorithm not in ("auto", "all"):
        algorithms_of(algorithm, "--algorithm")
    with config(threads=threads):
        wanted = problems(layers_of(suites, batch, layout, dtype), ops)
        with progress(console, len(wanted)) as tell:
            done = warm(wanted, algorithm, tell)
    console.print(str(done), highlight=False, soft_wrap=True)


@app.command()
def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the plugins: version, state, algorithms, and the error of a failed one."""
    found = registry().plugins
    if as_json:
        print(json.dumps([
            {
                "name": one.name,
                "version": one.version,
                "state": one.state,
                "algorithms": [{"op": a.op, "name": a.name, "revision": a.revision} for a in one.algorithms],
                "error": one.error,
            }
            for one in found
        ], indent=1))  # fmt: skip
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("plugin", "version", "state", "op", "algorithms"):
        table.add_column(heading)
    for one in found:
        by_op: dict[str, list[str]] = {}
        for algorithm in one.algorithms:
            by_op.setdefault(algorithm.op, []).append(algorithm.name)
        rows = [(op, ", ".join(names)) for op, names in by_op.items()] or [("", "")]
        colour = "green" if one.state == "loaded" else "red"
        table.add_row(one.name, one.version, f"[{colour}]{one.state}[/]", *rows[0])
        for row in rows[1:]:
            table.add_row("", "", "", *row)
    console.print(table)
    for one in found:
        if one.error:
            console.print(f"\n[bold]{one.name}[/] is {one.state}:")
            console.print(one.error.rstrip(), markup=False, highlight=False)


@app.command()
def explain(
    op: Annotated[str, typer.Argument(help=f"One of {', '.join(OPS)}.")],
    problem: Annotated[str, typer.Argument(help='As in "n16h56w56c64 k3x3f64 s1 p1".')],
    algorithm: Annotated[str, typer.Option(help="A name, or auto.")] = "auto",
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
) -> None:
    """Say which algorithm `auto` chooses for a problem, and why not the others."""
    from jitconv.errors import ParameterError
    from jitconv.selector import select

    choice("OP", op, OPS)
    spec = parse(problem, layout=layout, dtype=dtype)
    if op not in spec.ops:
        raise ParameterError(f"{op} takes no such problem: {problem!r} is one of {', '.join(spec.ops)}")
    with config(threads=threads) as settings:
        print(select(op, spec, algorithm, settings))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()

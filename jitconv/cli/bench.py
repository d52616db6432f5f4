"""`jitconv bench` and `jitconv warmup`: the layers of networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from jitconv.bench.console import plain_console
from jitconv.bench.options import (
    Allow,
    Batch,
    Dtype,
    Layout,
    Suites,
    Threads,
    check_algorithm,
    layers_of,
    names_of,
    ops_of,
    ops_option,
    progress,
)
from jitconv.bench.shapes import WEIGHTS
from jitconv.cli.places import STDOUT, check_places, json_writer
from jitconv.config import config
from jitconv.errors import ParameterError


def bench(
    suites: Suites = None,
    op: Annotated[list[str] | None, ops_option("conv_forward")] = None,
    batch: Batch = 1,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    file: Annotated[
        Path | None,
        typer.Option(help='Problems as "n1h14w14c256 k3x3f256 s1 p1", a line each, or a CSV; - is stdin.'),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help=f"The CSV's column of how often each occurs; by default {' or '.join(WEIGHTS)}."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--onnx", help="The layers of a model in ONNX's format (needs jitconv\\[onnx])."),
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many of the layers, drawn at random.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the draw: one seed, the same layers everywhere (0).")
    ] = None,
    algorithm: Annotated[str, typer.Option(help="A name, or auto.")] = "auto",
    peer: Annotated[
        str | None, typer.Option(help="Another algorithm to measure against, such as torch.")
    ] = None,
    allow: Allow = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Plans of both: weights given beforehand (conv_forward alone).")
    ] = False,
    cold: Annotated[
        bool,
        typer.Option(
            "--cold",
            help="Operands and results of both out of the caches, as inside a network (takes memory of some "
            "six times the last-level cache).",
        ),
    ] = False,
    steps: Annotated[
        bool, typer.Option("--steps", help="How a call's time divides: kernels, weights, dispatch.")
    ] = False,
    by: Annotated[
        Literal["kind"] | None,
        typer.Option(help="Means by kind of layer: 1x1, depthwise, grouped, common; max, avg."),
    ] = None,
    worst: Annotated[
        int | None,
        typer.Option(
            min=1, help="A table of so many of the worst layers (20 with --by and for long tables)."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="Measured time of each, on each layer.")] = 0.2,
    errors: Annotated[
        bool, typer.Option("--errors", help="Compare with naive in float64 too (slow).")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - is stdout, and nothing else.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="What --json wrote before on this machine; exit code 1 if a row is slower now.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            help="With --baseline: so many times as long a row may take (1.05).", show_default=False
        ),
    ] = None,
) -> None:
    """Measure the layers of networks, against a peer in the same process.

    Layers come from suites, --file and --onnx. Of more than 60 the worst are printed; --json has all.

    A layer that an algorithm refuses, or fails on, is told, and is in no mean. A kernel of an installed
    plugin first runs in a process of its own: see jitconv plugins.

    --baseline compares shares of the machine's ceiling, which is measured in the same turns. A row above
    --fail-above is measured twice more. It is slower if all three say so, and neither its spread nor a
    ceiling that moved leaves a doubt; where one does, the row is told as noisy, and fails nothing. A row
    within the limit is not proved to be as fast.

    Exit code 1: with --baseline, a row is slower. 2: a mistake, or no layer was measured, or none of FILE.
    """
    from jitconv.bench import provenance, tables
    from jitconv.bench.bench import Measure
    from jitconv.bench.bench import bench as run
    from jitconv.bench.given import Sources, gather, having, sampled
    from jitconv.cli import bench_baseline

    ops = ops_of(op or ["conv_forward"])
    if peer is not None:
        check_algorithm(peer, "--peer")
    if algorithm != "auto":
        check_algorithm(algorithm, "--algorithm")
    if by is not None and peer is None:
        raise ParameterError("--by kind tells means of ratios to a peer: give --peer too")
    if seed is not None and sample is None:
        raise ParameterError("--seed is that of --sample: give a number of layers to draw too")
    limit = bench_baseline.limit_of(baseline, fail_above, json_file)
    check_places(("--json", json_file))
    with json_writer(json_file) as write_json, config(threads=threads, allow=names_of(allow)):
        console = plain_console()
        given = having(gather(Sources(suites, file, weights, model), batch, layout, dtype), ops)
        if sample is not None:
            given = sampled(given, sample, seed or 0)
        for note in given.notes:
            console.print(note, soft_wrap=True)
        keys = [(one, str(layer.spec)) for layer in given.layers for one in layer.ops if one in ops]
        wanted = Measure(algorithm, peer, seconds, errors, plan, cold, steps)
        asked = bench_baseline.Asked(baseline, limit, wanted, threads, names_of(allow))
        before = bench_baseline.opened(asked, keys)
        begun = provenance.sample()
        with progress(console, len(keys)) as tell:
            found = run(given.layers, ops, wanted, tell)
        found, compared = bench_baseline.beside(before, found, asked, given.layers, console)
        tables.show(found, tables.View(peer, by is not None, worst, compared, algorithm), console)
        write_json(json.dumps(tables.as_dict(found, wanted, given, begun, compared), indent=1) + "\n")
        if json_file not in (None, STDOUT):
            console.print(f"Saved {json_file}", soft_wrap=True)
        bench_baseline.end(compared, asked, console)


def warmup(
    suites: Suites = None,
    op: Annotated[list[str] | None, ops_option("conv,pool")] = None,
    batch: Batch = 1,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    algorithm: Annotated[str, typer.Option(help="A name, auto, or all.")] = "auto",
) -> None:
    """Compile the kernels that the layers of networks need, and keep them on disk."""
    from jitconv.bench.warmup import problems, warm

    console = plain_console()
    ops = ops_of(op or ["conv", "pool"])
    if algorithm not in ("auto", "all"):
        check_algorithm(algorithm, "--algorithm")
    with config(threads=threads):
        wanted = problems(layers_of(suites, batch, layout, dtype), ops)
        with progress(console, len(wanted)) as tell:
            done = warm(wanted, algorithm, tell)
    console.print(str(done), soft_wrap=True)

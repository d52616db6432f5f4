"""`jitconv bench` and `jitconv warmup`: the layers of networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from jitconv.bench.console import plain_console
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
from jitconv.cli.places import STDOUT, check_places, json_writer
from jitconv.config import config


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
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - is stdout, and nothing else.")
    ] = None,
) -> None:
    """Measure the layers of networks, against a peer in the same process."""
    from jitconv.bench import tables
    from jitconv.bench.bench import bench as run

    ops = ops_of(op)
    algorithms_of(peer, "--peer")
    algorithms_of(None if algorithm == "auto" else algorithm, "--algorithm")
    check_places(("--json", json_file))
    with json_writer(json_file) as write_json, config(threads=threads):
        console = plain_console()
        layers = layers_of(suites, batch, layout, dtype)
        total = sum(one in layer.spec.ops for layer in layers for one in ops)
        with progress(console, total) as tell:
            rows = run(layers, ops, algorithm, peer, seconds=seconds, errors=errors, plan=plan, tell=tell)
        tables.show(rows, peer, console)
        write_json(json.dumps(tables.as_dict(rows, peer, plan=plan), indent=1) + "\n")
        if json_file not in (None, STDOUT):
            console.print(f"Saved {json_file}", soft_wrap=True)


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

    console = plain_console()
    ops = ops_of(op)
    if algorithm not in ("auto", "all"):
        algorithms_of(algorithm, "--algorithm")
    with config(threads=threads):
        wanted = problems(layers_of(suites, batch, layout, dtype), ops)
        with progress(console, len(wanted)) as tell:
            done = warm(wanted, algorithm, tell)
    console.print(str(done), soft_wrap=True)

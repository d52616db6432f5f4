"""`jitconv bench` and `jitconv warmup`: the layers of networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jitconv import files
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
    from jitconv.bench import tables
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
            files.write(json_file, (json.dumps(facts, indent=1) + "\n").encode())
            console.print(f"Saved {json_file}", highlight=False)


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

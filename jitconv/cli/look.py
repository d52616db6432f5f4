"""`jitconv explain`: why an algorithm is chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated

import typer

from jitconv.algorithm import OPS
from jitconv.bench.options import Allow, Dtype, Layout, Threads, names_of
from jitconv.cli.places import STDOUT, json_writer
from jitconv.config import config
from jitconv.specs import parse
from jitconv.specs.values import choice


def explain(
    op: Annotated[str, typer.Argument(help=f"One of {', '.join(OPS)}.")],
    problem: Annotated[str, typer.Argument(help='As in "n16h56w56c64 k3x3f64 s1 p1".')],
    algorithm: Annotated[str, typer.Option(help="A name, or auto.")] = "auto",
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    prepared: Annotated[
        bool, typer.Option("--prepared", help="Of a plan that holds its weights (plan_conv).")
    ] = False,
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="Only what gives the same bits with any thread count."),
    ] = False,
    max_workspace: Annotated[
        int | None, typer.Option(min=0, help="The most bytes of workspace; by default by the problem.")
    ] = None,
    accuracy: Annotated[
        str | None, typer.Option(help="fast, strict, or the greatest relative L2 error, as 2e-5.")
    ] = None,
    allow: Allow = None,
    deny: Annotated[
        list[str] | None,
        typer.Option(help="Algorithms or plugins to leave out, separated by commas or given again."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="And why variants of an algorithm were passed over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which algorithm `auto` chooses for a problem, and why not the others. Nothing is run."""
    from jitconv.bench.guests import left_out
    from jitconv.errors import ParameterError
    from jitconv.selector import select

    choice("OP", op, OPS)
    spec = parse(problem, layout=layout, dtype=dtype)
    if op not in spec.ops:
        raise ParameterError(f"{op} takes no such problem: {problem!r} is one of {', '.join(spec.ops)}")
    if prepared and op != "conv_forward":
        raise ParameterError(f"--prepared must go with conv_forward, which has plans; got {op}")
    limits = config(
        threads=threads,
        deterministic=deterministic or None,
        max_workspace=max_workspace,
        accuracy=_number_or_name(accuracy),
        allow=names_of(allow),
        deny=names_of(deny),
    )
    with limits as settings, json_writer(STDOUT if as_json else None) as write_json:
        found = replace(select(op, spec, algorithm, settings, prepared=prepared, dry=True), verbose=verbose)
        if as_json:
            write_json(json.dumps(found.to_dict(), indent=1) + "\n")
        else:
            print(found)
            for line in left_out():  # no candidates, and somebody may look for them
                print(line)


def _number_or_name(text: str | None) -> str | float | None:
    try:
        return text if text is None else float(text)
    except ValueError:
        return text

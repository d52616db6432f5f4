"""`jitconv sweep`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from jitconv import files
from jitconv.algorithm import OPS
from jitconv.bench.console import plain_console
from jitconv.bench.options import Dtype, Layout, Threads, algorithms_of, names_of, progress
from jitconv.bench.sweep_axes import axes_of
from jitconv.cli.places import STDOUT, check_places, json_writer
from jitconv.config import config
from jitconv.errors import ParameterError
from jitconv.specs import WindowSpec, parse
from jitconv.specs.values import choice


def sweep(
    op: Annotated[str, typer.Argument(help=f"One of {', '.join(OPS)}.")],
    problem: Annotated[str, typer.Argument(help='What holds elsewhere, as in "n1h56w56c64 k3x3f64 s1 p1".')],
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="DIMENSION=VALUES",
            help='Once or twice: "kernel=1,3,5", "channels=4:512:x2" (doubling), "map=8:64:+8" (steps of 8).',
        ),
    ],
    algorithms: Annotated[
        list[str] | None,
        typer.Option(help="Only these, separated by commas or given again, whatever auto may choose."),
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="Every variant that is able, in the place of its algorithm.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Third-party algorithms or plugins for auto, separated by commas or given again."),
    ] = None,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    threads: Threads = None,
    seconds: Annotated[
        float, typer.Option(min=0.001, max=60, help="Measured time of each candidate at each point.")
    ] = 0.1,
    plot_file: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Draw here (PNG, SVG or PDF; needs jitconv\\[plot])."),
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="A page of its own: hover for numbers, wheel to zoom.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - is stdout, and nothing else.")
    ] = None,
) -> None:
    """Vary one or two dimensions of a problem: which algorithm wins where, measured and predicted.

    Candidates predicted to take more than 100 times the least are not run.

    Ctrl-C keeps what was measured, and draws it.

    Results are not checked: `jitconv compare` and `jitconv check` do that.

    What each dimension varies:

    - kernel: height and width of the kernel, or of a pooling's window

    - map: height and width of the input together; h, w: one of them

    - channels: C; F too where it equals C, and the groups of a depthwise convolution

    - filters: F; groups: the groups, which divide C and F

    - batch: N; threads: the most that kernels use

    - stride, dilation: of both axes

    A pad that is "same" follows kernel, dilation and map; of a 1x1 kernel no pad is.

    The stride of a pooling whose windows tile follows its window.
    """
    from jitconv.bench import provenance, report, sweep_page, sweep_plot, sweep_report
    from jitconv.bench.guests import left_out
    from jitconv.bench.sweep import Wanted
    from jitconv.bench.sweep import sweep as run

    choice("OP", op, OPS)
    base = parse(problem, layout=layout, dtype=dtype)
    if op not in base.ops:
        raise ParameterError(f"{op} takes no such problem: {problem!r} is one of {', '.join(base.ops)}")
    wanted = Wanted(algorithms_of(algorithms), variants, seconds)
    allowed = names_of(allow)
    if plot_file:
        report.check_plot(plot_file, "--output")
    check_places(("--output", plot_file), ("--html", html_file), ("--json", json_file))
    # what is predicted is to be seen beside what is measured, whatever mode is in force
    settings = config(threads=threads, allow=allowed, mode="predict")
    with json_writer(json_file) as write_json, settings:
        axes = axes_of(vary, op, base)
        if threads is not None and "threads" in {axis.name for axis in axes}:
            raise ParameterError("--threads and --vary threads=... are two ways to say it: give one of them")
        console, begun = plain_console(), provenance.sample()
        total = 1
        for axis in axes:
            total *= len(axis.values)
        with progress(console, total) as tell:
            found = run(op, base, axes, wanted, tell)
        about: dict[str, Any] = {
            "dtype": base.dtype,
            "layout": None if isinstance(base, WindowSpec) else base.layout,
            "algorithms": wanted.algorithms,
            "variants": variants,
            "allow": allowed,
            "seconds": seconds,
        }
        figures = sweep_report.as_dict(found, about, begun)
        sweep_report.show(found, console)
        for line in left_out():
            console.print(line, markup=False, soft_wrap=True)
        write_json(json.dumps(figures, indent=1, allow_nan=False) + "\n")
        saved = {}
        if plot_file:
            saved[plot_file] = sweep_plot.plot(found, plot_file.suffix.lstrip("."))
        if html_file:
            saved[html_file] = sweep_page.sweep_page(figures).encode()
        for file, content in saved.items():
            files.write(file, content)
        named = [*saved, *([json_file] if json_file not in (None, STDOUT) else [])]
        if named:
            console.print("Saved " + ", ".join(map(str, named)), soft_wrap=True)

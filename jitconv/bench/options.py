"""What the commands' options share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jitconv.algorithm import OPS
from jitconv.errors import UnknownAlgorithmError, nearest
from jitconv.plugins import registry
from jitconv.specs.values import choice

Layout = Literal["NHWC", "NCHW"]
Dtype = Literal["float32", "float64"]
Threads = Annotated[int | None, typer.Option(min=1, help="The most threads that kernels use.")]
Ops = Annotated[
    str, typer.Option(help="Ops, separated by commas; conv, pool, forward and backward stand for several.")
]

SUITES = ("resnet50", "vgg16", "alexnet", "courses")
"""What is taken where no suite is named."""


def progress_bar(console: Console) -> Progress:
    """Return a bar that vanishes when it is done."""
    columns = TextColumn("{task.description:<50}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)


def ops_of(text: str) -> list[str]:
    """Return the ops that a list of names stands for."""
    several = {word: [op for op in OPS if word in op] for word in ("conv", "pool", "forward", "backward")}
    found: list[str] = []
    for name in text.split(","):
        found += several.get(name.strip()) or [choice("--op", name.strip(), [*OPS, *several])]
    return list(dict.fromkeys(found))


def algorithms_of(text: str | None, option: str = "--algorithms") -> Sequence[str] | None:
    """Return the algorithms that a list names, or None for no list."""
    if text is None:
        return None
    known = sorted({one.name for one in registry().algorithms()})
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UnknownAlgorithmError(
                f"{option} must be among {', '.join(known)}; got {name!r}{nearest(name, known)}"
            )
    return names

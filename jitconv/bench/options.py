"""What the commands' options share."""

from __future__ import annotations

import contextlib
import datetime
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from jitconv.algorithm import OPS
from jitconv.bench import suites as lists
from jitconv.errors import UnknownAlgorithmError, nearest
from jitconv.plugins import quarantined, registry
from jitconv.specs.values import choice

SUITES = ("resnet50", "vgg16", "alexnet", "courses")
"""What is taken where no suite is named."""

HORIZON = 300.0
"""Seconds of the past that the time left is told from: one layer may take a minute."""

BAR, LONGEST = 20, 50
"""Columns of a bar, and at most of what stands before it."""

Layout = Annotated[Literal["NHWC", "NCHW"], typer.Option(help="Order of the axes.")]
Dtype = Annotated[Literal["float32", "float64"], typer.Option(help="What to compute in.")]
Suites = Annotated[list[str] | None, typer.Argument(help=f"Suites; by default {', '.join(SUITES)}.")]
Batch = Annotated[int, typer.Option(min=1, help="Pictures of each problem.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(help="Third-party algorithms or plugins to consider, separated by commas or given again."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="The most threads that kernels use.")]


def ops_option(default: str) -> Any:
    """Return the option --op of a command, whose value is a list or None."""
    told = "Ops, separated by commas or given again; conv, pool, forward and backward stand for several."
    return typer.Option(help=told, show_default=default)


class TimeLeft(TimeRemainingColumn):
    """How long the rest will take, if it goes on as it did, and at most until time is over."""

    def __init__(self, until: float = math.inf, **options: Any) -> None:
        super().__init__(**options)
        self._until = until

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        left = super().render(task)
        most = self._until - time.monotonic()
        known = task.time_remaining
        if not task.finished and math.isfinite(most) and (known is None or known > most):
            left = Text(str(datetime.timedelta(seconds=max(0, round(most)))), style="progress.remaining")
        return left.append(" left", left.style)


@contextlib.contextmanager
def progress(console: Console, total: int, until: float = math.inf) -> Iterator[Callable[[int, str], None]]:
    """Show a bar that vanishes when it is done; give what tells it how many are done and what comes now.

    `until` is when it ends at the latest, on `time.monotonic`'s clock. Where no terminal is, there is no bar:
    it would leave an empty line.
    """
    if not console.is_terminal:
        yield lambda done, what: None
        return
    text = TextColumn("{task.description}", markup=False)  # suites of plugins have names of any kind
    whole = Column(no_wrap=True)
    counts, took = (kind(table_column=whole) for kind in (MofNCompleteColumn, TimeElapsedColumn))
    left = TimeLeft(until, table_column=whole)
    columns = text, BarColumn(BAR), counts, took, left
    others = BAR + 2 * len(str(total)) + len(" / 0:00:00 0:00:00 left   ")
    room = min(LONGEST, max(0, console.width - others))
    with Progress(*columns, console=console, transient=True, speed_estimate_period=HORIZON) as bar:
        task = bar.add_task("", total=total)
        yield lambda done, what: bar.update(task, completed=done, description=f"{what:<{room}.{room}}")


def layers_of(suites: Sequence[str] | None, batch: int, layout: str, dtype: str) -> list[lists.Layer]:
    """Return the layers of some suites, or of the usual ones."""
    every = [lists.layers(suite, batch=batch, layout=layout, dtype=dtype) for suite in suites or SUITES]
    return [layer for some in every for layer in some]


def names_of(given: Sequence[str] | None) -> list[str] | None:
    """Return the names of an option that commas separate and that may be given again; None if it is not."""
    if not given:
        return None
    return list(dict.fromkeys(name.strip() for text in given for name in text.split(",")))


def ops_of(given: Sequence[str] | None) -> list[str]:
    """Return the ops that the names of an option stand for; none if it is not given."""
    several = {word: [op for op in OPS if word in op] for word in ("conv", "pool", "forward", "backward")}
    found: list[str] = []
    for name in names_of(given) or ():
        found += several.get(name) or [choice("--op", name, [*OPS, *several])]
    return list(dict.fromkeys(found))


def algorithms_of(given: Sequence[str] | None) -> list[str] | None:
    """Return the algorithms that --algorithms names, or None if it is not given."""
    names = names_of(given)
    for name in names or ():
        check_algorithm(name, "--algorithms")
    return names


def check_algorithm(name: str, option: str) -> None:
    """Raise `UnknownAlgorithmError` unless an option names an algorithm, or a variant of one.

    Plugins are loaded until one provides it. Of one in quarantine it is a `PluginError`.
    """
    own, _, variant = name.partition("/")
    registry().load_algorithm(own)
    lost = registry().in_quarantine(own)
    known = sorted({one.name for one in registry().present()})
    if lost is not None and own not in known:
        raise quarantined(f"{option}: {name!r}", lost)
    if variant and own in known:
        _check_variant(own, name)
    elif name not in known:
        raise UnknownAlgorithmError(
            f"{option} must be among {', '.join(known)}; got {name!r}{nearest(name, known)}"
            + registry().failures()
        )


def _check_variant(own: str, name: str) -> None:
    """Refuse a variant that none of an algorithm's ops has."""
    having = [op for op in OPS if own in {one.name for one in registry().present(op)}]
    errors = []
    for op in having:
        try:
            registry().find(op, name)
        except UnknownAlgorithmError as error:
            errors.append(error)
    if len(errors) == len(having):
        raise errors[0]

"""`jitconv store`: the measured times on disk."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from jitconv.bench.console import plain_console, print_whole
from jitconv.bench.report import duration
from jitconv.cli.cache import NO_FOLDER
from jitconv.cli.places import STDOUT, check_places, json_writer
from jitconv.errors import DataError, ParameterError
from jitconv.store import Found, Samples, Store, default_path, open_store, stored_machine

app = typer.Typer(no_args_is_help=True, help="Show, exchange or prune the measured times on disk.")

Named = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="Another store than this machine's.", show_default=False),
]

DAY = 86400.0
LONGEST = 24
"""Characters of a value that the table shows."""


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as `export` writes it.")] = False,
    store: Named = None,
) -> None:
    """List the problems that were measured: median, spread and age of each candidate."""
    found = _opened(store, must_exist=True)
    if as_json:
        with json_writer(STDOUT) as write_json:
            write_json(found.text())
        return
    if (reason := found.trouble()) is not None:
        raise DataError(reason)
    entries = list(found.entries())
    console = plain_console()
    if not entries:
        print(f"nothing is stored in {found.path}")
        return
    print_whole(_table(entries), console)
    candidates = sum(len(one.candidates) for one in entries)
    print(f"{_counted(len(entries), 'problem')}, {_counted(candidates, 'candidate')}, in {found.path}")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The JSON to write; - is stdout.")],
    store: Named = None,
) -> None:
    """Write all that is stored as JSON, for another machine or program."""
    if file != STDOUT:
        check_places(("FILE", file))
    found = _opened(store, must_exist=True)
    with json_writer(file) as write_json:
        write_json(found.text())
    if file != STDOUT:
        print(f"wrote {_counted(sum(1 for _ in found.entries()), 'problem')} to {file}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON that `jitconv store export` has written.")],
    store: Named = None,
) -> None:
    """Add what was exported to the store; what is there by now stays, and nothing is added twice."""
    found = _opened(store)
    try:
        count, machine = found.import_(file)
    except OSError as error:
        raise ParameterError(f"import cannot read {file}: {error.strerror or error}") from None
    print(f"merged {_counted(count, 'problem')} into {found.path}")
    if machine != found.machine:
        print(
            f"they were measured on another machine ({machine}); only a problem with the same CPU finds them"
        )


@app.command()
def prune(
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Drop problems that were last measured before.")
    ] = None,
    keep: Annotated[
        int | None, typer.Option(metavar="N", help="Drop all but N problems, the last measured.")
    ] = None,
    store: Named = None,
) -> None:
    """Drop problems, or set aside a damaged store; without options nothing that is whole goes."""
    if older_than is not None and not older_than >= 0:
        raise ParameterError(f"--older-than must be a number of days, 0 or more; got {older_than}")
    if keep is not None and keep < 0:
        raise ParameterError(f"--keep must be 0 or more; got {keep}")
    found = _opened(store, must_exist=True)
    count = found.prune(older_than=None if older_than is None else older_than * DAY, keep=keep)
    left = sum(1 for _ in found.entries())
    print(f"dropped {_counted(count, 'problem')} of {count + left} in {found.path}")


@app.command()
def path(store: Named = None) -> None:
    """Print where the store of this machine is, whether or not there is one yet."""
    print(_opened(store).path)


def _opened(file: Path | None, must_exist: bool = False) -> Store:
    """Return the store; one that is named may be of another machine."""
    if file is None and default_path() is None:
        raise DataError(NO_FOLDER)
    found = open_store(file, None if file is None else stored_machine(file.expanduser()))
    if must_exist and file is not None and not found.exists():
        raise DataError(f"there is no store {file}")
    return found


def _table(entries: Sequence[Found]) -> Table:
    """Return a table with a row for each problem, which lists its candidates, the fastest first."""
    shown = ("op", "problem", "threads")
    others = [name for name in _differing(entries) if name not in shown]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in (*shown, *(["settings"] if others else []), "candidate"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "problem")
    for heading in ("median", "spread", "samples", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    now = time.time()
    for entry in entries:
        told = [entry.key.get(name, "") for name in shown]
        if others:
            told.append("\n".join(f"{name}={_cut(entry.key[name])}" for name in others if name in entry.key))
        ranked = sorted(entry.candidates.items(), key=lambda item: statistics.median(item[1].samples))
        figures = [(name, *_figures(one, now)) for name, one in ranked]
        table.add_row(*map(Text, told), *(Text("\n".join(column)) for column in zip(*figures, strict=True)))
    return table


def _figures(one: Samples, now: float) -> list[str]:
    samples = one.samples.tolist()
    median = statistics.median(samples)
    return [duration(median), _spread(samples, median), str(len(samples)), _age(now - one.when)]


def _spread(samples: list[float], median: float) -> str:
    """Return the distance of the quartiles as a share of the median."""
    if len(samples) < 2:
        return ""
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return f"{(high - low) / median:.1%}"


def _age(seconds: float) -> str:
    for unit, size in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _differing(entries: Sequence[Found]) -> list[str]:
    """Return the names of a key that do not have one value in all entries."""
    names = sorted({name for one in entries for name in one.key})
    return [name for name in names if len({one.key.get(name) for one in entries}) > 1]


def _cut(text: str) -> str:
    """Return a value, or a hash that tells a long one from others."""
    return text if len(text) <= LONGEST else f"#{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")

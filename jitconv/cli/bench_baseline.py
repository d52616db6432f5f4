"""`jitconv bench --baseline`: the options, the second look at rows, and the command that repeats one."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console

from jitconv.bench import provenance
from jitconv.bench.baseline import LIMIT, SLOWER, Baseline, Comparison, Key, Settings, check, compare, read
from jitconv.bench.baseline_report import lines
from jitconv.bench.bench import Measure, Measured
from jitconv.bench.bench import bench as run
from jitconv.bench.options import progress
from jitconv.bench.rows import Row
from jitconv.bench.suites import Layer
from jitconv.errors import ParameterError
from jitconv.jit import team

WORSE = 1
"""The exit code where a row is slower: as of jitconv compare, of what is wrong."""


class Asked(NamedTuple):
    """What the command was asked for, as far as the command that repeats a row must say it."""

    file: Path | None
    limit: float
    wanted: Measure
    threads: int | None
    allow: Sequence[str] | None


def limit_of(file: Path | None, fail_above: float | None, json_file: Path | None) -> float:
    """Return the limit; raise `ParameterError` where options do not go together."""
    if file is None and fail_above is not None:
        raise ParameterError("--fail-above is that of --baseline: give the file to compare with too")
    if fail_above is not None and not 1 < fail_above < math.inf:
        raise ParameterError(
            f"--fail-above must be above 1, such as {LIMIT}: how many times as long a row may take; "
            f"got {fail_above:g}"
        )
    if file is not None and json_file is not None and file.resolve() == json_file.resolve():
        raise ParameterError(
            f"--json and --baseline must be two files, or a slower run is the next one's measure; got {file} "
            "for both"
        )
    return fail_above or LIMIT


def opened(asked: Asked, keys: Sequence[Key]) -> Baseline | None:
    """Return the file if there is one, and it can be compared with what is to be measured now."""
    if asked.file is None:
        return None
    baseline = read(asked.file)
    now = Settings(asked.wanted.plan, asked.wanted.cold, team(), provenance.processor())
    check(baseline, now, keys)
    return baseline


def beside(
    baseline: Baseline | None, found: Measured, asked: Asked, layers: Sequence[Layer], console: Console
) -> tuple[Measured, Comparison | None]:
    """Return the rows, of those above the limit the middle one of three measurements; and the comparison."""
    if baseline is None:
        return found, None

    def again(keys: Sequence[Key]) -> list[Row]:
        rows: list[Row] = []
        with progress(console, len(keys)) as tell:
            for done, (op, problem) in enumerate(keys):
                tell(done, f"again: {op} {problem}")
                layer = next(one for one in layers if op in one.ops and str(one.spec) == problem)
                rows += run([layer], [op], asked.wanted, lambda done, what: None).rows
        return rows

    compared = compare(baseline, found.rows, asked.limit, again)
    middle = {id(one.rows[0]): one.now for one in compared.rows.values()}
    return replace(found, rows=[middle.get(id(row), row) for row in found.rows]), compared


def end(compared: Comparison | None, asked: Asked, console: Console) -> None:
    """Print the comparison in words, and leave with `WORSE` if a row is slower."""
    if compared is None:
        return
    for line in lines(compared, _repeating(asked)):
        console.print(line, soft_wrap=True)
    if compared.having(SLOWER):
        raise typer.Exit(WORSE)


def _repeating(asked: Asked) -> Callable[[Key], str]:
    """Return what gives the command that measures a row again."""
    wanted = asked.wanted
    values = {
        "--algorithm": None if wanted.algorithm == "auto" else wanted.algorithm,
        "--peer": wanted.peer,
        "--threads": asked.threads,
        "--allow": ",".join(asked.allow) if asked.allow else None,
        "--seconds": f"{wanted.seconds:g}",
        "--baseline": asked.file,
        "--fail-above": f"{asked.limit:g}",
    }
    words = [name for name in ("plan", "cold", "steps") if getattr(wanted, name)]
    rest = [f"--{name}" for name in words]
    rest += [f"{name} {shlex.quote(str(value))}" for name, value in values.items() if value is not None]
    return lambda key: f"echo {key[1]} | jitconv bench --file - --op {key[0]} {' '.join(rest)}"

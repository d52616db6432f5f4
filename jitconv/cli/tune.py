"""`jitconv tune`: the rates of this machine, and the times of a program's problems."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from jitconv import files
from jitconv.bench.console import plain_console
from jitconv.bench.options import progress
from jitconv.cli import tune_blocks
from jitconv.cli.cache import NO_FOLDER
from jitconv.errors import DataError, ParameterError
from jitconv.jit import rates as jit_rates

BUDGET = 2.0
"""Seconds of a problem."""


def tune(
    records: Annotated[
        Path | None,
        typer.Argument(help="File of JITCONV_RECORD, whose problems are measured.", show_default=False),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(help=f"Seconds for each problem, compilation not counted; by default {BUDGET:g}."),
    ] = None,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="Find sizes of blocks that are faster on this machine.")
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(help=f"For all of --blocks, compilation counted; by default {tune_blocks.MINUTES:g}."),
    ] = None,
    forget_blocks: Annotated[
        bool, typer.Option("--forget-blocks", help="Take back what --blocks has left.")
    ] = False,
) -> None:
    """Measure this machine in a second or two, or with a FILE every algorithm on a program's problems.

    Without a file: five rates, by which predicted times are scaled to this machine from then on. With one:
    what is measured is stored, and chosen by under config(mode="measure") or JITCONV_MODE=measure, without
    measuring again. With a file and --blocks: sizes of blocks of algorithm direct are tried, and those that
    are faster on these problems beyond the noise are kept, for all programs of this user on this machine.
    Ctrl-C keeps what was measured.
    """
    for name, value in (("--budget", budget), ("--minutes", minutes)):
        if value is not None and not 0 < value < math.inf:
            raise ParameterError(f"{name} must be a number above 0; got {value}")
    if minutes is not None and not blocks:
        raise ParameterError("--minutes is for --blocks; --budget has the seconds for each problem")
    if budget is not None and (blocks or records is None):
        raise ParameterError("--budget is for a FILE without --blocks")
    if forget_blocks and (blocks or records is not None):
        raise ParameterError("--forget-blocks takes neither a FILE nor --blocks")
    if forget_blocks:
        tune_blocks.forget()
    elif blocks and records is None:
        raise ParameterError("--blocks needs a FILE of problems, as JITCONV_RECORD=FILE notes them")
    elif records is None:
        _rates()
    elif blocks:
        tune_blocks.measure(records, tune_blocks.MINUTES if minutes is None else minutes)
    else:
        _problems(records, BUDGET if budget is None else budget)


def _rates() -> None:
    from jitconv.bench.rates import measured

    place = jit_rates.place()
    if place is None:
        raise DataError(NO_FOLDER)
    try:
        files.check(place)
    except OSError as error:
        raise DataError(f"the rates cannot be written to {place}: {error.strerror or error}") from None
    console = plain_console()
    found = measured()
    console.print(f"multiply-adds   {found.madds / 1e9:8.3g} G/s, one thread, float32")
    console.print(f"copy            {found.copied / 1e9:8.3g} GB/s, one thread")
    console.print(f"                {found.copied_by_all / 1e9:8.3g} GB/s, all threads")
    console.print(f"smallest call   {found.call * 1e6:8.3g} µs")
    console.print(f"parallel region {found.region * 1e6:8.3g} µs")
    console.print(f"Saved {jit_rates.write(found)}: predicted times are scaled by it", soft_wrap=True)


def _problems(file: Path, budget: float) -> None:
    from jitconv.bench.tune import tuned
    from jitconv.selector.measure import own_store
    from jitconv.selector.record import read

    records = read(file)
    store = own_store()
    if (reason := store.unwritable()) is not None:
        raise DataError(reason)
    console = plain_console()
    found: list[Any] = []
    try:
        with progress(console, len(records)) as tell:
            tell(0, str(records[0].spec))
            for done, explanation in enumerate(tuned(records, budget), 1):
                found.append(explanation)
                if done < len(records):
                    tell(done, f"{records[done].op} {records[done].spec}")
    finally:
        if found:
            console.print(told(found, len(records)), soft_wrap=True)
            console.print(f"Stored in {store.path}: JITCONV_MODE=measure chooses by it", soft_wrap=True)


def told(found: Sequence[Any], wanted: int) -> str:
    """Return what came out, in a line: how many were measured, which won, and where the prediction did
    not.
    """
    counts = Counter(one.title(one.choice) for one in found)
    what = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    others = sum(predicted(one) != one.choice.name for one in found)
    return f"{len(found)} of {wanted} problems: {what}; {others} times another than predicted"


def predicted(explanation: Any) -> str:
    """Return the name of the candidate of least predicted time."""
    name: str = min((one for one in explanation.candidates if one.serves), key=lambda one: one.order).name
    return name

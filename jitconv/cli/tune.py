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
from jitconv.cli.cache import NO_FOLDER
from jitconv.errors import DataError, ParameterError
from jitconv.jit import rates as jit_rates


def tune(
    records: Annotated[
        Path | None,
        typer.Argument(help="File of JITCONV_RECORD, whose problems are measured.", show_default=False),
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds for each problem, compilation not counted.")] = 2.0,
) -> None:
    """Measure this machine in a second or two, or with a FILE every algorithm on a program's problems.

    Without a file: five rates, by which predicted times are scaled to this machine from then on. With one:
    what is measured is stored, and chosen by under config(mode="measure") or JITCONV_MODE=measure, without
    measuring again. Ctrl-C keeps what was measured.
    """
    if not 0 < budget < math.inf:
        raise ParameterError(f"--budget must be a number of seconds above 0; got {budget}")
    if records is None:
        _rates()
    else:
        _problems(records, budget)


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

"""`jitconv tune FILE --blocks`: the sizes of blocks that are the fastest here for a program's problems."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from jitconv.bench.console import plain_console
from jitconv.bench.options import progress
from jitconv.errors import ParameterError

if TYPE_CHECKING:
    from jitconv.bench.blocks.processes import Problem
    from jitconv.bench.blocks.tune import Measurement, Outcome

MINUTES = 10.0
"""Of all of it. A choice."""

LOUD = 0.1
"""Noise of one problem from which it is told. A choice."""


def measure(file: Path, minutes: float) -> None:
    """Try the values of each entry of the table of blocks that changes plans, and keep the faster ones."""
    from jitconv.algorithms.direct import tuned
    from jitconv.bench.blocks import plans
    from jitconv.bench.blocks import tune as tuning
    from jitconv.bench.blocks.sweeps import SWEEPS

    end = time.monotonic() + 60 * minutes
    console = plain_console()
    problems = _problems(file, console)
    tuning.checked()
    now = dict(tuned.values())
    if now:
        _say(console, f"Begins with {_listed(now)}, which an earlier run has left")
    with progress(console, len(SWEEPS), end) as tell:
        steps = plans.steps(problems, now, tuning.usual(), lambda done: tell(done, "comparing plans"))
    if not steps:
        _say(console, "No size of blocks changes a plan of these problems: there is nothing to measure")
        return
    found: list[Outcome] = []
    measurement = tuning.Measurement(problems, end)
    try:
        with progress(console, tuning.work(steps), end) as tell:
            for outcome in tuning.tune(measurement, steps, now, tell):
                found.append(outcome)
                _say(console, f"{len(found):>2} of {len(steps)}  {told(outcome)}")
    finally:
        _conclude(console, found, len(steps), measurement)


def _problems(file: Path, console: Console) -> list[Problem]:
    """Return the problems of a file that algorithm `direct` serves; say which ones others do."""
    from jitconv.bench.blocks import plans
    from jitconv.bench.locking import check_threads
    from jitconv.selector.record import read

    records = read(file)
    check_threads(max(one.threads for one in records))
    choices = [plans.chosen(one) for one in records]
    found = [plans.problem_of(*one) for one in zip(records, choices, strict=True)]
    problems = list(dict.fromkeys(one for one in found if one is not None))
    others = Counter(
        one.choice.name.partition("/")[0]
        for one, problem in zip(choices, found, strict=True)
        if problem is None
    )
    rest = "".join(f", {count} by {name}" for name, count in others.most_common())
    _say(console, f"{len(problems)} of {len(records)} problems are computed by direct{rest}")
    if not problems:
        raise ParameterError(f"--blocks is for problems that algorithm direct computes, and {file} has none")
    return problems


def told(outcome: Outcome) -> str:
    """Return what came of an entry, in a line."""
    name, problems = f"{outcome.entry}:", f"{outcome.problems} problem{'s' * (outcome.problems > 1)}"
    if outcome.curve is None:
        others = ", ".join(map(str, outcome.tried))
        return f"{name} {outcome.was} stays; {others} tried on {problems}"
    one = outcome.curve
    return (
        f"{name} {outcome.was} -> {outcome.value}, {one.mean:.3f} times as fast on {one.layers} of "
        f"{problems} (least {one.worst:.3f}, noise {one.noise:.3f})"
    )


def _conclude(console: Console, found: Sequence[Outcome], wanted: int, measurement: Measurement) -> None:
    """Say what was accepted, and what it means."""
    from jitconv.algorithms.direct import tuned

    changed = [one for one in found if one.value != one.was]
    words = f"{len(changed)} of {len(found)} entries changed"
    if len(found) < wanted:
        words += f"; {wanted - len(found)} more were not reached"
        words += ": --minutes gives more time" if measurement.over() else ""
    _say(console, words)
    if measurement.controls and measurement.tolerance > LOUD:
        _say(
            console,
            f"Processes with the same blocks differed by {measurement.tolerance:.0%}, and smaller gains were "
            "not seen: a quieter machine may show more",
        )
    if changed:
        _say(console, f"Saved {tuned.place()}: programs that start from now on have it")
        _say(console, "Stored times are of other blocks: `jitconv tune FILE` measures algorithms anew")
        _say(console, "`jitconv info` shows what is changed, `jitconv tune --forget-blocks` takes it back")


def forget() -> None:
    """Remove what is this machine's own."""
    from jitconv.bench.blocks.tune import forget as forgotten

    file = forgotten()
    words = f"Removed {file}: the common sizes of blocks serve" if file else "Nothing was kept to forget"
    _say(plain_console(), words)


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True)

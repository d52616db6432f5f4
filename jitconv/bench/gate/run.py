"""The gate: rows are measured, those that seem changed once more in new processes, and a verdict is given."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jitconv.bench.gate.rows import Row
from jitconv.bench.gate.sides import Place
from jitconv.bench.gate.turns import BASE, HEAD, Launch, launch, prepare
from jitconv.bench.gate.verdicts import FASTER, SLOWER, UNSURE, Judged, beside_time, confirmed, judge
from jitconv.bench.report import duration

LAUNCHES, MORE_LAUNCHES = 4, 8
"""Of each side for all rows, and again for those that seem changed. A choice: one takes the quick rows some
30 s; by simulation (docs/gate.md) 3 and 5 find 74 % of rows that are slower by a fifth where processes
differ by 5 %, these 93 %."""

LONGEST_CALL = 5.0
"""Seconds of a call that is not measured in turns. A choice: twelve sets of turns would take an hour."""

MUCH_SLOWER = 2
"""Times what the base takes: such a call is slower without being measured in turns. A choice."""

RAISED, LEFT_OUT = "raises", "left out"
"""Verdicts of rows that were not measured."""

Bar = Callable[[int], AbstractContextManager[Callable[[int, str], None]]]
"""Shows how far so many rows are, and gives what is told how many are done and what comes now."""


@dataclass(slots=True)
class Measured:
    """What came of a row."""

    row: Row
    verdict: str
    """One of the verdicts of a time, `RAISED` or `LEFT_OUT`."""
    judged: Judged | None = None
    seconds: tuple[float, float] | None = None
    """Of a call of base and head."""
    worse: list[str] = field(default_factory=list)
    """What else got worse: memory, error, what the head refuses to run."""
    notes: list[str] = field(default_factory=list)
    instructions: tuple[int, int] | None = None
    """Of a call of base and head."""

    @property
    def regressed(self) -> bool:
        """Whether head is worse."""
        return self.verdict == SLOWER or bool(self.worse)


@dataclass(slots=True)
class Found:
    """What came of all rows."""

    rows: list[Measured]

    @property
    def verdict(self) -> str:
        """The word for all of them: the first that holds."""
        verdicts = {one.verdict for one in self.rows}
        if RAISED in verdicts:
            return "error"
        if any(one.regressed for one in self.rows):
            return "regression"
        if verdicts <= {LEFT_OUT}:
            return "nothing measured"
        if UNSURE in verdicts:
            return "inconclusive"
        return "improvement" if FASTER in verdicts else "same"


def run(places: Mapping[str, Place], rows: Sequence[Row], bar: Bar) -> Found:
    """Measure rows on both sides.

    Parameters
    ----------
    places : mapping
        Where base and head are run from.
    rows : sequence of Row
        What is measured.
    bar : callable
        See `Bar`.

    Raises
    ------
    SideLost
        When a side's process ends, or can no longer run a row that it could run before.
    """
    if not rows:
        return Found([])
    with bar(len(rows)) as tell:
        told = prepare(places, rows, lambda done, name: tell(done, f"compiling {name}"))
    found = {row.name: _ready(row, told[row.name]) for row in rows}
    able = [row for row in rows if not found[row.name].verdict]
    first = _launches(places, able, LAUNCHES, bar)
    verdicts = {name: judge(launches) for name, launches in first.items()}
    doubtful = [row for row in able if verdicts[row.name].doubtful]
    more = _launches(places, doubtful, MORE_LAUNCHES, bar)
    for row in able:
        one, launches = found[row.name], first[row.name]
        one.judged = verdicts[row.name]
        if row.name in more:
            one.judged = confirmed(one.judged, launches, more[row.name])
        one.verdict = one.judged.verdict
        one.seconds = _seconds(more.get(row.name, launches))
        one.worse, notes = beside_time(told[row.name], alone=row.call.threads == 1)
        one.notes.extend(notes)
    return Found(list(found.values()))


def _ready(row: Row, told: Mapping[str, Mapping[str, Any]]) -> Measured:
    """Return a row that is to be measured, which has no verdict yet, or why it is not."""
    base, head = told[BASE], told[HEAD]
    if "raised" in head:
        return Measured(row, RAISED, notes=[f"head: {head['raised']}"])
    if "refused" in head and "choice" in base:
        return Measured(row, LEFT_OUT, worse=[f"head refuses what base runs: {head['refused']}"])
    for side, one in told.items():
        if reason := one.get("refused", one.get("raised")):
            return Measured(row, LEFT_OUT, notes=[f"{side}: {reason}"])
    before, after = base["seconds"], head["seconds"]
    if max(before, after) <= LONGEST_CALL:
        return Measured(row, "")
    took = f"a call takes {duration(after)}, {duration(before)} before"
    if after > MUCH_SLOWER * before:
        return Measured(row, LEFT_OUT, worse=[took])
    return Measured(row, LEFT_OUT, notes=[f"{took}: too long to be measured in turns"])


def _launches(
    places: Mapping[str, Place], rows: Sequence[Row], count: int, bar: Bar
) -> dict[str, list[Launch]]:
    found: dict[str, list[Launch]] = {row.name: [] for row in rows}
    if not rows:
        return found
    with bar(count * len(rows)) as tell:
        for number in range(count):
            step = partial(_further, tell, number * len(rows))
            for name, rounds in launch(places, rows, step).items():
                found[name].append(rounds)
    return found


def _further(tell: Callable[[int, str], None], before: int, done: int, name: str) -> None:
    tell(before + done, name)


def _seconds(launches: Sequence[Launch]) -> tuple[float, float]:
    """Return the median times of base and head: what is told beside the ratio, which is of medians, too."""
    every = [one for rounds in launches for one in rounds]
    bases = [seconds for one in every for seconds in (one.base, one.again)]
    return statistics.median(bases), statistics.median(one.head for one in every)

"""The gate: rows are measured, those that seem changed once more in new processes, and a verdict is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jitconv.bench.gate.rows import Row
from jitconv.bench.gate.sides import Place, SideLost
from jitconv.bench.gate.turns import BASE, HEAD, Launch, launch, prepare
from jitconv.bench.gate.verdicts import FASTER, SAME, SLOWER, UNSURE, Judged, beside_time, confirmed, judge

LAUNCHES, MORE_LAUNCHES = 3, 5
"""Of each side for all rows, and again for those that seem changed. A choice: one takes the quick rows some
30 s."""

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
    """What else got worse: memory, error."""
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
        if verdicts <= {LEFT_OUT}:
            return "nothing measured"
        if any(one.regressed for one in self.rows):
            return "regression"
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
        When a side's process ends amid a row that it could run before.
    """
    if not rows:
        return Found([])
    with bar(len(rows)) as tell:
        told = prepare(places, rows, lambda done, name: tell(done, f"compiling {name}"))
    found = {row.name: _ready(row, told[row.name]) for row in rows}
    able = [row for row in rows if not found[row.name].verdict]
    first = _launches(places, able, LAUNCHES, bar)
    verdicts = {name: judge(launches) for name, launches in first.items()}
    doubtful = [row for row in able if verdicts[row.name].verdict != SAME]
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
    for side, one in told.items():
        if reason := one.get("refused", one.get("raised")):
            return Measured(row, LEFT_OUT, notes=[f"{side}: {reason}"])
    assert "choice" in base
    return Measured(row, "")


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
    for name, launches in found.items():
        if not launches:
            raise SideLost(f"{name} could be run while it was compiled, and then no more")
    return found


def _further(tell: Callable[[int, str], None], before: int, done: int, name: str) -> None:
    tell(before + done, name)


def _seconds(launches: Sequence[Launch]) -> tuple[float, float]:
    """Return the least time of base and head: what is told beside the ratio."""
    every = [one for rounds in launches for one in rounds]
    return min(min(one.base, one.again) for one in every), min(one.head for one in every)

"""Sides take turns on a row, forwards and backwards: what drifts in the machine meets all of them alike."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from jitconv.bench.gate.rows import Row
from jitconv.bench.gate.sides import Place, Side, amid

BASE, HEAD, AGAIN = "base", "head", "again"
"""The sides; the last is the base once more, and tells how far two processes of one commit differ."""

TURN = 0.02
"""Seconds. A choice: a row of 1 ms has some twenty laps in it."""

ROUNDS = 5
"""Of a launch. A choice."""


class Round(NamedTuple):
    """Seconds of a call on each side, from two turns of each: base, head, again, again, head, base."""

    base: float
    head: float
    again: float

    @property
    def ratio(self) -> float:
        """The logarithm of head's time over that of the base."""
        return math.log(self.head) - (math.log(self.base) + math.log(self.again)) / 2

    @property
    def null(self) -> float:
        """The same of the base over itself."""
        return math.log(self.again) - math.log(self.base)


Launch = list[Round]
"""The rounds of one row in processes that were started for it: their memory lies where it lies."""


def prepare(
    places: Mapping[str, Place], rows: Sequence[Row], tell: Callable[[int, str], None]
) -> dict[str, dict[str, Any]]:
    """Have base and head compile what the rows need, both at once; return, by row, what each says of it."""
    told = {}
    with ExitStack() as stack:
        sides = {one: stack.enter_context(Side(one, places[one])) for one in (BASE, HEAD)}
        for done, row in enumerate(rows):
            tell(done, row.name)
            with amid(row.name):
                for side in sides.values():
                    side.send(call=row.call._asdict())
                told[row.name] = {name: side.answer() for name, side in sides.items()}
    return told


def launch(
    places: Mapping[str, Place], rows: Sequence[Row], tell: Callable[[int, str], None]
) -> dict[str, Launch]:
    """Start each side anew, and time the rows; return the rounds of each."""
    found = {}
    with ExitStack() as stack:
        sides = {
            BASE: stack.enter_context(Side(BASE, places[BASE])),
            HEAD: stack.enter_context(Side(HEAD, places[HEAD])),
            AGAIN: stack.enter_context(Side(AGAIN, places[BASE])),
        }
        for done, row in enumerate(rows):
            tell(done, row.name)
            call = row.call._replace(checked=False)._asdict()
            with amid(row.name):
                for side in sides.values():
                    side.again(call=call)
                found[row.name] = [_round(sides) for _ in range(ROUNDS)]
    return found


def _round(sides: Mapping[str, Side]) -> Round:
    forwards = [BASE, HEAD, AGAIN]
    logs: dict[str, list[float]] = {name: [] for name in forwards}
    for name in forwards + forwards[::-1]:
        logs[name].append(math.log(statistics.median(sides[name].again(turn=TURN))))
    return Round(**{name: math.exp(statistics.fmean(each)) for name, each in logs.items()})

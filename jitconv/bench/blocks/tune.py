"""Finds sizes of blocks that are faster on this machine, for the problems of a program, and keeps them.

Of each entry of the table that changes plans the values take turns, each in a process of its own. A value
that is faster beyond the noise, and slower on no problem, is measured once more by processes that are begun
for it: where memory lies is another matter in each. What is accepted is written at once, and the next entries
are measured with it.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jitconv import files
from jitconv.algorithms.direct import blocks, kinds, tuned
from jitconv.bench.blocks.plans import Step, Table
from jitconv.bench.blocks.processes import Problem, Tree
from jitconv.bench.blocks.turns import AGAIN, OWN, differing, ratios, rounds
from jitconv.bench.blocks.verdicts import Curve, curve

MOST_PROBLEMS = 24
"""Of an entry, those of the longest predicted calls. A choice: some 10 s for four values."""

CONTROLS = 8
"""Ratios of two processes with the same table by which the noise is known before anything is judged."""

GAIN = 0.02
"""A smaller gain is worth no change, and a smaller loss of one problem no objection. A choice."""

MOST_LOSS = 0.05
"""A greater loss of one problem is an objection, however noisy the machine is. A choice."""


class Outcome(NamedTuple):
    """What came of an entry."""

    entry: str
    was: Any
    value: Any
    """Another one than `was` if that was accepted."""
    tried: tuple[Any, ...]
    problems: int
    curve: Curve | None = None
    """Of the accepted value, in the run that confirmed it."""


class Measurement:
    """Tables against one another on the problems of a program.

    Parameters
    ----------
    problems : sequence of Problem
        The problems.
    end : float
        When time is over, on `time.monotonic`'s clock.
    """

    def __init__(self, problems: Sequence[Problem], end: float) -> None:
        self.problems = problems
        self.end = end
        self.controls: list[float] = []
        self._rng = random.Random(0)

    def over(self) -> bool:
        """Whether time is over."""
        return time.monotonic() >= self.end

    def learn_noise(self, table: Table) -> None:
        """Time two processes with the same table, as often as it takes to know by how much they differ."""
        with Tree(None, table) as own, Tree(None, table) as again:
            for count in range(CONTROLS):
                if self.over():
                    return
                problem = self.problems[count % len(self.problems)]
                self.controls.append(ratios(rounds({OWN: own, AGAIN: again}, problem, self._rng))[OWN])

    def compare(
        self, own: Table, others: Mapping[str, Table], tell: Callable[[int], object] = int
    ) -> dict[str, Curve]:
        """Return the curve of each other table that changes plans, of those that are not hopeless.

        Nothing where time is over before all problems were measured: what is slower on one is not accepted.
        """
        found: dict[str, list[float | None]] = {}
        with contextlib.ExitStack() as stack:
            tables = {OWN: own, AGAIN: own, **others}
            trees = {name: stack.enter_context(Tree(None, table)) for name, table in tables.items()}
            asked = [name for name in trees if name != AGAIN]
            for name in asked:
                trees[name].send(json.dumps({"describe": self.problems}))
            answers = {name: trees[name].answer() for name in asked}
            plans = {name: [one and one[1] for one in told] for name, told in answers.items()}
            alike: list[list[Any]] = [plans[OWN]]
            for name in others:
                if plans[name] not in alike:  # else a value that comes earlier, and does the same
                    alike.append(plans[name])
                    found[name] = []
            places = differing({name: answers[name] for name in (OWN, *found)})
            longest = sorted(places, key=lambda place: -answers[OWN][place][0])[:MOST_PROBLEMS]
            for count, place in enumerate(longest, 1):
                if self.over():
                    return {}
                new = [name for name in found if plans[name][place] != plans[OWN][place]]
                if new:
                    running = {name: trees[name] for name in (OWN, AGAIN, *new)}
                    told = ratios(rounds(running, self.problems[place], self._rng))
                    self.controls.append(told[OWN])
                    for name in new:
                        found[name].append(told[name])
                        if self.hopeless(told[name]):
                            del found[name]
                tell(count)
        curves = {name: curve(told, self.controls) for name, told in found.items()}
        return {name: one for name, one in curves.items() if one is not None}

    @property
    def tolerance(self) -> float:
        """By how much a ratio of one problem may differ from 1 where nothing differs."""
        spread = math.sqrt(statistics.fmean(math.log(one) ** 2 for one in self.controls))
        return max(GAIN, math.expm1(2 * spread))

    def hopeless(self, ratio: float) -> bool:
        """Whether a table is slower on a problem, beyond all doubt."""
        return ratio < 1 - 2 * self.tolerance

    def better(self, one: Curve) -> bool:
        """Whether a table is faster beyond the noise, and clearly slower on no problem."""
        least = 1 + max(GAIN, one.noise)
        return min(one.mean, one.median) > least and one.worst >= 1 - min(MOST_LOSS, self.tolerance)


def usual() -> dict[str, Any]:
    """Return the whole table of this machine's kind."""
    return blocks.of_kind(kinds.own())._asdict()


def tune(
    measurement: Measurement,
    steps: Sequence[Step],
    now: Table,
    tell: Callable[[int, str], object] = lambda done, entry: None,
) -> Iterator[Outcome]:
    """Try the values of each entry, keep what is accepted, and give what came of it, until time is over.

    Parameters
    ----------
    measurement : Measurement
        On what, and until when.
    steps : sequence of Step
        Which entries and values, the most important first.
    now : mapping
        Entries that have another value than the kind's already.
    tell : callable
        Is told how much of the `work` is done, and which entry comes now.
    """
    table, common, done = now, usual(), 0
    tell(0, "the noise")
    measurement.learn_noise(table)
    for step in steps:
        if measurement.over():
            return

        def here(count: int, before: int = done, entry: str = step.entry) -> None:
            tell(before + count, entry)

        here(0)
        outcome, table = _tried(measurement, step, table, common, here)
        if outcome is None:
            return
        done += work([step])
        yield outcome


def work(steps: Sequence[Step]) -> int:
    """Return how many problems are to be measured for some entries."""
    return sum(min(one.problems, MOST_PROBLEMS) for one in steps)


def _tried(
    measurement: Measurement, step: Step, table: Table, common: Table, tell: Callable[[int], object]
) -> tuple[Outcome | None, Table]:
    """Return what came of an entry, or None where time was over before, and the table from then on."""
    was = table.get(step.entry, common[step.entry])
    others = {str(value): {**table, step.entry: value} for value in step.values}
    found = measurement.compare(table, others, tell)
    if not found and measurement.over():
        return None, table
    outcome = Outcome(step.entry, was, was, step.values, step.problems)
    for name in sorted(found, key=lambda name: -found[name].mean):
        if not measurement.better(found[name]):
            continue
        confirmed = measurement.compare(table, {name: others[name]}).get(name)
        if confirmed is not None and measurement.better(confirmed):
            value = next(one for one in step.values if str(one) == name)
            table = {one: kept for one, kept in others[name].items() if kept != common[one]}
            outcome = outcome._replace(value=value, curve=confirmed)
            keep(table, outcome)
            break
    return outcome, table


def keep(table: Table, outcome: Outcome) -> Path:
    """Write the values of this machine's own, for the processes to come, and how the last one was found.

    Raises
    ------
    OSError
        When they cannot be written, or nobody knows the user's home.
    """
    file = checked()
    measured = {name: one for name, one in _measured(file).items() if name in table}
    told = outcome.curve
    if told is not None and outcome.entry in table:
        measured[outcome.entry] = {
            "instead_of": outcome.was,
            "times_as_fast": round(told.mean, 4),
            "least": round(told.worst, 4),
            "noise": round(told.noise, 4),
            "problems": told.layers,
            "date": str(datetime.date.today()),
        }
    files.write(file, tuned.text(table, measured).encode())
    return file


def checked() -> Path:
    """Return the file of this machine's values, which can be written.

    Raises
    ------
    OSError
        When it cannot, or nobody knows the user's home.
    """
    file = tuned.place()
    if file is None:
        raise OSError("there is no cache folder: set JITCONV_CACHE_DIR")
    files.check(file)
    return file


def _measured(file: Path) -> Mapping[str, Any]:
    """Return what the file says of how its values were found; nothing of one that is damaged."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        tuned.parsed(told)
    except (OSError, ValueError, RecursionError):
        return {}
    return told["measured"] if isinstance(told["measured"], dict) else {}


def forget() -> Path | None:
    """Remove the values of this machine's own; return their file, or None where there was none.

    Raises
    ------
    OSError
        When it cannot be removed.
    """
    file = tuned.place()
    if file is None or not file.exists():
        return None
    file.unlink()
    return file

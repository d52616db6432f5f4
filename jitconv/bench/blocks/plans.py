"""Which entries of the table of blocks may make problems faster: those that change a plan of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jitconv.bench.blocks.processes import PLAN, Problem, Tree
from jitconv.bench.blocks.sweeps import SWEEPS
from jitconv.bench.blocks.turns import OWN, differing
from jitconv.config import config
from jitconv.jit.threads import team
from jitconv.plugins import BUILTIN
from jitconv.selector import Explanation, select
from jitconv.selector.record import Record

Table = Mapping[str, Any]
"""Entries of the table of blocks with another value than the kind of machine has."""


class Step(NamedTuple):
    """An entry, and what is to be tried of it."""

    entry: str
    values: tuple[Any, ...]
    seconds: float
    """Predicted, of a call of each problem whose plans differ."""
    problems: int
    """How many these are."""


def chosen(record: Record) -> Explanation:
    """Return what `auto` would choose for a problem, by what is known: nothing is run."""
    with config(threads=record.threads) as settings:
        return select(record.op, record.spec, "auto", settings, prepared=record.prepared, dry=True)


def problem_of(record: Record, choice: Explanation) -> Problem | None:
    """Return what is to be timed, or None where another algorithm than `direct` is chosen."""
    name = choice.choice.name
    if name.partition("/")[0] != "direct" or choice.choice.plugin != BUILTIN or not record.spec.n:
        return None
    layout = getattr(record.spec, "layout", "NHWC")
    op = PLAN if record.prepared else record.op
    return Problem(op, str(record.spec), layout, name, record.spec.dtype, min(record.threads, team()))


def steps(problems: Sequence[Problem], now: Table, usual: Table, tell: Callable[[int], object]) -> list[Step]:
    """Return the entries that change a plan of some problem, those first that concern the most time.

    Parameters
    ----------
    problems : sequence of Problem
        What is to become faster.
    now, usual : mapping
        Entries that have another value than the kind's, and all of the kind's.
    tell : callable
        Is told how many entries are done.
    """
    found = []
    with Tree(None, now) as tree:

        def plans(table: Table) -> list[Any]:
            return tree.ask(json.dumps({"describe": problems, "table": table}))

        own = plans(now)
        for done, entry in enumerate(SWEEPS):
            tell(done)
            values, places = [], set()
            for value in candidates(entry, now, usual):
                if differ := differing({OWN: own, "other": plans({**now, entry: value})}):
                    values.append(value)
                    places.update(differ)
            if values:
                seconds = sum(own[place][0] for place in places)
                found.append(Step(entry, tuple(values), seconds, len(places)))
    return sorted(found, key=lambda one: -one.seconds)


def candidates(entry: str, now: Table, usual: Table) -> list[Any]:
    """Return the values to try of an entry: those that are tried anywhere, and the kind's."""
    own = now.get(entry, usual[entry])
    return [one for one in dict.fromkeys((*SWEEPS[entry].values, usual[entry])) if one != own]

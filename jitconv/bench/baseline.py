"""Rows of `jitconv bench` beside those of a file that it wrote before on the same machine.

What is compared is each row's share of the machine's ceiling, which is measured in the same turns: the rate
of a core moves from one day to the next, and seconds move with it. A row above the limit is measured again in
later turns. It is slower if every measurement says so, if the quartiles of its calls lie apart from those of
the file, and if it is not the ceiling alone that rose: a row that runs on one thread keeps its time where a
neighbour takes the other cores, and the ceiling, which is of all threads, does not. What leaves doubt is
noisy.

What that does not tell:

- A row within the limit is not proved to be as fast. A change smaller than its spread may hide in it, and any
  where the ceiling fell, and not the row's own speed with it: beside a busy process.
- The file's own figure is one measurement, which nothing repeats: a row that was lucky in it seems slower
  ever after. More seconds make a better file.
- Layers that wait for memory, and the smallest, whose time is dispatch, follow the ceiling less than others.
- Where the ceiling's own kernels changed in between, all rows seem to.
- Of another processor, or of other threads, a share says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from jitconv.bench import results
from jitconv.bench.provenance import Processor
from jitconv.bench.rows import Row
from jitconv.errors import JitconvError, ParameterError, shown
from jitconv.specs import parse

LIMIT = 1.05
"""How many times as long a row may take if nothing else is asked for. A choice."""

AGAIN = 2
"""So often a row above the limit is measured again. A choice."""

SLOWER, NOISY, WITHIN = "slower", "noisy", "within"
"""The verdicts: above the limit; above it, but not beyond doubt; not above it."""

Key: TypeAlias = "tuple[str, str]"
"""An op and a problem string."""


class Settings(NamedTuple):
    """What must be the same before and now."""

    plan: bool
    cold: bool
    threads: int
    processor: Processor


class Before(NamedTuple):
    """A row of the file; `spread` is the distance of the quartiles as a share of the median."""

    algorithm: str
    seconds: float
    share: float
    spread: float
    ceiling: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a file holds; of a problem that it has several times, the row of the median share."""

    file: str
    commit: str | None
    time: str | None
    settings: Settings
    rows: dict[Key, Before]


@dataclass(frozen=True, slots=True)
class Compared:
    """A row beside that of the file, measured once, or 1 + `AGAIN` times."""

    before: Before
    rows: list[Row]
    limit: float

    @property
    def ratios(self) -> list[float]:
        """How many times as long it takes, by each measurement: its share before over its share."""
        return [self.before.share / row.share for row in self.rows]

    @property
    def now(self) -> Row:
        """The measurement of the median ratio."""
        return sorted(self.rows, key=lambda row: row.share)[len(self.rows) // 2]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return self.before.share / self.now.share

    @property
    def doubt(self) -> float:
        """The ratio up to which the quartiles before and now overlap, each half a spread from its median."""
        return (1 + self.before.spread / 2) * (1 + self.now.spread / 2)

    @property
    def moved(self) -> float:
        """The ceiling now over that before."""
        return self.now.ceiling / self.before.ceiling

    @property
    def verdict(self) -> str:
        """`SLOWER`, `NOISY` or `WITHIN`."""
        if self.ratio <= self.limit:
            return WITHIN
        sure = min(min(self.ratios), self.ratio / self.moved) > self.limit and self.ratio > self.doubt
        return SLOWER if sure else NOISY


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows that are in the file and were measured, and those that are in one of both."""

    baseline: Baseline
    limit: float
    rows: dict[Key, Compared]
    only_before: list[Key]
    only_now: list[Key]

    def having(self, verdict: str) -> dict[Key, Compared]:
        """Return the rows of a verdict."""
        return {key: one for key, one in self.rows.items() if one.verdict == verdict}


def read(file: Path) -> Baseline:
    """Return what `jitconv bench --json` wrote.

    Raises
    ------
    ParameterError
        When the file cannot be read, or is none of those.
    """
    try:
        (found,) = results.read([file])
    except ParameterError as error:
        raise ParameterError(f"--baseline {error}") from None
    if found.kind != "bench":
        what = results.COMMANDS.get(found.kind, "asv")
        raise ParameterError(f"--baseline takes what jitconv bench --json writes; {file} is of {what}")
    told = found.figures
    try:
        machine = told["machine"]
        processor = Processor(machine["processor"], machine["cpu"])
        settings = Settings(told["plan"], told["cold"], machine["threads"], processor)
        rows = [_row(one) for one in told["rows"]]
    except (JitconvError, KeyError, TypeError, ValueError) as error:
        raise ParameterError(
            f"--baseline takes what jitconv bench --json writes; {file} is damaged, or of another version "
            f"({type(error).__name__}: {error}): write it again"
        ) from None
    return Baseline(str(file), told.get("commit"), told.get("time"), settings, _by_key(rows))


def _row(told: dict[str, Any]) -> tuple[Key, Before]:
    parse(told["problem"])
    numbers = [float(told[name]) for name in Before._fields[1:]]
    seconds, share, _, limit = numbers
    if not all(0 <= one < math.inf for one in numbers) or 0 in (seconds, share, limit):
        raise ValueError(f"seconds, share, spread and ceiling of {told['problem']} are {shown(numbers)}")
    return (str(told["op"]), told["problem"]), Before(str(told["algorithm"]), *numbers)


def _by_key(rows: Sequence[tuple[Key, Before]]) -> dict[Key, Before]:
    every: dict[Key, list[Before]] = {}
    for key, row in rows:
        every.setdefault(key, []).append(row)
    return {key: sorted(some, key=lambda row: row.share)[len(some) // 2] for key, some in every.items()}


def check(baseline: Baseline, now: Settings, keys: Sequence[Key]) -> None:
    """Refuse a file that says nothing of what is to be measured now.

    Raises
    ------
    ParameterError
        When it was measured otherwise, or holds none of the problems.
    """
    if wrong := [*_differences(baseline.settings, now), *_other_dtype(baseline.rows, keys)]:
        raise ParameterError(f"--baseline {baseline.file} does not go with this run: {'; '.join(wrong)}")
    if not baseline.rows:
        raise ParameterError(f"--baseline {baseline.file} holds no rows: it measured nothing; write it again")
    if not baseline.rows.keys() & set(keys):
        raise ParameterError(
            f"--baseline {baseline.file} holds none of the problems to measure (its first of "
            f"{len(baseline.rows)} is {named(next(iter(baseline.rows)))}, the first now {named(keys[0])}): "
            "give the layers, --op, --batch and --layout that it was written with"
        )


def _differences(before: Settings, now: Settings) -> Iterator[str]:
    for option, was, wanted in (("--plan", before.plan, now.plan), ("--cold", before.cold, now.cold)):
        if was and not wanted:
            yield f"it was measured with {option}: give that too"
        if wanted and not was:
            yield f"it was measured without {option}: leave that out, or write the file again with it"
    if before.threads != now.threads:
        yield (
            f"it was measured by at most {before.threads} threads, now it would be by {now.threads}: give "
            f"--threads {before.threads}"
        )
    if before.processor != now.processor:
        there, here = (f"{one.processor} ({one.cpu})" for one in (before.processor, now.processor))
        yield f"it was measured on {there}, and this is {here}, of which it says nothing: write it again here"


def _other_dtype(before: Iterable[Key], now: Iterable[Key]) -> Iterator[str]:
    was, wanted = ({parse(problem).dtype for _, problem in keys} for keys in (before, now))
    if was and not was & wanted:
        before_words, now_words = (" and ".join(sorted(one)) for one in (was, wanted))
        yield f"its problems are of {before_words}, now of {now_words}: give --dtype {before_words}"


def compare(
    baseline: Baseline, rows: Sequence[Row], limit: float, again: Callable[[Sequence[Key]], Sequence[Row]]
) -> Comparison:
    """Compare rows with those of a file, and measure those above the limit again.

    Parameters
    ----------
    baseline : Baseline
        The file.
    rows : sequence of Row
        What was measured now; of a problem that occurs several times, the first counts.
    limit : float
        How many times as long a row may take.
    again : callable
        Is given keys, and returns a row for each, measured in later turns.

    Raises
    ------
    ParameterError
        When not one row of the file was measured.
    """
    firsts: dict[Key, Row] = {}
    for row in rows:
        firsts.setdefault(key_of(row), row)
    found = {
        key: Compared(baseline.rows[key], [row], limit) for key, row in firsts.items() if key in baseline.rows
    }
    if not found:
        raise ParameterError(
            f"--baseline {baseline.file}: not one of its {len(baseline.rows)} rows could be measured now"
        )
    if above := [key for key, one in found.items() if one.ratio > limit]:
        for _ in range(AGAIN):
            for row in again(above):
                found[key_of(row)].rows.append(row)
    only_before = [key for key in baseline.rows if key not in firsts]
    return Comparison(baseline, limit, found, only_before, [key for key in firsts if key not in found])


def key_of(row: Row) -> Key:
    """Return what a row is known by."""
    return row.op, row.problem


def named(key: Key) -> str:
    """Return it in words."""
    return " ".join(key)

"""What a sweep finds: candidates at the points of a grid, and who wins there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from jitconv.bench.measure import Timing
from jitconv.bench.sweep_axes import Axis
from jitconv.specs import Spec


@dataclass(slots=True)
class Entry:
    """One candidate at one point."""

    algorithm: str
    plugin: str
    verdict: str
    """``ok``, ``skipped`` (`jitconv.bench.sweep.HOPELESS`), ``excluded``, ``refused`` or ``failed``."""
    reason: str = ""
    predicted: float | None = None
    workspace: int | None = None
    timing: Timing | None = None
    auto: bool = False
    """Whether it is what `auto` chooses."""
    eligible: bool = False
    """Whether `auto` may choose it."""

    @property
    def seconds(self) -> float:
        """The measured median, infinite of one that was not measured."""
        return float("inf") if self.timing is None else self.timing.median


@dataclass(slots=True)
class Point:
    """The candidates at one point of the grid; the fastest measured one is the winner."""

    at: dict[str, int]
    problem: str = ""
    threads: int = 0
    chosen: str = ""
    """What `auto` chooses, also where it is not among the candidates."""
    entries: list[Entry] = field(default_factory=list)
    reason: str = ""
    """Why there is no such problem, or why nothing was measured."""

    @property
    def measured(self) -> list[Entry]:
        """What was measured, the fastest first."""
        return sorted((one for one in self.entries if one.timing), key=lambda one: one.seconds)

    @property
    def expected(self) -> list[Entry]:
        """What has a predicted time and may run, the least first; of equal ones what `auto` chooses."""
        able = [one for one in self.entries if one.verdict in ("ok", "skipped") and one.predicted is not None]
        return sorted(able, key=lambda one: (one.predicted, not one.auto))

    @property
    def lead(self) -> float | None:
        """The second's time over the winner's."""
        first, second = [*self.measured, None, None][:2]
        return None if first is None or second is None else second.seconds / first.seconds

    @property
    def clear(self) -> bool:
        """Whether the quartiles of the winner and of the second lie apart."""
        first, second = [*self.measured, None, None][:2]
        both = first and second and first.timing and second.timing
        return bool(both) and first.timing.high < second.timing.low  # type: ignore[union-attr]

    @property
    def expected_lead(self) -> float | None:
        """The same of predicted times; a variant with but its algorithm's cost is no second to another."""
        for first in self.expected[:1]:
            own = first.algorithm.partition("/")[0], first.predicted
            rest = [
                one for one in self.expected[1:] if (one.algorithm.partition("/")[0], one.predicted) != own
            ]
            if rest and rest[0].predicted and first.predicted:
                return rest[0].predicted / first.predicted
        return None

    @property
    def auto(self) -> Entry | None:
        """The candidate that `auto` chooses, if it was measured."""
        return next((one for one in self.measured if one.auto), None)

    @property
    def regret(self) -> float | None:
        """The time of what `auto` chooses over the best of what it may choose."""
        own = self.auto
        best = min((one.seconds for one in self.measured if one.eligible), default=None)
        return None if own is None or best is None else own.seconds / best


@dataclass(slots=True)
class Sweep:
    """All points that were measured, in the order of the grid."""

    op: str
    base: Spec
    axes: tuple[Axis, ...]
    points: list[Point] = field(default_factory=list)
    complete: bool = True
    """Whether the whole grid was measured: Ctrl-C ends it earlier."""

    @property
    def total(self) -> int:
        """How many points the grid has."""
        return int(np.prod([len(axis.values) for axis in self.axes]))

    @property
    def names(self) -> list[str]:
        """The candidates that were measured, or not run for their predicted time, anywhere; each once."""
        seen = [one for point in self.points for one in point.entries if one.verdict in ("ok", "skipped")]
        return list(dict.fromkeys(one.algorithm for one in seen))

    @property
    def winners(self) -> list[str]:
        """Those of them that are the fastest anywhere, measured or predicted."""
        firsts = [both[:1] for point in self.points for both in (point.measured, point.expected)]
        won = {one.algorithm for some in firsts for one in some}
        return [name for name in self.names if name in won]

"""What a choice says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jitconv.algorithm import Algorithm
from jitconv.config import Settings
from jitconv.jit.threads import why_serial
from jitconv.specs import Spec

VERDICTS = ("chosen", "able", "excluded", "refused", "failed")
"""Runs; could; could but for the settings; refuses with a reason; raised, or answered what has no meaning,
when it was asked."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One algorithm's part in a choice; its verdict is one of `VERDICTS`."""

    algorithm: Algorithm
    plugin: str
    verdict: str
    reason: str = ""
    cost: float | None = None
    """Predicted seconds; None also where an able algorithm does not know."""
    workspace: int | None = None
    """Bytes."""

    @property
    def name(self) -> str:
        """The algorithm's name."""
        return self.algorithm.name

    @property
    def order(self) -> float:
        """The predicted seconds, of an unknown cost more than of any known one."""
        return float("inf") if self.cost is None else self.cost


@dataclass(frozen=True, slots=True)
class Explanation:
    """A choice and the candidate that runs; the others are judged when they are asked for.

    Parameters
    ----------
    op, spec, settings
        The problem, and what was in force.
    choice : Candidate
        The candidate that runs.
    judge_others : callable
        Returns every other candidate. A call that names its algorithm never asks.
    """

    op: str
    spec: Spec
    settings: Settings
    choice: Candidate
    judge_others: Callable[[], list[Candidate]] = field(repr=False, compare=False)
    prepared: bool = False
    """Whether the weights are given beforehand, as to `jitconv.plan_conv`."""
    verbose: bool = field(default=False, compare=False)
    """Whether its text says why variants were passed over."""
    _others: list[Candidate] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every candidate with its verdict, the chosen one first, of each verdict the cheapest first."""
        if not self._others:
            others = self.judge_others()
            others.sort(key=lambda one: (VERDICTS.index(one.verdict), one.order))
            self._others[:] = others
        return (self.choice, *self._others)

    @property
    def variant(self) -> str:
        """The way in which the chosen algorithm does it, such as "rows"; empty where it has but one."""
        return self._variant(self.choice)

    def title(self, candidate: Candidate) -> str:
        """Return an algorithm's name with that of the variant which serves, such as "direct/rows"."""
        name, variant = candidate.name.partition("/")[0], self._variant(candidate)
        return f"{name}/{variant}" if variant else candidate.name

    def _variant(self, candidate: Candidate) -> str:
        variants = candidate.algorithm.variants
        if variants is None or candidate.verdict in ("refused", "failed"):
            return ""
        return variants.title(self.spec, held=self.prepared)

    def _passed_over(self, candidate: Candidate) -> list[str]:
        variants = candidate.algorithm.variants
        if variants is None or not self.verbose or candidate.verdict in ("refused", "failed"):
            return []
        passed = variants.passed_over(self.spec, held=self.prepared)
        return [f"            not {candidate.name}/{title}: it {reason}" for title, reason in passed]

    def __str__(self) -> str:
        lines = [f"{self.op}  {self.spec}"]
        titles = [self.title(one) for one in self.candidates]
        width = max(8, *map(len, titles))
        for one, title in zip(self.candidates, titles, strict=True):
            cost = "" if one.cost is None else f"{one.cost * 1e3:.4g} ms"
            workspace = "" if one.workspace is None else f"{one.workspace / 2**20:.1f} MiB"
            row = f"  {one.verdict:<9} {title:<{width}} {one.plugin:<14} {cost:>11} {workspace:>11}"
            lines += [f"{row}  {one.reason}".rstrip(), *self._passed_over(one)]
        if reason := why_serial():
            lines.append(f"  kernels run on one thread: {reason}")
        return "\n".join(lines)

"""What a choice says of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from jitconv.algorithm import Algorithm
from jitconv.config import Settings, changed, scope
from jitconv.selector.bounds import bound
from jitconv.specs import Spec

VERDICTS = ("chosen", "able", "excluded", "refused", "failed")
"""Runs; could; could but for the settings; refuses with a reason; raised, or answered what has no meaning,
when it was asked."""

DECIDED_BY = ("named", "predicted", "measured", "replayed", "plugin", "least workspace")
"""The caller's ``algorithm=``; predicted times; measured ones; a lockfile; a plugin's `jitconv_select`; the
workspace, where all need more than there is."""


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
    cost_error: float | None = None
    """By how much of itself the predicted time is usually wrong, 0.2 for a fifth; None if that is unknown."""
    measured: float | None = None
    """Measured seconds; None where it was not measured."""
    measured_age: float | None = None
    """Seconds that had gone by since then when the choice was made."""
    decided_by: str = ""
    """Of the chosen one, one of `DECIDED_BY`."""

    @property
    def name(self) -> str:
        """The algorithm's name."""
        return self.algorithm.name

    @property
    def order(self) -> float:
        """The predicted seconds, of an unknown cost more than of any known one."""
        return float("inf") if self.cost is None else self.cost

    @property
    def serves(self) -> bool:
        """Whether it can do the problem, wanted or not."""
        return self.verdict in ("chosen", "able", "excluded")


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
    choose_again : callable
        Returns the explanation of the same call under other settings, of which nothing is run.
    """

    op: str
    spec: Spec
    settings: Settings
    choice: Candidate
    judge_others: Callable[[], list[Candidate]] = field(repr=False, compare=False)
    choose_again: Callable[[Settings], Explanation] = field(repr=False, compare=False)
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
    def decided_by(self) -> str:
        """What decided: one of `DECIDED_BY`."""
        return self.choice.decided_by

    @property
    def variant(self) -> str:
        """The way in which the chosen algorithm does it, such as "rows"; empty where it has but one."""
        return self.variant_of(self.choice)

    def what_if(
        self,
        *,
        threads: int | None = None,
        deterministic: bool | None = None,
        max_workspace: int | None = None,
        accuracy: str | float | None = None,
        allow: str | Collection[str] | None = None,
        deny: str | Collection[str] | None = None,
    ) -> Explanation:
        """Return what would be chosen under changed settings; nothing is run, and no setting is changed.

        Parameters
        ----------
        threads, deterministic, max_workspace, accuracy, allow, deny
            As for `jitconv.config`; what is left out stays as it was for this choice.

        Returns
        -------
        Explanation
            Of the same arguments. In a mode that measures, the choice is that of the predicted times.

        Raises
        ------
        JitconvError
            Whatever `jitconv.config`, or the call inside it, would raise.

        Examples
        --------
        >>> import jitconv
        >>> found = jitconv.explain("conv_forward", (1, 8, 8, 3), (3, 3, 3, 4))
        >>> found.what_if(deny=["direct", "im2col", "fft", "winograd"]).choice.name
        'naive'
        """
        given = {
            "threads": threads,
            "deterministic": deterministic,
            "max_workspace": max_workspace,
            "accuracy": accuracy,
            "allow": allow,
            "deny": deny,
        }
        return replace(self.choose_again(changed(self.settings, given)), verbose=self.verbose)

    def title(self, candidate: Candidate) -> str:
        """Return an algorithm's name with that of the variant which serves, such as "direct/rows"."""
        name, variant = candidate.name.partition("/")[0], self.variant_of(candidate)
        return f"{name}/{variant}" if variant else candidate.name

    def variant_of(self, candidate: Candidate) -> str:
        """Return the variant of an algorithm that serves; empty where it has but one way, or refuses."""
        variants = candidate.algorithm.variants
        if variants is None or not candidate.serves:
            return ""
        with scope(self.settings):
            return variants.title(self.spec, held=self.prepared)

    def passed_over(self, candidate: Candidate) -> list[tuple[str, str]]:
        """Return the variants that were asked in vain before the one that serves, each with its reason."""
        variants = candidate.algorithm.variants
        if variants is None or not candidate.serves:
            return []
        with scope(self.settings):
            return variants.passed_over(self.spec, held=self.prepared)

    def error_bound(self, candidate: Candidate) -> float | None:
        """Return the greatest relative L2 error that an algorithm is granted; None where it refuses."""
        if not candidate.serves:
            return None
        return bound(self.op, self.spec, candidate.algorithm.error_class, self.spec.dtype)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers, texts, lists and dictionaries, such as `json` takes."""
        from jitconv.selector.rendering import mapping

        return mapping(self)

    def __str__(self) -> str:
        from jitconv.selector.rendering import text

        return text(self)

    def _repr_html_(self) -> str:
        from jitconv.selector.rendering import html

        return html(self)

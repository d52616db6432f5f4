"""The ways in which an algorithm does its op: ordered lists, of which the first that serves is taken.

The scheme is oneDNN's list of implementations: what decides can be shown, and one way can be named and
forced, compared and tested as an algorithm is. Where an algorithm has predictions that it trusts more than
the order of its list, they may overrule it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

RULED = "ruled"
"""What `Variants.only` takes for the variants that the order of the lists gives, whatever is predicted."""

REMEMBERED = 64
"""Problems of which a list remembers what it chose: a decision asks some ten times. A choice."""


@dataclass(frozen=True)
class Variant:
    """One way of an algorithm to do its op, or one part of it.

    Parameters
    ----------
    name : str
        Unique among those of its part.
    serves : callable
        ``spec -> None`` if it is to be taken, else the reason in words, which follows "it ...".
    build : callable
        ``spec -> plan``: of a whole op as `jitconv.algorithm.Plan`, of a part as the algorithm's own
        ``join`` calls it.
    workspace : callable
        ``spec -> int``: the bytes that a call needs beyond operands and outputs.
    hold : callable, optional
        Of conv_forward: ``(spec, w, b, activation) -> plan(x, y)``, which holds the weights. Plans of
        `jitconv.plan_conv` are made by the first variant that has it and serves.
    serves_held : callable, optional
        As `serves`, for `hold`; `serves` itself by default.
    held_workspace : callable, optional
        As `workspace`, of a plan that `hold` makes, with what it keeps; `workspace` by default.
    cost : callable, optional
        ``spec -> float``: predicted seconds, where variants differ in them. All of a list have it,
        or none.
    held_cost : callable, optional
        As `cost`, of a call of a plan that `hold` makes; `cost` by default.
    able : callable, optional
        As `serves`, of what it cannot do at all: asked in the place of `serves` where it is forced, so that
        it can be compared with others where it is not the one to take. `serves` itself by default.
    part : str
        Of conv_backward: "dx" or "dw". Each part has a list of its own.
    """

    name: str
    serves: Callable[[Any], str | None]
    build: Callable[[Any], Any]
    workspace: Callable[[Any], int]
    hold: Callable[..., Any] | None = None
    serves_held: Callable[[Any], str | None] | None = None
    held_workspace: Callable[[Any], int] | None = None
    cost: Callable[[Any], float] | None = None
    held_cost: Callable[[Any], float] | None = None
    able: Callable[[Any], str | None] | None = None
    part: str = ""

    @property
    def title(self) -> str:
        """The name, after that of its part if there is one."""
        return f"{self.part}:{self.name}" if self.part else self.name

    def why_not(self, spec: Any, *, held: bool = False) -> str | None:
        """Return None if it serves a problem, else the reason in words."""
        if not held:
            return self.serves(spec)
        if self.hold is None:
            return "holds no weights"
        return (self.serves_held or self.serves)(spec)

    def seconds(self, spec: Any, *, held: bool = False) -> float:
        """Return the predicted seconds of one that has a cost."""
        predict = (held and self.held_cost) or self.cost
        assert predict is not None
        return predict(spec)


Overrule = Callable[[Any, Variant, Sequence[Variant]], "Variant | None"]
"""``overrule(spec, taken, others)``, given the first that serves and the others of its part: the one that is
to be taken instead, which must be able, or None."""


class Variants:
    """The ordered lists of an algorithm, one for each part of its op.

    Parameters
    ----------
    *listed : Variant
        In the order in which they are asked.
    join : callable, optional
        Of several parts: ``join(spec, chosen) -> plan``, given the chosen variant of each part by its name.
    join_workspace : callable, optional
        Likewise the bytes.
    join_cost : callable, optional
        Likewise the predicted seconds, of variants with a cost.
    wanted : callable, optional
        ``spec -> parts``, those that a problem wants; by default all.
    overrule : callable, optional
        What may take another than the first that serves. It is not asked where weights are held.
    """

    def __init__(
        self,
        *listed: Variant,
        join: Callable[[Any, Mapping[str, Variant]], Any] | None = None,
        join_workspace: Callable[[Any, Mapping[str, Variant]], int] | None = None,
        join_cost: Callable[[Any, Mapping[str, Variant]], float] | None = None,
        wanted: Callable[[Any], Sequence[str]] | None = None,
        overrule: Overrule | None = None,
    ) -> None:
        self.listed = listed
        self.parts = tuple(dict.fromkeys(one.part for one in listed))
        self.join, self.join_workspace, self.join_cost, self.wanted = join, join_workspace, join_cost, wanted
        self.overrule = overrule
        self._chosen = lru_cache(maxsize=REMEMBERED)(self._choose)

    @property
    def priced(self) -> bool:
        """Whether the variants know their costs."""
        return all(one.cost is not None for one in self.listed)

    @property
    def names(self) -> list[str]:
        """What `only` takes: the titles, names that stand in several parts, `RULED` where it differs."""
        ruled = [RULED] if self.overrule else []
        titles, names = ([getattr(one, what) for one in self.listed] for what in ("title", "name"))
        return list(dict.fromkeys([*titles, *names, *ruled]))

    def only(self, name: str) -> Variants:
        """Return the lists with one variant alone in its part; a name that several parts have, in each.

        Titles of several parts are joined by ``+``, as `title` joins them.

        Raises
        ------
        LookupError
            When there is none of the name.
        """
        first, plus, others = name.partition("+")
        return self._only(first).only(others) if plus else self._only(name)

    def _only(self, name: str) -> Variants:
        if name == RULED and self.overrule:
            return self._with(self.listed, overrule=None)
        forced = {one.part for one in self.listed if name in (one.name, one.title)}
        if not forced:
            raise LookupError(name)
        kept = [
            replace(one, serves=one.able or one.serves, serves_held=None) if one.part in forced else one
            for one in self.listed
            if one.part not in forced or name in (one.name, one.title)
        ]
        return self._with(kept, overrule=self.overrule)

    def _with(self, listed: Sequence[Variant], *, overrule: Overrule | None) -> Variants:
        return Variants(
            *listed,
            join=self.join,
            join_workspace=self.join_workspace,
            join_cost=self.join_cost,
            wanted=self.wanted,
            overrule=overrule,
        )

    def chosen(self, spec: Any, *, held: bool = False) -> Mapping[str, Variant]:
        """Return, by part, the one that does a problem; a part that none serves is missing."""
        return self._chosen(spec, held)

    def forget(self) -> None:
        """Forget what was chosen, where what it was chosen by has changed."""
        self._chosen.cache_clear()

    def _choose(self, spec: Any, held: bool) -> Mapping[str, Variant]:
        found = self._first(spec, held)
        if self.overrule is not None and not held:
            for part, taken in found.items():
                others = [one for one in self.listed if one.part == part and one is not taken]
                found[part] = (others and self.overrule(spec, taken, others)) or taken
        return MappingProxyType(found)

    def _first(self, spec: Any, held: bool) -> dict[str, Variant]:
        """Return, by part, the first that serves a problem."""
        found: dict[str, Variant] = {}
        for one in self.listed:
            if one.part not in found and one.why_not(spec, held=held) is None:
                found[one.part] = one
        if held and not found:  # one that is forced holds weights though it gains nothing by it
            return {one.part: one for one in self.listed if one.hold is not None}
        return found

    def title(self, spec: Any, *, held: bool = False) -> str:
        """Return the names of the chosen ones, of the parts that the problem wants."""
        chosen = self.chosen(spec, held=held)
        return "+".join(chosen[part].title for part in self._wanted(spec) if part in chosen)

    def passed_over(self, spec: Any, *, held: bool = False) -> list[tuple[str, str]]:
        """Return the title of each that was asked in vain before the chosen one, and its reason."""
        found: list[tuple[str, str]] = []
        chosen = self.chosen(spec, held=held)
        for part in self._wanted(spec):
            for one in (one for one in self.listed if one.part == part):
                if one is chosen.get(part):
                    break
                reason = one.why_not(spec, held=held)
                if reason is None:
                    found.append((one.title, f"is predicted to take longer than {chosen[part].name} does"))
                    break
                found.append((one.title, reason))
        return found

    def why_not(self, spec: Any) -> str | None:
        """Return why a part has none that serves, or None."""
        chosen = self.chosen(spec)
        for part in self._wanted(spec):
            if part not in chosen:
                return "; ".join(reason for title, reason in self.passed_over(spec) if _part(title) == part)
        return None

    def build(self, spec: Any) -> Any:
        """Return the plan of the chosen ones."""
        chosen = self.chosen(spec)
        return self.join(spec, chosen) if self.join else chosen[""].build(spec)

    def workspace(self, spec: Any) -> int:
        """Return the bytes that the plan of the chosen ones needs."""
        chosen = self.chosen(spec)
        return self.join_workspace(spec, chosen) if self.join_workspace else chosen[""].workspace(spec)

    def prepare(self, spec: Any, w: Any, b: Any, activation: str | None) -> Any:
        """Return ``plan(x, y)`` of the first that holds weights and serves."""
        return self.chosen(spec, held=True)[""].hold(spec, w, b, activation)  # type: ignore[misc]

    def held_workspace(self, spec: Any) -> int:
        """Return the bytes that such a plan holds and its calls need."""
        one = self.chosen(spec, held=True)[""]
        return (one.held_workspace or one.workspace)(spec)

    def cost(self, spec: Any) -> float:
        """Return the predicted seconds of the chosen ones, where they are priced."""
        chosen = self.chosen(spec)
        return self.join_cost(spec, chosen) if self.join_cost else chosen[""].seconds(spec)

    def held_cost(self, spec: Any) -> float:
        """Return the predicted seconds of a call of a plan that holds weights."""
        return self.chosen(spec, held=True)[""].seconds(spec, held=True)

    def cost_error(self, spec: Any, *, held: bool = False) -> float | None:
        """Return by how much of itself the predicted time is usually wrong, where all variants say so."""
        chosen = self.chosen(spec, held=held)
        ones = [chosen[part] for part in self._wanted(spec) if part in chosen]
        errors = [getattr((held and one.held_cost) or one.cost, "error", None) for one in ones]
        known = [one for one in errors if one is not None]
        return max(known) if known and len(known) == len(errors) else None

    def _wanted(self, spec: Any) -> Sequence[str]:
        return self.parts if self.wanted is None else self.wanted(spec)


def _part(title: str) -> str:
    return title.partition(":")[0] if ":" in title else ""

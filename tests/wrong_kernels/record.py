"""What a wrong kernel is: a function beside the right plan of ``direct``, and the check that must name it."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jitconv import Algorithm, hookimpl
from jitconv.algorithm import never_refuses, no_workspace
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.testing import Case

PROBLEMS = {
    "conv": ("n2h5w7c3 k3x3f4 s1 p1 bias",),
    "max_": ("n2h7w7c3 k3x3 s2 p1",),
    "avg_": ("n2h7w7c3 k3x3 s2 p1",),
    "crea": ("n5h3w4",),
    "dist": ("n5h3w4",),
}
"""What a wrong kernel is run on if its mistake shows on any problem."""

MUTANTS: dict[str, "Mutant"] = {}


@dataclass(frozen=True)
class Mutant:
    """A wrong kernel and how it is found."""

    record: Algorithm
    check: str
    problems: tuple[str, ...] | None
    """None: those of the kit."""
    values: str
    random: int
    seconds: float
    only: str
    """The check that is asked for, if that which fails is found beside it."""
    told: str
    """A pattern that the report must match: what is wrong, in words."""

    def cases(self) -> list[Case] | None:
        """Return the cases that it is run on, None for the kit's own."""
        return (
            None
            if self.problems is None
            else [Case(parse(one), "", values=self.values) for one in self.problems]
        )


@dataclass(frozen=True)
class Wrong:
    """A plugin of one wrong kernel, which another process can load by its name."""

    name: str

    @hookimpl
    def jitconv_algorithms(self) -> list[Algorithm]:
        """Return it."""
        return [MUTANTS[self.name].record]


def right(op: str, spec: Any) -> Any:
    """Return direct's plan."""
    return registry().find(op, "direct").build(spec)


def add(
    name: str,
    op: str,
    check: str,
    build: Any = None,
    on: tuple[str, ...] | str | None = (),
    *,
    values: str = "normal",
    random: int = 0,
    seconds: float = 120.0,
    only: str = "",
    told: str = "",
    **changes: Any,
) -> None:
    """Enter a wrong kernel: its `build(spec)`, by default direct's, or changes of other fields."""
    problems = PROBLEMS[op[:4]] if on == () else (on,) if isinstance(on, str) else on
    record = Algorithm(
        op, name, why_not=never_refuses, cost=_cost, workspace=no_workspace, build=build or partial(right, op)
    )
    assert name not in MUTANTS, name
    MUTANTS[name] = Mutant(
        replace(record, **changes), check, problems, values, random, seconds, only or check, told
    )


def _cost(spec: Any) -> float:
    """Some seconds that grow with the batch."""
    return 1e-4 * (1 + getattr(spec, "n", 1))


def wrong(op: str, check: str, **how: Any) -> Any:
    """Enter a function ``run(spec, plan, *arrays)``, which is given direct's plan."""

    def enter(run: Any) -> Any:
        add(run.__name__, op, check, lambda spec: partial(run, spec, right(op, spec)), **how)
        return run

    return enter


def wrong_build(op: str, check: str, **how: Any) -> Any:
    """Enter a function ``build(spec, plan) -> plan``, which may keep something in its plan."""

    def enter(build: Any) -> Any:
        add(build.__name__, op, check, lambda spec: build(spec, right(op, spec)), **how)
        return build

    return enter


def instead(name: str, op: str, changes: Any, *, check: str = "agreement", **how: Any) -> None:
    """Enter a kernel that does another problem than it was given: ``changes(spec)`` are fields of that."""

    def run(spec: Any, *arrays: Any) -> None:
        other = replace(spec, **changes(spec))
        outputs = arrays[len(spec.operands(op)) :]
        results = _empty(other, op)
        right(op, other)(*arrays[: len(spec.operands(op))], *results)
        for one, result in zip(outputs, results, strict=True):
            if one is not None:
                one[...] = result[tuple(map(slice, one.shape))]

    add(name, op, check, lambda spec: partial(run, spec), **how)


def _empty(spec: Any, op: str) -> list[Any]:
    import numpy as np

    return [None if one is None else np.empty(*one) for one in spec.outputs(op)]

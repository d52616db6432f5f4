"""The algorithm that is checked, and the cases that it is able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jitconv.algorithm import Algorithm
from jitconv.arrays import Array
from jitconv.ops import Weights, prepare
from jitconv.ops.call import Call
from jitconv.plugins import registry
from jitconv.specs import Spec
from jitconv.testing.agreement import disagreement, reference
from jitconv.testing.cases import Case
from jitconv.testing.findings import Findings, raised
from jitconv.testing.fitted import Anew, fitted, taken
from jitconv.testing.operands import OPERANDS, OUTPUTS, draw

Arrays = Sequence[Array | None]


class Plan(NamedTuple):
    """One way to run a case: by the plan of `build`, or by one that holds its weights."""

    name: str
    call: Call | Anew
    operands: tuple[str, ...]
    activation: str | None = None

    def run(self, given: Arrays, outputs: Arrays) -> Arrays:
        """Run on operands, in the order of `operands`, into outputs; return what the algorithm made."""
        with np.errstate(all="ignore"):
            made = self.call.plan(*given, *outputs)
        return outputs if made is None else self.call.taken(made, outputs, None)


class Subject:
    """One algorithm of one op.

    Parameters
    ----------
    op, name : str
        What is checked.
    cases : sequence of Case
        What it is checked on.
    findings : Findings
        Where failures are noted.
    able : sequence of int, optional
        Places of the cases that it accepts, where another process has asked already.
    digests : sequence of (int, str), optional
        Places of cases, and the digest of the outputs that another process had.
    """

    def __init__(
        self,
        op: str,
        name: str,
        cases: Iterable[Case],
        findings: Findings,
        able: Sequence[int] | None = None,
        digests: Sequence[tuple[int, str]] = (),
    ) -> None:
        self.op = op
        self.name = name
        self.algorithm: Algorithm = registry().find(op, name)
        self.cases = fitted(self.algorithm, cases)
        self.findings = findings
        self.digests = [(self.cases[place], digest) for place, digest in digests]
        """Of some cases, the digest of the outputs that another process had."""
        self._able = able

    @cached_property
    def able(self) -> list[Case]:
        """The cases that `why_not` accepts; refusals are counted by their reasons."""
        if self._able is not None:
            return [self.cases[place] for place in self._able]
        found = []
        for case in self.cases:
            self.findings.at("contract", case)
            try:
                reason = self.algorithm.why_not(case.spec)
            except Exception as error:
                self.findings.fail("contract", f"why_not {raised(error)}", case)
                continue
            if reason is None:
                found.append(case)
            else:
                self.findings.refusals[str(reason)] += 1
        return found

    def places(self, cases: Iterable[Case]) -> list[int]:
        """Return the places of some of its cases among all."""
        place_of = {id(case): place for place, case in enumerate(self.cases)}
        return [place_of[id(case)] for case in cases]

    @property
    def plain(self) -> list[Case]:
        """Able cases of normal values in plain memory that have pictures."""
        return [case for case in self.able if case.spec.n and case.memory == "plain" and not case.spreads]

    def smallest(self, count: int) -> list[Case]:
        """Return some able cases of little work, each of more than one number."""
        cases = [case for case in self.plain if case.spec.flops(self.op) > 1000 or len(self.plain) <= count]
        return sorted(cases, key=lambda case: case.spec.flops(self.op))[:count]

    def largest(self, count: int) -> list[Case]:
        """Return the able cases of the most work."""
        return sorted(self.plain, key=lambda case: -case.spec.flops(self.op))[:count]

    @property
    def operand_names(self) -> tuple[str, ...]:
        """Names of the operands."""
        return OPERANDS[self.op]

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return OUTPUTS[self.op]

    def plan(self, case: Case) -> Plan:
        """Build the plan of a case."""
        if self.algorithm.why_not_weights is not None:
            return Plan("plan", Anew(self.algorithm, case), self.operand_names)
        return Plan("plan", prepare(self.op, case.spec, self.name), self.operand_names)

    def prepared(self, case: Case, operands: Arrays, activation: str | None) -> Plan:
        """Build a plan that holds weights: those of the operands."""
        _, w, b = operands
        assert w is not None
        call = prepare(self.op, case.spec, self.name, Weights(w, b, activation))
        return Plan(f"prepared plan, activation={activation}", call, ("x",), activation)

    def plans(self, case: Case, operands: Arrays) -> list[Callable[[], Plan]]:
        """Return what builds every plan of a case."""
        builders: list[Callable[[], Plan]] = [lambda: self.plan(case)]
        if self.algorithm.prepare is not None:
            builders += [
                lambda: self.prepared(case, operands, None),
                lambda: self.prepared(case, operands, "relu"),
            ]
        return builders

    def draw(self, spec: Spec, rng: np.random.Generator, *, values: str = "normal") -> list[Array | None]:
        """Draw operands that the algorithm takes."""
        return taken(self.algorithm, spec, draw(self.op, spec, rng, values=values))

    def wrong(self, spec: Spec, got: Arrays, operands: Arrays) -> str | None:
        """Return what is wrong with outputs, by naive in float64; None if nothing is."""
        wanted = reference(self.op, spec, operands)
        return disagreement(self.op, spec, self.algorithm, got, wanted, operands=operands)[1]

    def filled(self, case: Case, value: float) -> list[Array | None]:
        """Return outputs full of a value; whole numbers and bools of its whole part."""
        with np.errstate(invalid="ignore"):
            return [
                None if one is None else np.full(one[0], value if one[1][0] == "f" else 1, one[1])
                for one in case.spec.outputs(self.op)
            ]

"""Each case once: it works, its values, where they are written, its inputs, its arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jitconv.arrays import Array
from jitconv.testing.agreement import disagreement, expected
from jitconv.testing.cases import Case
from jitconv.testing.diagnosis import diagnosis
from jitconv.testing.difference import first_difference
from jitconv.testing.findings import raised
from jitconv.testing.subject import Plan, Subject

Arrays = Sequence[Array | None]

PROMISES = {
    "able": "what why_not accepts is built and run, and returns what its spec promises",
    "written": "every output is written whole, whatever it held before",
    "inputs": "operands are never changed",
    "aliases": "results are C-contiguous and share no memory with an operand",
    "agreement": "values are those of naive in float64, within the bound of the error class",
    "integers": "sums of small whole numbers are exact",
    "specials": "NaN and infinities stay in their window (class direct), and are never lost (others)",
}

REFERENCE = "naive"

MOST_RAISED = 40
"""Problems that raise, until the rest is not run."""

FILLINGS = (float("nan"), 12345.0)
"""What outputs hold beforehand."""


def run(subject: Subject) -> None:
    """Run every able case."""
    with np.errstate(all="ignore"):  # a NaN in an operand is no news
        for place, case in enumerate(subject.able):
            Trial(subject, case).run()
            if subject.findings.count("able") >= MOST_RAISED and place + 1 < len(subject.able):
                left = len(subject.able) - place - 1
                subject.findings.note("able", f"{left} problems were not run: too many before them raised")
                break


class Trial:
    """One case of one algorithm."""

    def __init__(self, subject: Subject, case: Case) -> None:
        self.subject, self.case = subject, case
        self.operands = case.operands(subject.op)

    def run(self) -> None:
        """Run the case in every way."""
        ran = self.subject.findings.ran
        self.subject.findings.at(self._values, self.case)
        ran("able")
        if self.case.memory != "plain" or not self.case.spec.n:
            self._publicly()
            return
        for check in ("written", "inputs", "aliases", *([] if self._is_reference else [self._values])):
            ran(check)
        before = self._failures()
        for build in self.subject.plans(self.case, self.operands):
            try:
                self._run(build())
            except Exception as error:
                self._fail("able", raised(error))
                return
        for check, count in before.items():
            self.subject.findings.judged(check, self.case, right=self._failures()[check] == count)

    def _failures(self) -> dict[str, int]:
        """Return how often the checks that `run` counts have failed by now."""
        return {check: self.subject.findings.count(check) for check in ("written", "inputs", self._values)}

    @property
    def _is_reference(self) -> bool:
        """Whether a comparison would be of a computation with itself, which hand-written numbers prove."""
        return self.subject.name == REFERENCE and self.case.spec.dtype == "float64"

    def _fail(self, check: str, text: str) -> None:
        self.subject.findings.fail(check, text, self.case)

    @property
    def _values(self) -> str:
        """The check that the values of this case belong to."""
        if self.case.integers and self.subject.algorithm.error_class == "direct":
            return "integers"
        return "specials" if self.case.spreads else "agreement"

    def _run(self, plan: Plan) -> None:
        given = [self.operands[self.subject.operand_names.index(name)] for name in plan.operands]
        copies = [None if one is None else one.copy() for one in given]
        results = []
        for filling in FILLINGS:
            outputs = self.subject.filled(self.case, filling)
            results.append([None if one is None else one.copy() for one in plan.run(copies, outputs)])
            self._unchanged(plan, given, copies)
        if self._is_written(plan, results) and not self._is_reference:
            self._agrees(plan, results[0])
        self._own(plan, copies)

    def _unchanged(self, plan: Plan, given: Arrays, copies: Arrays) -> None:
        for name, one, other in zip(plan.operands, copies, given, strict=True):
            if one is not None and other is not None and one.tobytes() != other.tobytes():
                self._fail("inputs", f"{plan.name}: changed its operand {name}")
                one[...] = other

    def _is_written(self, plan: Plan, results: Sequence[Arrays]) -> bool:
        """Whether two runs over other fillings agree; say where they do not."""
        if not self.subject.algorithm.deterministic:
            return True  # their bits differ anyhow; what is not written is off by far
        for name, one, other in zip(self.subject.output_names, *results, strict=True):
            if one is None or other is None or one.dtype.kind != "f":
                continue
            bits = f"u{one.itemsize}"
            differs = one.view(bits) != other.view(bits)
            kept = np.isnan(one) & (other == FILLINGS[1])
            if differs.any():
                what = "never written" if kept.any() else "dependent on what the output held before"
                places = kept if kept.any() else differs
                first = [int(axis[0]) for axis in np.nonzero(places)]
                told = f"{int(places.sum())} of {one.size} elements of {name} are {what}, first {first}"
                self._fail("written", f"{plan.name}: {told}")
                return False
        return True

    def _agrees(self, plan: Plan, got: Arrays) -> None:
        subject, case = self.subject, self.case
        if case.spreads and subject.algorithm.error_class != "direct":
            self._loses_nothing(plan, got)
            return
        wanted = expected(subject.op, case, plan.activation)
        _, wrong = disagreement(
            subject.op, case.spec, subject.algorithm, got, wanted, exact=case.integers, operands=self.operands
        )
        if wrong:
            known = subject.findings.diagnosed(self._values)
            hint = "" if known else diagnosis(subject.op, case, got, plan.activation)
            self._fail(self._values, f"{plan.name}: {wrong}{hint}")

    def _loses_nothing(self, plan: Plan, got: Arrays) -> None:
        """Where a plain sum is not finite, one of another class may not be so either."""
        wanted = expected(self.subject.op, self.case, plan.activation)
        for name, one, other in zip(self.subject.output_names, got, wanted, strict=True):
            if one is None or other is None or one.dtype.kind != "f":
                continue
            lost = np.isfinite(one) & ~np.isfinite(other)
            if lost.any():
                first = first_difference(np.where(lost, one, other), other)
                told = f"{name} loses {int(lost.sum())} NaNs and infinities, the first at {first}"
                self._fail("specials", f"{plan.name}: {told}")

    def _own(self, plan: Plan, copies: Arrays) -> None:
        """Check the arrays that a caller is given."""
        with np.errstate(all="ignore"):
            made = plan.call.run(copies)
        for name, one in zip(self.subject.output_names, made, strict=True):
            if one is None:
                continue
            if not one.flags.c_contiguous:
                self._fail("aliases", f"{plan.name}: {name} is not C-contiguous")
            for operand, other in zip(plan.operands, copies, strict=True):
                if other is not None and np.shares_memory(one, other):
                    self._fail("aliases", f"{plan.name}: {name} shares memory with the operand {operand}")

    def _publicly(self) -> None:
        """Run as a caller does who has other memory, or no picture."""
        subject, case = self.subject, self.case
        operands = [None if one is None else case.disguise(one) for one in self.operands]
        before = [None if one is None else one.tobytes() for one in operands]
        try:
            with np.errstate(all="ignore"):
                got = subject.plan(case).call.run(operands)
        except Exception as error:
            self._fail("able", raised(error))
            return
        subject.findings.ran(self._values)
        for name, one, other in zip(subject.operand_names, operands, before, strict=True):
            if one is not None and one.tobytes() != other:
                self._fail("inputs", f"changed its operand {name}")
        _, wrong = disagreement(
            subject.op,
            case.spec,
            subject.algorithm,
            got,
            expected(subject.op, case, None),
            exact=case.integers,
            operands=self.operands,
        )
        if wrong:
            self._fail(self._values, wrong)

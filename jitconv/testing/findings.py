"""What the kit found: for each check what ran, what was refused, and what failed."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jitconv.specs import Spec
from jitconv.testing.cases import Case
from jitconv.testing.common import in_common

FAILURES_KEPT = 20
"""Of one check; the others are counted."""

DIAGNOSED = 6
"""Of one check: what more of them would be right for is not tried."""


HERE = Path(__file__).parents[1]


def raised(error: BaseException) -> str:
    """Say what was raised, and in which line of the algorithm: the innermost that is no library's."""
    lines = [
        f", in {frame.name}, {Path(frame.filename).name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if HERE not in Path(frame.filename).parents or HERE / "algorithms" in Path(frame.filename).parents
        if "site-packages" not in frame.filename and not frame.filename.startswith("<")
    ]
    return f"raises {type(error).__name__}: {error}{lines[-1] if lines else ''}"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong."""

    problem: str
    """The problem string, with words on the operands; empty for what holds of no single problem."""
    text: str
    command: str
    """What repeats it."""

    def __str__(self) -> str:
        head = f"{self.problem}\n    " if self.problem else ""
        return f"{head}{self.text}\n    repeat: {self.command}"


@dataclass(slots=True)
class Result:
    """The outcome of one check of one algorithm."""

    check: str
    promise: str
    """What the check holds an algorithm to."""
    op: str
    algorithm: str
    ran: int = 0
    """Problems that were run."""
    failures: list[Failure] = field(default_factory=list)
    failed: int = 0
    """How often it failed; `failures` holds the first ones."""
    notes: list[str] = field(default_factory=list)
    """What is odd and no failure."""
    not_run: str = ""
    """Why the check could not be run here."""
    known: str = ""
    """The reason for which a failure is expected."""
    common: str = ""
    """What the problems that fail have in common."""

    @property
    def verdict(self) -> str:
        """One of ``passed``, ``failed``, ``known`` (fails as expected), ``nothing ran`` and ``not run``.

        An expected failure that passes has failed.
        """
        if self.known:
            return "known" if self.failed else "failed"
        if self.failed:
            return "failed"
        if self.not_run:
            return "not run"
        return "passed" if self.ran else "nothing ran"

    def __str__(self) -> str:
        head = f"{self.verdict}: {self.op}/{self.algorithm} {self.check} ({self.promise}), {self.ran} run"
        if self.known and not self.failed:
            return f"{head}\n  it passes, and was expected to fail: {self.known}; take it off the list"
        lines = [
            head,
            *([f"  {self.not_run}"] if self.not_run else []),
            *([f"  {self.common}"] if self.common else []),
            *(f"  note: {one}" for one in self.notes),
        ]
        lines += [f"  {one}" for one in self.failures]
        if self.failed > len(self.failures):
            lines.append(f"  … and {self.failed - len(self.failures)} failures more")
        return "\n".join(lines)


class Findings:
    """Collects the results of the checks of one algorithm.

    Parameters
    ----------
    op, algorithm : str
        What is checked.
    promises : dict
        Names of the checks and what each holds an algorithm to.
    known : dict
        Names of checks that are expected to fail, with the reason.
    """

    def __init__(self, op: str, algorithm: str, promises: dict[str, str], known: dict[str, str]) -> None:
        self._results = {
            name: Result(name, promise, op, algorithm, known=known.get(name, ""))
            for name, promise in promises.items()
        }
        self.op, self.algorithm = op, algorithm
        self.refusals: Counter[str] = Counter()
        self._judged: dict[str, dict[bool, list[Spec]]] = {}

    def ran(self, check: str, count: int = 1) -> None:
        """Count what a check ran."""
        self._results[check].ran += count

    def fail(self, check: str, text: str, case: Case | None = None) -> None:
        """Note a failure."""
        result = self._results[check]
        result.failed += 1
        if len(result.failures) < FAILURES_KEPT:
            shape = f' --shape "{case}"' if case else ""
            command = f"jitconv check {self.algorithm} --op {self.op}{shape}"
            result.failures.append(Failure(str(case) if case else "", text, command))

    def count(self, check: str) -> int:
        """Return how often a check has failed."""
        return self._results[check].failed

    def diagnosed(self, check: str) -> bool:
        """Whether enough failures of a check have been looked into."""
        return self._results[check].failed >= DIAGNOSED

    def note(self, check: str, text: str) -> None:
        """Note what is odd and no failure."""
        if text not in self._results[check].notes:
            self._results[check].notes.append(text)

    def skip(self, checks: Iterable[str], reason: str) -> None:
        """Note why checks cannot be run."""
        for check in self._results.keys() & set(checks):
            self._results[check].not_run = reason

    def failed(self, *checks: str) -> bool:
        """Whether one of some checks has failed."""
        return any(self._results[name].failed for name in checks)

    def judged(self, check: str, case: Case, *, right: bool) -> None:
        """Note how a check of a problem ended, for what those that fail have in common."""
        self._judged.setdefault(check, {True: [], False: []})[right].append(case.spec)

    def results(self) -> list[Result]:
        """Return the results in the order of the checks."""
        for check, specs in self._judged.items():
            if specs[False]:
                self._results[check].common = in_common(specs[False], specs[True])
        return list(self._results.values())

"""What the kit found: for each check what ran, what was refused, and what failed."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jitconv.plugins import limits
from jitconv.specs import Spec
from jitconv.testing.cases import Case
from jitconv.testing.common import in_common

FAILURES_KEPT = 20
"""Of one check; the others are counted."""

TOLD = 3
"""Of these, in words; reports in JSON have all that are kept. A choice."""

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
    limit = limits.told() if isinstance(error, MemoryError) else ""
    return f"raises {type(error).__name__}: {error}{limit}{lines[-1] if lines else ''}"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong."""

    problem: str
    """The problem string, with words on the operands; empty for what holds of no single problem."""
    text: str
    command: str
    """What repeats it."""
    expected: str = ""
    """The reason for which it was expected."""

    def __str__(self) -> str:
        head = f"{self.problem}\n    " if self.problem else ""
        expected = f"\n    as expected: {self.expected}" if self.expected else ""
        return f"{head}{self.text}{expected}\n    repeat: {self.command}"


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
    """How often it failed, other than expected; `failures` holds the first ones, expected ones too."""
    notes: list[str] = field(default_factory=list)
    """What is odd and no failure."""
    not_run: str = ""
    """Why the check could not be run here."""
    expected: dict[str, str] = field(default_factory=dict)
    """Why failures are expected, by problem; of every one of the check under ``""``."""
    as_expected: dict[str, int] = field(default_factory=dict)
    """How often each of these has failed."""
    common: str = ""
    """What the problems that fail have in common."""
    figures: dict[str, float] = field(default_factory=dict)
    """What was measured, by its name."""
    features: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of ``reach``: by kind, how many problems were accepted of how many; see `jitconv.testing.features`."""

    @property
    def verdict(self) -> str:
        """One of ``passed``, ``failed``, ``expected`` (it fails, as was expected), ``nothing ran`` and
        ``not run``.

        A check has failed also where an expected failure passes.
        """
        if self.failed:
            return "failed"
        if self.not_run:
            return "not run"
        if self.stale:
            return "failed"
        if self.as_expected:
            return "expected"
        return "passed" if self.ran else "nothing ran"

    @property
    def stale(self) -> list[str]:
        """Expected failures that pass, in words; none of a check that did not run."""
        if self.not_run or not (self.ran or self.as_expected):
            return []
        return [
            f"{problem or 'it'} passes, and was expected to fail: {reason}; take it off the list"
            for problem, reason in self.expected.items()
            if problem not in self.as_expected
        ]

    def __str__(self) -> str:
        lines = [
            f"{self.verdict}: {self.op}/{self.algorithm} {self.check} ({self.promise}), {self.ran} run",
            *([f"  {self.not_run}"] if self.not_run else []),
            *([f"  {self.common}"] if self.common else []),
            *(f"  {one}" for one in self.stale),
            *(f"  {name}: {value:.3g}" for name, value in self.figures.items()),
            *(f"  note: {one}" for one in self.notes),
        ]
        lines += [f"  {one}" for one in self.failures[:TOLD]]
        more = self.failed + sum(self.as_expected.values()) - len(self.failures[:TOLD])
        if more > 0:
            lines.append(f"  … and {more} more")
        return "\n".join(lines)


class Findings:
    """Collects the results of the checks of one algorithm.

    Parameters
    ----------
    op, algorithm : str
        What is checked.
    promises : dict
        Names of the checks and what each holds an algorithm to.
    expected : mapping, optional
        By check, and there by problem (``""``: all), the reasons of failures that are expected.
    """

    def __init__(
        self,
        op: str,
        algorithm: str,
        promises: Mapping[str, str],
        expected: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._results = {
            name: Result(name, promise, op, algorithm, expected=dict((expected or {}).get(name, {})))
            for name, promise in promises.items()
        }
        self.op, self.algorithm = op, algorithm
        self.refusals: Counter[str] = Counter()
        self._judged: dict[str, dict[bool, list[Spec]]] = {}

    def at(self, check: str, case: Case | None = None) -> None:
        """Say what is about to run; of use where somebody watches."""

    def ran(self, check: str, count: int = 1) -> None:
        """Count what a check ran."""
        self._results[check].ran += count

    def fail(self, check: str, text: str, case: Case | None = None) -> None:
        """Note a failure."""
        result, problem = self._results[check], str(case) if case else ""
        listed = next((one for one in (problem, "") if one in result.expected), None)
        if listed is None:
            result.failed += 1
        else:
            result.as_expected[listed] = result.as_expected.get(listed, 0) + 1
        shape = f' --shape "{case}"' if case else ""
        command = f"jitconv check {self.algorithm} --op {self.op}{shape}"
        expected = "" if listed is None else result.expected[listed]
        result.failures.append(Failure(problem, text, command, expected))
        if len(result.failures) > FAILURES_KEPT:  # an expected one makes room
            result.failures.sort(key=lambda one: bool(one.expected))
            result.failures.pop()

    def count(self, check: str) -> int:
        """Return how often a check has failed, as expected or not."""
        result = self._results[check]
        return result.failed + sum(result.as_expected.values())

    def diagnosed(self, check: str) -> bool:
        """Whether enough failures of a check have been looked into."""
        return self.count(check) >= DIAGNOSED

    def note(self, check: str, text: str) -> None:
        """Note what is odd and no failure."""
        if text not in self._results[check].notes:
            self._results[check].notes.append(text)

    def skip(self, checks: Iterable[str], reason: str) -> None:
        """Note why checks cannot be run; those that have failed already stay failed for that."""
        for check in self._results.keys() & set(checks):
            if not self.count(check):
                self._results[check].not_run = reason

    def failed(self, *checks: str) -> bool:
        """Whether one of some checks has failed, as expected or not."""
        return any(self.count(name) for name in checks)

    def figure(self, check: str, name: str, value: float) -> None:
        """Note a figure."""
        self._results[check].figures[name] = value

    def met(self, features: dict[str, tuple[int, int]]) -> None:
        """Note what kinds of problems were accepted."""
        self._results["reach"].features = features

    def judged(self, check: str, case: Case, *, right: bool) -> None:
        """Note how a check of a problem ended, for what those that fail have in common."""
        self._judged.setdefault(check, {True: [], False: []})[right].append(case.spec)

    def results(self) -> list[Result]:
        """Return the results in the order of the checks."""
        for check, specs in self._judged.items():
            if specs[False]:
                self._results[check].common = in_common(specs[False], specs[True])
        return list(self._results.values())

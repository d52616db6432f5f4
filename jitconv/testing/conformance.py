"""The conformance kit under pytest: a class of three lines for each algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from jitconv.algorithm import OPS
from jitconv.plugins.limits import CHECK_SECONDS
from jitconv.testing.cases import Case
from jitconv.testing.checks import promises
from jitconv.testing.findings import Result
from jitconv.testing.kit import RANDOM, Expected, check_algorithm


class KernelConformance:
    """A test of every check.

    Derive from it, in a module that pytest collects::

        from jitconv.testing import KernelConformance

        class TestMine(KernelConformance):
            op, algorithm = "conv_forward", "mine"

    Attributes
    ----------
    op, algorithm : str
        What is checked.
    problems : sequence of Case or str, optional
        What to check it on; by default the catalogue.
    random, seed : int
        How many random problems more, and of which seed.
    expected_failures : mapping
        Failures that are expected, with the reason, by check or by check and problem: see `check_algorithm`.
        A listed one that passes fails.
    seconds, memory, apart
        Limits of a problem's time and of a process's bytes; whether all checks run in other processes: see
        `check_algorithm`.
    """

    op: ClassVar[str] = ""
    algorithm: ClassVar[str] = ""
    problems: ClassVar[Sequence[Case | str] | None] = None
    random: ClassVar[int] = RANDOM
    seed: ClassVar[int] = 0
    expected_failures: ClassVar[Expected] = {}
    seconds: ClassVar[float] = CHECK_SECONDS
    memory: ClassVar[int | None] = None
    apart: ClassVar[bool | None] = None

    _results: ClassVar[dict[str, Result] | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.op and cls.op not in OPS:
            raise TypeError(f"{cls.__name__}.op must be one of {', '.join(OPS)}; got {cls.op!r}")
        cls._results = None
        for check, promise in promises(cls.op).items() if cls.op else ():
            setattr(cls, f"test_{check}", _test(check, promise))

    @classmethod
    def results(cls) -> dict[str, Result]:
        """Return the results by check; the kit runs once for the class."""
        if cls._results is None:
            given = cls.problems
            problems = None if given is None else [Case.of(a) if isinstance(a, str) else a for a in given]
            found = check_algorithm(
                cls.op,
                cls.algorithm,
                problems=problems,
                random=cls.random,
                seed=cls.seed,
                expected_failures=cls.expected_failures,
                seconds=cls.seconds,
                memory=cls.memory,
                apart=cls.apart,
            )
            cls._results = {result.check: result for result in found}
        return cls._results


def _test(check: str, promise: str) -> Any:
    def test(self: KernelConformance) -> None:
        result = self.results()[check]
        if result.verdict == "failed":
            raise AssertionError(str(result))
        if result.verdict in ("nothing ran", "not run", "expected"):
            import pytest

            pytest.skip(str(result))

    test.__doc__ = f"{promise[0].upper()}{promise[1:]}."
    test.__name__ = f"test_{check}"
    return test

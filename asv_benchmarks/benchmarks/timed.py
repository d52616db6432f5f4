"""What classes that time have in common."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from benchmarks.problems import ready, threads, version
from jitconv.errors import UnknownAlgorithmError
from jitconv.plugins import registry
from jitconv.specs import parse

SAMPLE = 0.01
"""Seconds of a sample, asv's own default. Where there is a `setup` asv would take samples of one call."""


class Once(ABC):
    """Times calls of what is made once: asv sets up again before each call that it times."""

    warmup_time = 0.1
    repeat = (3, 20, 1.0)
    version = "1"
    run: Callable[[], Any] | None = None

    @abstractmethod
    def made(self, *parameters: str) -> Callable[[], Any]:
        """Draw arrays and compile; return the call."""

    def setup(self, *parameters: str) -> None:
        """Make the call, and say how many of it are a sample."""
        if self.run is None:
            self.run = self.made(*parameters)
            self.number = calls(self.run)

    def time_call(self, *parameters: str) -> None:
        """Run it once."""
        self.run()  # type: ignore[misc]


class Timed(Once):
    """Times calls of an op by an algorithm; a subclass names them, and problems, the cheapest first.

    A problem is "PROBLEM", or "PROBLEM by VARIANT", which forces one. The algorithm can do
    all of them. One that it refuses is skipped with its reason; where it refuses all, each fails.
    """

    algorithm = "auto"
    problems: tuple[str, ...] | list[str] = ()
    threads: tuple[str, ...] = ("1",)
    plan = False

    param_names = ("problem", "threads")

    @property
    @abstractmethod
    def op(self) -> str:
        """The op."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.params = (list(cls.problems), list(cls.threads))
        cls.version = version(str(cls.op), cls.algorithm)

    def made(self, problem: str, count: str) -> Callable[[], Any]:
        """Return a call on so many threads."""
        setting = threads(int(count))
        return setting.bound(setting.run(self.ready, problem))

    def ready(self, problem: str) -> Callable[[], Any]:
        """Return what is timed."""
        text, name = self.wanted(problem)
        try:
            return ready(self.op, text, name, plan=self.plan)
        except NotImplementedError as refusal:
            if all(self.refuses(one) for one, _ in itertools.product(*self.params)):
                raise RuntimeError(f"nothing of {type(self).__name__} can be measured: {refusal}") from None
            raise

    def wanted(self, problem: str) -> tuple[str, str]:
        """Return the problem string, and the algorithm as `algorithm=` takes it."""
        text, _, variant = problem.partition(" by ")
        return text, f"{self.algorithm}/{variant}" if variant else self.algorithm

    def refuses(self, problem: str) -> bool:
        """Whether the algorithm is there and refuses a problem."""
        text, name = self.wanted(problem)
        try:
            return name != "auto" and registry().find(self.op, name).why_not(parse(text)) is not None
        except UnknownAlgorithmError:
            return False  # in an older jitconv: that is no failure


def calls(run: Callable[[], Any]) -> int:
    """Return how many calls make a sample."""
    laps = []
    for _ in range(3):
        begun = time.perf_counter()
        run()
        laps.append(time.perf_counter() - begun)
    return max(1, int(SAMPLE / max(min(laps), 1e-6)))

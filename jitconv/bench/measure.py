"""Time several calls against each other in one run."""

from __future__ import annotations

import math
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jitconv.selector.stopwatch import IDLE, REST, of_other_threads, settle

BLOCK = 0.03
"""Seconds of one call before it is another's turn: where two pools of threads live in one process,
the idle ones of the one still spin while the other starts, so the first call of a block is dropped."""

PAUSE = 0.1
"""Seconds of rest before a block where a peer brings threads of its own: idle ones of ONNX Runtime 1.31
spin for some 60 ms, in which a kernel of 2.2 ms took 5 to 8 (two cores)."""

LEAST_LAPS = 3

NOISY = 0.15
"""A time whose quartiles lie further apart than this share of the median is marked."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one call: the median, the quartiles, and of how many laps."""

    median: float
    low: float
    high: float
    laps: int

    @property
    def spread(self) -> float:
        """The distance of the quartiles as a share of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0

    @property
    def error(self) -> float:
        """The standard error of the median, of laps that vary as a normal distribution does."""
        return 0.93 * (self.high - self.low) / math.sqrt(self.laps)


def interleave(
    calls: Mapping[str, Callable[[], object]],
    seconds: float,
    *,
    pause: float = 0.0,
    settled: bool = False,
    failures: tuple[type[Exception], ...] = (),
) -> dict[str, Timing]:
    """Time calls in alternating blocks, about `seconds` for each (a slow one still has its laps).

    Each block begins after `pause` seconds of rest, and with `settled` once no thread of the call before it
    spins. What a `Prepared` call does before a lap is not in the lap, but in its `seconds`.

    Every call is expected to have run once already, so that nothing is left to compile.

    Raises
    ------
    BlockFailedError
        When a call raises one of `failures`; it names the call.
    """
    busy = settled and len(calls) > 1
    laps: dict[str, list[float]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    while waiting := [name for name in calls if spent[name] < seconds or len(laps[name]) < LEAST_LAPS]:
        for name in waiting:
            time.sleep(pause)
            if busy:
                settle()
            before = of_other_threads()
            try:
                block, took = _block(calls[name])
            except failures as error:
                raise BlockFailedError(name, error) from error
            busy = settled and len(calls) > 1 and of_other_threads() - before > IDLE * REST
            spent[name] += took
            laps[name] += block[1:] if len(block) > 1 else block
    return {name: _timing(found) for name, found in laps.items()}


def interleave_able(
    calls: Mapping[str, Callable[[], object]],
    seconds: float,
    failures: tuple[type[Exception], ...],
    *,
    pause: float = 0.0,
) -> tuple[dict[str, Timing], dict[str, Exception]]:
    """Time calls as `interleave` does, settled; one that raises is left out, and the others begin anew.

    Parameters
    ----------
    calls, seconds, pause
        As of `interleave`.
    failures : tuple of types
        The errors that leave out a call; any other is raised.

    Returns
    -------
    timings, failed : dict
        The times, and the error of each that was left out.
    """
    left = dict(calls)
    failed: dict[str, Exception] = {}
    while left:
        try:
            return interleave(left, seconds, pause=pause, settled=True, failures=failures), failed
        except BlockFailedError as block:
            failed[block.name] = block.error
            del left[block.name]
    return {}, failed


class BlockFailedError(Exception):
    """A call raised while it was timed."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"{name}: {error}")
        self.name, self.error = name, error


class Prepared(ABC):
    """A call with something to do before each lap."""

    @abstractmethod
    def prepare(self) -> bool:
        """Do it; return whether the lap that follows is one to leave out."""

    @abstractmethod
    def __call__(self) -> object:
        """Run the lap."""


def _block(call: Callable[[], object]) -> tuple[list[float], float]:
    """Return the laps of a block, and what it took."""
    found: list[float] = []
    prepared = call if isinstance(call, Prepared) else None
    begun = time.perf_counter()
    while True:
        left_out = prepared is not None and prepared.prepare()
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        if not left_out:
            found.append(end - start)
        if found and end - begun >= BLOCK:
            return found, sum(found) if prepared is None else end - begun


def _timing(laps: list[float]) -> Timing:
    low, median, high = statistics.quantiles(laps, n=4, method="inclusive")
    return Timing(median, low, high, len(laps))

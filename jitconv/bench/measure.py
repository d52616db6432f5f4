"""Time several calls against each other in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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


def interleave(
    calls: Mapping[str, Callable[[], object]], seconds: float, *, pause: float = 0.0
) -> dict[str, Timing]:
    """Time calls in alternating blocks, about `seconds` for each (a slow one still has its laps).

    Each block begins after `pause` seconds of rest.

    Every call is expected to have run once already, so that nothing is left to compile.
    """
    laps: dict[str, list[float]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    while waiting := [name for name in calls if spent[name] < seconds or len(laps[name]) < LEAST_LAPS]:
        for name in waiting:
            time.sleep(pause)
            block = _block(calls[name])
            spent[name] += sum(block)
            laps[name] += block[1:] if len(block) > 1 else block
    return {name: _timing(found) for name, found in laps.items()}


def _block(call: Callable[[], object]) -> list[float]:
    found: list[float] = []
    begun = time.perf_counter()
    while not found or found[-1] < BLOCK:
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        found.append(end - start)
        if end - begun >= BLOCK:
            break
    return found


def _timing(laps: list[float]) -> Timing:
    low, median, high = statistics.quantiles(laps, n=4, method="inclusive")
    return Timing(median, low, high, len(laps))

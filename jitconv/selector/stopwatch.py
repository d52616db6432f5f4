"""Times candidates in turns until the fastest is clear."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping

HOPELESS = 3.0
"""A candidate whose second call takes this many times the least is stopped there. A choice: of 3x times no
noise that was seen makes a winner."""

TURN = 0.002
"""Seconds of a candidate's turn, or one call. A choice: long enough that the clock and the cold first call do
not matter, short enough for many turns."""

LEAST_TURNS, MOST_TURNS = 6, 40
"""Turns before a winner is called, and after which it is as clear as it will be. A choice."""

MARGIN = 0.08
"""The predicted candidate stays unless another is faster by this share at least, and by twice the error of
the difference. A choice: less is no gain that a program notices, and would flip from run to run."""

REST, MOST_RESTS, IDLE = 0.006, 40, 0.25
"""Seconds of one rest before a turn, the most rests, and the share of a core below which nothing spins.

An idle thread of NumPy's OpenBLAS spins for 100 ms after a product (two cores): `direct` took 2.5 ms in the
turns after those of `im2col` and `naive`, and 0.86 without them. A rest is longer than the 4 ms by which
Linux counts the time of a thread that runs."""


def race(calls: Mapping[str, Callable[[], object]], budget: float) -> dict[str, list[float]]:
    """Return the seconds of each candidate, one figure for each of its turns, in their order.

    The first call of each compiles and is not counted. The turns end when the fastest is clear or `budget`
    seconds are spent.
    """
    first: dict[str, float] = {}
    for name, call in calls.items():
        call()
        first[name] = _lap(call)
    least = min(first.values())
    found = {name: [took] for name, took in first.items()}
    running = [name for name in calls if first[name] <= HOPELESS * least]
    for name in running:
        found[name].clear()
    until = time.perf_counter() + budget
    for turns in range(1, MOST_TURNS + 1):
        for name in running:
            if len(running) > 1:
                settle()
            found[name].append(_turn(calls[name]))
        if len(running) == 1 or time.perf_counter() > until:
            break
        if turns >= LEAST_TURNS and clear({name: found[name] for name in running}):
            break
    return found


def settle() -> None:
    """Wait until all threads but this one sleep, or for `MOST_RESTS` rests."""
    for _ in range(MOST_RESTS):
        before = of_other_threads()
        time.sleep(REST)
        if of_other_threads() - before < IDLE * REST:
            return


def of_other_threads() -> float:
    """Return the seconds of processor time that all threads but this one have taken."""
    return time.process_time() - time.thread_time()


def seconds(turns: list[float]) -> float:
    """Return a candidate's time of its turns."""
    return statistics.median(turns)


def clear(turns: Mapping[str, list[float]]) -> bool:
    """Whether no other candidate may be the fastest, or none that may be differs from it by the margin."""
    best = min(turns, key=lambda name: seconds(turns[name]))
    return all(
        abs(difference) > error or error < MARGIN * seconds(turns[best]) / 2
        for name in turns
        if name != best
        for difference, error in [_difference(turns[name], turns[best])]
    )


def decide(turns: Mapping[str, list[float]], predicted: str) -> str:
    """Return the winner: the predicted candidate, unless another is faster beyond the noise."""
    best = min(turns, key=lambda name: seconds(turns[name]))
    gained, error = _difference(turns[predicted], turns[best])
    return best if gained > max(error, MARGIN * seconds(turns[predicted])) else predicted


def _difference(one: list[float], other: list[float]) -> tuple[float, float]:
    """Return by how much one takes longer than another, and twice the error of that."""
    return seconds(one) - seconds(other), 2 * math.hypot(_error(one), _error(other))


def _error(turns: list[float]) -> float:
    """Return the standard error of a median, of turns that vary as a normal distribution does."""
    if len(turns) < 2:
        return 0.0
    low, _, high = statistics.quantiles(turns, n=4, method="inclusive")
    return 0.93 * (high - low) / math.sqrt(len(turns))


def _turn(call: Callable[[], object]) -> float:
    laps: list[float] = []
    until = time.perf_counter() + TURN
    call()  # what another candidate left in the caches is not this one's fault
    while not laps or time.perf_counter() < until:
        laps.append(_lap(call))
    return statistics.median(laps)


def _lap(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun

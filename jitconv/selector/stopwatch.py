"""Times candidates in turns until it is clear which one wins."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping

HOPELESS = 3.0
"""A candidate whose second call takes this many times the least is stopped there; where calls are shorter
than a turn, whose first turn does. A choice: of 3x times no noise that was seen makes a winner. The second
call of some 4 µs took 40 to 55, and would have ended the best of a small problem."""

TURN = 0.006
"""Seconds of a candidate's turn, or one call. Long enough for several calls of a millisecond: after a rest
two threads took twice as long in every other call of a turn of 2 ms, for the second one had slept."""

LEAST_TURNS, MOST_TURNS = 6, 40
"""Turns before a winner is called, and after which it is as clear as it will be. A choice."""

MARGIN = 0.08
"""Of the candidates that take at most this share longer than the fastest, the one of least predicted time
wins. A choice: less is no gain that a program notices, and would flip from run to run."""

REST, MOST_RESTS, IDLE = 0.006, 40, 0.25
"""Seconds of one rest before a turn, the most rests, and the share of a core below which nothing spins.

An idle thread of NumPy's OpenBLAS spins for 100 ms after a product (two cores): `direct` took 2.5 ms in the
turns after those of `im2col` and `naive`, and 0.86 without them. A rest is longer than the 4 ms by which
Linux counts the time of a thread that runs."""


def race(calls: Mapping[str, Callable[[], object]], budget: float) -> dict[str, list[float]]:
    """Return the seconds of each candidate, one figure for each of its turns, in their order.

    Candidates are given by predicted time, the least first. The first call of each compiles and is not
    counted. The turns end when the winner is clear or `budget` seconds are spent.
    """
    first: dict[str, float] = {}
    for name, call in calls.items():
        call()
        first[name] = _lap(call)
        if first[name] < TURN:
            first[name] = _turn(call)
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
    """Return a candidate's time: the lower quartile of its turns.

    A machine that is shared has phases in which two threads take twice as long: see `TURN`.
    """
    return statistics.quantiles(turns, n=4, method="inclusive")[0] if len(turns) > 1 else turns[0]


def decide(turns: Mapping[str, list[float]]) -> str:
    """Return the winner: the first that does not take clearly longer than the fastest.

    Candidates are given by predicted time, the least first.
    """
    best = _fastest(turns)
    return next(name for name in turns if _within(turns[name], turns[best]) is not False)


def clear(turns: Mapping[str, list[float]]) -> bool:
    """Whether the winner takes at most the margin longer than each other, whatever the noise.

    Those that come before it are clearly beyond the margin, or they would have won.
    """
    winner = turns[decide(turns)]
    return all(_within(winner, other) for other in turns.values())


def _fastest(turns: Mapping[str, list[float]]) -> str:
    return min(turns, key=lambda name: seconds(turns[name]))


def _within(one: list[float], other: list[float]) -> bool | None:
    """Whether one takes at most the margin longer than another; None if the noise is too large to say."""
    beyond = seconds(one) - (1 + MARGIN) * seconds(other)
    error = 2 * math.hypot(_error(one), (1 + MARGIN) * _error(other))
    return None if abs(beyond) < error else beyond <= 0


def _error(turns: list[float]) -> float:
    """Return the standard error of such a time, of turns that vary as a normal distribution does."""
    if len(turns) < 2:
        return 0.0
    low, _, high = statistics.quantiles(turns, n=4, method="inclusive")
    return 1.01 * (high - low) / math.sqrt(len(turns))


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

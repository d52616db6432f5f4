"""Measures the handful of rates by which predicted times are scaled to a machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from numba import prange

import jitconv
from jitconv.bench import ceiling
from jitconv.jit import Kernel, team
from jitconv.jit.rates import Rates

SECONDS = 0.2
"""Of each rate; five are measured in about a second. A choice."""


def measured() -> Rates:
    """Return the rates of this machine, measured in a second or two once the kernels are compiled."""
    threads = team()
    one = ceiling.multiply_adds("float32", 1)
    copies = [ceiling.copy(1), ceiling.copy(threads)]
    x, w = np.ones((1, 4, 4, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)
    empty = np.zeros(threads, np.int64)
    return Rates(
        madds=one.amount / 2 / least(one.run),
        copied=copies[0].amount / least(copies[0].run),
        copied_by_all=copies[1].amount / least(copies[1].run),
        call=least(lambda: jitconv.conv_forward(x, w, algorithm="direct")),
        region=least(lambda: REGION(10**9, empty)),
    )


def least(run: Callable[[], object]) -> float:
    """Return the seconds of a call when nothing disturbs it: the least median of some turns."""
    run()
    turns: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(turns) < 3 or time.perf_counter() < end:
        laps: list[float] = []
        until = time.perf_counter() + SECONDS / 20
        while not laps or time.perf_counter() < until:
            begun = time.perf_counter()
            run()
            laps.append(time.perf_counter() - begun)
        turns.append(statistics.median(laps))
    return min(turns)


def _nothing(counts):
    for part in prange(counts.size):
        counts[part] += 1


REGION = Kernel(_nothing)

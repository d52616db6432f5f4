"""Calls whose operands and results no cache holds, as inside a network.

A call goes over copies of its operands in turn, and its results are kept for a round, so that each is
written where none was lately. Copies that together exceed the caches put each other out. Of a small problem
that would take tens of thousands of them, and as many plans with their weights. So there are a few, and
before each round every thread reads through memory larger than the caches. That puts out code and the
library's own tables too, and idle threads may fall asleep meanwhile, which a layer in a network never meets:
so the first call of such a round is run and left out, and the others find code and threads as they would
there. To do so before every call would leave no call to measure.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import prange

from jitconv.arrays import Array
from jitconv.bench.measure import Prepared
from jitconv.jit import Kernel, team
from jitconv.jit.caches import caches

COPIES = 16
"""At most: one is left out of each round in which memory is read."""

FIRST_ROUND = 1.0
"""Seconds after which the rest of a first round is left: calls so slow do not feel new memory."""

UNKNOWN_CACHE = 32 * 2**20
"""Bytes of the last-level cache where the system does not say."""

MOST_CACHE = 128 * 2**20
"""Taken for larger ones too: of such the part that one process may fill is smaller."""


@functools.cache
def evicting_bytes() -> int:
    """Return the bytes that put anything else out of the caches: twice the last one's."""
    return 2 * min(max(caches().values(), default=UNKNOWN_CACHE), MOST_CACHE)


def copies(nbytes: int) -> int:
    """Return how many copies of a problem's arrays are taken in turn; a large one evicts itself."""
    return max(1, min(COPIES, -(-evicting_bytes() // max(nbytes, 1))))


class Cold(Prepared):
    """A call that goes over copies in turn.

    Parameters
    ----------
    runs : sequence of callable
        The same call, each on operands of its own; each returns its results.
    nbytes : int
        Of one call's operands and results.
    """

    def __init__(self, runs: Sequence[Callable[[], Any]], nbytes: int) -> None:
        self.runs = runs
        self.evicts = len(runs) * nbytes < evicting_bytes()
        self.results: list[Any] = [None] * len(runs)
        self.place = 0
        until = time.perf_counter() + FIRST_ROUND
        for _ in runs:  # memory of results that was never written is slower than any cache
            self()
            if time.perf_counter() > until:
                break

    def prepare(self) -> bool:
        """Put everything out of the caches where a round begins and its copies do not."""
        if self.place or not self.evicts:
            return False
        evict()
        return True

    def __call__(self) -> object:
        """Run the next copy."""
        result = self.results[self.place] = self.runs[self.place]()
        self.place = (self.place + 1) % len(self.runs)
        return result


def evict() -> None:
    """Read memory on all threads: each puts out what its own core's caches hold."""
    threads = team()
    READ(10**9, _memory(evicting_bytes()), np.zeros(threads * LINE), threads)


@functools.lru_cache(maxsize=1)
def _memory(nbytes: int) -> Array:
    return np.ones(nbytes // 8)


LINE = 8
"""Numbers of a cache line."""


def _read(memory, sums, parts):
    size = memory.size // parts
    for part in prange(parts):
        total = 0.0
        for i in range(part * size, (part + 1) * size, LINE):
            total += memory[i]
        sums[part * LINE] = total


READ = Kernel(_read)

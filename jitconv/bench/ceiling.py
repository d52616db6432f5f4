"""What the machine can do at most: multiply-adds in registers, and bytes copied."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import prange

from jitconv.jit import Kernel, team
from jitconv.jit.tile import TALLEST, WIDEST, tile
from jitconv.jit.vectors import VECTOR_BYTES

COPY_BYTES = 256 * 2**20
"""Beyond the last-level cache."""

ROWS = TALLEST[WIDEST]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """GFLOP/s of multiply-adds, and GB/s of a copy (bytes read and written)."""

    gflops: float
    copy: float


def _multiply(a, b, c, parts, rounds, segments):
    lanes = VECTOR_BYTES // a.itemsize
    for part in prange(parts):
        for _ in range(rounds):
            tile(ROWS, WIDEST, a, 0, 128, b, 0, WIDEST * lanes, 0, segments, 0, 1, 128, c, 0, 0, 0,
                 c, part * ROWS * WIDEST * lanes, WIDEST * lanes, WIDEST * lanes, 0)  # fmt: skip


def _copy(source, target, parts):
    size = source.size // parts
    for part in prange(parts):
        first = part * size
        read, written = source[first : first + size], target[first : first + size]
        for i in range(written.size):
            written[i] = read[i]


MULTIPLY, COPY = Kernel(_multiply), Kernel(_copy)


def measure(dtype: str = "float32") -> Ceiling:
    """Measure both with the threads that kernels use."""
    threads = team()
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    a, b = np.ones(ROWS * 128, dtype), np.ones(128 * WIDEST * lanes, dtype)
    c = np.zeros(threads * ROWS * WIDEST * lanes, dtype)
    segments, rounds = np.zeros(2, np.int64), 20_000
    best = _best(lambda: MULTIPLY(10**9, a, b, c, threads, rounds, segments))
    flops = 2 * threads * rounds * 128 * ROWS * WIDEST * lanes
    source, target = np.ones(COPY_BYTES // 4, np.float32), np.zeros(COPY_BYTES // 4, np.float32)
    copied = _best(lambda: COPY(10**9, source, target, threads))
    return Ceiling(flops / best / 1e9, 2 * source.nbytes / copied / 1e9)


def _best(run: Callable[[], object]) -> float:
    run()
    laps = []
    for _ in range(7):
        start = time.perf_counter()
        run()
        laps.append(time.perf_counter() - start)
    return min(laps)

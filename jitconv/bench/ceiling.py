"""What the machine can do at most: multiply-adds in registers, and bytes copied.

Both are measured in turns with each layer: on a virtual machine the rate of a core moves from one second
to the next (98 to 279 GFLOP/s were seen on one), so that a share of a ceiling taken earlier says nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import prange

from jitconv.jit import Kernel
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import aligned
from jitconv.micro.tile import TALLEST, WIDEST, tile

COPY_BYTES = 256 * 2**20
"""Beyond the last-level cache."""

ROWS = TALLEST[WIDEST]

DEPTH, SEGMENTS = 64, 32
"""A tile sums over the same 64 products 32 times: they fill half of a first-level cache of 32 KiB, and what
begins and ends a tile is a small part. Of 128 products once, kernels did up to half as many again."""

ROUNDS = 125
"""Tiles of a thread: 2 to 5 ms, so that a block of `measure.py` has several."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A piece of work that nothing but the machine holds back."""

    run: Callable[[], None]
    amount: float
    """Floating-point operations, or bytes read and written."""


def _multiply(a, b, c, parts, rounds, segments):
    lanes = VECTOR_BYTES // a.itemsize
    for part in prange(parts):
        for _ in range(rounds):
            tile(
                ROWS,
                WIDEST,
                1,
                a,
                0,
                DEPTH,
                b,
                0,
                WIDEST * lanes,
                0,
                segments,
                0,
                SEGMENTS,
                DEPTH,
                c,
                0,
                0,
                0,
                c,
                part * ROWS * WIDEST * lanes,
                WIDEST * lanes,
                WIDEST * lanes,
                0,
            )


def _copy(source, target, parts):
    size = source.size // parts
    for part in prange(parts):
        first = part * size
        read, written = source[first : first + size], target[first : first + size]
        for i in range(written.size):
            written[i] = read[i]


MULTIPLY, COPY = Kernel(_multiply), Kernel(_copy)


@functools.cache
def multiply_adds(dtype: str, threads: int) -> Ceiling:
    """Return some milliseconds of multiply-adds in registers."""
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    a, b, c = (
        aligned(size, dtype)
        for size in (ROWS * DEPTH, DEPTH * WIDEST * lanes, threads * ROWS * WIDEST * lanes)
    )
    a[:], b[:] = 1, 1
    segments = np.zeros(2 * SEGMENTS, np.int64)
    return Ceiling(
        lambda: MULTIPLY(10**9, a, b, c, threads, ROUNDS, segments),
        2 * threads * ROUNDS * SEGMENTS * DEPTH * ROWS * WIDEST * lanes,
    )


@functools.cache
def copy(threads: int) -> Ceiling:
    """Return a copy of `COPY_BYTES`."""
    source, target = (np.ones(COPY_BYTES // 4, np.float32) for _ in range(2))
    return Ceiling(lambda: COPY(10**9, source, target, threads), 2 * source.nbytes)

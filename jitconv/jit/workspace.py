"""Large buffers used again: the system hands out memory anew page by page, slower than it is filled.

51 MB anew and filled took 9.0 ms where 51 MB kept took 3.6 ms (two threads, pages of 4 KiB or 2 MiB
as the system likes).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from jitconv.arrays import Array

KEPT_BYTES = 256 * 2**20
"""At most so much is kept between calls. Not measured."""

WORTH_KEEPING = 4 * 2**20
"""Smaller buffers the allocator keeps, see `keep_freed_memory`. Not measured."""

LARGEST_FREED = 31 * 2**20
"""Bytes. By definition: glibc learns from blocks of at most 32 MiB."""

LINE = 64
"""Bytes of a cache line. Buffers begin with one, so that whole vectors never lie in two: filters that
did not were slower by 4 to 16 % (six layers of ResNet-50 and AlexNet)."""

_free: dict[int, Array] = {}
"""By identity. Each step on it is one of the interpreter's own, so threads, and a collection of garbage
in the midst of a step, need no lock."""


def _take(needed: int) -> Array:
    """Return a buffer of at least `needed` bytes that is nobody's."""
    for key, _ in sorted(_free.items(), key=lambda item: item[1].nbytes):
        buffer = _free.get(key)
        if buffer is not None and needed <= buffer.nbytes <= 2 * needed and _free.pop(key, None) is not None:
            return buffer
    return aligned(needed, np.uint8)


@cache
def keep_freed_memory() -> None:
    """Have glibc's allocator keep what is freed, once in a process.

    It gives memory back to the system where more than twice the largest block that was ever freed lies free
    at its end (malloc.c, "dynamic threshold"; mallopt(3)). A call with several buffers may then take new
    pages each time: 241 for a Winograd call of 28x28x64, 540 µs instead of 230 (Xeon, one thread), in one
    environment and not in another, whose imports had freed something larger. A large block of which no page
    is touched ends that; from then on at most twice its size lies free. Other allocators do as they do.
    """
    with contextlib.suppress(MemoryError):
        np.empty(LARGEST_FREED, np.uint8)


def aligned(size: int, dtype: str | np.dtype[Any] | type) -> Array:
    """Return a flat array of `size` undefined elements that begins with a cache line."""
    needed = size * np.dtype(dtype).itemsize
    whole = np.empty(needed + LINE, np.uint8)
    start = LINE - whole.ctypes.data % LINE  # as late as that allows: see `jitconv.jit.loops.buffer`
    return whole[start : start + needed].view(dtype)


def _give(buffer: Array) -> None:
    """Take a buffer back; the oldest ones go where too much is kept."""
    _free[id(buffer)] = buffer
    while kept_bytes() > KEPT_BYTES:
        with contextlib.suppress(StopIteration, RuntimeError):  # another thread was here first
            _free.pop(next(iter(_free)), None)


@contextlib.contextmanager
def borrowed(size: int, dtype: str | np.dtype[Any]) -> Iterator[Array]:
    """Lend a flat array of `size` undefined elements."""
    needed = size * np.dtype(dtype).itemsize
    if needed < WORTH_KEEPING:
        yield aligned(size, dtype)
        return
    buffer = _take(needed)
    try:
        yield buffer[:needed].view(dtype)
    finally:
        _give(buffer)


class _Lent:
    """Owns the memory of an array, and of all views of it, until the last of them is gone."""

    def __init__(self, buffer: Array) -> None:
        self.buffer = buffer
        self.__array_interface__ = buffer.__array_interface__

    def __del__(self, give: Any = _give) -> None:
        give(self.buffer)


def outputs(shape: Sequence[int], dtype: str | np.dtype[Any]) -> Callable[[], Array]:
    """Return what makes such new arrays: `output`, or where nothing is kept NumPy itself, 0.6 µs quicker."""
    dtype = np.dtype(dtype)
    large = math.prod(shape) * dtype.itemsize >= WORTH_KEEPING
    return partial(output if large else np.empty, shape, dtype)


def output(shape: Sequence[int], dtype: str | np.dtype[Any]) -> Array:
    """Return a new array of undefined elements; the memory of a large one is used again after its life."""
    dtype = np.dtype(dtype)
    needed = math.prod(shape) * dtype.itemsize
    if needed < WORTH_KEEPING:
        return np.empty(shape, dtype)
    lent = np.asarray(_Lent(_take(needed)))
    return lent[:needed].view(dtype).reshape(shape)


def kept_bytes() -> int:
    """Return how much is kept now."""
    return sum(buffer.nbytes for buffer in list(_free.values()))


def clear() -> None:
    """Give back what is kept."""
    _free.clear()

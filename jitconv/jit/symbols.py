"""What functions are called in machine code: as no process ever called another function.

Numba numbers the functions that it compiles, from 1 in each process and on from the parent's number in a
fork. Two closures of one function, compiled by two processes, may thus have one name; and a process that
loads both from the cache runs the first of them in the place of both (Numba's issue 10486). So a gradient by
FFT came out wrong by 133 %: its products were those of the other order of factors.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator


class _Numbers:
    """Numbers that nobody draws twice, in whatever process: a fork copies no state that they come from."""

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        return secrets.randbits(63)


def unique() -> None:
    """Have Numba name every function that it compiles from now on by a number of its own."""
    from numba.core.bytecode import FunctionIdentity

    if not isinstance(FunctionIdentity._unique_ids, _Numbers):
        FunctionIdentity._unique_ids = _Numbers()

"""Memory that runs out in a kernel's thread.

Numba raises an exception in the thread that it happens in, and drops it with that thread's state unless it
is the caller's own: the thread leaves its part of the result undone, and nothing says so. So what makes
arrays in kernels notes a shortage here, and what runs kernels looks whether there was one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

noted = np.frombuffer(memoryview((ctypes.c_int64 * 1)()), np.int64)
"""How many there were. Compiled code counts them: a thread with an exception of an earlier task cannot call
Python."""


def run(compiled: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Run a threaded kernel; raise MemoryError if memory ran out in one of its threads.

    Another kernel that ran at the same time may have been the one: it is then told too.
    """
    before = noted[0]
    try:
        compiled(*arguments)
    except SystemError as error:  # an exception was there when the kernel returned
        if noted[0] == before:
            raise
        raise MemoryError("not enough memory for a kernel's buffers") from error
    if noted[0] != before:
        raise MemoryError("not enough memory for a kernel's buffers")

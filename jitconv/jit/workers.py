"""The team of threads that runs parallel loops: jitconv's own, see `jitconv.jit.regions`.

Idle threads of GNU OpenMP, Numba's default, spin; among busy programs they lose their time slice while they
do, and every region waits for them: on two cores under a load of 8 a call of 0.1 ms took 16, with this team
0.16.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from jitconv.jit import shortage
from jitconv.jit.variables import told

FUTEX = {"x86_64": 202, "aarch64": 98}
"""Number of Linux's system call by which threads sleep and wake one another."""


TEAMS = ("own", "numba")
"""Values of `JITCONV_TEAM`; the first is what runs where it is possible."""


@lru_cache(maxsize=1)
def why_not() -> str | None:
    """Return why this process has no team of jitconv's own, or None.

    Raises
    ------
    ParameterError
        When `JITCONV_TEAM` names no team.
    """
    if told("JITCONV_TEAM", TEAMS) == "numba":
        return "JITCONV_TEAM=numba asks for Numba's"
    if sys.platform != "linux" or platform.machine() not in FUTEX:
        return f"jitconv's own needs Linux on {' or '.join(FUTEX)}"
    return None


class Team:
    """The team of this process; its workers begin when they are first wanted."""

    def __init__(self) -> None:
        import llvmlite.binding
        from numba.core.compiler_lock import global_compiler_lock
        from numba.core.registry import cpu_target
        from numba.np.ufunc import workqueue  # type: ignore[attr-defined]

        from jitconv.jit import regions
        from jitconv.jit.libraries import address, provide
        from jitconv.jit.lowering import SCHEDULING

        words = (ctypes.c_int64 * (regions.WORDS + regions.LINE))()
        memory = np.frombuffer(memoryview(words), np.int64)
        self._state = memory[-(memory.ctypes.data // 8) % regions.LINE :][: regions.WORDS]
        llvmlite.binding.add_symbol(regions.STATE, self._state.ctypes.data)
        for name in SCHEDULING:
            llvmlite.binding.add_symbol(f"jitconv_{name}", getattr(workqueue, name))
        self._libc = ctypes.CDLL(None)
        key = ctypes.c_uint()
        if self._libc.pthread_key_create(ctypes.byref(key), None):
            raise OSError("this process has no room for one more key of its threads")
        self._state[regions.KEY] = key.value
        self._set_threads = partial(self._libc.pthread_setspecific, key)
        with global_compiler_lock:
            provide(regions.LIBRARY, cpu_target.target_context, regions.functions)
        for name in (regions.PARALLEL_FOR, regions.THREADS, regions.DIVISIONS):
            llvmlite.binding.add_symbol(name, address(regions.LIBRARY, name))
        self._worker = address(regions.LIBRARY, regions.WORKER)
        self._end_workers = ctypes.CFUNCTYPE(None)(address(regions.LIBRARY, regions.END_WORKERS))
        self._workers: list[Any] = []
        self._ended = False
        atexit.register(self._end)
        os.register_at_fork(after_in_child=self._begin_in_child)

    def run(self, count: int, compiled: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Run a kernel, whose regions have at most `count` threads."""
        if len(self._workers) < count - 1:
            self._begin(count - 1)
        self._set_threads(ctypes.c_void_p(count))
        shortage.run(compiled, arguments)

    def _begin(self, count: int) -> None:
        """Have so many workers, as far as the system gives them."""
        from jitconv.jit import forks

        with forks.compiling:
            while len(self._workers) < count and not self._ended:
                handle = ctypes.c_void_p()
                # Python's own threads are to get the signals; an interruption may be raised by either call
                before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
                try:
                    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
                    failed = self._libc.pthread_create(
                        ctypes.byref(handle), None, ctypes.c_void_p(self._worker), None
                    )
                finally:
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
                if failed:
                    break
                self._workers.append(handle)

    def stop(self) -> None:
        """End the workers and wait for them; who wants a team begins new ones."""
        from jitconv.jit import regions

        self._end_workers()
        while self._workers:
            self._libc.pthread_join(self._workers.pop(), None)
        self._state[regions.STOP] = 0

    def _end(self) -> None:
        """End the workers of a process that ends: a daemon's regions have its own thread from here on."""
        self._ended = True
        self.stop()

    def _begin_in_child(self) -> None:
        """Forget the workers, and a region that another thread of the parent had begun.

        Its tasks must not be there to take: new workers would, while the arrays are no more.
        """
        from jitconv.jit import regions

        self._workers.clear()
        self._state[[regions.BUSY, regions.SLEEPERS, regions.STOP, regions.WANTED]] = 0
        self._state[regions.TICKET] = self._state[regions.NUMBER] * regions.HALF + regions.CLOSED


@lru_cache(maxsize=1)
def own() -> Team:
    """Return the team of this process."""
    return Team()

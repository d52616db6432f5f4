"""What a fork would leave in the child: pools whose threads are gone, and locks that nobody releases.

The child has the forking thread alone, and a copy of the memory of all.
"""

from __future__ import annotations

import logging  # noqa: F401 (registers its hook before ours: its lock, which compilers need, is taken last)
import os
import re
import sys
import threading
from typing import Any

PATIENCE = 60.0
"""Seconds that a fork waits for another thread that compiles; the largest kernels take 40. Not measured."""

OPENMP = re.compile(rb"/lib(gomp|iomp5|omp)[-.][^/\n]*$", re.M)
"""Runtimes of OpenMP among the files that a process has mapped, also under names that wheels give them."""

FORKED_WITHOUT_EXEC = 0x40
"""PF_FORKNOEXEC among the flags in /proc/self/stat."""


class CompilerUnavailable(RuntimeError):  # noqa: N818 (no fault of whoever asked for code)
    """Kernels cannot be compiled in this process; says why, and what to do instead."""


compiling = threading.RLock()
"""Held while plugins are loaded, kernels made or threads launched: what no fork may cut in two."""

_why_serial: str | None = None


class _Before(threading.local):
    """What the forking thread found, and holds, from before the fork until after it."""

    running: str | None = None
    held: tuple[Any, ...] = ()


_before = _Before()


def why_serial() -> str | None:
    """Return what the parent of this process had running that a child cannot use; None if nothing."""
    return _why_serial


def _running() -> str | None:
    # GNU OpenMP kills or hangs a forked child at its first parallel region if its parent had run one:
    # Numba's own, or one of PyTorch, scikit-learn and others, as a process has the library once.
    if _numba_pool():
        return "this process was forked from one whose threads were running"
    if _more_threads_than_python() and _openmp():
        return "this process was forked from one where a library ran threads of OpenMP"
    return None


def _numba_pool() -> bool:
    return bool(getattr(sys.modules.get("numba.np.ufunc.parallel"), "_is_initialized", False))


def _more_threads_than_python() -> bool:
    """Whether threads run that Python does not know; some may be those of BLAS."""
    try:
        return len(os.listdir("/proc/self/task")) > threading.active_count()
    except OSError:
        return False  # elsewhere than on Linux the runtimes of OpenMP outlive a fork


def _openmp() -> bool:
    try:
        with open("/proc/self/maps", "rb") as maps:
            return OPENMP.search(maps.read()) is not None
    except OSError:
        return False


def _forked_before_import() -> str | None:
    """Return the same for a process that was forked when nobody here could see it.

    Linux tells whether a process was forked and has not begun a program since.
    """
    try:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as told:
            flags = int(told.read().rpartition(")")[2].split()[6])
    except (OSError, ValueError, IndexError):
        return None
    if flags & FORKED_WITHOUT_EXEC and (_numba_pool() or _openmp()):
        return "this process was forked before it imported jitconv, maybe from one with threads of OpenMP"
    return None


def _numba_lock() -> Any:
    compiler = sys.modules.get("numba.core.compiler_lock")
    return getattr(getattr(compiler, "global_compiler_lock", None), "_lock", None)


def _wait() -> None:
    """Hold what compiles still; a thread that takes too long is left with its lock."""
    _before.running = _why_serial or _running()
    for lock in (compiling, _numba_lock()):
        if lock is not None and lock.acquire(timeout=PATIENCE):
            _before.held = (*_before.held, lock)


def _go_on() -> None:
    for lock in reversed(_before.held):
        lock.release()
    _before.held = ()


def _begin() -> None:
    """Leave the child with locks that are free, or that say why they never will be."""
    global _why_serial, compiling
    _why_serial = _before.running
    theirs = _numba_lock()
    abandoned = theirs is not None and theirs not in _before.held
    if compiling not in _before.held:
        compiling = threading.RLock()
    _go_on()
    if abandoned:
        sys.modules["numba.core.compiler_lock"].global_compiler_lock._lock = _Abandoned()


class _Abandoned:
    """In the place of Numba's lock where a thread that compiled held it and is no more."""

    def acquire(self, *_: Any, **__: Any) -> bool:
        raise CompilerUnavailable(
            "this process was forked while another thread of its parent compiled a kernel, so that Numba can "
            "compile nothing here: fork before or after that, or start processes by spawn or forkserver"
        )

    def release(self) -> None:
        """Do nothing: nobody has acquired it."""

    def _is_owned(self) -> bool:
        return False


_why_serial = _forked_before_import()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait, after_in_parent=_go_on, after_in_child=_begin)

"""How many threads a kernel may use, here and now."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from jitconv.jit import forks, shortage
from jitconv.jit.workers import own, why_not

limit: ContextVar[int | None] = ContextVar("jitconv_threads", default=None)
"""The most threads that a kernel may use in this context; None leaves it to Numba."""

SAFE_LAYERS = ("omp", "tbb")
"""Threading layers of Numba that several Python threads may enter at once; `workqueue` aborts."""


@lru_cache(maxsize=1)
def _why_layer_unusable() -> str | None:
    import numba
    from numba.np.ufunc import parallel

    with forks.compiling:
        try:
            parallel._launch_threads()
        except (ValueError, ImportError, RuntimeError) as error:
            told = numba.config.THREADING_LAYER
            return f"Numba cannot load a threading layer (NUMBA_THREADING_LAYER={told}): {_one_line(error)}"
    layer = numba.threading_layer()
    if layer not in SAFE_LAYERS:
        return f"Numba's threading layer {layer!r} is not safe to enter from several threads"
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def why_serial() -> str | None:
    """Return why kernels run on one thread in this process, or None if they need not."""
    return None if why_not() is None else forks.why_serial() or _why_layer_unusable()


def team() -> int:
    """Return how many threads a kernel may use: 1 means its serial twin."""
    most = limit.get()
    if most == 1 or why_serial():
        return 1
    import numba
    from numba.np.ufunc import parallel

    if most is not None:
        return min(most, int(numba.config.NUMBA_NUM_THREADS))
    # to ask Numba begins the threads of its layer
    return int(numba.get_num_threads() if parallel._is_initialized else numba.config.NUMBA_NUM_THREADS)


def run(count: int, compiled: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Run a threaded kernel with at most `count` threads."""
    if why_not() is None:
        own().run(count, compiled, arguments)
        return
    with _numba_threads(count):
        shortage.run(compiled, arguments)


@contextlib.contextmanager
def _numba_threads(count: int) -> Iterator[None]:
    import numba

    before = numba.get_num_threads()
    if before == count:
        yield
        return
    numba.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(before)


@lru_cache(maxsize=1)
def _blas_libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


class _Blas:
    """Holds BLAS to the least limit of those inside, and gives it its threads back after the last.

    The setting is the process's: whoever restored what was there at the beginning of its own use, while
    others were inside, restored one of theirs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: list[int] = []
        self._before: list[int] = []

    def enter(self, most: int) -> None:
        """Count somebody in."""
        with self._lock:
            if not self._limits:
                self._before = [library.num_threads for library in _blas_libraries()]
            self._limits.append(most)
            self._apply()

    def leave(self, most: int) -> None:
        """Count somebody out."""
        with self._lock:
            self._limits.remove(most)
            self._apply()

    def _apply(self) -> None:
        for library, before in zip(_blas_libraries(), self._before, strict=True):
            wanted = min([before, *self._limits])
            if library.num_threads != wanted:
                library.set_num_threads(wanted)
                # since threadpoolctl 3.8 the thread that sets an OpenBLAS's number keeps all others from
                # setting it for as long as it lives, in silence: the one who gives it back may be another
                if hasattr(library, "clear_controlling_thread"):
                    library.clear_controlling_thread()

    def begin_in_child(self) -> None:
        """Forget who was inside in the parent: none of their threads is here, their lock may be held."""
        self._lock = threading.Lock()
        if self._limits:
            self._limits = []
            self._apply()


_blas = _Blas()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _blas.begin_in_child())


ONE_THREADS_PRODUCTS = range(2**18, 2**24)
"""Multiply-adds of a product from which OpenBLAS divides it, up to where a second thread pays. With one
thread calls of im2col took 0.110 ms instead of 0.120 (3.6 million), 0.226 instead of 0.218 (7 million) and
2.6 instead of 1.6 (116 million). At a load of 4 to 6 on two cores the first two took 0.11 instead of 8.0 and
0.23 instead of 9.1: OpenBLAS waits for all its threads, and idle ones spin for 28 ms beside what is next."""


@contextlib.contextmanager
def blas_threads(madds: int = 0) -> Iterator[None]:
    """Hold NumPy's matrix products to `limit`, and those of few multiply-adds to one thread.

    A BLAS that has fewer threads gets no more.
    """
    most = 1 if madds in ONE_THREADS_PRODUCTS else limit.get()
    if most is None:
        yield
        return
    _blas.enter(most)
    try:
        yield
    finally:
        _blas.leave(most)

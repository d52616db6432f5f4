"""How many threads a kernel may use, here and now."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache

limit: ContextVar[int | None] = ContextVar("jitconv_threads", default=None)
"""The most threads that a kernel may use in this context; None leaves it to Numba."""

SAFE_LAYERS = ("omp", "tbb")
"""Threading layers of Numba that several Python threads may enter at once; `workqueue` aborts."""

_forked_from_threads = False


def _note_fork() -> None:
    # GNU OpenMP kills a forked child at its first parallel region, if its parent had run one.
    global _forked_from_threads
    pool = sys.modules.get("numba.np.ufunc.parallel")
    _forked_from_threads = _forked_from_threads or getattr(pool, "_is_initialized", False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@lru_cache(maxsize=1)
def _layer() -> str:
    import numba
    from numba.np.ufunc import parallel

    parallel._launch_threads()
    return str(numba.threading_layer())


def why_serial() -> str | None:
    """Return why kernels run on one thread in this process, or None if they need not."""
    if _forked_from_threads:
        return "this process was forked from one whose threads were running"
    if _layer() not in SAFE_LAYERS:
        return f"Numba's threading layer {_layer()!r} is not safe to enter from several threads"
    return None


def team() -> int:
    """Return how many threads a kernel may use: 1 means its serial twin."""
    most = limit.get()
    if most == 1 or why_serial():
        return 1
    import numba

    return numba.get_num_threads() if most is None else min(most, numba.config.NUMBA_NUM_THREADS)


@contextlib.contextmanager
def numba_threads(count: int) -> Iterator[None]:
    """Run Numba's parallel regions of this Python thread with `count` threads."""
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
def _libraries() -> object:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextlib.contextmanager
def blas_threads() -> Iterator[None]:
    """Hold NumPy's matrix products to `limit`. The setting is the process's, not the thread's."""
    most = limit.get()
    if most is None:
        yield
        return
    with _libraries().limit(limits=most, user_api="blas"):  # type: ignore[attr-defined]
        yield

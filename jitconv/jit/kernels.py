"""From a Python loop to compiled code: flags, twins, and the cache of kernels on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jitconv.jit import forks, symbols
from jitconv.jit.threads import run, team
from jitconv.jit.workers import own, why_not

FASTMATH = {"nsz", "contract", "afn", "reassoc"}
"""All of fast-math but `nnan` and `ninf`, with which max(1, NaN, 3) became 3, and `arcp`: one of two
compilations divided where the other multiplied by a reciprocal: bits depended on the number of threads.
"""

FLAGS: dict[str, Any] = {
    "fastmath": FASTMATH,
    "error_model": "numpy",  # a division by zero is no exception: kernels never raise
    "nogil": True,  # Python threads may run kernels side by side
}

THREADS_PAY_FROM = 20_000
"""Nanoseconds of serial work from which two threads beat one; asv_benchmarks/benchmarks/crossover.py."""


def threads_pay(work: int) -> bool:
    """Whether two threads beat one for so many nanoseconds of serial work."""
    return work >= THREADS_PAY_FROM


class Kernel:
    """One loop and its two compilations, each made when it is first called.

    ``Kernel(loop)(work, *arguments)`` runs the threaded twin where `work`, a guess at the serial time in
    nanoseconds, pays for a parallel region, and the serial one elsewhere. In `loop`, ``numba.prange``
    marks what may run in parallel.
    """

    def __init__(self, loop: Callable[..., None]) -> None:
        self.loop = loop
        self._compiled: dict[bool, Callable[..., None]] = {}

    def __call__(self, work: int, *arguments: Any) -> None:
        threads = team() if threads_pay(work) else 1
        parallel = threads > 1
        twin = self._compiled.get(parallel) or self._twin(parallel)
        if parallel:
            run(threads, twin, arguments)
        else:
            twin(*arguments)

    @property
    def ran(self) -> bool:
        """Whether this process has run the kernel, or made it ready."""
        return bool(self._compiled)

    def of(self, work: int) -> Callable[..., None]:
        """Return the kernel for calls of this `work`: the serial twin itself where there is no choice.

        A call took 2.6 µs, and 3.1 through `__call__`. The compiled entry point would take 2.3, but checks
        neither types nor strides: not worth it.
        """
        return partial(self, work) if threads_pay(work) else self._twin(False)

    def _twin(self, parallel: bool) -> Callable[..., None]:
        with forks.compiling:
            twin = self._compiled.get(parallel) or self._compile(parallel)
            self._compiled[parallel] = twin
        return twin

    def _compile(self, parallel: bool) -> Callable[..., None]:
        import numba

        from jitconv.jit.cache import KernelCache
        from jitconv.jit.files import source_digest

        if numba.config.DISABLE_JIT:
            raise forks.CompilerUnavailable(
                "NUMBA_DISABLE_JIT switches Numba's compiler off, which all kernels need: unset it, or take "
                "what needs none by algorithm='naive'"
            )
        symbols.unique()
        kind = "serial" if not parallel else "team" if why_not() is None else "threaded"
        options = _of_own_team() if kind == "team" else {}
        twin: Any = numba.njit(parallel=parallel, **options, **FLAGS)(self.loop)
        source = source_digest(self.loop.__module__)
        if source is not None:
            twin._cache = KernelCache(self.loop, kind, source)
        return twin


def _of_own_team() -> dict[str, Any]:
    """Return how a loop is compiled for jitconv's own team, whose code is at hand then."""
    from jitconv.jit.lowering import TeamCompiler

    own()
    return {"pipeline_class": TeamCompiler}

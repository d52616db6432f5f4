"""The process that runs kernels, between guard pages or plainly, held to a limit on memory.

It may die at any moment, which is what it is for; `jitconv.testing.process` has it forked from a server that
has imported all (`jitconv.testing.forkserver`), and reads what it says.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import json
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from jitconv.algorithm import Algorithm
from jitconv.arrays import Array
from jitconv.config import config
from jitconv.jit import kernels
from jitconv.plugins import builtin_modules, limits, registry
from jitconv.testing import apart
from jitconv.testing.agreement import disagreement
from jitconv.testing.arena import PATTERNS, Arena
from jitconv.testing.cases import Case
from jitconv.testing.difference import first_difference
from jitconv.testing.findings import raised
from jitconv.testing.operands import OPERANDS, OUTPUTS
from jitconv.testing.watch import Job

Arrays = Sequence[Array | None]
Say = Callable[..., None]
Finding = tuple[str, str]
"""The check that fails, and what is wrong."""

FORK_SECONDS = 30.0

RAISED = 99
"""How a forked child ends when a kernel raises."""

RUNS = {"1 thread": 1, "3 threads": 3}
THREADED_RUNS = {"1 thread": 1, "2 threads": 2, "3 threads": 3, "a second run": 3}
"""How a case is run in plain memory; a small one takes one thread anyhow, unless its job is threaded."""

ROOM = 4096
"""Bytes on each side of an array in plain memory."""


@dataclass(frozen=True)
class Way:
    """One way to run a case: by the plan of `build`, or by one that holds its weights."""

    name: str
    operands: dict[str, Array | None]
    run: Callable[[Arrays, Arrays], Any]
    """``run(operands, outputs)``, from placed operands; weights are prepared inside."""
    lies: Sequence[str] = tuple(PATTERNS)
    """How arrays lie between guard pages, in turn: both plans that hold weights share one kernel's runs."""


def ways(algorithm: Algorithm, case: Case) -> Iterator[Way]:
    """Give every way in which an algorithm may be run on a case."""
    spec, op = case.spec, algorithm.op
    operands = dict(zip(OPERANDS[op], case.operands(op), strict=True))
    plan = algorithm.build(spec)
    yield Way("plan", operands, lambda given, outputs: plan(*given, *outputs))
    if algorithm.prepare is not None:
        for activation, lie in ((None, "end"), ("relu", "beginning")):

            def run(given: Arrays, outputs: Arrays, activation: str | None = activation) -> Any:
                x, w, b = given
                return algorithm.prepared(spec, w, b, activation)(x, *outputs)

            yield Way(f"prepared plan, activation={activation}", operands, run, (lie,))


class Worker:
    """Runs jobs in an arena.

    Parameters
    ----------
    arena : Arena
        Where arrays come from.
    say : callable
        ``say(**what)`` tells the process that watches.
    """

    def __init__(self, arena: Arena, say: Say) -> None:
        self._arena = arena
        self._say = say

    def job(self, algorithm: Algorithm, job: Job) -> list[Finding]:
        """Run a case in every way, plainly and between guard pages; return what is wrong."""
        found: list[Finding] = []
        digest = hashlib.sha256()
        with _threads_pay(always=job.threaded):
            for way in ways(algorithm, job.case):
                outputs = self._plainly(way, algorithm, job, found)
                for one in outputs:
                    digest.update(b"" if one is None else one.tobytes())
                for lie in way.lies:
                    self._guarded(way, algorithm, job.case, lie, outputs, found)
                if job.fork and not found:
                    self._forked(way, algorithm, job.case, outputs, found)
        self._say(digest=digest.hexdigest())
        return found

    def _plainly(self, way: Way, algorithm: Algorithm, job: Job, found: list[Finding]) -> Arrays:
        """Run on plain memory, with 1 and 3 threads, a threaded job with 2 and once more, too."""
        results = []
        runs = THREADED_RUNS if job.threaded else RUNS
        for threads in runs.values():
            self._say(way=f"{way.name}, threads={threads}", arrays={})
            with config(threads=threads):
                results.append(_run(way, algorithm, job.case))
        if algorithm.deterministic and not found:
            for run, outputs in zip(runs, results, strict=True):
                if where := _other_bits(outputs, results[0], algorithm.op):
                    found.append(("bits", f"{way.name}: {run} gave other bits than 1 thread: {where}"))
                    break
        return results[0]

    def _guarded(
        self, way: Way, algorithm: Algorithm, case: Case, lie: str, wanted: Arrays, found: list[Finding]
    ) -> None:
        """Run on arrays of the arena; operands are read-only there."""
        arena = self._arena
        operands = arena.place(list(way.operands.values()), lie)
        arena.protect(operands, written=False)
        outputs = [None if one is None else arena.empty(*one, lie) for one in case.spec.outputs(algorithm.op)]
        named = dict(zip(way.operands, operands, strict=True))
        named |= dict(zip(OUTPUTS[algorithm.op], outputs, strict=True))
        self._say(way=way.name, arrays=_places(named))
        try:
            with np.errstate(all="ignore"), arena.armed(lie):
                made = way.run(operands, outputs)
            got = outputs if made is None else made
            given = list(way.operands.values())
            _, wrong = disagreement(algorithm.op, case.spec, algorithm, got, wanted, operands=given)
            if wrong and not found:  # what changes from run to run says nothing of memory
                told = "depends on memory that nobody wrote, or is not written whole"
                found.append(("written", f"{way.name}: the result {told}: {wrong}"))
        finally:
            del operands, outputs, named
            made = got = None
            gc.collect(0)
            arena.reset()

    def _forked(
        self, way: Way, algorithm: Algorithm, case: Case, wanted: Arrays, found: list[Finding]
    ) -> None:
        """Run in a child that was forked from this process, whose threads have run."""
        self._say(way=f"{way.name}, after a fork", arrays={})
        child = os.fork()
        if child == 0:
            code = RAISED
            try:
                got, given = _run(way, algorithm, case), list(way.operands.values())
                _, wrong = disagreement(algorithm.op, case.spec, algorithm, got, wanted, operands=given)
                code = 1 if wrong else 0
            finally:  # whatever is raised: the child would go on with the jobs of its parent
                os._exit(code)
        end = time.monotonic() + FORK_SECONDS
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                found.append(("fork", f"{way.name}: hangs in a forked child"))
                return
            time.sleep(0.001)
        if code := os.waitstatus_to_exitcode(ended[1]):
            how = {1: "gives another result", RAISED: "raises an error"}.get(code, f"dies (exit code {code})")
            found.append(("fork", f"{way.name}: {how} in a forked child"))


def _run(way: Way, algorithm: Algorithm, case: Case) -> Arrays:
    """Run in plain memory with room around each array: what is written there spoils nothing else."""
    operands = [None if one is None else _roomy(one.shape, one.dtype) for one in way.operands.values()]
    for placed, one in zip(operands, way.operands.values(), strict=True):
        if placed is not None:
            placed[...] = one
    outputs = [None if one is None else _roomy(*one) for one in case.spec.outputs(algorithm.op)]
    with np.errstate(all="ignore"):
        made = way.run(operands, outputs)
    return outputs if made is None else [None if one is None else np.array(one) for one in made]


def _roomy(shape: Sequence[int], dtype: Any) -> Array:
    """Return zeros in the midst of more of them."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return np.zeros(ROOM + size + ROOM, np.uint8)[ROOM : ROOM + size].view(dtype).reshape(shape)


def _other_bits(got: Arrays, wanted: Arrays, op: str) -> str:
    for name, one, other in zip(OUTPUTS[op], got, wanted, strict=True):
        if one is not None and other is not None and one.tobytes() != other.tobytes():
            return f"{name}{first_difference(one, other)}"
    return ""


@contextlib.contextmanager
def _threads_pay(*, always: bool) -> Iterator[None]:
    """Have the threaded twins of kernels run on the smallest problem, too."""
    before = kernels.THREADS_PAY_FROM
    kernels.THREADS_PAY_FROM = 0 if always else before
    try:
        yield
    finally:
        kernels.THREADS_PAY_FROM = before


def _places(named: dict[str, Array | None]) -> dict[str, tuple[int, int]]:
    return {name: (one.ctypes.data, one.nbytes) for name, one in named.items() if one is not None}


def main(control: int, todo: int, answers: int, errors: int, *, guarded: bool) -> None:
    """Run the jobs or parts of a file; answers are lines of JSON.

    Parameters
    ----------
    control, todo, answers, errors : int
        Open files: the arena's control block; plugins, the bytes that this process may take, and what is to
        be run; where answers go, and what is printed on the way.
    guarded : bool
        Whether there is an arena, for jobs; else there are parts to do.
    """
    os.dup2(errors, 2)
    if guarded:
        _arena().share(control)
    with os.fdopen(todo, "rb") as given:
        guests, memory = pickle.load(given)
        limits.hold(memory)
        plugins = registry()
        for name, plugin in guests:
            plugins.register(name, importlib.import_module(plugin) if isinstance(plugin, str) else plugin)
        listed = pickle.load(given)
    out = os.fdopen(answers, "w", buffering=1)

    def say(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")

    say(ready=True)
    worker = Worker(_arena(), say) if guarded else None
    for one in listed:
        found: list[Finding] = []
        try:
            plugins.readmit(one.op, one.algorithm)  # a check is how an author finds out
            if worker is None:
                apart.serve(one, say)
            else:
                found = worker.job(plugins.find(one.op, one.algorithm), one)
        except Exception as error:
            found = [("able", raised(error))]
        say(done=True, found=found)


@lru_cache(maxsize=1)
def _arena() -> Arena:
    return Arena()


def prepare(*, guarded: bool) -> None:
    """Do what every worker does first, once for many that are forked then."""
    if guarded:
        _arena()
    list(builtin_modules())

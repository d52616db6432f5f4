"""Kernels in a process of their own, where they may crash, hang, or touch what is not theirs."""

from __future__ import annotations

import json
import mmap
import os
import pickle
import selectors
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from jitconv.plugins import BUILTIN, installed, registry
from jitconv.testing import arena, forkserver
from jitconv.testing.cases import Case

MOST_THREADS = 3
"""Of the worker."""

MOST_DEATHS = 8

SECONDS = 120.0
"""One job may take so long: it may compile, on a busy machine."""


class Job(NamedTuple):
    """What the worker runs."""

    op: str
    algorithm: str
    case: Case
    threaded: bool = False
    """Whether threads run on the smallest problem, too."""
    fork: bool = False
    """Whether it is run in a forked child, too."""


@dataclass(slots=True)
class Outcome:
    """What came of a job."""

    job: Job
    found: list[tuple[str, str]] = field(default_factory=list)
    """The checks that failed, each with what is wrong."""
    digest: str = ""
    """Of the outputs."""


@dataclass(slots=True)
class _Said:
    """What the worker has said of the job that it is at."""

    way: str = ""
    arrays: dict[str, tuple[int, int]] = field(default_factory=dict)
    digest: str = ""


def why_not() -> str | None:
    """Return why kernels cannot be watched here, or None: the system, or plugins that no process can load."""
    if reason := arena.why_not():
        return reason
    for name, plugin in _guests():
        if isinstance(plugin, str):
            continue
        try:
            pickle.dumps(plugin)
        except Exception as error:
            return (
                f"another process cannot load the plugin {name!r}, which was registered from code that it "
                f"cannot import ({type(error).__name__}: {error}); put it in a module"
            )
    return None


def watched(jobs: Sequence[Job], seconds: float = SECONDS) -> Iterator[Outcome]:
    """Run jobs between guard pages; give the outcome of each.

    After `MOST_DEATHS` deaths of their process the rest is not run.

    Parameters
    ----------
    jobs : sequence of Job
        Each is run in one process, the next one after it in the same unless that died.
    seconds : float
        A job that takes longer hangs.
    """
    at = deaths = 0
    while at < len(jobs) and deaths < MOST_DEATHS:
        deaths += 1
        with forkserver.server(_environment()) as server:
            for outcome in _Process(server, jobs[at:], seconds).outcomes():
                at += 1
                yield outcome


class _Process:
    """One life of the worker."""

    def __init__(self, server: forkserver.Server, jobs: Sequence[Job], seconds: float) -> None:
        self._server, self._jobs, self._seconds = server, jobs, seconds
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the rest)
        with tempfile.TemporaryFile() as control, tempfile.TemporaryFile() as given:
            control.truncate(arena.CONTROL_BYTES)
            self._control = np.frombuffer(mmap.mmap(control.fileno(), arena.CONTROL_BYTES), np.int64)
            pickle.dump((_guests(), list(jobs)), given)
            given.flush()
            given.seek(0)
            answers, theirs = os.pipe()
            self._answers = os.fdopen(answers, "rb", buffering=0)
            try:
                server.fork([control.fileno(), given.fileno(), theirs, self._errors.fileno()])
            finally:
                os.close(theirs)

    def outcomes(self) -> Iterator[Outcome]:
        """Give the outcome of each job until the worker dies, that of the last one then too."""
        said, done = _Said(), 0
        try:
            for line in self._lines():
                if line is None:
                    yield Outcome(self._jobs[done], [("hangs", self._silent(said))])
                    return
                if "done" in line:
                    yield Outcome(
                        self._jobs[done], [(check, text) for check, text in line["found"]], said.digest
                    )
                    done, said = done + 1, _Said()
                for name in line.keys() & {"way", "arrays", "digest"}:
                    setattr(said, name, line[name])
            if done < len(self._jobs):
                yield Outcome(self._jobs[done], [("memory", self._death(said))])
        finally:
            self._server.kill()
            self._answers.close()
            self._errors.close()

    def _lines(self) -> Iterator[dict[str, Any] | None]:
        """Give what the worker says; None once where it is silent for too long."""
        rest = b""
        with selectors.DefaultSelector() as ready:
            ready.register(self._answers, selectors.EVENT_READ)
            patience = max(self._seconds, forkserver.START_SECONDS)  # a guest may import much
            while True:
                if not ready.select(patience):
                    yield None
                    return
                patience = self._seconds
                block = self._answers.read(65536)
                if not block:
                    return
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    def _silent(self, said: _Said) -> str:
        return f"{said.way or 'build'}: did not end within {self._seconds:.3g} s"

    def _death(self, said: _Said) -> str:
        """Say how the worker ended in the midst of a job."""
        code, at = self._server.wait(), said.way or "build"
        if code == arena.EXIT:
            arrays = {name: (place[0], place[1]) for name, place in said.arrays.items()}
            return f"{at}: {arena.fault(self._control, arrays)}"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"{at}: the process ended with code {code}" + "".join(f": {line}" for line in last)


def _guests() -> list[tuple[str, Any]]:
    """Return the plugins that were registered by hand; of a module its name."""
    return [
        (name, plugin.__name__ if isinstance(plugin, ModuleType) else plugin)
        for name, plugin in registry().objects()
        if name != BUILTIN and name not in installed()
    ]


def _environment() -> dict[str, str]:
    """Return an environment with the same plugins, and threads enough to have three at work."""
    loaded = sorted(installed() & {name for name, _ in registry().objects()})
    paths = [path or os.getcwd() for path in sys.path]
    told = {"PYTHONPATH": os.pathsep.join(paths), "JITCONV_PLUGINS": ",".join(loaded)}
    told |= {"NUMBA_NUM_THREADS": str(MOST_THREADS), "OMP_WAIT_POLICY": "passive"}
    left_out = "JITCONV_BLOCK", "PYTEST_CURRENT_TEST"  # the latter is another for each test
    return {name: value for name, value in os.environ.items() if name not in left_out} | told

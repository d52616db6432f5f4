"""A process that kernels run in, and what is heard of it until it ends."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import selectors
import signal
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from jitconv.plugins import BUILTIN, installed, registry
from jitconv.testing import arena, forkserver
from jitconv.testing.limits import Limits

MOST_THREADS = 3
"""Of a process between guard pages: more than two, whatever the machine has."""


def why_not() -> str | None:
    """Return why kernels cannot run in another process here, or None: the system, or plugins that no process
    can load.
    """
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


class Process:
    """One life of a worker, see `jitconv.testing.worker`.

    Parameters
    ----------
    server : forkserver.Server
        Forks it.
    todo : list
        What it is to run.
    limits : Limits
        On time and memory.
    """

    def __init__(self, server: forkserver.Server, todo: list[Any], limits: Limits) -> None:
        self._server, self._limits = server, limits
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the rest)
        with tempfile.TemporaryFile() as control, tempfile.TemporaryFile() as given:
            control.truncate(arena.CONTROL_BYTES)
            self.control = np.frombuffer(mmap.mmap(control.fileno(), arena.CONTROL_BYTES), np.int64)
            pickle.dump((_guests(), limits.memory), given)
            pickle.dump(todo, given)  # apart: it is read when the guests are there
            given.flush()
            given.seek(0)
            answers, theirs = os.pipe()
            self._answers = os.fdopen(answers, "rb", buffering=0)
            try:
                server.fork([control.fileno(), given.fileno(), theirs, self._errors.fileno()])
            finally:
                os.close(theirs)

    def lines(self) -> Iterator[dict[str, Any] | None]:
        """Give what it says; None once where it is silent for too long."""
        rest = b""
        with selectors.DefaultSelector() as ready:
            ready.register(self._answers, selectors.EVENT_READ)
            patience = max(self._limits.seconds, forkserver.START_SECONDS)  # a guest may import much
            while True:
                if not ready.select(patience):
                    yield None
                    return
                patience = self._limits.seconds
                block = self._answers.read(65536)
                if not block:
                    return
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    def silent(self) -> str:
        """Say that it took too long."""
        return f"did not end within {self._limits.seconds:.3g} s"

    def end(self) -> tuple[int, str]:
        """Wait until it has ended; return its exit code, and in words how it ended."""
        code = self._server.wait()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        named = ""
        with contextlib.suppress(ValueError):
            named = f" ({signal.Signals(-code).name})"
        return code, f"the process ended with code {code}{named}" + "".join(f": {line}" for line in last)

    def close(self) -> None:
        """End it, if it lives."""
        self._server.kill()
        self._answers.close()
        self._errors.close()


def environment(*, guarded: bool) -> dict[str, str]:
    """Return an environment with the same plugins; between guard pages with threads enough for three."""
    loaded = sorted(installed() & {name for name, _ in registry().objects()})
    paths = [path or os.getcwd() for path in sys.path]
    told = {"PYTHONPATH": os.pathsep.join(paths), "JITCONV_PLUGINS": ",".join(loaded)}
    told |= {"NUMBA_NUM_THREADS": str(MOST_THREADS), "OMP_WAIT_POLICY": "passive"} if guarded else {}
    left_out = "JITCONV_BLOCK", "PYTEST_CURRENT_TEST"  # the latter is another for each test
    return {name: value for name, value in os.environ.items() if name not in left_out} | told


def _guests() -> list[tuple[str, Any]]:
    """Return the plugins that were registered by hand; of a module its name."""
    return [
        (name, plugin.__name__ if isinstance(plugin, ModuleType) else plugin)
        for name, plugin in registry().objects()
        if name != BUILTIN and name not in installed()
    ]

"""A process that kernels run in, and what is heard of it until it ends."""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from jitconv.plugins import BUILTIN, hearing, installed, registry
from jitconv.plugins.limits import Limits
from jitconv.testing import arena, forkserver

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
            self._said = hearing.Lines(os.fdopen(answers, "rb"))
            try:
                server.fork([control.fileno(), given.fileno(), theirs, self._errors.fileno()])
            finally:
                os.close(theirs)

    def lines(self) -> Iterator[dict[str, Any] | str]:
        """Give what it says; where it is silent for too long, words that say so, and no more."""
        patience = max(self._limits.seconds, hearing.START_SECONDS)  # a guest may import much
        try:
            while (line := self._said.next(patience)) is not None:
                patience = self._limits.seconds
                yield line
        except TimeoutError as silent:
            yield str(silent)

    def end(self) -> tuple[int, str]:
        """Wait until it has ended; return its exit code, and in words how it ended."""
        code = self._server.wait()
        return code, hearing.ending(code, printed=hearing.end_of(self._errors))

    def close(self) -> None:
        """End it, if it lives."""
        self._server.kill()
        self._errors.close()


def environment(*, guarded: bool) -> dict[str, str]:
    """Return an environment with the same plugins; between guard pages with threads enough for three."""
    loaded = sorted(installed() & {name for name, _ in registry().objects()})
    threads = {"NUMBA_NUM_THREADS": str(MOST_THREADS), "OMP_WAIT_POLICY": "passive"} if guarded else {}
    return hearing.environment(",".join(loaded), **threads)


def _guests() -> list[tuple[str, Any]]:
    """Return the plugins that were registered by hand; of a module its name."""
    return [
        (name, plugin.__name__ if isinstance(plugin, ModuleType) else plugin)
        for name, plugin in registry().objects()
        if name != BUILTIN and name not in installed()
    ]

"""What is heard of a process in which kernels run, until it ends: how long it is silent, and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from typing import IO, Any

START_SECONDS = 120.0
"""So long may a process take until it has imported jitconv, on a busy machine. A choice."""

LONGEST = 4000
"""Characters that are kept of what is printed: the last ones. A choice."""


class Lines:
    """Lines of JSON that a process says: what it says is only read, never run.

    Parameters
    ----------
    answers : binary file
        The end of a pipe that is read; it is closed when the other end is.
    """

    def __init__(self, answers: IO[bytes]) -> None:
        self._heard: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()

    def next(self, patience: float) -> dict[str, Any] | None:
        """Return what is said next; None when nothing more will be.

        Raises
        ------
        TimeoutError
            When nothing is said for so many seconds; its text says so.
        """
        try:
            line = self._heard.get(timeout=patience)
        except queue.Empty:
            raise TimeoutError(f"did not end within {patience:.3g} s") from None
        if line is None:
            return None
        told: dict[str, Any] = json.loads(line)
        return told

    def _listen(self, answers: IO[bytes]) -> None:
        with answers:
            for line in answers:
                self._heard.put(line)
        self._heard.put(None)


def ending(code: int, during: str = "", printed: str = "") -> str:
    """Say how a process has ended, and what it printed last."""
    how = f"ended the process with code {code}"
    if code < 0:
        how = f"crashed (signal {-code})"
        with contextlib.suppress(ValueError):
            how = f"crashed ({signal.Signals(-code).name})"
    last = [line.strip() for line in printed.splitlines() if line.strip()][-1:]
    return f"{how}{during}" + "".join(f" ({line[:200]})" for line in last)


def end_of(printed: IO[bytes]) -> str:
    """Return the last characters of what was printed into a file."""
    printed.seek(0)
    return printed.read().decode(errors="replace")[-LONGEST:]


def environment(plugins: str, **more: str) -> dict[str, str]:
    """Return an environment with these plugins alone, and with modules where this process finds them.

    How this process chooses and what it records is its own matter.
    """
    paths = [path or os.getcwd() for path in sys.path]
    told = {"PYTHONPATH": os.pathsep.join(paths), "JITCONV_PLUGINS": plugins, **more}
    left_out = "JITCONV_BLOCK", "JITCONV_RECORD", "JITCONV_MODE", "JITCONV_LOCKFILE", "PYTEST_CURRENT_TEST"
    return {name: value for name, value in os.environ.items() if name not in left_out} | told

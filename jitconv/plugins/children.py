"""Processes in which a plugin may crash, hang, or take all memory: nothing else dies of it.

A child is a Python of its own that imports one plugin and then calls functions of jitconv. It is asked by
pickles on its stdin, and answers in lines of JSON: what it says is only read, never run.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from jitconv.errors import ParameterError
from jitconv.plugins import limits

START_SECONDS = 120.0
"""So long may a child take until it has imported jitconv, on a busy machine."""

SECONDS = {"import": 30.0, "run": 60.0}
"""So long may a plugin's import take, and one run of a kernel, compilation included."""

LONGEST = 4000
"""Characters that are kept of what a plugin prints: the last ones."""


class DiedError(Exception):
    """A child crashed, hung, or took more memory than it may; says how."""


def why_not() -> str | None:
    """Return why no child can be started here, or None."""
    if not sys.executable or getattr(sys, "frozen", False):
        return "there is no Python to start: this program brings one of its own"
    return None


def seconds(moment: str) -> float:
    """Return how long a plugin may take: `SECONDS`, or what JITCONV_PLUGIN_SECONDS says.

    Raises
    ------
    ParameterError
        When that is no number above 0.
    """
    value = os.environ.get("JITCONV_PLUGIN_SECONDS", "").strip()
    if not value:
        return SECONDS[moment]
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0.0 < found < float("inf"):
        raise ParameterError(f"JITCONV_PLUGIN_SECONDS must be a number above 0; got {value!r}")
    return found


class Child:
    """A process that imports one plugin; a context, after which it has ended.

    Parameters
    ----------
    name, value : str
        Of the plugin's entry point.
    module : str, optional
        A module of jitconv whose functions it will be asked for: imported before any limit of time begins.

    Attributes
    ----------
    imported : dict
        What came of the import: ``state``, ``error``, ``algorithms``, ``patched``.

    Raises
    ------
    DiedError
        When the plugin's import ends the process, takes too long, or too much memory.
    OSError
        When no process can be started, or it fails for a reason of its own.
    """

    def __init__(self, name: str, value: str, module: str = "") -> None:
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the rest)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jitconv.plugins.child", name, value, str(limits.allowance(0)), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for its parent, which ends it with all that it has started
        )
        self._answers: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            if self._answer("start", START_SECONDS) != {"ready": True}:
                raise OSError("a process for plugins could not be started")
            self.imported: Mapping[str, Any] = self._answer("import", seconds("import"))
        except BaseException:
            self.close()
            raise

    def ask(self, function: str, *arguments: Any, memory: int) -> Any:
        """Have the child call a function; return what it returns.

        Parameters
        ----------
        function : str
            As ``"jitconv.bench.guests:run"``; it returns what JSON has.
        *arguments
            What can be pickled.
        memory : int
            Bytes that it may take beyond what it holds now.

        Raises
        ------
        DiedError
            When the process ends on the way, does not answer in time, or takes more memory.
        """
        try:
            pickle.dump((function, arguments, memory), self._stdin)
            self._stdin.flush()
        except OSError:  # it has ended: the answer says how
            pass
        return self._answer("run", seconds("run"))

    def printed(self) -> str:
        """Return the end of what the plugin has printed."""
        self._printed.seek(0)
        return self._printed.read().decode(errors="replace")[-LONGEST:]

    def close(self) -> None:
        """End the process, and all that it has started."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._printed.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _listen(self) -> None:
        with self._process.stdout as answers:  # type: ignore[union-attr]
            for line in answers:
                self._answers.put(line)
        self._answers.put(None)

    def _answer(self, moment: str, patience: float) -> Any:
        during = {"start": "", "import": " at import", "run": ""}[moment]
        try:
            line = self._answers.get(timeout=patience)
        except queue.Empty:
            raise DiedError(f"did not end{during} within {patience:g} s") from None
        if line is None:
            raise DiedError(f"{ending(self._process.wait())}{during}{self._last_line()}")
        told = json.loads(line)
        if "memory" in told:
            raise DiedError(f"took more than {told['memory'] / 2**30:.1f} GiB of memory{during}")
        if "raised" in told:
            raise OSError(told["raised"])
        return told

    def _last_line(self) -> str:
        lines = [line for line in self.printed().splitlines() if line.strip()]
        return f" ({lines[-1].strip()[:200]})" if lines else ""


def ending(code: int) -> str:
    """Say how a process has ended."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"crashed ({signal.Signals(-code).name})"
        return f"crashed (signal {-code})"
    return f"ended the process with code {code}"


def _environment() -> dict[str, str]:
    """Return an environment without plugins, and with modules where this process finds them."""
    paths = [path or os.getcwd() for path in sys.path]
    told = {"PYTHONPATH": os.pathsep.join(paths), "JITCONV_PLUGINS": ""}  # the child registers its own
    left_out = "JITCONV_BLOCK", "JITCONV_RECORD", "JITCONV_MODE", "JITCONV_LOCKFILE"
    return {name: value for name, value in os.environ.items() if name not in left_out} | told

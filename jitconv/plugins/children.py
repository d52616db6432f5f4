"""Processes in which a plugin may crash, hang, or take all memory: nothing else dies of it.

A child is a Python of its own that imports one plugin and then calls functions of jitconv. It is asked by
pickles on its stdin, and answers in lines of JSON: what it says is only read, never run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from jitconv.plugins import limits
from jitconv.plugins.hearing import START_SECONDS, Lines, end_of, ending, environment


class DiedError(Exception):
    """A child crashed, hung, or took more memory than it may; says how."""


def why_not() -> str | None:
    """Return why no child can be started here, or None."""
    if not sys.executable or getattr(sys, "frozen", False):
        return "there is no Python to start: this program brings one of its own"
    return None


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
            [sys.executable, "-m", "jitconv.plugins.child", name, value, str(limits.allowance()), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            env=environment(""),  # the child registers its own
            start_new_session=True,  # Ctrl-C is for its parent, which ends it with all that it has started
        )
        self._said = Lines(self._process.stdout)  # type: ignore[arg-type]
        try:
            if self._answer("start", START_SECONDS) != {"ready": True}:
                raise OSError("a process for plugins could not be started")
            self.imported: Mapping[str, Any] = self._answer("import", limits.seconds("import"))
        except BaseException:
            self.close()
            raise

    def ask(self, function: str, *arguments: Any, memory: int) -> Any:
        """Have the child call a function; return what it returns.

        Parameters
        ----------
        function : str
            As ``"jitconv.bench.guests:run"``, which returns what JSON has.
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
        return self._answer("run", limits.seconds("run"))

    def printed(self) -> str:
        """Return the end of what the plugin has printed."""
        return end_of(self._printed)

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

    def _answer(self, moment: str, patience: float) -> Any:
        during = " at import" if moment == "import" else ""
        try:
            told = self._said.next(patience)
        except TimeoutError as silent:
            raise DiedError(str(silent).replace(" within", f"{during} within")) from None
        if told is None:
            raise DiedError(ending(self._process.wait(), during, self.printed()))
        if "memory" in told:
            raise DiedError(f"took more than {told['memory'] / 2**30:.1f} GiB of memory{during}")
        if "raised" in told:
            raise OSError(told["raised"])
        return told

"""The processes of the gate: one for each side, asked in turns."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from jitconv.bench.blocks.processes import OFF
from jitconv.bench.gate import worker

READY_SECONDS = 600.0
"""The most that an answer may take: a side may have all its kernels to compile. A choice."""


class Place(NamedTuple):
    """Where a side is run from."""

    python: Path
    environment: Mapping[str, str] = {}
    """Variables besides those of this process."""
    under: tuple[str, ...] = ()
    """The command that runs the interpreter, if any."""


class SideLost(Exception):  # noqa: N818 (a side that has ended is no error of its caller's)
    """A side's process has ended, or gives no answer that can be used."""


@contextlib.contextmanager
def amid(row: str) -> Iterator[None]:
    """Have the loss of a side say which row it was at."""
    try:
        yield
    except SideLost as lost:
        raise SideLost(f"{lost}, amid {row}") from None


class Side:
    """A process of one side.

    Parameters
    ----------
    name : str
        What it is called in errors.
    place : Place
        Its interpreter and variables.
    """

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        without = {one: "" for one in OFF if one != "JITCONV_PLUGINS"}
        self._process = subprocess.Popen(
            [*place.under, str(place.python), worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "0", **without, **place.environment},
            cwd=os.path.dirname(worker.__file__),
            start_new_session=True,  # Ctrl-C is for whoever asks: this one ends when nobody does any more
        )

    def __enter__(self) -> Side:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, **asked: Any) -> None:
        """Ask; others may be asked before the answer is read."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._lost() from None

    def answer(self) -> Any:
        """Return the answer.

        Raises
        ------
        SideLost
            When the process has ended, takes too long, or answers what is no JSON.
        """
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], READY_SECONDS)[0]:
            raise SideLost(f"the process of {self.name} gave no answer within {READY_SECONDS:.0f} s")
        if not (line := self._process.stdout.readline()):
            raise self._lost()
        try:
            return json.loads(line)
        except ValueError:
            raise SideLost(f"the process of {self.name} must answer in JSON; got {line[:60]!r}") from None

    def answer_again(self) -> Any:
        """Return the answer to what it could do before.

        Raises
        ------
        SideLost
            Also when it refuses now, or raises.
        """
        answer = self.answer()
        if isinstance(answer, dict) and (reason := answer.get("refused", answer.get("raised"))):
            raise SideLost(f"{self.name} ran it before, and now says: {reason}")
        return answer

    def ask(self, **asked: Any) -> Any:
        """Ask, and return the answer."""
        self.send(**asked)
        return self.answer()

    def again(self, **asked: Any) -> Any:
        """Ask for what it could do before, and return the answer; see `answer_again`."""
        self.send(**asked)
        return self.answer_again()

    def close(self) -> None:
        """End the process, which may be amid a turn."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()  # it may have a handler of SIGTERM
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def _lost(self) -> SideLost:
        code = self._process.wait()
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return SideLost(f"the process of {self.name} {ended}")

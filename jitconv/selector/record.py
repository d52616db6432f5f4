"""Which problems a program has: noted while it runs, to be measured afterwards.

A file of records has a JSON object in each line, the same for the same problem::

    {"op": "conv_forward", "problem": "n1h8w8c3 k3x3f4 s1 p1", "layout": "NHWC", "dtype": "float32",
     "prepared": false, "threads": 2}

It is no log: how often a problem comes is not counted, for that would cost something on each call.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from jitconv.algorithm import OPS
from jitconv.errors import LONGEST, ParameterError, ShapeError, shown
from jitconv.jit import threads as jit_threads
from jitconv.selector.explanation import Explanation
from jitconv.selector.problem import of_op, problem_of
from jitconv.specs import Spec, parse
from jitconv.specs.values import DTYPES, LAYOUTS

NEVER_WAIT = getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody reads cannot be written, rather than be waited for."""

MOST_BYTES = 4 * 2**20
"""What a file grows to: some 25,000 problems. A choice."""


class Record(NamedTuple):
    """A problem that some program had."""

    op: str
    spec: Spec
    prepared: bool
    threads: int


class _File:
    """A file that records are appended to, and what this process knows to be in it.

    Each record is written at once, in one piece and at the end (O_APPEND), so that several processes may
    share a file and whoever is killed loses nothing. Nothing is kept open, and nothing is left to do when
    the process ends, or in the child of a fork.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.open = True
        self.known: set[bytes] = set()
        if os.path.isfile(path):  # a pipe would be waited for
            with contextlib.suppress(OSError), open(path, "rb") as file:  # what cannot be read may be written
                self.known.update(file.read(MOST_BYTES).splitlines())

    def add(self, line: bytes) -> None:
        """Append a line unless it is there; the first failure is told, and is the last one."""
        if not self.open or line in self.known:
            return
        self.known.add(line)
        try:
            self._append(line + b"\n")
        except OSError as error:
            self._close(f"cannot write to {self.path} ({error.strerror or error})")

    def _append(self, line: bytes) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | NEVER_WAIT, 0o666)
        try:
            if os.fstat(file).st_size + len(line) > MOST_BYTES:
                self._close(f"{self.path} is full, at {MOST_BYTES // 2**20} MiB")
            elif os.write(file, line) < len(line):
                self._close(f"the disk of {self.path} is full")
        finally:
            os.close(file)

    def _close(self, reason: str) -> None:
        self.open = False
        warnings.warn(
            f"new problems are no longer recorded: {reason}; record (JITCONV_RECORD) must be a file that can "
            "be written",
            RuntimeWarning,
            stacklevel=2,
        )


_files: dict[str, _File] = {}


def note(explanation: Explanation) -> None:
    """Append the problem of a new call to the file that the settings name, if they name any."""
    path = explanation.settings.record
    if path is None:
        return
    file = _files.get(path) or _files.setdefault(path, _File(path))
    if file.open:
        file.add(_line(explanation))


def _line(explanation: Explanation) -> bytes:
    op, spec = explanation.op, explanation.spec
    said = {
        "op": op,
        "problem": problem_of(op, spec),
        "layout": getattr(spec, "layout", LAYOUTS[0]),
        "dtype": spec.dtype,
        "prepared": explanation.prepared,
        "threads": jit_threads.team(),
    }
    return json.dumps(said).encode()


def read(path: str | os.PathLike[str]) -> list[Record]:
    """Return the problems of a file of records, each once, in their order.

    A line that is no record, as one that was cut off, is left out, and a `RuntimeWarning` names it.

    Raises
    ------
    ParameterError
        When the file cannot be read, or none of its lines is a record.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise ParameterError(f"records must be a file; got {path}: {error.strerror or error}") from None
    return parsed(text, str(path))


def parsed(text: str, path: str) -> list[Record]:
    """Return the problems in the text of such a file, as `read` does."""
    found: dict[Record, None] = {}
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                found[_record(line)] = None
        except (ParameterError, ShapeError) as error:
            wrong.append(f"line {number}: {error}")
    if not found:
        told = f"; got {wrong[0]}" if wrong else ", and this one is empty"
        raise ParameterError(f"{path} must be a file that JITCONV_RECORD has written{told}")
    if wrong:
        count = "1 line is no record" if len(wrong) == 1 else f"{len(wrong)} lines are no records"
        warnings.warn(f"{path}: {count}: {wrong[0]}", RuntimeWarning, stacklevel=3)
    return list(found)


def _record(line: str) -> Record:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, Mapping):
        raise ParameterError(f"a record must be a JSON object; got {shown(line[:LONGEST])}")
    op = _one_of("op", said, OPS)
    layout, dtype = _one_of("layout", said, LAYOUTS), _one_of("dtype", said, DTYPES)
    spec = parse(said.get("problem"), layout=layout, dtype=dtype)  # type: ignore[arg-type]
    if op not in spec.ops:
        raise ParameterError(f"op must be one of {', '.join(spec.ops)} for {spec}; got {op!r}")
    threads, prepared = said.get("threads"), said.get("prepared")
    if type(threads) is not int or threads < 1:
        raise ParameterError(f"threads must be an integer of at least 1; got {shown(threads)}")
    if type(prepared) is not bool:
        raise ParameterError(f"prepared must be true or false; got {shown(prepared)}")
    if prepared and op != "conv_forward":
        raise ParameterError(f"prepared must be false but for conv_forward; got true for {op}")
    return Record(op, of_op(op, spec), prepared, threads)


def _one_of(name: str, said: Mapping[str, Any], known: tuple[str, ...]) -> str:
    value = said.get(name)
    if value not in known:
        raise ParameterError(f"{name} must be one of {', '.join(known)}; got {shown(value)}")
    return str(value)

"""What is printed while a plugin is loaded is kept apart from what the program prints."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator

LONGEST = 4000
"""Characters that are kept: the last ones."""


class Printed:
    """What was printed inside of `captured`; whole after it."""

    text = ""


@contextlib.contextmanager
def captured() -> Iterator[Printed]:
    """Keep what is printed inside, by Python or by a library in C: file descriptors 1 and 2 as well.

    What other threads print meanwhile is kept with it.
    """
    printed, by_python = Printed(), io.StringIO()
    with tempfile.TemporaryFile() as by_c:
        try:
            with (
                _descriptors(by_c.fileno()),
                contextlib.redirect_stdout(by_python),
                contextlib.redirect_stderr(by_python),
            ):
                yield printed
        finally:
            by_c.seek(0)
            text = by_python.getvalue() + by_c.read().decode(errors="replace")
            printed.text = text[-LONGEST:]


@contextlib.contextmanager
def _descriptors(instead: int) -> Iterator[None]:
    """Have another file in the place of descriptors 1 and 2, of those that are open."""
    before: dict[int, int] = {}
    _flush()
    for number in (1, 2):
        with contextlib.suppress(OSError):
            before[number] = os.dup(number)
            os.dup2(instead, number)
    try:
        yield
    finally:
        _flush()
        for number, old in before.items():
            os.dup2(old, number)
            os.close(old)


def _flush() -> None:
    """Write what Python has kept back to where it was meant to go."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]

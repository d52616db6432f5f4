"""Where commands write: places are checked before anything is measured, and ``-`` is stdout."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from jitconv import files
from jitconv.errors import ParameterError

STDOUT = Path("-")


def check_places(*wanted: tuple[str, Path | None]) -> None:
    """Raise `ParameterError` unless these options' files can be written, each to a place of its own."""
    taken: dict[Path, str] = {}
    for option, file in wanted:
        if file is None or (option == "--json" and file == STDOUT):
            continue
        try:
            files.check(file)
        except OSError as error:
            raise ParameterError(f"{option} cannot write {file}: {error.strerror or error}") from None
        other = taken.setdefault(file.resolve(), option)
        if other != option:
            raise ParameterError(f"{option} and {other} must be two files; got {file} for both")


@contextlib.contextmanager
def json_writer(file: Path | None) -> Iterator[Callable[[str], None]]:
    """Give what writes JSON where `--json` says.

    For ``-`` that is stdout, on which nothing else appears meanwhile: the rest goes to stderr, and so does
    what a plugin prints.
    """
    if file != STDOUT:
        yield lambda text: None if file is None else files.write(file, text.encode())
        return
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield lambda text: print(text, end="", file=stdout, flush=True)

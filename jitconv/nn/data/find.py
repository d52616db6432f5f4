"""Where a data set lies, and how its files are opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from jitconv.errors import DataError

Folder = str | PathLike[str]

LARGEST = 2**30
"""Bytes of the largest array that is read whole; a header that claims more is refused before allocation."""


def find(folder: Folder, names: Sequence[str], *subfolders: str) -> Path:
    """Return the first of these files that is there, in the folder or in a subfolder.

    Raises
    ------
    DataError
        When there is no such folder, or none of the files; says what was looked for, and where.
    """
    top = Path(folder).expanduser()
    hint = "give the folder that holds them"
    if not top.is_dir():
        raise DataError(f"{top}: no such folder; it should hold {' or '.join(names)}: {hint}")
    places = [top, *(top / one for one in subfolders)]
    for name in names:
        for place in places:
            if (place / name).is_file():
                return place / name
    looked = " or ".join(map(str, places))
    raise DataError(f"no {' or '.join(names)} in {looked}: {hint}")


@contextmanager
def reading(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn an error of opening or decoding a file into a DataError that names the file."""
    damage: tuple[type[Exception], ...] = (OSError, EOFError, MemoryError, *errors)
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except damage as error:
        raise DataError(f"{path}: damaged, cut short or not readable ({error})") from error

"""How much compiled code lies on disk, and what of it has to go.

Files are dropped one by one, the least recently used first, whichever source tree, toolchain or machine they
are of: five node types that share a folder compile once each. A file that is gone is compiled anew, so
nobody needs to know who reads what.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 2**30
"""Compiled kernels of all trees together; test runs on several source trees took 113 MiB."""

KINDS = (".kernel", ".library", ".part")
"""Endings of our files; others in the folder are left alone."""

LEFT_OVER = 3600.0
"""Seconds after which a file that is still being written has been left by a process that is gone.
Not measured."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of compiled code."""

    path: str
    bytes: int
    used: float
    """When it was last read or written: the time of its modification."""


def files(root: Path) -> Iterator[File]:
    """Yield the files of all trees; links are not followed."""
    for tree in _trees(root):
        with contextlib.suppress(OSError), os.scandir(tree) as entries:
            for entry in entries:
                if entry.name.endswith(KINDS) and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(OSError):  # another process has dropped it
                        seen = entry.stat(follow_symlinks=False)
                        yield File(entry.path, seen.st_size, seen.st_mtime)


def _trees(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def keep_within(root: Path, most: int | None = None) -> None:
    """Drop what was left over, and the least recently used files beyond a bound, by default `MOST_BYTES`."""
    found = sorted(files(root), key=lambda file: file.used)
    total = sum(file.bytes for file in found)
    most = MOST_BYTES if most is None else most
    began = time.time() - LEFT_OVER
    for file in found:
        left_over = file.path.endswith(".part")
        if (left_over and file.used < began) or (not left_over and total > most):
            drop(file)
            total -= file.bytes


def drop(file: File) -> bool:
    """Remove a file, and its folder if that was the last one; return whether this process did."""
    try:
        os.unlink(file.path)
    except OSError:
        return False
    with contextlib.suppress(OSError):  # not empty
        os.rmdir(os.path.dirname(file.path))
    return True


def clear(root: Path) -> tuple[int, int]:
    """Remove all compiled kernels; return how many files that were, and how many bytes."""
    gone = [file.bytes for file in files(root) if drop(file)]
    for empty in _trees(root):
        with contextlib.suppress(OSError):  # not empty: it holds what is not ours
            os.rmdir(empty)
    return len(gone), sum(gone)

"""The files of a store: one that holds nearly all, and news in a folder beside it.

Many processes read and write at once, some of them on other machines, and any may be killed. So nothing is
ever written over:

- News are files of random names. They are whole from the first moment that they have their name.
- To fold news, a process writes a new file of all that it has read, under a random name among the news. Only
  then does it remove what it has read. Two that fold at once leave two such files.
- The main file gives way by being renamed into the news, so that whatever another process has put there
  meanwhile is not lost; and the new one is linked into its place, which fails where one is by now.

Whatever a process does not know of, it leaves. What is folded twice is one batch, by its checksum. No lock is
needed, and a process that dies at any point leaves all batches in some file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from pathlib import Path

from jitconv import files
from jitconv.store.layout import HEAD, DamagedError, ForeignError, Table, is_sealed, mark_of

LARGEST = 2**30
"""Bytes of a file that is read."""
LEFT_OVER = 3600.0
"""Seconds after which a file that is still being written has been left by a process that is gone."""
ENDING, PART = ".h5", ".part"

FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe in the place of a file has no end to wait for
)

Seen = tuple[str, int, int, int]
"""What tells a file from any other that has its name: the name, and of the main file inode, size and time."""


class Disk:
    """The files of one store.

    Parameters
    ----------
    path : Path
        Of the main file; links are followed once.
    ours : bool
        Whether whatever lies at this path may be set aside, as in our own folder. Elsewhere only what begins
        as a store is.
    """

    def __init__(self, path: Path, ours: bool) -> None:
        self.main = Path(os.path.realpath(path))
        self.news = self.main.with_name(self.main.name + ".news")
        self.aside = self.main.with_name(self.main.name + ".damaged")
        self.ours = ours

    def seen(self) -> list[Seen]:
        """Return what files there are now, the main one first.

        Raises
        ------
        OSError
            Where the folder cannot be looked into.
        """
        found: list[Seen] = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            one = self.main.stat()
            found.append(("", one.st_ino, one.st_size, one.st_mtime_ns))
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.news) as entries:
            found += sorted((one.name, 0, 0, 0) for one in entries if one.name.endswith(ENDING))
        return found

    def path(self, seen: Seen) -> Path:
        """Return where a file is."""
        return self.news / seen[0] if seen[0] else self.main

    def read(self, path: Path, machine: str) -> Table:
        """Return what a file holds.

        Raises
        ------
        DamagedError
            When its bytes are not those that were written.
        ForeignError
            When it is of another format or machine, or was never a store.
        OSError
            When it cannot be read, or has gone.
        """
        data = _bytes(path)
        try:
            found = Table.decode(data)
        except DamagedError:
            if self.ours or is_sealed(data):
                raise
            raise ForeignError("it is no store of jitconv") from None
        if found.machine != machine:
            raise ForeignError(f"it is of another machine ({found.machine}; this one is {machine})")
        return found

    def write(self, data: bytes, lasting: bool = False) -> Seen:
        """Write a file of news, and return its name; a lasting one is on the disk before it has that name.

        Files that it takes the place of may then be removed, even if the power fails.
        """
        self.news.mkdir(parents=True, exist_ok=True)
        name = secrets.token_hex(8) + ENDING
        with files.renamed(self.news / name) as new, new.open("wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        return (name, 0, 0, 0)

    def promote(self, new: Seen, old: str | None, machine: str) -> None:
        """Make a file of news the main one. The old one goes if its mark is `old`: it is part of the new one.

        Where it cannot be, as on a disk without links, it stays among the news, which is as good.
        """
        former = self.news / (secrets.token_hex(8) + ENDING)
        with contextlib.suppress(OSError):  # there is none, or it is another user's
            os.rename(self.main, former)
        with contextlib.suppress(OSError):
            os.link(self.path(new), self.main)
            self.remove(new)
        try:
            if old is not None and mark_of(_bytes(former, HEAD)) == old:
                os.unlink(former)
            else:
                self.read(former, machine)  # what another process has written meanwhile stays
        except DamagedError:
            self.set_aside(former)
        except (ForeignError, OSError):
            pass

    def remove(self, seen: Seen) -> None:
        """Remove a file of news, if it is there and may be removed."""
        with contextlib.suppress(OSError):
            os.unlink(self.path(seen))

    def set_aside(self, path: Path) -> None:
        """Rename a damaged file, if it is there; an earlier one is replaced."""
        with contextlib.suppress(OSError):
            path.replace(self.aside)

    def sweep(self) -> None:
        """Remove what killed processes have left half written."""
        before = time.time() - LEFT_OVER
        with contextlib.suppress(OSError), os.scandir(self.news) as entries:
            for one in entries:
                if one.name.endswith(PART) and one.stat().st_mtime < before:
                    with contextlib.suppress(OSError):
                        os.unlink(one.path)


def stored_machine(path: Path | str) -> str | None:
    """Return the machine whose store a file is; None for no store, or a damaged one."""
    try:
        return Table.decode(_bytes(Path(path))).machine
    except (DamagedError, ForeignError, OSError):
        return None


def _bytes(path: Path, most: int | None = None) -> bytes:
    """Return what a regular file holds, or its first bytes."""
    handle = os.open(path, FLAGS)
    try:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode):
            raise ForeignError("it is no file")
        if seen.st_size > LARGEST:
            raise ForeignError(f"it has {seen.st_size} bytes, and {LARGEST} are read at most")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read() if most is None else file.read(most)
    finally:
        os.close(handle)

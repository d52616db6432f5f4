"""Files are written beside their place and renamed: who reads one finds the old or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_SECONDS = 10.0
"""So long is a lock waited for: it is held for some milliseconds, unless its holder was stopped. A choice."""


def write(file: Path | str, data: bytes) -> None:
    """Put bytes in the place of a file; devices and pipes are written to, as by any program.

    The folder is made if there is none. Of a file that is replaced the mode is kept; through a symbolic
    link its target is written.
    """
    place = _place(file)
    if _is_special(place):
        place.write_bytes(data)
        return
    with beside(place) as new:
        new.write_bytes(data)


@contextlib.contextmanager
def beside(file: Path | str) -> Iterator[Path]:
    """Give the path of an empty file in the same folder; after the block it takes the place of `file`.

    Where the block raises, it is removed and `file` stays as it was.
    """
    place = _place(file)
    if _is_special(place):  # a name that stood for a device would be a plain file afterwards
        raise OSError(errno.EINVAL, "It is a device or a pipe, and must be a file", str(file))
    place.parent.mkdir(parents=True, exist_ok=True)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(place.stat().st_mode)
    with renamed(place, mode) as new:
        yield new


@contextlib.contextmanager
def renamed(place: Path, mode: int | None = None) -> Iterator[Path]:
    """As `beside`, of this very name in a folder that exists: a link or pipe there is replaced, not followed.

    The file has the mode of any new file, unless another is given.
    """
    # nobody may open it in the meantime who may not when it is whole; its writer opens it once more
    new = _new(place.parent, 0o666 if mode is None else mode | stat.S_IRUSR | stat.S_IWUSR)
    try:
        yield new
        if mode is not None:
            new.chmod(mode)
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Have no other process in such a block of this file: a lock on an empty file beside, which stays there.

    It ends with the process that holds it. Where there are no locks, or one is held for `LOCK_SECONDS`, the
    block is run all the same: what it writes may then take the place of what another has written.

    Raises
    ------
    OSError
        When the file beside cannot be made.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f"{file.name}.lock").open("ab") as beside_it:
        end = time.monotonic() + LOCK_SECONDS
        while not _has_lock(beside_it.fileno()) and time.monotonic() < end:
            time.sleep(0.01)
        yield


def _has_lock(handle: int) -> bool:
    """Take the lock of an open file; return whether there is nothing to wait for. Closing gives it back."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def check(file: Path | str) -> None:
    """Raise OSError unless `write` could write here now; nothing is left behind, not even a folder."""
    place = _place(file)
    if _is_special(place):
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return
    folder = place.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    _new(folder).unlink()


def _place(file: Path | str) -> Path:
    """Return where a path leads, once that is known to be no folder."""
    place = Path(os.path.realpath(file))
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    return place


def _is_special(place: Path) -> bool:
    try:
        return not stat.S_ISREG(place.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _new(folder: Path, mode: int = 0o666) -> Path:
    """Make an empty file with a name of its own; the process's umask takes its part of the mode."""
    while True:
        new = folder / f".jitconv-{secrets.token_hex(8)}.part"
        try:
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        except FileExistsError:
            continue
        except OSError as error:
            error.filename = str(folder)  # nobody asked for a file of that name
            raise
        return new

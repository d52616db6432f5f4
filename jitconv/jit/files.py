"""The files of compiled code, safe for many processes at once.

A file's name is the hash of all that the machine code depends on, so there is no index to race for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from functools import lru_cache
from pathlib import Path

from jitconv import files
from jitconv.jit.target import toolchain
from jitconv.jit.trust import warn_once, why_distrusted, why_distrusted_folder
from jitconv.jit.usage import keep_within


def cache_root() -> Path | None:
    """Return the folder of compiled kernels: in `JITCONV_CACHE_DIR`, or in the user's cache folder.

    None where nobody knows the user's home, as in containers that run under a number without a name.
    """
    import platformdirs

    try:
        if chosen := os.environ.get("JITCONV_CACHE_DIR"):
            return Path(chosen).expanduser() / "kernels"
        folder = Path(platformdirs.user_cache_dir("jitconv", appauthor=False))
    except (RuntimeError, KeyError):
        return None
    return folder / "kernels" if folder.is_absolute() else None


KERNEL_ROOMS = ("jit", "micro", "algorithms", "specs", "algorithm.py")
"""What jitconv's own kernels are made of: a change of a layer or a command compiles nothing anew."""


@lru_cache(maxsize=64)
def source_digest(module: str) -> str | None:
    """Return a hash of every source file that a module's kernels are made of.

    These are the files of its package (or the one of a lone module); of jitconv's those in `KERNEL_ROOMS`
    and the module's own. In a zip it is the whole of it. None where no source is found, as for code that
    was typed in: nothing tells whether what it refers to is the same next time.
    """
    package = module.partition(".")[0]
    loaded = sys.modules.get(package)
    archive = getattr(getattr(loaded, "__loader__", None), "archive", None)
    try:
        sources = [(Path(archive), package)] if archive else _sources(package, module)
        digest = hashlib.sha256()
        for file, name in sources:
            digest.update(name.encode())
            digest.update(file.read_bytes())
    except OSError:
        return None
    return digest.hexdigest() if sources else None


def _sources(package: str, module: str) -> list[tuple[Path, str]]:
    loaded = sys.modules.get(package)
    folders = [Path(folder) for folder in getattr(loaded, "__path__", [])]
    if not folders:
        lone = getattr(loaded, "__file__", None)
        return [(Path(lone), package)] if lone else []
    found = sorted((file, file.relative_to(folder)) for folder in folders for file in folder.rglob("*.py"))
    if package == "jitconv":
        own = Path(*module.split(".")[1:]).with_suffix(".py") if module != package else None
        found = [(file, name) for file, name in found if name.parts[0] in KERNEL_ROOMS or name == own]
    return [(file, str(name)) for file, name in found]


def tree() -> Path | None:
    """Return the folder for this source tree and toolchain, which may not exist; None without a cache."""
    root, source = cache_root(), source_digest("jitconv")
    if root is None or source is None:
        return None
    return root / hashlib.sha256((source + toolchain()).encode()).hexdigest()[:16]


def read(name: str) -> bytes | None:
    """Return what was written to a file; None if there is none, a damaged one, or one of somebody else's."""
    mine = tree()
    if mine is None or not _trusted(mine):
        return None
    try:
        stored = _read_ours(mine / name)
    except OSError:
        return None
    checksum, payload = stored[:32], stored[32:]
    return payload if _checksum(mine / name, payload) == checksum else None


def write(name: str, payload: bytes) -> None:
    """Write a file; an unwritable folder or a full disk costs a compilation next time, nothing else."""
    mine = tree()
    if mine is None:
        return
    with contextlib.suppress(OSError):
        mine.parent.parent.mkdir(parents=True, exist_ok=True)
        for folder in (mine.parent, mine):
            folder.mkdir(mode=0o700, exist_ok=True)
        if _trusted(mine):
            # the folder decides who may read: an image may be filled by root for others
            with files.renamed(mine / name, 0o644) as new:
                new.write_bytes(_checksum(mine / name, payload) + payload)
            keep_within(mine.parent)


def _trusted(mine: Path) -> bool:
    reason = why_distrusted_folder(mine.parent) or why_distrusted_folder(mine)
    if reason is not None:
        warn_once(reason)
    return reason is None


def _checksum(path: Path, payload: bytes) -> bytes:
    """Return a hash of the place as well: whole files that have changed places are told apart."""
    return hashlib.sha256(f"{path.parent.name}/{path.name}\n".encode() + payload).digest()


WITHOUT_WAITING = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe in the place of a file has no end to wait for
)


def _read_ours(path: Path) -> bytes:
    """Return what a regular file holds that nobody else could have written, and mark it as used."""
    handle = os.open(path, WITHOUT_WAITING)
    try:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode):
            return b""
        if reason := why_distrusted(path, seen):
            warn_once(reason)
            return b""
        with contextlib.suppress(OSError):  # a folder that is read-only keeps its times
            os.utime(path)
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)

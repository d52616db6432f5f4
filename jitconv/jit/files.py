"""The files of compiled code, safe for many processes at once.

A file's name is the hash of all that the machine code depends on, so there is no index to race for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

KEEP_TREES = 4
"""Kernels of this many source trees are kept, the last used ones; older ones are deleted."""


def cache_root() -> Path:
    """Return the folder of compiled kernels: `JITCONV_CACHE_DIR` or the user's cache folder."""
    if chosen := os.environ.get("JITCONV_CACHE_DIR"):
        return Path(chosen) / "kernels"
    import platformdirs

    return Path(platformdirs.user_cache_dir("jitconv", appauthor=False)) / "kernels"


KERNEL_ROOMS = ("jit", "algorithms", "specs", "algorithm.py")
"""What jitconv's own kernels are made of: a change of a layer or a command compiles nothing anew."""


@lru_cache(maxsize=64)
def source_digest(module: str) -> str | None:
    """Return a hash of every source file that a module's kernels are made of.

    These are the files of its package (or the one of a lone module); of jitconv's those in `KERNEL_ROOMS`
    and the module's own. None for code that was typed in: nothing tells whether what it refers to is the
    same next time.
    """
    package = module.partition(".")[0]
    loaded = sys.modules.get(package)
    folders = [Path(folder) for folder in getattr(loaded, "__path__", [])]
    files = sorted((file, file.relative_to(folder)) for folder in folders for file in folder.rglob("*.py"))
    if package == "jitconv":
        own = Path(*module.split(".")[1:]).with_suffix(".py") if module != package else None
        files = [(file, name) for file, name in files if name.parts[0] in KERNEL_ROOMS or name == own]
    if not files and getattr(loaded, "__file__", None):
        files = [(Path(str(loaded.__file__)), Path(package))]  # type: ignore[union-attr]
    digest = hashlib.sha256()
    for file, name in files:
        digest.update(str(name).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest() if files else None


@lru_cache(maxsize=1)
def vector_bytes() -> int:
    """Return the bytes of the vectors that kernels are written for: the machine's, or fewer if told.

    `JITCONV_VECTOR_BYTES` (16, 32 or 64) lowers them, so that one machine can prove the code of others.
    """
    import llvmlite.binding

    features = llvmlite.binding.get_host_cpu_features()
    widest = 64 if features.get("avx512f") else 32 if features.get("avx2") else 16
    told = os.environ.get("JITCONV_VECTOR_BYTES", "").strip()
    return min(widest, int(told)) if told in ("16", "32", "64") else widest


@lru_cache(maxsize=1)
def _toolchain() -> str:
    import llvmlite
    import llvmlite.binding
    import numba
    import numpy

    versions = sys.version, numba.__version__, llvmlite.__version__, numpy.__version__
    features = llvmlite.binding.get_host_cpu_features().flatten()
    return repr((versions, llvmlite.binding.get_host_cpu_name(), features, vector_bytes()))


@lru_cache(maxsize=1)
def tree() -> Path:
    """Return the folder for this source tree and toolchain, and drop the least recently used ones."""
    key = hashlib.sha256((str(source_digest("jitconv")) + _toolchain()).encode()).hexdigest()[:16]
    mine = cache_root() / key
    mine.mkdir(parents=True, exist_ok=True)
    os.utime(mine, (time.time(),) * 2)
    with contextlib.suppress(OSError):  # another process may be deleting the same ones
        trees = sorted(mine.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in trees[KEEP_TREES:]:
            shutil.rmtree(old, ignore_errors=True)
    return mine


def read(name: str) -> bytes | None:
    """Return what was written to a file; None if there is none, or one cut short or damaged."""
    try:
        stored = (tree() / name).read_bytes()
    except OSError:
        return None
    checksum, payload = stored[:32], stored[32:]
    return payload if hashlib.sha256(payload).digest() == checksum else None


def write(name: str, payload: bytes) -> None:
    """Write a file; an unwritable folder or a full disk costs a compilation next time, nothing else."""
    with contextlib.suppress(OSError):
        _write_beside(tree() / name, hashlib.sha256(payload).digest() + payload)


def _write_beside(path: Path, payload: bytes) -> None:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise

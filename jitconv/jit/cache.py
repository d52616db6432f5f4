"""Compiled kernels on disk, safe for many processes at once.

Numba's own cache does not see a change in another file, keeps no serial and threaded twin apart,
and numbers its files by an index that two processes may write at the same time. Here a file's name
is the hash of all that the machine code depends on, so there is no index to race for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba.core import serialize
from numba.core.caching import CompileResultCacheImpl, _Cache

KEEP_TREES = 4
"""Kernels of this many source trees are kept, the last used ones; older ones are deleted."""


_counts = {"compiled": 0, "loaded": 0}


def counts() -> tuple[int, int]:
    """Return how many kernels this process has compiled, and loaded from disk."""
    return _counts["compiled"], _counts["loaded"]


def cache_root() -> Path:
    """Return the folder of compiled kernels: `JITCONV_CACHE_DIR` or the user's cache folder."""
    if chosen := os.environ.get("JITCONV_CACHE_DIR"):
        return Path(chosen) / "kernels"
    import platformdirs

    return Path(platformdirs.user_cache_dir("jitconv", appauthor=False)) / "kernels"


@lru_cache(maxsize=64)
def source_digest(package: str) -> str | None:
    """Return a hash of every source file of a package (or of the one file of a lone module).

    None for code that was typed in: nothing tells whether what it refers to is the same next time.
    """
    module = sys.modules.get(package)
    folders = [Path(folder) for folder in getattr(module, "__path__", [])]
    files = sorted((file, file.relative_to(folder)) for folder in folders for file in folder.rglob("*.py"))
    if not files and getattr(module, "__file__", None):
        files = [(Path(str(module.__file__)), Path(package))]  # type: ignore[union-attr]
    digest = hashlib.sha256()
    for file, name in files:
        digest.update(str(name).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest() if files else None


@lru_cache(maxsize=1)
def _toolchain() -> str:
    import llvmlite
    import llvmlite.binding
    import numba
    import numpy

    versions = sys.version, numba.__version__, llvmlite.__version__, numpy.__version__
    features = llvmlite.binding.get_host_cpu_features().flatten()
    return repr((versions, llvmlite.binding.get_host_cpu_name(), features))


@lru_cache(maxsize=1)
def _tree() -> Path:
    """Return the folder for this source tree and toolchain, and drop the least recently used ones."""
    key = hashlib.sha256((str(source_digest("jitconv")) + _toolchain()).encode()).hexdigest()[:16]
    tree = cache_root() / key
    tree.mkdir(parents=True, exist_ok=True)
    os.utime(tree, (time.time(),) * 2)
    with contextlib.suppress(OSError):  # another process may be deleting the same ones
        trees = sorted(tree.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in trees[KEEP_TREES:]:
            shutil.rmtree(old, ignore_errors=True)
    return tree


class KernelCache(_Cache):  # type: ignore[misc]
    """What a Numba dispatcher asks for compiled code; an unusable folder counts as an empty cache."""

    def __init__(self, loop: Callable[..., None], twin: str, source: str) -> None:
        self._loop = loop
        self._source = source
        self._twin = twin

    @property
    def cache_path(self) -> str:
        """The folder of the files, as Numba's statistics show it."""
        return str(_tree())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for a signature, or None."""
        target_context.refresh()
        try:
            stored = self._file(sig).read_bytes()
        except OSError:
            return None
        checksum, payload = stored[:32], stored[32:]
        if hashlib.sha256(payload).digest() != checksum:
            return None  # cut short or damaged: compiled and written anew
        overload = CompileResultCacheImpl.rebuild(None, target_context, pickle.loads(payload))
        _counts["loaded"] += 1  # Numba holds its compiler's lock here and in `save_overload`
        return overload

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled code of a signature."""
        _counts["compiled"] += 1
        if data.library.has_dynamic_globals:
            return  # holds an address of this process
        payload = serialize.dumps(CompileResultCacheImpl.reduce(None, data))
        # an unwritable folder or a full disk costs a compilation next time, nothing else
        with contextlib.suppress(OSError):
            _write_beside(self._file(sig), hashlib.sha256(payload).digest() + payload)

    def _file(self, sig: Any) -> Path:
        loop = self._loop
        captured = tuple(cell.cell_contents for cell in loop.__closure__ or ())
        code = loop.__code__  # not marshalled: those bytes change with the references to its constants
        place = loop.__module__, loop.__qualname__, str(code.co_firstlineno)
        digest = hashlib.sha256(code.co_code + serialize.dumps(captured))
        digest.update("\n".join((*place, self._twin, repr(sig), self._source)).encode())
        return _tree() / f"{loop.__name__}-{self._twin}-{digest.hexdigest()[:24]}.kernel"

    def enable(self) -> None:
        """Do nothing: this cache is always on."""

    def disable(self) -> None:
        """Do nothing: this cache is always on."""

    def flush(self) -> None:
        """Do nothing: files are named by what they hold, none is ever stale."""


def _write_beside(path: Path, payload: bytes) -> None:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise

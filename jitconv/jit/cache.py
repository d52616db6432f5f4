"""Compiled kernels on disk, safe for many processes at once.

Numba's own cache does not see a change in another file, keeps no serial and threaded twin apart,
and numbers its files by an index that two processes may write at the same time. Here a file's name
is the hash of all that the machine code depends on, so there is no index to race for.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

from numba.core import serialize
from numba.core.caching import CompileResultCacheImpl, _Cache

from jitconv.jit.constants import constants
from jitconv.jit.files import read, tree, write
from jitconv.jit.libraries import at_hand, needed
from jitconv.jit.workers import why_not

_counts = {"compiled": 0, "loaded": 0}


def counts() -> tuple[int, int]:
    """Return how many kernels this process has compiled, and loaded from disk."""
    return _counts["compiled"], _counts["loaded"]


class KernelCache(_Cache):  # type: ignore[misc]
    """What a Numba dispatcher asks for compiled code; an unusable folder counts as an empty cache."""

    def __init__(self, loop: Callable[..., None], twin: str, source: str) -> None:
        self._loop = loop
        self._source = source
        self._twin = twin

    @property
    def cache_path(self) -> str:
        """The folder of the files, as Numba's statistics show it."""
        return str(tree() or "")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for a signature, or None."""
        target_context.refresh()
        stored = read(self._file(sig))
        if stored is None:
            return None
        libraries, reduced = pickle.loads(stored)
        if not all(at_hand(library, target_context) for library in libraries):
            return None
        overload = CompileResultCacheImpl.rebuild(None, target_context, reduced)
        _counts["loaded"] += 1  # Numba holds its compiler's lock here and in `save_overload`
        return overload

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled code of a signature."""
        _counts["compiled"] += 1
        if data.library.has_dynamic_globals:
            return  # holds an address of this process
        libraries = needed(data.library._final_module)
        if why_not() is None:  # they begin the threads of Numba's layer
            data = data._replace(reload_init=[])
        write(self._file(sig), serialize.dumps((libraries, CompileResultCacheImpl.reduce(None, data))))

    def _file(self, sig: Any) -> str:
        loop = self._loop
        captured = tuple(cell.cell_contents for cell in loop.__closure__ or ())
        code = loop.__code__  # not marshalled: those bytes change with the references to its constants
        place = loop.__module__, loop.__qualname__, str(code.co_firstlineno)
        digest = hashlib.sha256(code.co_code + serialize.dumps(captured))
        numbers = repr(constants(loop))  # they may differ from machine to machine, by no word of the source
        digest.update("\n".join((*place, self._twin, repr(sig), self._source, numbers)).encode())
        return f"{loop.__name__}-{self._twin}-{digest.hexdigest()[:24]}.kernel"

    def enable(self) -> None:
        """Do nothing: this cache is always on."""

    def disable(self) -> None:
        """Do nothing: this cache is always on."""

    def flush(self) -> None:
        """Do nothing: files are named by what they hold, none is ever stale."""

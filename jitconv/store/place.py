"""Where the store of this machine is."""

from __future__ import annotations

import contextlib
import hashlib
import platform
from functools import lru_cache
from pathlib import Path


def default_path() -> Path | None:
    """Return the file of this machine, beside the compiled kernels; None where no folder is known."""
    from jitconv.jit.files import cache_root

    root = cache_root()
    return None if root is None else root.parent / f"store-{this_machine()}.h5"


@lru_cache(maxsize=1)
def this_machine() -> str:
    """Return 16 digits that tell this machine from others: a hash of its name and its CPU's."""
    told = [platform.node(), platform.machine(), cpu_model() or platform.processor()]
    return hashlib.sha256("\0".join(told).encode(errors="replace")).hexdigest()[:16]


def cpu_model() -> str | None:
    """Return what Linux calls the CPU, or None."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip()
    return None

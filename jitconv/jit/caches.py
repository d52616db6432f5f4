"""The caches of the CPU, as Linux tells them."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from pathlib import Path

FOLDER = Path("/sys/devices/system/cpu/cpu0/cache")

UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@lru_cache(maxsize=4)
def caches(folder: Path = FOLDER) -> dict[str, int]:
    """Return the bytes of the first core's caches, by ``L1d``, ``L2`` and ``L3``; none that is not told.

    Another core may have others, as where some are made for speed and some for thrift.
    """
    found = {}
    with contextlib.suppress(OSError):
        for place in sorted(folder.glob("index*")):
            with contextlib.suppress(OSError, ValueError, KeyError):
                level, kind, size = ((place / name).read_text().strip() for name in ("level", "type", "size"))
                if kind != "Instruction":
                    count = int(size[:-1]) * UNITS[size[-1]] if size[-1:] in UNITS else int(size)
                    found[f"L{level}{'d' if kind == 'Data' else ''}"] = count
    return found

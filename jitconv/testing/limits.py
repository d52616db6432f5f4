"""How much time and memory a kernel may take where it is checked in a process of its own."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

SECONDS = 120.0
"""One problem may take so long: it may compile, on a busy machine."""

MEMORY = 4 * 2**30
"""Bytes that a process may take beyond what it begins with; no more than `SHARE` of the machine's."""

SHARE = 0.5

_given: int | None = None


class Limits(NamedTuple):
    """What a process that runs kernels may take."""

    seconds: float = SECONDS
    """Of one problem: one that takes longer hangs."""
    memory: int = MEMORY
    """Bytes, beyond what it begins with."""


def usual() -> int:
    """Return the bytes that a process may take on this machine if nobody says."""
    try:
        return min(MEMORY, int(SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    except (AttributeError, ValueError, OSError):
        return MEMORY


def hold(memory: int) -> None:
    """Hold this process to so many bytes more than it has now; beyond them there is no memory.

    It does nothing where the system keeps no account of them: Linux alone does.
    """
    global _given
    with contextlib.suppress(ImportError, OSError, ValueError, StopIteration, IndexError):
        import resource

        with open("/proc/self/status", encoding="ascii") as status:
            has = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = has + memory if hard == resource.RLIM_INFINITY else min(has + memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
        _given = memory


def told() -> str:
    """Return what this process is held to, as the end of a message on memory; nothing if it is not."""
    return "" if _given is None else f" (it may take {_given / 2**20:.0f} MiB; --memory sets another limit)"

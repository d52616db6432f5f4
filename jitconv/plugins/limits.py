"""How much memory a plugin may take in a process of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

LEAST = 4 * 2**30
"""Bytes that a plugin may take at least, if half of the memory is as much: libraries are large."""

TIMES = 8
"""So many times what operands, results and its own workspace take."""


def allowance(nbytes: int) -> int:
    """Return the bytes that a plugin may take for arrays of some size, at most half of the machine's."""
    wanted = max(LEAST, TIMES * nbytes)
    try:
        half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return wanted
    return min(wanted, half)


@contextlib.contextmanager
def memory(more: int) -> Iterator[None]:
    """Let this process take no more than some bytes beyond what it has; where no such limit is, no less.

    On Linux it is data that counts: files that are mapped, as libraries are, take no memory.
    """
    try:
        import resource
    except ImportError:
        yield
        return
    kind, now = (resource.RLIMIT_DATA, _data()) if _data() else (resource.RLIMIT_AS, 0)
    before = resource.getrlimit(kind)
    most = now + more if before[1] == resource.RLIM_INFINITY else min(now + more, before[1])
    with contextlib.suppress(ValueError, OSError):  # a system may refuse
        resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, before)


def _data() -> int:
    """Return the bytes of data that this process has, or 0 where the system does not say."""
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmData:"):
                return int(line.split()[1]) * 1024
    return 0

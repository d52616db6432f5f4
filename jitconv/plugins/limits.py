"""How much time and memory a kernel may take in a process of its own: a plugin's first runs, and checks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from jitconv.errors import ParameterError

SECONDS = {"import": 30.0, "run": 60.0}
"""So long may a plugin's import take, and one run of a kernel, compilation included. A choice."""

CHECK_SECONDS = 120.0
"""So long may one problem of a check take: it may compile, on a busy machine. A choice."""

LEAST = 4 * 2**30
"""Bytes that a process may take at least, if half of the memory is as much: libraries are large. A choice."""

TIMES = 8
"""So many times what operands, results and its own workspace take. A choice."""

_given: int | None = None


class Limits(NamedTuple):
    """What a process that runs kernels may take."""

    seconds: float
    """Of one problem: one that takes longer hangs."""
    memory: int
    """Bytes, beyond what it begins with."""


def seconds(moment: str) -> float:
    """Return how long a plugin may take: `SECONDS`, or what JITCONV_PLUGIN_SECONDS says.

    Raises
    ------
    ParameterError
        When that is no number above 0.
    """
    value = os.environ.get("JITCONV_PLUGIN_SECONDS", "").strip()
    if not value:
        return SECONDS[moment]
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0.0 < found < float("inf"):
        raise ParameterError(f"JITCONV_PLUGIN_SECONDS must be a number above 0; got {value!r}")
    return found


def allowance(nbytes: int = 0) -> int:
    """Return the bytes that a process may take for arrays of some size, at most half of the machine's."""
    wanted = max(LEAST, TIMES * nbytes)
    try:
        half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return wanted
    return min(wanted, half)


@contextlib.contextmanager
def memory(more: int) -> Iterator[None]:
    """Hold this process, in the block, to so many bytes more than it has now: see `hold`."""
    global _given
    given, before = _given, hold(more)
    try:
        yield
    finally:
        _given = given
        if before is not None:
            _set(*before)


def hold(more: int) -> tuple[int, tuple[int, int]] | None:
    """Hold this process to so many bytes more than it has now; beyond them there is no memory.

    On Linux it is data that counts: files that are mapped, as libraries are, take no memory. Elsewhere it is
    addresses; a system without such limits sets none.

    Returns
    -------
    tuple or None
        The kind of limit and what it was before, where there is one.
    """
    global _given
    try:
        import resource
    except ImportError:
        return None
    now = _data()
    kind = resource.RLIMIT_DATA if now else resource.RLIMIT_AS
    before = resource.getrlimit(kind)
    most = now + more if before[1] == resource.RLIM_INFINITY else min(now + more, before[1])
    if _set(kind, (most, before[1])):
        _given = more
    return kind, before


def told() -> str:
    """Return what this process is held to, as the end of a message on memory; nothing if it is not."""
    return "" if _given is None else f" (it may take {_given / 2**20:.0f} MiB; --memory sets another limit)"


def _set(kind: int, limit: Any) -> bool:
    import resource

    with contextlib.suppress(ValueError, OSError):  # a system may refuse
        resource.setrlimit(kind, limit)
        return True
    return False


def _data() -> int:
    """Return the bytes of data that this process has, or 0 where the system does not say."""
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmData:"):
                return int(line.split()[1]) * 1024
    return 0

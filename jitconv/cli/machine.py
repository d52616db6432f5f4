"""What a bug report needs to know of the machine; asked of the system's own files."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

from jitconv.jit.caches import caches
from jitconv.jit.target import cpu
from jitconv.store.place import cpu_model

FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512vl", "avx512bf16", "neon", "sve")
"""Those on which the width of vectors, or the tiles, depend, as LLVM calls them."""


def system() -> dict[str, Any]:
    """Return the operating system and its kernel."""
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
    }


def processor() -> dict[str, Any]:
    """Return the CPU's name, what LLVM calls it, the features that matter, and bytes of its caches."""
    name, features = cpu()
    words = set(features.split(","))
    return {
        "name": cpu_model() or platform.processor() or platform.machine(),
        "target": name,
        "features": [one for one in FEATURES if f"+{one}" in words],
        "caches": {level: f"{size // 1024}K" for level, size in caches().items()},
    }


def cores() -> dict[str, Any]:
    """Return the cores that are there, those that this process may use, and a limit of its cgroup."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "seen": os.cpu_count(),
        "usable": os.cpu_count() if affinity is None else len(affinity(0)),
        "cgroup": cgroup_cores(),
    }


def cgroup_cores(told: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the cores' time that the cgroups of this process leave it, or None for all there is.

    The least of its own and of those above: version 2's `cpu.max`, or version 1's quota.
    """
    found = []
    with contextlib.suppress(OSError):
        for line in told.read_text(encoding="utf-8", errors="replace").splitlines():
            _, controllers, path = line.split(":", 2)
            place = root if not controllers else root / controllers
            if controllers and "cpu" not in controllers.split(","):
                continue
            own = Path(*path.strip("/").split("/")) if path.strip("/") else Path()
            found += [one for folder in (own, *own.parents) if (one := _share(place / folder)) is not None]
    return min(found, default=None)


def _share(folder: Path) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        quota, period = map(int, (folder / "cpu.max").read_text().split())  # "max" is no number: no limit
        return quota / period
    with contextlib.suppress(OSError, ValueError):
        quota, period = (int((folder / f"cpu.cfs_{one}_us").read_text()) for one in ("quota", "period"))
        return quota / period if quota > 0 else None
    return None

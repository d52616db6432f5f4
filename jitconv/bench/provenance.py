"""Where and when figures were measured: commit, time, machine, load, what the host took, versions.

Every command that writes figures asks here, so that all of them say the same.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, NamedTuple

import jitconv
from jitconv.jit import team
from jitconv.plugins import registry
from jitconv.store.place import cpu_model

GIT_SECONDS = 10
"""So long may git take to tell the commit. A choice."""

STEAL = 7
"""The place of stolen time in a line of /proc/stat; what follows it there is counted before it, too."""

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of the machine at one moment; what the system does not tell is None."""

    time: str
    load: tuple[float, float, float] | None
    """Processes that ran or waited, in the mean of the last 1, 5 and 15 minutes."""
    ticks: int | None
    """The time of all cores since the machine began, idle or not."""
    stolen: int | None
    """The part of it that the host of a virtual machine gave to others."""


class Processor(NamedTuple):
    """What LLVM calls a processor, and its model as the system tells it."""

    processor: str
    cpu: str | None


def sample(stat: Path = Path("/proc/stat")) -> Sample:
    """Return the state of the machine now."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    load = ticks = stolen = None
    with contextlib.suppress(OSError, AttributeError):
        load = os.getloadavg()
    with contextlib.suppress(OSError, ValueError, IndexError):
        numbers = [int(word) for word in stat.read_text().split("\n", 1)[0].split()[1:]]
        ticks, stolen = sum(numbers[: STEAL + 1]), numbers[STEAL]
    return Sample(now, load, ticks, stolen)


def facts(begun: Sample | None = None) -> dict[str, Any]:
    """Return what figures carry with them.

    Parameters
    ----------
    begun : Sample, optional
        The state of the machine before the first of them was measured; by default now.
    """
    begun, ended = begun or sample(), sample()
    return {
        "jitconv": version("jitconv"),
        **commit(),
        "repository": repository(),
        "time": begun.time,
        "ended": ended.time,
        "machine": {
            **processor()._asdict(),
            "cores": os.cpu_count(),
            "threads": team(),
            "governor": _governor(),
            "load": {"before": begun.load, "after": ended.load},
            "steal": steal(begun, ended),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            **{name: version(name) for name in ("numba", "llvmlite", "numpy")},
            "plugins": _plugins(),
        },
    }


def commit(root: Path | None = None) -> dict[str, Any]:
    """Return the commit of a checkout, and whether its files differ from it; None where it is none.

    Parameters
    ----------
    root : Path, optional
        By default the folder that jitconv was imported from.
    """
    root = Path(jitconv.__file__).parents[1] if root is None else root
    unknown = {"commit": None, "dirty": None}
    if not (root / ".git").exists():
        return unknown
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        return {"commit": _git(root, "rev-parse", "HEAD"), "dirty": bool(changed)}
    return unknown


def repository(folder: Path | None = None) -> dict[str, Any] | None:
    """Return the same of the git repository that a folder is in, as a plugin's; None of jitconv's own.

    Parameters
    ----------
    folder : Path, optional
        By default the working directory.
    """
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        root = Path(_git(folder or Path.cwd(), "rev-parse", "--show-toplevel"))
        found = commit(root)
        if found["commit"] and not root.samefile(Path(jitconv.__file__).parents[1]):
            return found
    return None


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS)
    return done.stdout.strip()


def steal(begun: Sample, ended: Sample) -> float | None:
    """Return the share of the cores' time that the host took between two samples."""
    if begun.ticks is None or ended.ticks is None or begun.stolen is None or ended.stolen is None:
        return None
    return (ended.stolen - begun.stolen) / max(1, ended.ticks - begun.ticks)


def _governor() -> str | None:
    with contextlib.suppress(OSError):
        return GOVERNOR.read_text().strip()
    return None


def processor() -> Processor:
    """Return which processor this is."""
    import llvmlite.binding

    name = f"{platform.machine()} {llvmlite.binding.get_host_cpu_name()}"
    return Processor(name, cpu_model() or platform.processor() or None)


def _plugins() -> dict[str, str]:
    """Return the versions of the plugins that are loaded, and of the libraries that they need."""
    loaded = {one.name: one.version for one in registry().known if one.state == "loaded"}  # and load no more
    found = {name: told for name, told in loaded.items() if name != "jitconv"}
    for name in list(found):
        with contextlib.suppress(PackageNotFoundError):
            needed = [re.match(r"[\w.-]+", one) for one in requires(name) or () if "extra ==" not in one]
            for one in filter(None, needed):
                with contextlib.suppress(PackageNotFoundError):
                    found.setdefault(one[0], version(one[0]))
    return {name: told for name, told in found.items() if name not in ("jitconv", "numpy")}

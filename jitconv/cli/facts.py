"""What a bug report needs. Nothing is compiled for it, and no thread is begun."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jitconv.algorithms.direct import kinds, tuned
from jitconv.cli import cache, machine
from jitconv.config import MODES
from jitconv.errors import ParameterError, nearest
from jitconv.jit import forks, target, variables, workers
from jitconv.jit.files import source_digest
from jitconv.plugins import limits, registry
from jitconv.plugins.sources import release
from jitconv.selector import log

PACKAGES = ("numpy", "numba", "llvmlite", "h5py", "pluggy", "threadpoolctl", "typer", "rich", "pillow")

PREFIX = "JITCONV_"
VARIABLES = (
    "JITCONV_BLOCK",
    "JITCONV_CACHE_DIR",
    "JITCONV_LOCKFILE",
    "JITCONV_LOG",
    "JITCONV_MODE",
    "JITCONV_PLUGINS",
    "JITCONV_PLUGIN_SECONDS",
    "JITCONV_RECORD",
    "JITCONV_SEED",
    "JITCONV_TEST_ALGORITHM",
    "JITCONV_TEAM",
    "JITCONV_TRACEBACK",
    "JITCONV_VECTOR_BYTES",
)
"""All that jitconv and its tests read."""

READ: dict[str, Callable[[], Any]] = {
    "JITCONV_LOG": log.asked,
    "JITCONV_MODE": lambda: variables.told("JITCONV_MODE", MODES),
    "JITCONV_PLUGIN_SECONDS": lambda: limits.seconds("run"),
}
"""What reads those that no other line of the screen tells of, and raises for a value without a meaning."""

OTHERS = re.compile(
    r"(OMP|GOMP|KMP|NUMBA|OPENBLAS|MKL|BLIS|VECLIB)_\w+|THP_MEM_ALLOC_ENABLE|PYTHON(PATH|MALLOC)|LD_PRELOAD"
)
"""Variables of others that change how jitconv, or what is compared with it, runs."""


def facts() -> dict[str, Any]:
    """Return all sections; one that cannot be told says why in its `error`."""
    variables = _variables()  # first: libraries set some when they are loaded
    return {name: _attempt(ask) for name, ask in SECTIONS.items()} | {"variables": variables}


def _attempt(ask: Callable[[], Any]) -> Any:
    """Return what is told, or what is wrong: a report of a broken installation must not break."""
    try:
        return ask()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def _jitconv() -> dict[str, Any]:
    source = source_digest("jitconv")
    return {
        "version": release(),
        "source": None if source is None else source[:16],
        "folder": str(Path(__file__).parent.parent),
    }


def _python() -> dict[str, Any]:
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
    }


def _packages() -> dict[str, str | None]:
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _blas() -> list[dict[str, Any]]:
    """Return the libraries of NumPy's matrix products, once it is loaded."""
    import numpy  # noqa: F401 (only what is loaded is found)
    from threadpoolctl import threadpool_info

    wanted = ("internal_api", "version", "architecture", "threading_layer", "num_threads")
    every = [one for one in threadpool_info() if one["user_api"] == "blas"]
    return [{name: one.get(name) for name in wanted} for one in every]


def _vectors() -> dict[str, Any]:
    widest, bytes_ = target.target_vector_bytes(), target.vector_bytes()
    asked = os.environ.get("JITCONV_VECTOR_BYTES", "").strip()
    why = f"the widest of the target {target.cpu()[0]}"
    if asked:
        why = f"JITCONV_VECTOR_BYTES={asked}; {why} is {widest}"
    return {"bytes": bytes_, "widest": widest, "why": why}


def _blocks() -> dict[str, Any]:
    kind, name = kinds.own(), kinds.own_name()
    if kind is None:
        why = "no kind with vectors as wide was measured"
    elif kind.name == name:
        why = "measured"
    else:
        why = "the nearest that was measured"
    told, file = tuned.found(), tuned.place()
    return {
        "kind": name,
        "values": None if kind is None else kind.name,
        "why": why,
        "own": dict(told.values),
        "file": str(file) if told.values or told.wrong else None,
        "wrong": told.wrong,
    }


def _threads() -> dict[str, Any]:
    """Return how many threads a kernel may have; Numba is not asked, which would begin those of its layer."""
    import numba

    count, usual = int(numba.config.NUMBA_NUM_THREADS), int(numba.config.NUMBA_DEFAULT_NUM_THREADS)
    told = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    why = "one for each core that this process may use"
    if told or count != usual:
        why = f"NUMBA_NUM_THREADS={told or count}; by default {usual}"
    serial = None if workers.why_not() is None else forks.why_serial()
    most = machine.cgroup_cores()
    hint = None
    if most is not None and most < count and not serial:
        hint = (
            f"more than its cgroup has cores ({most:g}), so they wait for one another: set NUMBA_NUM_THREADS"
        )
    return {"count": 1 if serial else count, "why": serial or why, "hint": hint}


def _team() -> dict[str, Any]:
    why_not = workers.why_not()
    if why_not is None:
        from jitconv.jit import regions

        return {
            "runs": "own",
            "why": "Linux on a CPU that it knows, and JITCONV_TEAM does not ask for Numba's",
            "spins": regions.SPINS,
            "parts": regions.DIVIDED,
        }
    import numba

    return {"runs": "numba", "why": why_not, "layer": str(numba.config.THREADING_LAYER)}


def _plugins() -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "version": one.version,
            "state": one.state,
            "algorithms": len(one.algorithms),
            "error": one.error and one.error.strip().splitlines()[-1],
        }
        for one in registry().plugins
    ]


def _variables() -> dict[str, dict[str, str | None]]:
    """Return what is set of jitconv's and of others, each with what is wrong with its name."""
    names = sorted(os.environ)
    ours = [name for name in names if name.upper().startswith(PREFIX)]
    others = [name for name in names if OTHERS.fullmatch(name)]
    return {name: {"value": os.environ[name], "wrong": _wrong(name)} for name in ours + others}


def _wrong(name: str) -> str | None:
    if name in VARIABLES or OTHERS.fullmatch(name):
        try:
            READ.get(name, str)()
        except ParameterError as error:
            return str(error)
        return None
    near = nearest(name.upper()[len(PREFIX) :], [one[len(PREFIX) :] for one in VARIABLES])
    return f"unknown: jitconv reads no such variable{near}"


SECTIONS: dict[str, Callable[[], Any]] = {
    "jitconv": _jitconv,
    "python": _python,
    "packages": _packages,
    "blas": _blas,
    "system": machine.system,
    "cpu": machine.processor,
    "vectors": _vectors,
    "blocks": _blocks,
    "cores": machine.cores,
    "threads": _threads,
    "team": _team,
    "cache": cache.facts,
    "plugins": _plugins,
}

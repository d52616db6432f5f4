"""What a measurement of a problem is stored under: all that changes who may be chosen, or how fast it is."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from jitconv.config import Settings
from jitconv.jit import threads as jit_threads
from jitconv.jit import workers
from jitconv.jit.target import cpu, vector_bytes
from jitconv.plugins import BUILTIN, registry
from jitconv.selector.judge import barred
from jitconv.selector.problem import problem_of
from jitconv.specs import Spec

KEYED = ("threads", "max_workspace", "deterministic", "accuracy", "allow", "deny")
"""The settings that are part of a key."""

NOT_KEYED = ("mode", "measure_budget", "record", "lockfile")
"""The settings that are not: how a choice is made, for how long it may be measured, and which files are read
and written meanwhile. None of them changes who is able, or how long a call of it takes."""


def key(op: str, spec: Spec, settings: Settings, prepared: bool) -> dict[str, str]:
    """Return the key of a problem under some settings, in this process.

    Parameters
    ----------
    op, spec, settings
        The problem, and what is in force.
    prepared : bool
        Whether the weights are given beforehand, as to `jitconv.plan_conv`.

    Returns
    -------
    dict of str
        Fields by name: the problem's, the settings' and the environment's.

    Raises
    ------
    ParameterError
        When a variable of the environment has a value without meaning.
    """
    return {
        "op": op,
        "problem": problem_of(op, spec),
        "prepared": "yes" if prepared else "no",
        "threads": str(threads_in_force(settings)),
        **_of_settings(settings),
        "candidates": _candidates(op, settings, registry().revision),
        **_environment(),
    }


def threads_in_force(settings: Settings) -> int:
    """Return how many threads a kernel may use under some settings, whatever the context's are."""
    token = jit_threads.limit.set(settings.threads)
    try:
        return jit_threads.team()
    finally:
        jit_threads.limit.reset(token)


@lru_cache(maxsize=64)
def _of_settings(settings: Settings) -> dict[str, str]:
    limit = settings.max_workspace
    return {
        "deterministic": "yes" if settings.deterministic else "no",
        "accuracy": str(settings.accuracy),
        "max_workspace": "default" if limit is None else str(limit),
        "allow": ",".join(sorted(set(settings.allow))),
        "deny": ",".join(sorted(set(settings.deny))),
    }


@lru_cache(maxsize=256)
def _candidates(op: str, settings: Settings, revision: int) -> str:
    """Return name and revision of each algorithm that the settings leave; a guest has its plugin's version.

    `revision` is the registry's, of which there are no two alike: it makes what is cached out of date.
    """
    plugins = registry()
    releases = {one.name: one.version for one in plugins.known}
    found = []
    for one in plugins.present(op):  # the permitted ones are: `select` has loaded whatever is allowed
        provider = plugins.provider(one)
        if not barred(one, provider, settings):
            guest = "" if provider == BUILTIN else f"@{provider} {releases.get(provider, '')}".rstrip()
            found.append(f"{one.name}:{one.revision}{guest}")
    return ",".join(sorted(found))


@lru_cache(maxsize=1)
def _environment() -> dict[str, str]:
    import llvmlite
    import numba
    import numpy

    from jitconv.plugins.sources import blocks, release

    return {
        "jitconv": release(),
        "numba": str(numba.__version__),
        "llvmlite": str(llvmlite.__version__),
        "numpy": str(numpy.__version__),
        "cpu": hashlib.sha256(repr(cpu()).encode()).hexdigest()[:16],
        "vector_bytes": str(vector_bytes()),
        "blocks": blocks(),
        "team": "own" if workers.why_not() is None else "numba",
    }

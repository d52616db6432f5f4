"""Mode "replay": `auto` takes what a lockfile says, and nothing else."""

from __future__ import annotations

import sys
from dataclasses import replace

from jitconv.algorithm import Algorithm
from jitconv.config import Settings
from jitconv.errors import ParameterError, ReplayError, UnknownAlgorithmError
from jitconv.plugins import Registry
from jitconv.selector.choice import Choice, Identity, identity
from jitconv.selector.explanation import Candidate
from jitconv.selector.judge import GivenWeights, judge
from jitconv.selector.lockfile import Lockfile, opened
from jitconv.specs import Spec

MOST_NEAR = 3
"""So many others of the same problem a message names. A choice."""


def replayed(
    op: str,
    spec: Spec,
    plugins: Registry,
    settings: Settings,
    prepared: bool,
    weights: GivenWeights | None = None,
) -> Candidate:
    """Return the candidate that the settings' lockfile names, as chosen.

    Raises
    ------
    ParameterError
        When the settings name no lockfile, or it cannot be read.
    ReplayError
        When it has no choice for the problem, or one that cannot be taken as it stands.
    AlgorithmError
        When the algorithm fails to judge the problem.
    """
    file = settings.lockfile
    if file is None:
        raise ParameterError(
            'config(mode="replay") needs a lockfile: name it with config(lockfile=...) or JITCONV_LOCKFILE'
        )
    lockfile = opened(file)
    wanted = identity(op, spec, settings, prepared)
    found = lockfile.find(wanted)
    if found is None:
        raise ReplayError(
            f"{file} has no choice for {wanted}{_others(lockfile, wanted)}; add one: {wanted.command(file)}"
        )
    candidate = judged(found, spec, plugins, settings, weights)
    if isinstance(candidate, str):
        guests = permissible(found, plugins)
        raise ReplayError(
            f"{file} says {found.title!r}, revision {found.revision}, for {wanted}, but {candidate}; "
            f"lock it anew: {wanted.command(file, guests)}"
        )
    return replace(candidate, verdict="chosen", decided_by="replayed", reason=f"pinned by {file}")


def judged(
    choice: Choice, spec: Spec, plugins: Registry, settings: Settings, weights: GivenWeights | None = None
) -> Candidate | str:
    """Return the candidate that a choice names, or in words why it cannot be taken as it stands.

    Raises
    ------
    AlgorithmError
        When the algorithm fails to judge the problem.
    """
    op, prepared = choice.identity.op, choice.identity.prepared
    try:
        algorithm = plugins.find(op, choice.algorithm)
    except UnknownAlgorithmError:
        return f"nobody provides {choice.algorithm!r} now{plugins.failures()}"
    plugin = plugins.provider(algorithm)
    if plugin != choice.plugin:
        return f"it was plugin {choice.plugin!r} that provided it, and now it is {plugin!r}"
    if algorithm.revision != choice.revision:
        return f"its revision is {algorithm.revision} now"
    # who is named in the file is permitted; what was the least needy one may need more than the limit
    limits = replace(settings, allow=(*settings.allow, plugin), max_workspace=sys.maxsize)
    candidate = judge(algorithm, plugin, spec, limits, prepared=prepared, needed=True, weights=weights)
    if _usable(candidate) and choice.variant not in ("", _taken(algorithm, spec, prepared)):
        try:
            algorithm = algorithm.only(choice.variant)
        except LookupError:
            known = ", ".join(algorithm.variants.names) if algorithm.variants else ""
            return f"its variants are {known}" if known else "it has no variants"
        candidate = judge(algorithm, plugin, spec, limits, prepared=prepared, needed=True, weights=weights)
    return candidate if _usable(candidate) else f"it cannot be taken: {candidate.reason}"


def _usable(candidate: Candidate) -> bool:
    return candidate.verdict == "able"


def _taken(algorithm: Algorithm, spec: Spec, prepared: bool) -> str:
    """Return the variant that an algorithm takes by itself."""
    return algorithm.variants.title(spec, held=prepared) if algorithm.variants else ""


def permissible(choice: Choice, plugins: Registry) -> tuple[str, ...]:
    """Return the guests that could be chosen when a choice was made, of those that are still there."""
    known = {one.name for one in plugins.plugins} | {one.name for one in plugins.algorithms()}
    return tuple(name for name in choice.guests if name in known)


def _others(lockfile: Lockfile, wanted: Identity) -> str:
    near = [one.how for one in lockfile.near(wanted)]
    return f", only for {' or '.join(near[:MOST_NEAR])}" if near else ""

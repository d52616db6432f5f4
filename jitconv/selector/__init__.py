"""Chooses an algorithm for a problem, and says why."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

from jitconv.algorithm import OPS, Algorithm
from jitconv.config import BY_STOPWATCH, Settings, in_force, scope
from jitconv.errors import PluginError, UnknownAlgorithmError, UnsupportedError, nearest, shown
from jitconv.plugins import BUILTIN, Plugin, Registry, registry
from jitconv.selector.explanation import VERDICTS, Candidate, Explanation
from jitconv.selector.judge import GivenWeights, barred, judge, limit_in_words, too_inexact
from jitconv.selector.measure import WithdrawnError, measured, promising
from jitconv.selector.replay import replayed
from jitconv.specs import Spec
from jitconv.specs.values import choice

__all__ = ["VERDICTS", "Candidate", "Explanation", "algorithms", "judge", "promising", "revision", "select"]


def revision() -> int:
    """Return a number that changes whenever a plugin comes or goes."""
    return registry().revision


def select(
    op: str,
    spec: Spec,
    algorithm: str,
    settings: Settings,
    *,
    prepared: bool = False,
    dry: bool = False,
    weights: GivenWeights | None = None,
) -> Explanation:
    """Choose the algorithm that `algorithm` names, or the best candidate for "auto".

    Parameters
    ----------
    op, spec, algorithm, settings
        The problem, a name or "auto", and what is in force.
    prepared : bool
        Whether the weights are given beforehand, as to `jitconv.plan_conv`: costs are those of a call
        after that.
    dry : bool
        Whether nothing may be run, whatever the mode: the choice is then the predicted one, and says so.
    weights : tuple of array, optional
        `w` and `b` (or None) where they are given beforehand and are known: an algorithm that looks at their
        values refuses without.

    Raises
    ------
    ParameterError
        When the environment gives a setting without meaning, or one that contradicts another.
    UnknownAlgorithmError
        When `algorithm`, or a name in the settings' `allow` or `deny`, is nobody's.
    PluginError
        When the settings' `allow` names a plugin that could not be loaded.
    UnsupportedError
        When a forced algorithm refuses, or the settings bar every candidate.
    AlgorithmError
        When a forced or permitted algorithm fails to judge the problem.
    ReplayError
        In mode "replay", when the lockfile has no choice for the problem, or one that cannot be taken.
    """
    settings = in_force(settings)
    plugins = registry()
    _check_names(plugins, settings)

    def judged(ones: Sequence[Algorithm], needed: bool) -> list[Candidate]:
        return [
            judge(
                one,
                plugins.provider(one),
                spec,
                settings,
                prepared=prepared,
                needed=needed,
                weights=weights,
            )
            for one in ones
        ]

    def others() -> list[Candidate]:
        late = [one for one in plugins.algorithms(op) if one not in every]  # of who was not needed to choose
        with scope(settings):  # costs are those of as many threads as there were
            return losers + judged(rest + [one for one in late if one not in asked], needed=False)

    def again(other: Settings) -> Explanation:
        with scope(other):
            return select(op, spec, algorithm, other, prepared=prepared, dry=True, weights=weights)

    every = plugins.present(op)
    losers: list[Candidate] = []
    if algorithm == "auto" and settings.mode == "replay" and spec.n:  # an empty batch runs nothing
        pinned = replayed(op, spec, plugins, settings, prepared, weights)
        rest = [one for one in every if one.name != pinned.name.partition("/")[0]]
        return Explanation(op, spec, settings, pinned, others, again, prepared=prepared)
    if algorithm == "auto":
        # what can not be chosen is not even asked: a guest that is slow to answer would slow down everyone
        asked = [
            one
            for one in every
            if not barred(one, plugins.provider(one), settings) and not too_inexact(one, spec, settings)
        ]
    else:
        asked = [plugins.find(op, algorithm)]
    candidates = judged(asked, needed=True)
    rest = [one for one in every if one not in asked]
    if algorithm == "auto":
        try:
            chosen = _best(op, spec, plugins, candidates, settings, prepared, dry, weights)
        except WithdrawnError:  # one candidate less: what it did is told by a warning
            return select(op, spec, algorithm, settings, prepared=prepared, dry=dry, weights=weights)
    else:
        chosen = _forced(op, spec, candidates[0])
    if chosen is None:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in (*candidates, *judged(rest, needed=False)))
        raise UnsupportedError(f"{op}: no algorithm is left for {spec}; loosen config(...) ({reasons})")
    losers = [one for one in candidates if one.algorithm is not chosen.algorithm]
    return Explanation(op, spec, settings, chosen, others, again, prepared=prepared)


def _forced(op: str, spec: Spec, candidate: Candidate) -> Candidate:
    if candidate.verdict == "refused":
        raise UnsupportedError(
            f"{op}: algorithm {candidate.name!r} refuses {spec}: {candidate.reason}; "
            "use algorithm='auto' or another"
        )
    return _chosen(candidate, "named", "named by the caller")


def _chosen(candidate: Candidate, decided_by: str, reason: str) -> Candidate:
    return replace(candidate, verdict="chosen", decided_by=decided_by, reason=reason)


def _best(
    op: str,
    spec: Spec,
    plugins: Registry,
    candidates: Sequence[Candidate],
    settings: Settings,
    prepared: bool,
    dry: bool,
    weights: GivenWeights | None,
) -> Candidate | None:
    able = sorted((one for one in candidates if one.verdict == "able"), key=lambda one: one.order)
    if not able:
        return _least_needy(op, spec, candidates, settings)
    records = [one.algorithm for one in able]
    override = plugins.select(spec, records, {BUILTIN, *settings.allow})
    if override is not None:
        return _chosen(able[records.index(override)], "plugin", "chosen by a plugin's jitconv_select")
    known = able[0].cost is not None
    reason = "the least predicted time" if known else "nobody able knows its time, and this is the first"
    # an empty batch has nothing to run
    if settings.mode in BY_STOPWATCH and spec.n:
        found = measured(op, spec, able, settings, prepared=prepared, dry=dry, weights=weights)
        if not isinstance(found, str):
            return found
        reason += found
    return _chosen(able[0], "predicted", reason)


def _least_needy(
    op: str, spec: Spec, candidates: Sequence[Candidate], settings: Settings
) -> Candidate | None:
    """Return what needs the least workspace, of those that the limit alone excludes."""
    needy = [one for one in candidates if one.verdict == "excluded"]
    if not needy:
        return None
    chosen = min(needy, key=lambda one: (one.workspace, one.order))
    reason = f"needs the least workspace, and none fits: {limit_in_words(op, spec, settings)}"
    return _chosen(chosen, "least workspace", reason)


def _check_names(plugins: Registry, settings: Settings) -> None:
    named = (*settings.allow, *settings.deny)
    if not named:
        return
    for name in settings.allow:
        plugins.load_plugin(name)
    for name in named:
        if name not in _names(plugins):
            plugins.load_algorithm(name)
        if name not in (known := _names(plugins)):
            raise UnknownAlgorithmError(
                f"config: allow and deny must name algorithms or plugins ({', '.join(sorted(known))}); "
                f"got {shown(name)}{nearest(name, sorted(known))}{plugins.failures()}"
            )
    for name in settings.allow:
        if name in plugins.failed():
            raise PluginError(f"config: allow={name!r}: that plugin failed, see `jitconv plugins`")
    for one in plugins.known:
        if one.state == "quarantined" and not {one.name, *_lost(one)}.isdisjoint(settings.allow):
            left_out = f"`auto` leaves out what config(allow=...) names: {one.error}"
            warnings.warn(left_out, RuntimeWarning, stacklevel=2)


def _names(plugins: Registry) -> set[str]:
    """Return the names of all plugins, and of algorithms: those that are there, or in quarantine."""
    lost = {name for one in plugins.known for name in _lost(one)}
    return lost | {one.name for one in plugins.known} | {one.name for one in plugins.present()}


def _lost(plugin: Plugin) -> set[str]:
    return {name.partition("/")[2] for name in plugin.names}


def algorithms(op: str | None = None) -> tuple[Algorithm, ...]:
    """Return every algorithm that a loaded plugin provides, for one op or for all.

    Parameters
    ----------
    op : str, optional
        Name of an op.

    Raises
    ------
    ParameterError
        When there is no such op.
    """
    if op is not None:
        op = choice("op", op, OPS)
    return registry().algorithms(op)

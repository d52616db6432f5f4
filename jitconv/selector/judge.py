"""Asks one algorithm about one problem, believes only what has a meaning, and applies the settings."""

from __future__ import annotations

import math
import operator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from jitconv.algorithm import Algorithm
from jitconv.arrays import Array
from jitconv.config import Settings, scope
from jitconv.errors import AlgorithmError, UnsupportedError
from jitconv.jit.forks import CompilerUnavailable
from jitconv.plugins import BUILTIN
from jitconv.selector.bounds import bound
from jitconv.selector.explanation import Candidate
from jitconv.specs import Spec
from jitconv.specs.values import nbytes

WORKSPACE_BASE = 64 * 2**20
WORKSPACE_PER_OUTPUT = 2
"""By default `auto` takes at most 64 MiB, once what the operands take and twice what the outputs do.

Whatever packs weights, or pads pictures, copies an operand: without them in the sum the limit left of a
convolution with 151 MB of weights `naive` alone, at 55 s where `direct` takes 0.12. The choice of factors is
a choice: a call then holds at most some three times what its caller holds anyway.
"""


GivenWeights = tuple[Array, Array | None]
"""`w` and `b` of a plan."""

UNSEEN = "takes some weights alone and must see them beforehand: give them to jitconv.plan_conv"


def judge(
    algorithm: Algorithm,
    plugin: str,
    spec: Spec,
    settings: Settings,
    *,
    prepared: bool,
    needed: bool,
    weights: GivenWeights | None = None,
) -> Candidate:
    """Return an algorithm's part in a choice.

    Parameters
    ----------
    algorithm, plugin
        The algorithm, and the name of its provider.
    spec, settings
        The problem, and what is in force.
    prepared : bool
        Whether the cost is that of a call with weights given beforehand.
    needed : bool
        Whether one that fails is an error; otherwise it is a verdict.
    weights : tuple of array, optional
        `w` and `b` (or None) of a plan, for an algorithm that looks at their values.

    Raises
    ------
    AlgorithmError
        When a needed algorithm raises, or answers what has no meaning.
    UnsupportedError
        When a needed one has kernels, and this process cannot compile any.
    """
    try:
        reason = _reason("why_not", algorithm.why_not(spec)) or _of_weights(algorithm, spec, weights)
        if reason:
            return Candidate(algorithm, plugin, "refused", reason)
        prepares = prepared and algorithm.prepared_cost is not None
        predict = algorithm.prepared_cost if prepares else algorithm.cost
        with _predicted_threads(settings):
            cost = _seconds("prepared_cost" if prepares else "cost", predict(spec))  # type: ignore[misc]
        takes = (prepared and algorithm.prepared_workspace) or algorithm.workspace
        workspace = _bytes(takes(spec))
    except CompilerUnavailable as error:
        if not needed:
            return Candidate(algorithm, plugin, "failed", str(error))
        raise UnsupportedError(f"{algorithm.op}: {error}") from error
    except Exception as error:
        said = str(error) if isinstance(error, _MeaninglessError) else f"{type(error).__name__}: {error}"
        reason = f"failed to judge {spec}: {said}"
        if not needed:
            return Candidate(algorithm, plugin, "failed", reason)  # a guest that harms nobody else
        raise AlgorithmError(
            f"{algorithm.op}: algorithm {algorithm.name!r} of plugin {plugin!r} {reason}"
        ) from error
    reason = (
        barred(algorithm, plugin, settings)
        or too_inexact(algorithm, spec, settings)
        or _too_large(algorithm, spec, settings, workspace)
    )
    return Candidate(
        algorithm,
        plugin,
        "excluded" if reason else "able",
        reason,
        cost,
        workspace,
        _error(algorithm, spec, prepares),
    )


def _predicted_threads(settings: Settings) -> AbstractContextManager[object]:
    """Return a context in which costs do not depend on the threads there are, where a choice must not."""
    return scope(replace(settings, threads=1)) if settings.deterministic else nullcontext()


def _error(algorithm: Algorithm, spec: Spec, prepared: bool) -> float | None:
    """Return by how much of itself a predicted time is usually wrong, where it says so."""
    variants = algorithm.variants
    if variants is not None and variants.priced:
        return variants.cost_error(spec, held=prepared)
    return getattr(algorithm.cost, "error", None)


class _MeaninglessError(Exception):
    """An answer that the contract does not allow."""


def _reason(asked: str, answer: Any) -> str:
    if answer is None:
        return ""
    if isinstance(answer, str) and answer.strip():
        return answer
    raise _MeaninglessError(f"{asked} must return None or the reason in words; got {answer!r}")


def _of_weights(algorithm: Algorithm, spec: Spec, weights: GivenWeights | None) -> str:
    """Return why an algorithm does not take these weights, or nothing."""
    if algorithm.why_not_weights is None:
        return ""
    if weights is None:
        return UNSEEN
    return _reason("why_not_weights", algorithm.why_not_weights(spec, *weights))


def _seconds(asked: str, answer: Any) -> float | None:
    if answer is None:
        return None
    try:
        seconds = math.nan if isinstance(answer, (bool, str, bytes)) else float(answer)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if math.isfinite(seconds) and seconds >= 0:
        return seconds
    raise _MeaninglessError(
        f"{asked} must return seconds, a finite number of at least 0, or None if unknown; got {answer!r}"
    )


def _bytes(answer: Any) -> int:
    try:
        count = -1 if isinstance(answer, bool) else operator.index(answer)
    except TypeError:
        count = -1
    if count >= 0:
        return count
    raise _MeaninglessError(f"workspace must return bytes, an integer of at least 0; got {answer!r}")


def permitted(algorithm: Algorithm, plugin: str, settings: Settings) -> bool:
    """Whether `auto` may take an algorithm: a built-in one, or one that the user allows."""
    return plugin == BUILTIN or not {algorithm.name, plugin}.isdisjoint(settings.allow)


def barred(algorithm: Algorithm, plugin: str, settings: Settings) -> str:
    """Return why `auto` takes an algorithm for no problem under these settings, or nothing."""
    if not {algorithm.name, plugin}.isdisjoint(settings.deny):
        return "denied by config(deny=...)"
    if not permitted(algorithm, plugin, settings):
        return f"third-party: permit it with config(allow={algorithm.name!r})"
    if settings.deterministic and not algorithm.deterministic:
        return "may give other bits with another thread count, and config(deterministic=True)"
    if settings.accuracy == "strict" and algorithm.error_class != "direct":
        return f"its error is of class {algorithm.error_class!r}, and config(accuracy='strict')"
    return ""


def too_inexact(algorithm: Algorithm, spec: Spec, settings: Settings) -> str:
    """Return why `auto` does not trust an algorithm with this problem, or nothing."""
    if isinstance(settings.accuracy, str):
        return ""
    granted = bound(algorithm.op, spec, algorithm.error_class, spec.dtype)
    if granted <= settings.accuracy:
        return ""
    return f"may be off by {granted:.2g} (relative L2), and config(accuracy={settings.accuracy:g})"


def _too_large(algorithm: Algorithm, spec: Spec, settings: Settings, workspace: int) -> str:
    """Return why `auto` takes an algorithm only if all others need more workspace still, or nothing."""
    if workspace <= limit(algorithm.op, spec, settings):
        return ""
    return f"needs {workspace / 2**20:.1f} MiB of workspace; {limit_in_words(algorithm.op, spec, settings)}"


def limit(op: str, spec: Spec, settings: Settings) -> int:
    """Return the bytes of workspace that `auto` takes, unless every algorithm needs more."""
    if settings.max_workspace is not None:
        return settings.max_workspace
    copied, made = nbytes(spec.operands(op)), nbytes(spec.outputs(op))
    return WORKSPACE_BASE + copied + WORKSPACE_PER_OUTPUT * made


def limit_in_words(op: str, spec: Spec, settings: Settings) -> str:
    """Return who gives how much workspace."""
    given = "" if settings.max_workspace is not None else "by default "
    return f"{given}config(max_workspace=...) gives {limit(op, spec, settings) / 2**20:.1f} MiB"

"""The ways to do a problem, and how long one takes: what predicted times are fitted to and judged by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from jitconv import algorithms
from jitconv.algorithm import Algorithm
from jitconv.plugins import BUILTIN, registry
from jitconv.specs import Spec

BLOCK = 0.006
"""Seconds of a turn, of which the first call does not count. A choice."""


def candidates(op: str, spec: Spec) -> dict[str, Algorithm]:
    """Return every way to do a problem: each variant that can, and each algorithm that has none or several
    parts.
    """
    found = {}
    parts = {f"d{one}" for one in getattr(spec, "wrt", ())} if op == "conv_backward" else {""}
    for one in algorithms(op):
        if registry().provider(one) != BUILTIN or one.why_not(spec):
            continue
        if one.variants is None or len(parts) > 1:
            found[one.name] = one
        for variant in one.variants.listed if one.variants else ():
            only = one.only(variant.title)
            if variant.part in parts and not only.why_not(spec):
                found[only.name] = only
    return found


def worth(op: str, found: dict[str, Algorithm], spec: Spec) -> list[str]:
    """Return the candidates that are measured: none predicted to take more than eight times the best."""
    costs = {name: one.cost(spec) or 0.0 for name, one in found.items()}
    most = max(8 * min(costs.values()), 2e-5)
    return [name for name in found if costs[name] <= most]


def best_parts(algorithm: str, times: dict[str, float]) -> str:
    """Return the name of an algorithm with the fastest variant of each of several parts, or nothing where one
    way of those that were measured has them all.
    """
    fastest: dict[str, str] = {}
    for name in sorted(times, key=times.__getitem__):
        own, _, variant = name.partition("/")
        if own == algorithm and ":" in variant and times[name] < times[algorithm]:
            fastest.setdefault(variant.partition(":")[0], variant)
    return f"{algorithm}/{'+'.join(fastest.values())}" if len(fastest) > 1 else ""


def turn(run: Callable[[], Any]) -> list[float]:
    """Return the seconds of the calls of a turn, but for its first one."""
    found: list[float] = []
    run()
    end = time.perf_counter() + BLOCK
    while not found or time.perf_counter() < end:
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return found

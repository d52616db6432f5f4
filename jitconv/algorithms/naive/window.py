"""The two ops on single windows, one window after the other."""

from __future__ import annotations

from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, never_refuses, no_workspace, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import winners
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import WindowSpec

SECONDS_PER_WINDOW = {"create_mask": 3.6e-6, "distribute_value": 0.53e-6}
"""Of one thread; asv_benchmarks/benchmarks/rates.py."""


def mask(spec: WindowSpec, x: Array, marked: Array) -> None:
    """Marked = where the window's maximum is."""
    for lead in np.ndindex(spec.lead):
        marked[lead] = winners(x[lead].reshape(-1), spec.ties).reshape(spec.h, spec.w)


def value(spec: WindowSpec, dz: Array, windows: Array) -> None:
    """Every element of a window = the window's value over H·W."""
    for lead in np.ndindex(spec.lead):
        windows[lead] = dz[lead] / (spec.h * spec.w)


def _cost(op: str, spec: WindowSpec) -> float:
    return seconds(spec.n * SECONDS_PER_WINDOW[op], spec.flops(op), 1e9)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the naive window ops."""
    return [
        Algorithm(
            op,
            "naive",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=no_workspace,
            build=unprepared(run),
        )
        for op, run in (("create_mask", mask), ("distribute_value", value))
    ]

"""The two ops on single windows as compiled loops."""

from __future__ import annotations

from functools import partial

from numba import prange

from jitconv.algorithm import Algorithm, never_refuses, no_workspace, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.jit import Kernel
from jitconv.specs import WindowSpec

CALL = 3e-6
ELEMENTS_PER_SECOND = {"create_mask": 0.65e9, "distribute_value": 20e9}
"""Of two threads; asv_benchmarks/benchmarks/rates.py."""


def _mask(x, marked, only_first):
    windows, size = x.shape
    for window in prange(windows):
        winner = 0
        for i in range(1, size):
            value, best = x[window, i], x[window, winner]
            # a NaN beats all but another NaN
            if value > best or (value != value and best == best):
                winner = i
        best = x[window, winner]
        alone = only_first or best != best
        for i in range(size):
            marked[window, i] = i == winner if alone else x[window, i] == best


def _value(dz, windows):
    count, size = windows.shape
    for window in prange(count):
        part = dz[window] / size
        for i in range(size):
            windows[window, i] = part


MASK, VALUE = Kernel(_mask), Kernel(_value)


def mask(spec: WindowSpec, x: Array, marked: Array) -> None:
    """Run the kernel over all windows."""
    shape = spec.n, spec.h * spec.w
    MASK(spec.flops("create_mask"), x.reshape(shape), marked.reshape(shape), spec.ties == "first")


def value(spec: WindowSpec, dz: Array, windows: Array) -> None:
    """Run the kernel over all windows."""
    VALUE(spec.flops("distribute_value"), dz.reshape(-1), windows.reshape(spec.n, spec.h * spec.w))


def _cost(op: str, spec: WindowSpec) -> float:
    return seconds(CALL, spec.flops(op), ELEMENTS_PER_SECOND[op])


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct window ops."""
    return [
        Algorithm(
            op,
            "direct",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=no_workspace,
            build=unprepared(run),
        )
        for op, run in (("create_mask", mask), ("distribute_value", value))
    ]

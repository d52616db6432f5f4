"""Direct pooling: in each layout loops of its own, over memory as it lies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses, no_workspace
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import divisors
from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.direct import pool_nchw, pool_nhwc
from jitconv.hooks import hookimpl
from jitconv.specs import PoolSpec

CALL = 5e-6
TAPS_PER_SECOND = {
    "NHWC": {
        "max_pool_forward": 8e9,
        "max_pool_backward": 2e9,
        "avg_pool_forward": 8e9,
        "avg_pool_backward": 6e9,
    },
    "NCHW": {
        "max_pool_forward": 5e9,
        "max_pool_backward": 1e9,
        "avg_pool_forward": 5e9,
        "avg_pool_backward": 5e9,
    },
}
"""Taps of windows, of two threads: estimates from single layers, not fitted yet."""

BYTES_PER_SECOND = 20e9

RULES = {"first": 0, "all": 1, "split": 2}

NO_INDICES = np.empty(0, np.int64)


def kernels(spec: PoolSpec) -> Any:
    """Return the module of the layout's loops."""
    return pool_nhwc if spec.layout == "NHWC" else pool_nchw


def geometry(spec: PoolSpec) -> tuple[tuple[int, ...], ...]:
    """Return what every loop is given of the spec."""
    shape = (spec.n, spec.h, spec.w, spec.c)
    pad = (spec.pad[0], spec.pad[2])
    return shape, (spec.oh, spec.ow), (spec.kh, spec.kw), spec.stride, pad, spec.dilation


def max_forward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""
    loops, work, numbers = kernels(spec), spec.flops("max_pool_forward") // 4, geometry(spec)

    def plan(x: Array, y: Array, indices: Array | None) -> None:
        source, best = x.reshape(-1), y.reshape(-1)
        if spec.layout == "NHWC":
            positions = NO_INDICES if indices is None else indices.reshape(-1)
            loops.MAX_FORWARD(work, source, best, positions, indices is not None, *numbers)
        elif indices is None:
            loops.MAX_FORWARD(work, source, best, *numbers)
        else:
            loops.WINNERS(work, source, best, indices.reshape(-1), *numbers)

    return plan


def max_backward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_backward."""
    loops, work, numbers = kernels(spec), spec.flops("max_pool_backward") // 4, geometry(spec)
    rule = RULES[spec.ties]
    tiling = (spec.kh, spec.kw) == spec.stride and spec.dilation == (1, 1) and not any(spec.pad)
    tiling = tiling and (spec.oh * spec.kh, spec.ow * spec.kw) == (spec.h, spec.w)

    def plan(dy: Array, x: Array, indices: Array | None, dx: Array) -> None:
        gradient, target = dy.reshape(-1), dx.reshape(-1)
        if indices is None and tiling and rule == 0 and spec.layout == "NHWC":
            loops.TILES_BACKWARD(work, gradient, x.reshape(-1), target, *numbers[:3])
        elif indices is None:
            loops.MAX_BACKWARD(work, gradient, x.reshape(-1), target, rule, *numbers)
        else:
            loops.GIVEN_BACKWARD(work, gradient, indices.reshape(-1), target, *numbers[:2])

    return plan


def avg_forward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward, which knows the divisors."""
    loops, work, numbers = kernels(spec), spec.flops("avg_pool_forward") // 4, geometry(spec)
    divisor = divisors(spec).reshape(-1)
    return lambda x, y: loops.AVG_FORWARD(work, x.reshape(-1), divisor, y.reshape(-1), *numbers)


def avg_backward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_backward, which knows the divisors."""
    loops, work, numbers = kernels(spec), spec.flops("avg_pool_backward") // 4, geometry(spec)
    divisor = divisors(spec).reshape(-1)
    return lambda dy, dx: loops.AVG_BACKWARD(work, dy.reshape(-1), divisor, dx.reshape(-1), *numbers)


def _cost(op: str, spec: PoolSpec) -> float:
    return seconds(CALL, spec.flops(op), TAPS_PER_SECOND[spec.layout][op], spec.traffic(op), BYTES_PER_SECOND)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct poolings."""
    builds: dict[str, Callable[[PoolSpec], Plan]] = {
        "max_pool_forward": max_forward,
        "max_pool_backward": max_backward,
        "avg_pool_forward": avg_forward,
        "avg_pool_backward": avg_backward,
    }
    return [
        Algorithm(
            op,
            "direct",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=no_workspace,
            build=build,
            revision=2,
        )
        for op, build in builds.items()
    ]

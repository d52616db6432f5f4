"""Pooling by OpenVINO's MaxPool and AvgPool."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from jitconv import Algorithm, PoolSpec
from jitconv.algorithm import Plan
from jitconv.jit import blas_threads

from jitconv_openvino import library
from jitconv_openvino.library import Array, Graph, operators, pads, parameter, shared, threads, turned

CALL, BYTES_PER_SECOND = 20e-6, 4e9
"""Rough: of some layers on two threads."""


def build_max(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""
    shared(maxima, spec, threads())

    def plan(x: Array, y: Array, indices: None) -> None:
        pool = shared(maxima, spec, threads())
        if _tame(x):
            pool([x], y)
            return
        # OpenVINO's maximum passes over a NaN, and pads with the lowest finite number
        some, nans = np.empty_like(y), np.empty_like(y)
        pool([(x != -np.inf).astype(x.dtype)], some)
        pool([np.isnan(x).astype(x.dtype)], nans)
        pool([np.where(np.isnan(x), x.dtype.type(-np.inf), x)], y)
        y[some == 0] = -np.inf
        y[nans > 0] = np.nan

    return plan


def _tame(x: Array) -> bool:
    """Whether it is certain that `x` holds no NaN and no infinity: its square sum is finite then."""
    flat = x.reshape(-1)
    with blas_threads(), np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(flat @ flat))


def build_average(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward."""
    shared(averages, spec, threads())

    def plan(x: Array, y: Array) -> None:
        shared(averages, spec, threads())([x], y)

    return plan


def maxima(spec: PoolSpec) -> Graph:
    """Return the graph of a maximum."""
    x = parameter(spec.x_shape)
    first, last = pads(spec)
    node = operators().max_pool(
        _pictures(x, spec), list(spec.stride), list(spec.dilation), first, last, [spec.kh, spec.kw]
    )
    return Graph(_result(node.output(0), spec), [x])


def averages(spec: PoolSpec) -> Graph:
    """Return the graph of an average."""
    x = parameter(spec.x_shape)
    first, last = pads(spec)
    node = operators().avg_pool(
        _pictures(x, spec), list(spec.stride), first, last, [spec.kh, spec.kw], not spec.count_include_pad
    )
    return Graph(_result(node.output(0), spec), [x])


def _pictures(x: Any, spec: PoolSpec) -> Any:
    return turned(x, 0, 3, 1, 2) if spec.layout == "NHWC" else x


def _result(node: Any, spec: PoolSpec) -> Any:
    return turned(node, 0, 2, 3, 1) if spec.layout == "NHWC" else node


def why_not_max(spec: PoolSpec) -> str | None:
    """Refuse indices as well."""
    if spec.indices:
        return "OpenVINO's maximum passes over a NaN, whose position it would have to give"
    return library.why_not(spec)


def why_not_average(spec: PoolSpec) -> str | None:
    """Refuse a dilation, and an overhang in a divisor that counts the padding."""
    if spec.dilation != (1, 1):
        return "OpenVINO's average has no dilation"
    _, (bottom, right) = pads(spec)
    if spec.count_include_pad and (bottom > spec.pad[1] or right > spec.pad[3]):
        return "OpenVINO is told an overhang as padding, which would count in the divisor"
    return library.why_not(spec)


def _workspace(op: str, spec: PoolSpec) -> int:
    """Pictures and results of NCHW once; of a maximum, what a NaN or an infinity takes."""
    taken, given = spec.n * spec.c * spec.h * spec.w, spec.n * spec.c * spec.oh * spec.ow
    copies = 4 * (taken + given) if spec.layout == "NCHW" else 0
    return copies + (5 * taken + 9 * given if op.startswith("max") else 0)


def _cost(op: str, spec: PoolSpec) -> float:
    return CALL + spec.traffic(op) / BYTES_PER_SECOND


def algorithms() -> list[Algorithm]:
    """Return the two records."""
    return [
        Algorithm(
            op,
            "openvino",
            why_not=refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            deterministic=False,  # OpenVINO promises nothing across numbers of threads
        )
        for op, build, refuses in (
            ("max_pool_forward", build_max, why_not_max),
            ("avg_pool_forward", build_average, why_not_average),
        )
    ]

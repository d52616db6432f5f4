"""Pooling by ncnn's Pooling."""

from __future__ import annotations

from functools import partial

import numpy as np
from jitconv import Algorithm, PoolSpec
from jitconv.algorithm import Plan
from jitconv.jit import blas_threads

from jitconv_ncnn import library
from jitconv_ncnn.library import Array, Layer, axes, for_each_setting, pads, setting

CALL, BYTES_PER_SECOND = 12e-6, 4e9
"""Rough: of some layers on two threads."""

NUMBERS = {
    "kind": 0,
    "window across": 1,
    "window down": 11,
    "stride across": 2,
    "stride down": 12,
    "left": 3,
    "top": 13,
    "right": 14,
    "bottom": 15,
    "pads": 5,
    "count_include_pad": 6,
}
"""ncnn's numbers of a pooling's parameters."""

MAXIMUM, AVERAGE = 0, 1
EXPLICIT_PADS = 1
"""Of ncnn's ways to pad: as told, with no overhang of its own."""


def build_max(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""
    network_of = for_each_setting(layer(spec, MAXIMUM))

    def plan(x: Array, y: Array, indices: None) -> tuple[Array, None]:
        pool = network_of(setting())
        if _tame(x):
            return pool(x, y), None
        # ncnn's maximum passes over a NaN, and pads with the lowest finite number
        some = pool((x != -np.inf).astype(x.dtype), np.empty_like(y)) > 0
        nans = pool(np.isnan(x).astype(x.dtype), np.empty_like(y)) > 0
        np.copyto(y, np.where(some, pool(np.where(np.isnan(x), x.dtype.type(-np.inf), x), y), -np.inf))
        y[nans] = np.nan
        return y, None

    return plan


def _tame(x: Array) -> bool:
    """Whether it is certain that `x` holds no NaN and no infinity: its square sum is finite then."""
    flat = x.reshape(-1)
    with blas_threads(), np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(flat @ flat))


def build_average(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward."""
    network_of = for_each_setting(layer(spec, AVERAGE))

    def plan(x: Array, y: Array) -> tuple[Array]:
        return (network_of(setting())(x, y),)

    return plan


def layer(spec: PoolSpec, kind: int) -> Layer:
    """Return the layer."""
    top, left, bottom, right = pads(spec)
    values = {
        "kind": kind,
        **axes("window", spec.kh, spec.kw),
        **axes("stride", *spec.stride),
        "top": top,
        "left": left,
        "bottom": bottom,
        "right": right,
        "pads": EXPLICIT_PADS,
        "count_include_pad": int(spec.count_include_pad),
    }
    parameters = {NUMBERS[name]: value for name, value in values.items()}
    return Layer("Pooling", parameters, [], (spec.c, spec.h, spec.w), (spec.c, spec.oh, spec.ow))


def why_not(spec: PoolSpec) -> str | None:
    """Refuse what neither pooling does."""
    if spec.dilation != (1, 1):
        return "ncnn's pooling has no dilation"
    return library.why_not(spec)


def why_not_max(spec: PoolSpec) -> str | None:
    """Refuse indices as well."""
    if spec.indices:
        return "ncnn's pooling gives no positions of maxima"
    return why_not(spec)


def why_not_average(spec: PoolSpec) -> str | None:
    """Refuse an overhang in a divisor that counts the padding, too."""
    _, _, bottom, right = pads(spec)
    if spec.count_include_pad and (bottom > spec.pad[1] or right > spec.pad[3]):
        return "ncnn is told an overhang as padding, which would count in the divisor"
    return why_not(spec)


def _workspace(op: str, spec: PoolSpec) -> int:
    """A picture and its result in blocks of channels; of a maximum, what a NaN or an infinity takes."""
    taken, given = spec.c * spec.h * spec.w, spec.c * spec.oh * spec.ow
    marks = spec.n * (5 * taken + 6 * given) if op.startswith("max") else 0
    return 4 * (taken + given) + marks


def _cost(op: str, spec: PoolSpec) -> float:
    return CALL * spec.n + spec.traffic(op) / BYTES_PER_SECOND


def algorithms() -> list[Algorithm]:
    """Return the two records."""
    return [
        Algorithm(
            op,
            "ncnn",
            why_not=refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            deterministic=False,  # ncnn promises nothing across numbers of threads
        )
        for op, build, refuses in (
            ("max_pool_forward", build_max, why_not_max),
            ("avg_pool_forward", build_average, why_not_average),
        )
    ]

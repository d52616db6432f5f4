"""Pooling by ONNX's MaxPool and AveragePool."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jitconv import Algorithm, PoolSpec
from jitconv.algorithm import Plan
from jitconv.jit import blas_threads

from jitconv_onnxruntime.layout import between, pads
from jitconv_onnxruntime.library import Array, model, shared, threads

CALL = 20e-6
BYTES_PER_SECOND = 4e9
"""Rough: of some layers on two threads."""


def build_max(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""
    shared(max_model, spec, threads())

    def plan(x: Array, y: Array, indices: None) -> tuple[Array, None]:
        pool = shared(max_model, spec, threads())
        (maxima,) = pool.run(["y"], {"x": x})
        if not _tame(x):
            # ONNX Runtime's maximum passes over a NaN, and pads with the lowest finite number
            (some,) = pool.run(["y"], {"x": (x != -np.inf).astype(x.dtype)})
            (nans,) = pool.run(["y"], {"x": np.isnan(x).astype(x.dtype)})
            maxima = np.where(
                nans > 0, x.dtype.type(np.nan), np.where(some > 0, maxima, x.dtype.type(-np.inf))
            )
        return maxima, None

    return plan


def _tame(x: Array) -> bool:
    """Whether it is certain that `x` holds no NaN and no infinity: its square sum is finite then."""
    flat = x.reshape(-1)
    with blas_threads(), np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(flat @ flat))


def build_average(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward."""
    shared(average_model, spec, threads())

    def plan(x: Array, y: Array) -> tuple[Array]:
        return tuple(shared(average_model, spec, threads()).run(["y"], {"x": x}))

    return plan


def max_model(spec: PoolSpec) -> bytes:
    """Return the graph of a maximum."""
    return _model("MaxPool", spec)


def average_model(spec: PoolSpec) -> bytes:
    """Return the graph of an average."""
    return _model("AveragePool", spec, count_include_pad=int(spec.count_include_pad))


def _model(operator: str, spec: PoolSpec, **options: Any) -> bytes:
    from onnx import helper

    node = helper.make_node(
        operator,
        ["pictures"],
        ["result"],
        kernel_shape=[spec.kh, spec.kw],
        strides=list(spec.stride),
        dilations=list(spec.dilation),
        pads=pads(spec),
        **options,
    )
    return model(between([node], spec), {"x": spec.x_shape}, {}, spec.y_shape, spec.dtype)


def why_not(spec: PoolSpec) -> str | None:
    """Refuse what neither operator does."""
    top, left, bottom, right = pads(spec)
    if max(top, bottom) >= spec.kh or max(left, right) >= spec.kw:
        return f"ONNX Runtime wants pads less than the window before its dilation, {spec.kh}x{spec.kw}"
    return None


def why_not_max(spec: PoolSpec) -> str | None:
    """Refuse indices as well."""
    if spec.indices:
        return "ONNX Runtime numbers positions over the whole batch, and passes over a NaN"
    return why_not(spec)


def why_not_average(spec: PoolSpec) -> str | None:
    """Refuse float64 as well, and an overhang in a divisor that counts the padding."""
    if spec.dtype != "float32":
        return f"ONNX Runtime's CPU average is for float32 alone, got {spec.dtype}"
    _, _, bottom, right = pads(spec)
    if spec.count_include_pad and (bottom > spec.pad[1] or right > spec.pad[3]):
        return "ONNX Runtime is told an overhang as padding, which would count in the divisor"
    return why_not(spec)


def _workspace(spec: PoolSpec) -> int:
    """Both pictures and results in (N, C, H, W), where they are not; marks where there is a NaN."""
    if spec.layout == "NCHW":
        return 0
    elements = spec.n * spec.c * (spec.h * spec.w + spec.oh * spec.ow)
    return elements * np.dtype(spec.dtype).itemsize


def _cost(op: str, spec: PoolSpec) -> float:
    return CALL + spec.traffic(op) / BYTES_PER_SECOND


def algorithms() -> list[Algorithm]:
    """Return the two records."""
    plans: dict[str, tuple[Callable[[Any], Plan], Callable[[Any], str | None]]] = {
        "max_pool_forward": (build_max, why_not_max),
        "avg_pool_forward": (build_average, why_not_average),
    }
    return [
        Algorithm(
            op,
            "onnxruntime",
            why_not=refuses,
            cost=partial(_cost, op),
            workspace=_workspace,
            build=build,
            deterministic=False,  # ONNX Runtime promises nothing across numbers of threads
        )
        for op, (build, refuses) in plans.items()
    ]

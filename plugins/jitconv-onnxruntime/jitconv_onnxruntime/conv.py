"""Convolution by ONNX's Conv: weights are inputs of a plain call's session, constants of a plan's."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jitconv import Algorithm, ConvSpec
from jitconv.algorithm import Plan

from jitconv_onnxruntime.layout import between, pads
from jitconv_onnxruntime.library import Array, model, session, shared, threads

CALL = 25e-6
MADDS_PER_SECOND = 80e9
BYTES_PER_SECOND = {"NCHW": 12e9, "NHWC": 4e9}
"""Rough: of some layers on two threads; NHWC's bytes are transposed."""


def why_not(spec: ConvSpec) -> str | None:
    """Refuse what ONNX Runtime has no kernel for."""
    if spec.dtype != "float32":
        return f"ONNX Runtime's CPU convolution is for float32 alone, got {spec.dtype}"
    return None


def build(spec: ConvSpec) -> Plan:
    """Return the plan of a plain call: filters turned if need be, all else in the graph."""
    shared(plain_model, spec, threads())

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> tuple[Array]:
        feeds = {"x": x, "w": turned(w, spec)}
        if b is not None:
            feeds["b"] = b
        return tuple(shared(plain_model, spec, threads()).run(["y"], feeds))

    return plan


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds a session whose constants are the weights."""
    filters = turned(w, spec)
    if spec.layout == "NHWC":
        filters = filters.transpose(3, 2, 0, 1)
    held = {"w": np.ascontiguousarray(filters)} | ({} if b is None else {"b": b})
    graph = model(nodes(spec, activation), {"x": spec.x_shape}, held, spec.y_shape, spec.dtype)
    session_of = lru_cache(maxsize=4)(lambda count: session(graph, count))
    session_of(threads())

    def plan(x: Array, y: Array) -> tuple[Array]:
        return tuple(session_of(threads()).run(["y"], {"x": x}))

    return plan


def plain_model(spec: ConvSpec) -> bytes:
    """Return the graph of a plain call, whose weights lie as the caller has them."""
    from onnx import helper

    inputs: dict[str, Any] = {"x": spec.x_shape, "w": spec.w_shape} | ({"b": (spec.f,)} if spec.bias else {})
    if spec.layout == "NCHW":
        return model(nodes(spec, None), inputs, {}, spec.y_shape, spec.dtype)
    turn = helper.make_node("Transpose", ["w"], ["filters"], perm=[3, 2, 0, 1])
    return model([turn, *nodes(spec, None, "filters")], inputs, {}, spec.y_shape, spec.dtype)


def nodes(spec: ConvSpec, activation: str | None, filters: str = "w") -> list[Any]:
    """Return the nodes from ``x`` and the filters to ``y``."""
    from onnx import helper

    inputs = ["pictures", filters, *(["b"] if spec.bias else [])]
    conv = helper.make_node(
        "Conv",
        inputs,
        ["result" if activation is None else "sums"],
        kernel_shape=[spec.kh, spec.kw],
        strides=list(spec.stride),
        pads=pads(spec),
        dilations=list(spec.dilation),
        group=spec.groups,
    )
    relu = [] if activation is None else [helper.make_node("Relu", ["sums"], ["result"])]
    return between([conv, *relu], spec)


def turned(w: Array, spec: ConvSpec) -> Array:
    """Return filters as a cross-correlation wants them."""
    if not spec.flip_kernel:
        return w
    return np.ascontiguousarray(w[::-1, ::-1] if spec.layout == "NHWC" else w[:, :, ::-1, ::-1])


def _workspace(spec: ConvSpec) -> int:
    """Bytes by what is known to be copied: pictures and results once in blocks, once more in NHWC."""
    copies = 1 if spec.layout == "NCHW" else 2
    weights = spec.kh * spec.kw * (spec.c // spec.groups) * spec.f
    return 4 * (copies * (spec.n * spec.h * spec.w * spec.c + spec.n * spec.oh * spec.ow * spec.f) + weights)


def _cost(spec: ConvSpec) -> float:
    moved = spec.traffic("conv_forward") / BYTES_PER_SECOND[spec.layout]
    return CALL + spec.madds / MADDS_PER_SECOND + moved


def algorithms() -> list[Algorithm]:
    """Return the record."""
    return [
        Algorithm(
            "conv_forward",
            "onnxruntime",
            why_not=why_not,
            cost=_cost,
            workspace=_workspace,
            build=build,
            deterministic=False,  # ONNX Runtime promises nothing across numbers of threads
            prepare=prepare,
        )
    ]

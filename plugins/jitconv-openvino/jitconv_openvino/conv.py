"""Convolution by OpenVINO's: weights are inputs of a plain call's graph, constants of a plan's."""

from __future__ import annotations

from typing import Any

import numpy as np
from jitconv import Algorithm, ConvSpec
from jitconv.algorithm import Plan

from jitconv_openvino.library import (
    Array,
    Graph,
    for_each_count,
    operators,
    pads,
    parameter,
    shared,
    threads,
    turned,
    why_not,
)

CALL, MADDS_PER_SECOND, BYTES_PER_SECOND = 20e-6, 110e9, 10e9
"""Rough: of some layers on two threads."""

WEIGHTS_PER_SECOND = 1e9
"""Rough: a plain call's are brought in order each time."""


def build(spec: ConvSpec) -> Plan:
    """Return the plan of a plain call: filters turned if need be, all else in the graph."""
    shared(plain_graph, spec, threads())

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> None:
        arrays = [x, flipped(w, spec), *([] if b is None else [b])]
        shared(plain_graph, spec, threads())(arrays, y)

    return plan


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds graphs whose constants are the weights."""
    filters = flipped(w, spec)

    def graph_of() -> Graph:
        constant = operators().constant
        x = parameter(spec.x_shape)
        return Graph(convolved(spec, x, constant(filters), None if b is None else constant(b)), [x])

    compiled = for_each_count(graph_of)

    def plan(x: Array, y: Array) -> None:
        compiled(threads())([x], y)
        if activation is not None:
            np.maximum(y, 0, out=y)  # OpenVINO's own makes 0 of a NaN

    return plan


def plain_graph(spec: ConvSpec) -> Graph:
    """Return the graph of a plain call, whose weights lie as the caller has them."""
    x, w = parameter(spec.x_shape), parameter(spec.w_shape)
    b = parameter([spec.f]) if spec.bias else None
    return Graph(convolved(spec, x, w, b), [x, w, *([] if b is None else [b])])


def convolved(spec: ConvSpec, x: Any, w: Any, b: Any) -> Any:
    """Return the node of the result.

    In NHWC the transposes of pictures are none: OpenVINO's kernels want the channels last.
    """
    made = operators()
    first, last = pads(spec)
    geometry = list(spec.stride), first, last, list(spec.dilation)
    pictures, filters = x, w
    if spec.layout == "NHWC":
        pictures, filters = turned(x, 0, 3, 1, 2), turned(w, 3, 2, 0, 1)
    if spec.groups == 1:
        sums = made.convolution(pictures, filters, *geometry)
    else:
        shape = (spec.groups, spec.f // spec.groups, spec.c // spec.groups, spec.kh, spec.kw)
        by_group = made.reshape(filters, made.constant(np.array(shape, "i8")), False)
        sums = made.group_convolution(pictures, by_group, *geometry)
    if b is not None:
        sums = made.add(sums, made.reshape(b, made.constant(np.array([1, spec.f, 1, 1], "i8")), False))
    return turned(sums, 0, 2, 3, 1) if spec.layout == "NHWC" else sums


def flipped(w: Array, spec: ConvSpec) -> Array:
    """Return filters as a cross-correlation wants them."""
    if not spec.flip_kernel:
        return w
    return np.ascontiguousarray(w[::-1, ::-1] if spec.layout == "NHWC" else w[:, :, ::-1, ::-1])


def _workspace(spec: ConvSpec) -> int:
    """Bytes by what is known to be copied: pictures and results of NCHW once, weights."""
    weights = spec.kh * spec.kw * (spec.c // spec.groups) * spec.f
    if spec.layout == "NHWC":
        return 4 * weights
    return 4 * (spec.n * (spec.h * spec.w * spec.c + spec.oh * spec.ow * spec.f) + weights)


def _prepared_cost(spec: ConvSpec) -> float:
    return CALL + spec.madds / MADDS_PER_SECOND + spec.traffic("conv_forward") / BYTES_PER_SECOND


def _cost(spec: ConvSpec) -> float:
    weights = spec.kh * spec.kw * (spec.c // spec.groups) * spec.f
    return _prepared_cost(spec) + weights / WEIGHTS_PER_SECOND


def algorithms() -> list[Algorithm]:
    """Return the record."""
    return [
        Algorithm(
            "conv_forward",
            "openvino",
            why_not=why_not,
            cost=_cost,
            workspace=_workspace,
            build=build,
            deterministic=False,  # OpenVINO promises nothing across numbers of threads
            prepare=prepare,
            prepared_cost=_prepared_cost,
        )
    ]

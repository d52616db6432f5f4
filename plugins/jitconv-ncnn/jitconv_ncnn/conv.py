"""Convolution by ncnn's Convolution and ConvolutionDepthWise, which is its name for groups."""

from __future__ import annotations

import numpy as np
from jitconv import Algorithm, ConvSpec
from jitconv.algorithm import Plan

from jitconv_ncnn.library import (
    FLOAT32,
    Array,
    Layer,
    Network,
    axes,
    for_each_setting,
    pads,
    setting,
    why_not,
)

CALL, MADDS_PER_SECOND, BYTES_PER_SECOND = 12e-6, 110e9, 10e9
"""Rough: of some layers on two threads."""

BUILD, WEIGHTS_PER_SECOND = 100e-6, 20e6
"""Rough: what a network takes that is made for one call, which transforms its weights."""

NUMBERS = {
    "filters": 0,
    "kernel across": 1,
    "kernel down": 11,
    "dilation across": 2,
    "dilation down": 12,
    "stride across": 3,
    "stride down": 13,
    "left": 4,
    "top": 14,
    "right": 15,
    "bottom": 16,
    "bias": 5,
    "weights": 6,
    "groups": 7,
    "activation": 9,
}
"""ncnn's numbers of a convolution's parameters."""

RELU = 1


def build(spec: ConvSpec) -> Plan:
    """Return the plan of a plain call: weights may differ in each, so each makes a network."""

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> tuple[Array]:
        return (Network(layer(spec, w, b, None), setting())(x, y),)

    return plan


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds networks with the weights."""
    network_of = for_each_setting(layer(spec, w, b, activation))

    def plan(x: Array, y: Array) -> tuple[Array]:
        return (network_of(setting())(x, y),)

    return plan


def layer(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Layer:
    """Return the layer; weights are (F, C/groups, KH, KW) for both."""
    top, left, bottom, right = pads(spec)
    filters = np.ascontiguousarray(w[:, :, ::-1, ::-1]) if spec.flip_kernel else w
    values = {
        "filters": spec.f,
        **axes("kernel", spec.kh, spec.kw),
        **axes("dilation", *spec.dilation),
        **axes("stride", *spec.stride),
        "top": top,
        "left": left,
        "bottom": bottom,
        "right": right,
        "bias": int(b is not None),
        "weights": w.size,
        "groups": spec.groups,
        "activation": 0 if activation is None else RELU,
    }
    return Layer(
        "Convolution" if spec.groups == 1 else "ConvolutionDepthWise",
        {NUMBERS[name]: value for name, value in values.items()},
        [FLOAT32, filters, *([] if b is None else [b])],
        (spec.c, spec.h, spec.w),
        (spec.f, spec.oh, spec.ow),
    )


def _workspace(spec: ConvSpec) -> int:
    """Bytes by what is known to be copied: a picture and its result once in blocks of channels, weights."""
    weights = spec.kh * spec.kw * (spec.c // spec.groups) * spec.f
    return 4 * (spec.h * spec.w * spec.c + spec.oh * spec.ow * spec.f + weights)


def _prepared_cost(spec: ConvSpec) -> float:
    return CALL * spec.n + spec.madds / MADDS_PER_SECOND + spec.traffic("conv_forward") / BYTES_PER_SECOND


def _cost(spec: ConvSpec) -> float:
    weights = spec.kh * spec.kw * (spec.c // spec.groups) * spec.f
    return BUILD + weights / WEIGHTS_PER_SECOND + _prepared_cost(spec)


def algorithms() -> list[Algorithm]:
    """Return the record."""
    return [
        Algorithm(
            "conv_forward",
            "ncnn",
            why_not=why_not,
            cost=_cost,
            workspace=_workspace,
            build=build,
            error_class="winograd",
            deterministic=False,  # ncnn promises nothing across numbers of threads
            prepare=prepare,
            prepared_cost=_prepared_cost,
        )
    ]

"""Convolution by Winograd's small tiles: forward, and the gradients of the pictures and the filters.

With few tiles the gradient of the filters is a sum over pixels on the register tile, as in `direct`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.layout import pictures_nhwc
from jitconv.algorithms._shared.weights import WeightGradient, elements
from jitconv.algorithms.winograd.correlate import Winograd
from jitconv.algorithms.winograd.cost import (
    MADDS_PER_SECOND,
    backward_sizes,
    correlation_bytes,
    correlation_cost,
    forward_sizes,
    weights_bytes,
    weights_cost,
    weights_sizes,
)
from jitconv.algorithms.winograd.filters import forward_steps, turned_steps
from jitconv.algorithms.winograd.weights import LEAST_TILES, WinogradWeights, bias_of_planes
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec

CALL = 20e-6

UNPADDED = (0, 0, 0, 0)
"""Seconds of Python around the kernels. Not measured."""


def why_not(spec: ConvSpec) -> str | None:
    """Refuse what the tiles are not made for."""
    if (spec.kh, spec.kw) != (3, 3):
        return f"needs a 3x3 kernel, got {spec.kh}x{spec.kw}"
    if spec.stride != (1, 1):
        return f"needs a stride of 1, got {spec.stride[0]}x{spec.stride[1]}"
    if spec.dilation != (1, 1):
        return f"needs a dilation of 1, got {spec.dilation[0]}x{spec.dilation[1]}"
    if spec.groups != 1:
        return f"needs one group, got {spec.groups}"
    return None


def forward(spec: ConvSpec, *, kept: bool = False, relu: bool = False) -> Winograd:
    """Return the forward op's correlation, with transformed filters that are kept or not."""
    sizes, pad = forward_sizes(spec, kept=kept), (spec.pad[0], spec.pad[2])
    return Winograd(sizes, (spec.h, spec.w), pad, forward_steps(spec), spec.layout, relu=relu)


def build_forward(spec: ConvSpec) -> Plan:
    """Return a plan: transform the filters, correlate."""
    return forward(spec).run


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the transformed filters."""
    correlate = forward(spec, kept=True, relu=activation == "relu")
    filters = correlate.kept_filters(w)

    def plan(x: Array, y: Array) -> None:
        correlate(x, filters, b, y)

    return plan


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan: dx is the correlation of dy with the filters turned round."""
    pad = (2 - spec.pad[0], 2 - spec.pad[2])
    correlate = Winograd(backward_sizes(spec), (spec.oh, spec.ow), pad, turned_steps(spec), spec.layout)
    outputs = (spec.n, spec.oh, spec.ow, spec.f)
    gradient, tiled_gradient = WeightGradient(spec), tiled_weights(spec)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if dx is not None:
            correlate.run(dy, w, None, dx)
        if dw is not None and tiled_gradient is not None:
            tiled_gradient(x, dy, dw)
            dw = None
        if dw is None and spec.layout == "NCHW":
            if db is not None:
                bias_of_planes(dy, db)
        elif dw is not None or db is not None:
            with pictures_nhwc(dy, spec.layout, outputs, UNPADDED) as upstream:
                gradient(x, upstream, dw, db)

    return plan


def tiled_weights(spec: ConvSpec) -> WinogradWeights | None:
    """Return the gradient of the filters by tiles, where there are tiles enough."""
    sizes = weights_sizes(spec)
    if sizes.tiles < LEAST_TILES:
        return None
    pad = (spec.pad[0], spec.pad[2])
    return WinogradWeights(sizes, (spec.h, spec.w), pad, forward_steps(spec), spec.layout)


def _workspace(op: str, spec: ConvSpec, *, kept: bool = False) -> int:
    """What a correlation and the filters' gradient take in turn; copies of what must be NHWC or padded."""
    if op == "conv_forward":
        return correlation_bytes(forward_sizes(spec, kept=kept), kept=kept)
    dx, dw = correlation_bytes(backward_sizes(spec)), weights_bytes(weights_sizes(spec))
    if weights_sizes(spec).tiles < LEAST_TILES:
        upstream = spec.n * spec.oh * spec.ow * spec.f * (spec.layout == "NCHW")
        dw = np.dtype(spec.dtype).itemsize * (elements(spec) + upstream)
    return max(dx * ("x" in spec.wrt), dw * ("w" in spec.wrt))


def _cost(op: str, spec: ConvSpec, *, kept: bool = False) -> float:
    """Predict a time, that of a plan which holds its filters if they are kept."""
    if op == "conv_forward":
        return CALL + correlation_cost(forward_sizes(spec, kept=kept), kept=kept)
    total = CALL
    if "x" in spec.wrt:
        total += correlation_cost(backward_sizes(spec))
    if "w" in spec.wrt:
        sizes = weights_sizes(spec)
        if sizes.tiles < LEAST_TILES:
            total += seconds(0, spec.madds, MADDS_PER_SECOND[sizes.itemsize], spec.traffic(op), 20e9)
        else:
            total += weights_cost(sizes)
    return total


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the convolutions by Winograd's tiles."""
    return [
        Algorithm(
            "conv_forward",
            "winograd",
            why_not=why_not,
            cost=partial(_cost, "conv_forward"),
            workspace=partial(_workspace, "conv_forward"),
            build=build_forward,
            revision=2,
            error_class="winograd",
            prepare=prepare,
            prepared_cost=partial(_cost, "conv_forward", kept=True),
            prepared_workspace=partial(_workspace, "conv_forward", kept=True),
        ),
        Algorithm(
            "conv_backward",
            "winograd",
            why_not=why_not,
            cost=partial(_cost, "conv_backward"),
            workspace=partial(_workspace, "conv_backward"),
            build=build_backward,
            revision=3,
            error_class="winograd",
        ),
    ]

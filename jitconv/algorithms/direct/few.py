"""Groups of few filters, a depthwise convolution above all: which kernels serve them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jitconv.algorithm import Plan
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.direct import depthwise, depthwise_planes, planes, planes_gradient
from jitconv.algorithms.direct.axes import Axis, backward_axis, forward_axis
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 10e-6, "conv_backward": 25e-6}
FEW_MADDS_PER_SECOND = {"float32": 30e9, "float64": 15e9}
FEW_BYTES_PER_SECOND = 25e9
"""Of two threads, of lanes that are filled; asv_benchmarks/benchmarks/rates.py."""

GATHERED_PER_SECOND = 1e9
"""Elements that are copied one by one where planes do not lie as they are read. An estimate, not fitted."""

TURNED_PER_SECOND = 3e9
"""Elements of planes that become pixels, or pixels planes. An estimate, not fitted."""


Correlator = depthwise.Correlator | depthwise_planes.Correlator | planes.Correlator
Gradients = depthwise.Gradients | depthwise_planes.Gradients | planes_gradient.Gradients


def build_forward(spec: ConvSpec) -> Correlator:
    """Return a plan of conv_forward; it takes ``floor=True`` besides, for negative results to become 0."""
    axes = both(spec, forward_axis)
    if by_channels(spec):
        return depthwise.Correlator(spec, *axes)
    if depthwise_planes.serves(spec):
        return depthwise_planes.Correlator(spec, *axes)
    return planes.Correlator(spec, *axes)


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan of conv_backward."""
    correlate, gradients = both_gradients(spec)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if dx is not None:
            correlate(dy, w, None, dx)
        if dw is not None or db is not None:
            gradients(dy, x, dw, db)

    return plan


def both_gradients(spec: ConvSpec) -> tuple[Correlator, Gradients]:
    """Return what fills dx, and what fills dw and db."""
    forward, backward = both(spec, forward_axis), both(spec, backward_axis)
    if by_channels(spec):
        return depthwise.Correlator(spec, *backward), depthwise.Gradients(spec, *forward)
    if depthwise_planes.serves(spec):
        return depthwise_planes.Correlator(spec, *backward), depthwise_planes.Gradients(spec, *forward)
    return planes.Correlator(spec, *backward, backward=True), planes_gradient.Gradients(spec, *forward)


def by_channels(spec: ConvSpec) -> bool:
    """Whether vectors are of channels: they must lie together and each have one filter."""
    return spec.layout == "NHWC" and spec.groups == spec.c == spec.f


def both(spec: ConvSpec, axis: Callable[..., Axis]) -> tuple[Axis, Axis]:
    """Return the axes of rows and of columns."""
    return (
        axis(spec.h, spec.oh, spec.kh, spec.stride[0], spec.pad[0], spec.dilation[0]),
        axis(spec.w, spec.ow, spec.kw, spec.stride[1], spec.pad[2], spec.dilation[1]),
    )


def copied(spec: ConvSpec) -> tuple[bool, bool]:
    """Whether planes of x, and of y, are copied row by row."""
    return spec.layout == "NHWC" or spec.stride[1] > 2, spec.layout == "NHWC"


def workspace(op: str, spec: ConvSpec) -> int:
    """Return the bytes of the buffers of tasks, and of the parts of dw and db."""
    itemsize = np.dtype(spec.dtype).itemsize
    if op == "conv_forward":
        return build_forward(spec).elements * itemsize
    correlate, gradients = both_gradients(spec)
    wants_sums = "w" in spec.wrt or "b" in spec.wrt
    return max(correlate.elements * ("x" in spec.wrt), gradients.elements * wants_sums) * itemsize


def cost(op: str, spec: ConvSpec) -> float:
    """Predict a time."""
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    turned = depthwise_planes.serves(spec)
    across = spec.c if by_channels(spec) or turned else spec.ow
    madds = spec.flops(op) / 2 * (-(-across // lanes) * lanes / across)
    time = seconds(CALL[op], madds, FEW_MADDS_PER_SECOND[spec.dtype], spec.traffic(op), FEW_BYTES_PER_SECOND)
    if by_channels(spec):
        return time
    if turned:
        moved = spec.n * spec.c * (spec.h * spec.w + spec.oh * spec.ow)
        return time + moved * (1 if op == "conv_forward" else 2) / TURNED_PER_SECOND
    x, y = copied(spec)
    pixels = spec.n * (spec.h * spec.w * spec.c * x + spec.oh * spec.ow * spec.f * y)
    return time + pixels * (1 if op == "conv_forward" else 2) / GATHERED_PER_SECOND

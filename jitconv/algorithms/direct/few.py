"""Groups of few filters, a depthwise convolution above all: which kernels serve them."""

from __future__ import annotations

from collections.abc import Callable

from jitconv.algorithm import Plan
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import Array
from jitconv.algorithms.direct import depthwise, planes
from jitconv.algorithms.direct.axes import Axis, backward_axis, forward_axis
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 10e-6, "conv_backward": 25e-6}
MADDS_PER_SECOND = {"float32": 30e9, "float64": 15e9}
BYTES_PER_SECOND = 15e9


def build_forward(spec: ConvSpec) -> Plan:
    """Return a plan of conv_forward."""
    axes = both(spec, forward_axis)
    return depthwise.Correlator(spec, *axes) if by_channels(spec) else planes.Correlator(spec, *axes)


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan of conv_backward."""
    room = depthwise if by_channels(spec) else planes
    gradients = room.Gradients(spec, *both(spec, forward_axis))
    axes = both(spec, backward_axis)
    correlate = room.Correlator(spec, *axes) if room is depthwise else planes.Correlator(spec, *axes, backward=True)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if dx is not None:
            correlate(dy, w, None, dx)
        if dw is not None or db is not None:
            gradients(dy, x, dw, db)

    return plan


def by_channels(spec: ConvSpec) -> bool:
    """Whether vectors are of channels: they must lie together and each have one filter."""
    return spec.layout == "NHWC" and spec.groups == spec.c == spec.f


def both(spec: ConvSpec, axis: Callable[..., Axis]) -> tuple[Axis, Axis]:
    """Return the axes of rows and of columns."""
    return (
        axis(spec.h, spec.oh, spec.kh, spec.stride[0], spec.pad[0], spec.dilation[0]),
        axis(spec.w, spec.ow, spec.kw, spec.stride[1], spec.pad[2], spec.dilation[1]),
    )


def cost(op: str, spec: ConvSpec) -> float:
    """Predict a time."""
    return seconds(CALL[op], spec.flops(op) / 2, MADDS_PER_SECOND[spec.dtype], spec.traffic(op), BYTES_PER_SECOND)

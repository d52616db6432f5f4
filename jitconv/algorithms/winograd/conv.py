"""Convolution by Winograd's small tiles: forward, and the gradient of the pictures.

The gradient of the filters is a sum over pixels on the register tile, as in `direct`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import Array, hwcf
from jitconv.algorithms._shared.weights import WeightGradient, pictures_nhwc
from jitconv.algorithms.winograd.correlate import OUT, POINTS, Winograd, tiles_of_a_task
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 30e-6, "conv_backward": 60e-6}
MADDS_PER_SECOND = {"float32": 105e9, "float64": 52e9}
PATCH_BYTES_PER_SECOND = 30e9
FILTER_BYTES_PER_SECOND = 50e9
"""Of two threads, fitted to the times of docs/performance.md; filters are read again for every task."""

UNPADDED = (0, 0, 0, 0)


def why_not(spec: ConvSpec) -> str | None:
    """Refuse what the tile F(4x4, 3x3) is not made for."""
    if (spec.kh, spec.kw) != (3, 3):
        return f"needs a 3x3 kernel, got {spec.kh}x{spec.kw}"
    if spec.stride != (1, 1):
        return f"needs a stride of 1, got {spec.stride[0]}x{spec.stride[1]}"
    if spec.dilation != (1, 1):
        return f"needs a dilation of 1, got {spec.dilation[0]}x{spec.dilation[1]}"
    if spec.groups != 1:
        return f"needs one group, got {spec.groups}"
    return None


def correlation(spec: ConvSpec) -> Winograd:
    """Return the forward op's correlation."""
    return Winograd(
        batch=spec.n, size=(spec.h, spec.w), pad=(spec.pad[0], spec.pad[2]), channels=spec.c, filters=spec.f,
        counts=(spec.oh, spec.ow), out_strides=strides(spec.oh, spec.ow, spec.f, spec.layout),
        itemsize=np.dtype(spec.dtype).itemsize,
    )  # fmt: skip


def build_forward(spec: ConvSpec) -> Plan:
    """Return a plan: transform the filters, correlate."""
    correlate = correlation(spec)
    inputs = (spec.n, spec.h, spec.w, spec.c)

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> None:
        pictures_of = pictures_nhwc(x, spec.layout, inputs, UNPADDED)
        filters_of = correlate.filters(np.ascontiguousarray(hwcf(w, spec)))
        with pictures_of as pictures, filters_of as filters:
            correlate(pictures, filters, b, y)

    return plan


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the transformed filters."""
    correlate, floor = correlation(spec), activation == "relu"
    inputs = (spec.n, spec.h, spec.w, spec.c)
    filters = correlate.kept_filters(np.ascontiguousarray(hwcf(w, spec)))

    def plan(x: Array, y: Array) -> None:
        with pictures_nhwc(x, spec.layout, inputs, UNPADDED) as pictures:
            correlate(pictures, filters, b, y, floor=floor)

    return plan


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan: dx is the correlation of dy with the filters turned round."""
    correlate = Winograd(
        batch=spec.n, size=(spec.oh, spec.ow), pad=(2 - spec.pad[0], 2 - spec.pad[2]), channels=spec.f,
        filters=spec.c, counts=(spec.h, spec.w), out_strides=strides(spec.h, spec.w, spec.c, spec.layout),
        itemsize=np.dtype(spec.dtype).itemsize,
    )  # fmt: skip
    gradient = WeightGradient(spec)
    outputs = (spec.n, spec.oh, spec.ow, spec.f)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        with pictures_nhwc(dy, spec.layout, outputs, UNPADDED) as upstream:
            if dx is not None:
                turned = np.ascontiguousarray(hwcf(w, spec)[::-1, ::-1].swapaxes(2, 3))
                with correlate.filters(turned) as filters:
                    correlate(upstream, filters, None, dx)
            gradient(x, upstream, dw, db)

    return plan


def strides(h: int, w: int, c: int, layout: str) -> tuple[int, int, int, int]:
    """Return the steps (n, h, w, c) of pictures in a layout, in elements."""
    return (h * w * c, w * c, c, 1) if layout == "NHWC" else (h * w * c, w, 1, h * w)


def _tiles(n: int, h: int, w: int) -> int:
    return n * -(-h // OUT) * -(-w // OUT)


def _workspace(op: str, spec: ConvSpec) -> int:
    """Transformed filters; patches and products of each task; copies of what must be NHWC or padded."""
    itemsize = np.dtype(spec.dtype).itemsize
    tiles = _tiles(spec.n, max(spec.h, spec.oh), max(spec.w, spec.ow))
    block = tiles_of_a_task(tiles, spec.c, spec.f, itemsize)
    elements = POINTS * (spec.c + 1) * (spec.f + 31) + 2 * POINTS * block * (spec.c + spec.f)
    x, y = spec.n * spec.h * spec.w * spec.c, spec.n * spec.oh * spec.ow * spec.f
    if op == "conv_forward":
        elements += x * (spec.layout == "NCHW")
    else:
        height, width = spec.padded
        elements += y * (spec.layout == "NCHW") + spec.n * height * width * spec.c + 2 * 9 * spec.c * spec.f
    return elements * itemsize


def _cost(op: str, spec: ConvSpec, *, transforms: int = 2) -> float:
    """Predict a time; `transforms` counts how often the filters are moved to transform them."""
    total = CALL[op]
    if op == "conv_forward" or "x" in spec.wrt:
        itemsize = np.dtype(spec.dtype).itemsize
        h, w = (spec.oh, spec.ow) if op == "conv_forward" else (spec.h, spec.w)
        tiles = _tiles(spec.n, h, w)
        tasks = -(-tiles // tiles_of_a_task(tiles, spec.c, spec.f, itemsize))
        total += (tasks + transforms) * POINTS * spec.c * spec.f * itemsize / FILTER_BYTES_PER_SECOND
        patches = 2 * tiles * POINTS * (spec.c + spec.f) * itemsize
        products = tiles * POINTS * spec.c * spec.f
        total += seconds(0, products, MADDS_PER_SECOND[spec.dtype], patches, PATCH_BYTES_PER_SECOND)
        if spec.layout == "NCHW":
            total += seconds(0, moved=spec.traffic("conv_forward"), bandwidth=PATCH_BYTES_PER_SECOND / 3)
    if op == "conv_backward" and "w" in spec.wrt:
        total += seconds(0, spec.madds, MADDS_PER_SECOND[spec.dtype], spec.traffic(op), 20e9)
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
            error_class="winograd",
            prepare=prepare,
            prepared_cost=partial(_cost, "conv_forward", transforms=0),
        ),
        Algorithm(
            "conv_backward",
            "winograd",
            why_not=why_not,
            cost=partial(_cost, "conv_backward"),
            workspace=partial(_workspace, "conv_backward"),
            build=build_backward,
            error_class="winograd",
        ),
    ]

"""Convolution by Winograd's small tiles: forward, and the gradients of the pictures and the filters.

With few tiles the gradient of the filters is a sum over pixels on the register tile, as in `direct`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.filters import taps_first, turned
from jitconv.algorithms._shared.layout import pictures_nhwc, results_nhwc
from jitconv.algorithms._shared.views import Array, hwcf
from jitconv.algorithms._shared.weights import WeightGradient
from jitconv.algorithms.winograd.correlate import Winograd, fused, group_of, moved, tiles_of, tiles_of_a_task
from jitconv.algorithms.winograd.pieces import POINTS
from jitconv.algorithms.winograd.weights import LEAST_TILES, WinogradWeights
from jitconv.hooks import hookimpl
from jitconv.jit.tile import WIDEST
from jitconv.jit.vectors import VECTOR_BYTES
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
        counts=(spec.oh, spec.ow), itemsize=np.dtype(spec.dtype).itemsize,
    )  # fmt: skip


def build_forward(spec: ConvSpec) -> Plan:
    """Return a plan: transform the filters, correlate."""
    correlate = correlation(spec)
    inputs = (spec.n, spec.h, spec.w, spec.c)

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> None:
        with (
            pictures_nhwc(x, spec.layout, inputs, UNPADDED) as pictures,
            correlate.filters(taps_first(w, spec)) as filters,
            results_nhwc(y, spec.layout) as results,
        ):
            correlate(pictures, filters, b, results)

    return plan


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the transformed filters."""
    correlate, floor = correlation(spec), activation == "relu"
    inputs = (spec.n, spec.h, spec.w, spec.c)
    filters = correlate.kept_filters(taps_first(w, spec))

    def plan(x: Array, y: Array) -> None:
        with (
            pictures_nhwc(x, spec.layout, inputs, UNPADDED) as pictures,
            results_nhwc(y, spec.layout) as results,
        ):
            correlate(pictures, filters, b, results, floor=floor)

    return plan


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan: dx is the correlation of dy with the filters turned round."""
    correlate = Winograd(
        batch=spec.n, size=(spec.oh, spec.ow), pad=(2 - spec.pad[0], 2 - spec.pad[2]), channels=spec.f,
        filters=spec.c, counts=(spec.h, spec.w), itemsize=np.dtype(spec.dtype).itemsize,
    )  # fmt: skip
    gradient, tiled_gradient = WeightGradient(spec), tiled_weights(spec)
    inputs, outputs = (spec.n, spec.h, spec.w, spec.c), (spec.n, spec.oh, spec.ow, spec.f)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        with pictures_nhwc(dy, spec.layout, outputs, UNPADDED) as upstream:
            if dx is not None:
                with (
                    correlate.filters(turned(w, spec)) as filters,
                    results_nhwc(dx, spec.layout) as results,
                ):
                    correlate(upstream, filters, None, results)
            if dw is None or tiled_gradient is None:
                gradient(x, upstream, dw, db)
                return
            gradient(x, upstream, None, db)
            as_it_lies = spec.layout == "NHWC" and not spec.flip_kernel
            taps = dw if as_it_lies else np.empty((3, 3, spec.c, spec.f), dw.dtype)
            with pictures_nhwc(x, spec.layout, inputs, UNPADDED) as pictures:
                tiled_gradient(pictures, upstream, taps)
            if not as_it_lies:
                hwcf(dw, spec)[...] = taps

    return plan


def tiled_weights(spec: ConvSpec) -> WinogradWeights | None:
    """Return the gradient of the filters by tiles, where there are tiles enough."""
    if tiles_of(spec.n, (spec.oh, spec.ow)) < LEAST_TILES:
        return None
    return WinogradWeights(
        batch=spec.n, size=(spec.h, spec.w), pad=(spec.pad[0], spec.pad[2]), channels=spec.c, filters=spec.f,
        counts=(spec.oh, spec.ow), itemsize=np.dtype(spec.dtype).itemsize,
    )  # fmt: skip


def _workspace(op: str, spec: ConvSpec) -> int:
    """Transformed filters; patches and products of each task; copies of what must be NHWC or padded."""
    itemsize = np.dtype(spec.dtype).itemsize
    x, y = spec.n * spec.h * spec.w * spec.c, spec.n * spec.oh * spec.ow * spec.f
    nchw = spec.layout == "NCHW"
    if op == "conv_forward":
        return itemsize * (_correlated(spec.c, spec.f, spec.n, (spec.oh, spec.ow), itemsize) + (x + y) * nchw)
    dx = _correlated(spec.f, spec.c, spec.n, (spec.h, spec.w), itemsize) + 9 * spec.c * spec.f + x * nchw
    height, width = spec.padded
    dw = spec.n * height * width * spec.c + 9 * spec.c * spec.f
    tiles = tiles_of(spec.n, (spec.oh, spec.ow))
    if tiles >= LEAST_TILES:
        group = group_of(tiles, spec.c, spec.f, itemsize)
        dw = POINTS * (group * (spec.c + spec.f) + spec.c * spec.f) + x * nchw + 9 * spec.c * spec.f
    return itemsize * (max(dx * ("x" in spec.wrt), dw * ("w" in spec.wrt)) + y * nchw)


def _correlated(channels: int, filters: int, n: int, counts: tuple[int, int], itemsize: int) -> int:
    """Return the elements that a correlation needs: filters, and what two tasks have."""
    tiles = tiles_of(n, counts)
    block = 2 * (tiles_of_a_task(tiles, channels, filters, itemsize) + 1)
    if not fused(tiles, channels, filters, itemsize):
        block = group_of(tiles, channels, filters, itemsize) + 2
    panels = -(-filters * itemsize // (WIDEST * VECTOR_BYTES)) * WIDEST * VECTOR_BYTES // itemsize
    return POINTS * (channels + 1) * panels + POINTS * block * (channels + filters)


def _cost(op: str, spec: ConvSpec, *, transforms: int = 2) -> float:
    """Predict a time; `transforms` counts how often the filters are moved to transform them."""
    total = CALL[op]
    itemsize = np.dtype(spec.dtype).itemsize
    rate = MADDS_PER_SECOND[spec.dtype]
    sums = POINTS * spec.c * spec.f * itemsize
    if op == "conv_forward" or "x" in spec.wrt:
        tiles = tiles_of(spec.n, (spec.oh, spec.ow) if op == "conv_forward" else (spec.h, spec.w))
        in_blocks, in_groups = moved(tiles, spec.c, spec.f, itemsize)
        total += transforms * sums / FILTER_BYTES_PER_SECOND
        total += tiles * POINTS * spec.c * spec.f / rate
        if in_blocks <= in_groups:
            total += in_blocks / FILTER_BYTES_PER_SECOND
            total += 2 * tiles * POINTS * (spec.c + spec.f) * itemsize / PATCH_BYTES_PER_SECOND
        else:
            total += in_groups / PATCH_BYTES_PER_SECOND
        if spec.layout == "NCHW":
            total += seconds(0, moved=spec.traffic("conv_forward"), bandwidth=PATCH_BYTES_PER_SECOND / 3)
    if op == "conv_backward" and "w" in spec.wrt:
        tiles = tiles_of(spec.n, (spec.oh, spec.ow))
        if tiles < LEAST_TILES:
            return total + seconds(0, spec.madds, rate, spec.traffic(op), 20e9)
        groups = -(-tiles // group_of(tiles, spec.c, spec.f, itemsize))
        through = 2 * tiles * POINTS * (spec.c + spec.f) * itemsize + 2 * (groups + 1) * sums
        total += seconds(0, tiles * POINTS * spec.c * spec.f, rate, through, PATCH_BYTES_PER_SECOND)
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

"""Plain loops for groups of few filters, with the channels of a depthwise convolution innermost."""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import Array, hwcf, nhwc
from jitconv.jit import Kernel
from jitconv.specs import ConvSpec

CALL = 8e-6
MADDS_PER_SECOND = {"conv_forward": 4e9, "conv_backward": 3.6e9}
STARTS_PER_SECOND = 0.6e9
"""Inner loops begun per second; all three of two threads: asv_benchmarks/benchmarks/rates.py."""


def _forward(x, w, b, y, stride, pad, dilation, groups):
    """One output row at a time; w is (KH, KW, C/groups, F) and contiguous."""
    batch, height, width, _ = x.shape
    kh_count, kw_count, group_c, filters = w.shape
    oh_count, ow_count = y.shape[1], y.shape[2]
    group_f = filters // groups
    for row in prange(batch * oh_count):
        n, oh = row // oh_count, row % oh_count
        sums = np.empty(filters, y.dtype)
        for ow in range(ow_count):
            sums[:] = b
            for kh in range(kh_count):
                ih = oh * stride[0] - pad[0] + kh * dilation[0]
                if ih < 0 or ih >= height:
                    continue
                for kw in range(kw_count):
                    iw = ow * stride[1] - pad[1] + kw * dilation[1]
                    if iw < 0 or iw >= width:
                        continue
                    for g in range(groups):
                        for c in range(group_c):
                            value = x[n, ih, iw, g * group_c + c]
                            for f in range(g * group_f, (g + 1) * group_f):
                                sums[f] += value * w[kh, kw, c, f]
            for f in range(filters):
                y[n, oh, ow, f] = sums[f]


def _backward_x(dy, w, dx, stride, pad, dilation, groups):
    """One row of dx at a time, gathered from the outputs it met; w is (KH, KW, F, C/groups)."""
    batch, height, width, channels = dx.shape
    kh_count, kw_count, filters, group_c = w.shape
    oh_count, ow_count = dy.shape[1], dy.shape[2]
    group_f = filters // groups
    for row in prange(batch * height):
        n, ih = row // height, row % height
        sums = np.empty(channels, dx.dtype)
        for iw in range(width):
            sums[:] = 0
            for kh in range(kh_count):
                top = ih + pad[0] - kh * dilation[0]
                if top < 0 or top % stride[0] != 0 or top // stride[0] >= oh_count:
                    continue
                for kw in range(kw_count):
                    left = iw + pad[1] - kw * dilation[1]
                    if left < 0 or left % stride[1] != 0 or left // stride[1] >= ow_count:
                        continue
                    for f in range(filters):
                        value = dy[n, top // stride[0], left // stride[1], f]
                        first = f // group_f * group_c
                        for c in range(group_c):
                            sums[first + c] += value * w[kh, kw, f, c]
            for c in range(channels):
                dx[n, ih, iw, c] = sums[c]


def _backward_w(dy, x, dw, stride, pad, dilation, groups):
    """One tap and channel of dw at a time, over all pictures: no sum is split among threads."""
    batch, height, width, _ = x.shape
    kh_count, kw_count, group_c, filters = dw.shape
    oh_count, ow_count = dy.shape[1], dy.shape[2]
    group_f = filters // groups
    for task in prange(kh_count * kw_count * group_c):
        c = task % group_c
        kw, kh = task // group_c % kw_count, task // group_c // kw_count
        sums = np.zeros(filters, dw.dtype)
        for n in range(batch):
            for oh in range(oh_count):
                ih = oh * stride[0] - pad[0] + kh * dilation[0]
                if ih < 0 or ih >= height:
                    continue
                for ow in range(ow_count):
                    iw = ow * stride[1] - pad[1] + kw * dilation[1]
                    if iw < 0 or iw >= width:
                        continue
                    for g in range(groups):
                        value = x[n, ih, iw, g * group_c + c]
                        for f in range(g * group_f, (g + 1) * group_f):
                            sums[f] += value * dy[n, oh, ow, f]
        for f in range(filters):
            dw[kh, kw, c, f] = sums[f]


FORWARD, BACKWARD_X, BACKWARD_W = Kernel(_forward), Kernel(_backward_x), Kernel(_backward_w)


def forward(spec: ConvSpec, x: Array, w: Array, b: Array | None, y: Array) -> None:
    """Run the forward kernel on packed filters."""
    packed = np.ascontiguousarray(hwcf(w, spec))
    bias = np.zeros(spec.f, y.dtype) if b is None else b
    FORWARD(spec.madds // 2, nhwc(x, spec), packed, bias, nhwc(y, spec), *_geometry(spec))


def backward(
    spec: ConvSpec, dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None
) -> None:
    """Run a kernel for each wanted gradient."""
    upstream = nhwc(dy, spec)
    if dx is not None:
        packed = np.ascontiguousarray(hwcf(w, spec).swapaxes(2, 3))
        BACKWARD_X(spec.madds // 2, upstream, packed, nhwc(dx, spec), *_geometry(spec))
    if dw is not None:
        packed = np.empty((spec.kh, spec.kw, spec.c // spec.groups, spec.f), dw.dtype)
        BACKWARD_W(spec.madds // 2, upstream, nhwc(x, spec), packed, *_geometry(spec))
        hwcf(dw, spec)[...] = packed
    if db is not None:
        upstream.sum(axis=(0, 1, 2), out=db)


def _geometry(spec: ConvSpec) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]:
    return spec.stride, (spec.pad[0], spec.pad[2]), spec.dilation, spec.groups


def cost(op: str, spec: ConvSpec) -> float:
    """Predict a time."""
    madds = spec.flops(op) / 2
    starts = madds / (spec.f // spec.groups)
    return seconds(CALL + starts / STARTS_PER_SECOND, madds, MADDS_PER_SECOND[op])

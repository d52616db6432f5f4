"""Convolution by ``torch.convolution`` and ``aten::convolution_backward``: oneDNN in float32.

Nothing here needs ``torch.no_grad``: tensors over NumPy arrays want no gradient, so none is recorded, and
the guard costs 1.8 µs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jitconv import Algorithm, ConvSpec
from jitconv.algorithm import Plan, never_refuses

from jitconv_torch.library import held, load
from jitconv_torch.views import Array, array, from_weights, inside, spare, tensor, weights

if TYPE_CHECKING:
    import torch

CALL = {"conv_forward": 19e-6, "conv_backward": 45e-6}
MADDS_PER_SECOND = {"float32": 115e9, "float64": 33e9}
BYTES_PER_SECOND = 15e9
"""Of two threads, by asv_benchmarks/benchmarks/rates.py; bytes of operands and results together."""

NO_OUTPUT_PADDING = (0, 0)


def build_forward(spec: ConvSpec) -> Plan:
    """Return the plan of the forward op."""
    torch = load()
    pad = symmetric(spec)
    geometry = (spec.stride, pad or (0, 0), spec.dilation, False, NO_OUTPUT_PADDING, spec.groups)

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> tuple[Array]:
        pictures = tensor(x, spec.layout) if pad else surrounded(x, spec)
        bias = None if b is None else torch.from_numpy(b)
        return (array(torch.convolution(pictures, weights(w, spec), bias, *geometry), spec.layout),)

    return held(plan)


def build_backward(spec: ConvSpec) -> Plan:
    """Return the plan of the backward op."""
    torch = load()
    pad = symmetric(spec)
    geometry = (spec.stride, pad or (0, 0), spec.dilation, False, NO_OUTPUT_PADDING, spec.groups)
    wanted = tuple(name in spec.wrt for name in ("x", "w", "b"))
    backward = torch.ops.aten.convolution_backward.default

    def plan(
        dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None
    ) -> tuple[Array | None, Array | None, Array | None]:
        upstream = tensor(dy, spec.layout)
        if wanted == (False, False, True):  # the operator insists on another gradient
            return None, None, upstream.sum((0, 2, 3)).numpy()
        pictures = tensor(x, spec.layout) if pad else surrounded(x, spec)
        d_x, d_w, d_b = backward(upstream, pictures, weights(w, spec), [spec.f], *geometry, wanted)
        if d_x is not None and not pad:
            d_x = inside(d_x, spec)
        return (
            None if dx is None else array(d_x, spec.layout),
            None if dw is None else from_weights(d_w, spec),
            None if db is None else d_b.numpy(),
        )

    return held(plan)


def symmetric(spec: ConvSpec) -> tuple[int, int] | None:
    """Return one pad for both sides of each axis that gives the spec's outputs, or None."""
    top, _, left, _ = spec.pad
    rows = (spec.h + 2 * top - spec.extent[0]) // spec.stride[0] + 1
    columns = (spec.w + 2 * left - spec.extent[1]) // spec.stride[1] + 1
    return (top, left) if (rows, columns) == (spec.oh, spec.ow) else None


def surrounded(x: Array, spec: ConvSpec) -> torch.Tensor:
    """Return a copy of `x` with zeros around it."""
    return load().constant_pad_nd(tensor(x, spec.layout), spare(spec), 0.0)


def _workspace(op: str, spec: ConvSpec) -> int:
    """Bytes by what PyTorch is known to copy; what oneDNN takes besides is not to be seen from here.

    Float32 goes to oneDNN, which wants weights in blocks (they are put in order first in NHWC), and
    pictures too in NCHW. Float64 makes a column matrix of all pictures.
    """
    weights = spec.kh * spec.kw * (spec.c // spec.groups) * spec.f
    x = spec.n * spec.h * spec.w * spec.c
    y = spec.n * spec.oh * spec.ow * spec.f
    passes = 1 if op == "conv_forward" else 2
    elements = 2 * passes * weights
    if spec.layout == "NCHW":
        elements += passes * (x + y)
    if symmetric(spec) is None:
        elements += passes * x
    if spec.dtype == "float64":
        elements += spec.n * spec.oh * spec.ow * spec.c * spec.kh * spec.kw
    return elements * np.dtype(spec.dtype).itemsize


def _cost(op: str, spec: ConvSpec) -> float:
    return CALL[op] + spec.flops(op) / 2 / MADDS_PER_SECOND[spec.dtype] + spec.traffic(op) / BYTES_PER_SECOND


def algorithms() -> list[Algorithm]:
    """Return the two records."""
    return [
        Algorithm(
            op,
            "torch",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            deterministic=False,  # PyTorch promises nothing across numbers of threads
        )
        for op, build in (("conv_forward", build_forward), ("conv_backward", build_backward))
    ]

"""Predicted times of the direct convolutions."""

from __future__ import annotations

import math

import numpy as np

from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms.direct.variants import FORWARD
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import ConvSpec

CALL = {"conv_forward": 5e-6, "conv_backward": 12e-6}
DENSE_CALL = {"conv_forward": 2e-6, "conv_backward": 4e-6}
MADDS_PER_SECOND = {"float32": 65e9, "float64": 32e9}
BYTES_PER_SECOND = 24e9
"""Of two threads, measured in the hour of winograd's and fft's on one machine: a rate from a better hour
made `auto` prefer what it was measured for. Bytes are an estimate, not fitted."""

PACKED_PER_SECOND = 2e9
"""Filter elements a second that a call of NCHW packs first, or reads as slowly as they are stored: 2.4 M took
2454 µs on n1h7w7c512 k3x3f512, whose products take 1354 in a plan; winograd took 1617."""

FEW_MADDS_PER_SECOND = {"float32": 30e9, "float64": 15e9}
FEW_BYTES_PER_SECOND = 25e9
"""Of two threads, of lanes that are filled, for groups of few filters; asv_benchmarks/benchmarks/rates.py."""

GATHERED_PER_SECOND = 1e9
"""Elements that are copied one by one where planes do not lie as they are read. An estimate, not fitted."""

TRANSPOSED_PER_SECOND = 3e9
"""Elements of planes that become pixels, or pixels planes. An estimate, not fitted."""

GROUPED = ("depthwise", "transposed", "outputs")


def cost(op: str, spec: ConvSpec) -> float:
    """Predict a time, that of a call which packs its filters."""
    variant = FORWARD.chosen(spec)[""].name
    packs = op == "conv_forward" and spec.layout == "NCHW" and spec.kh * spec.kw > 1
    packs = packs and variant not in (*GROUPED, "dense", "rows")
    return held_cost(op, spec) + packs * math.prod(spec.w_shape) / PACKED_PER_SECOND


def held_cost(op: str, spec: ConvSpec) -> float:
    """Predict a time without packing."""
    variant = FORWARD.chosen(spec)[""].name
    if variant in GROUPED:
        return _grouped(op, spec, variant)
    if variant == "dense":
        madds, rate = spec.flops(op) / 2, MADDS_PER_SECOND[spec.dtype]
        return seconds(DENSE_CALL[op], madds, rate, spec.traffic(op), BYTES_PER_SECOND)
    # a tile has whole vectors of columns; groups that share a vector leave none of its lanes empty
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    group_f = spec.f // spec.groups
    filled = 1.0 if variant == "shared" else group_f / (-(-group_f // lanes) * lanes)
    madds = spec.flops(op) / 2 / filled
    return seconds(CALL[op], madds, MADDS_PER_SECOND[spec.dtype], spec.traffic(op), BYTES_PER_SECOND)


def _grouped(op: str, spec: ConvSpec, variant: str) -> float:
    lanes = VECTOR_BYTES // np.dtype(spec.dtype).itemsize
    across = spec.ow if variant == "outputs" else spec.c
    madds = spec.flops(op) / 2 * (-(-across // lanes) * lanes / across)
    time = seconds(CALL[op], madds, FEW_MADDS_PER_SECOND[spec.dtype], spec.traffic(op), FEW_BYTES_PER_SECOND)
    passes = 1 if op == "conv_forward" else 2
    if variant == "transposed":
        moved = spec.n * spec.c * (spec.h * spec.w + spec.oh * spec.ow)
        return time + moved * passes / TRANSPOSED_PER_SECOND
    if variant == "outputs":
        x, y = spec.layout == "NHWC" or spec.stride[1] > 2, spec.layout == "NHWC"
        moved = spec.n * (spec.h * spec.w * spec.c * x + spec.oh * spec.ow * spec.f * y)
        return time + moved * passes / GATHERED_PER_SECOND
    return time

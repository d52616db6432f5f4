"""Plans of kernels of rank 1, and what they cost."""

from __future__ import annotations

import math

import numpy as np
from jitconv import Algorithm, ConvSpec
from jitconv.algorithm import Plan, at_each_call, never_refuses
from jitconv.jit import team

from jitconv_separable.factors import Array, factors, fit_weights, why_not_weights

CALL = 3e-6
MADDS_PER_SECOND = {"planes": 20e9, "pixels": 10e9, "strided": 0.7e9}
"""Of float32 on one thread of a 2-core Zen 4, rough, by measure.py: from NCHW or one channel; from NHWC
with a filter for each channel; any other NHWC, whose channels are gathered pixel by pixel (a guess)."""

ROW = {"planes": 80e-9, "pixels": 400e-9, "strided": 80e-9}
"""Seconds of a row of results besides its multiply-adds, of the same."""

TASKS = 16
"""At least so many there are where a problem has so many rows. A choice."""

BLOCK = 256
"""Numbers of a row of NHWC that meet weights in turn: tiled so often that they are as long. A choice."""


def kind(spec: ConvSpec) -> str:
    """Return how the numbers of a row lie: "planes", "pixels" or "strided"."""
    if spec.layout == "NCHW" or spec.c == 1:
        return "planes"
    return "pixels" if spec.groups == spec.c == spec.f else "strided"


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds columns and rows of the kernels."""
    from jitconv_separable import kernels

    columns, rows = factors(w, spec)
    bias = np.zeros(spec.f, spec.dtype) if b is None else b
    numbers = _numbers(spec, activation)
    loop = kernels.PLANES
    if kind(spec) == "pixels":
        columns, rows, loop = _tiled(columns, spec), _tiled(rows, spec), kernels.PIXELS
    run = loop.of(round(1e9 * _seconds(spec)))

    def plan(x: Array, y: Array) -> None:
        run(x, y, columns, rows, bias, numbers)

    return plan


def _tiled(factor: Array, spec: ConvSpec) -> Array:
    """Return (channels, 1, taps) as (taps, block): a whole number of pixels, all channels of each."""
    return np.ascontiguousarray(np.tile(factor[:, 0].T, (1, _pixels_of_block(spec))))


def _pixels_of_block(spec: ConvSpec) -> int:
    return max(1, BLOCK // spec.c)


def _numbers(spec: ConvSpec, activation: str | None) -> tuple[int, ...]:
    from jitconv_separable.kernels import Numbers

    tasks = spec.n * (1 if kind(spec) == "pixels" else spec.f)
    return Numbers(
        n=spec.n,
        h=spec.h,
        w=spec.w,
        c=spec.c,
        f=spec.f,
        kh=spec.kh,
        kw=spec.kw,
        oh=spec.oh,
        ow=spec.ow,
        top=spec.pad[0],
        left=spec.pad[2],
        line=spec.padded[1],
        down=spec.stride[0],
        right=spec.stride[1],
        down_taps=spec.dilation[0],
        right_taps=spec.dilation[1],
        own=spec.c // spec.groups,
        each=spec.f // spec.groups,
        bands=max(1, min(spec.oh, math.ceil(TASKS / max(1, tasks)))),
        relu=int(activation is not None),
        planes=int(spec.layout == "NCHW"),
    )


def _seconds(spec: ConvSpec) -> float:
    """Return the predicted time of one thread: KH taps for each pixel of a line, KW for each result."""
    lines = spec.n * spec.oh * spec.f * (spec.c // spec.groups)
    madds = lines * (spec.w * spec.kh + spec.ow * spec.kw)
    wide = 1 if spec.dtype == "float32" else 2
    rows = spec.n * spec.oh if kind(spec) == "pixels" else lines
    return madds * wide / MADDS_PER_SECOND[kind(spec)] + rows * ROW[kind(spec)]


def _cost(spec: ConvSpec) -> float:
    return CALL + _seconds(spec) / team()


def _buffers(spec: ConvSpec) -> int:
    """A line, and a row of sums where results are written elsewhere, of each thread."""
    numbers = spec.padded[1] * spec.c if kind(spec) == "pixels" else spec.padded[1] + spec.ow
    return team() * numbers * np.dtype(spec.dtype).itemsize


def _held(spec: ConvSpec) -> int:
    """Columns and rows, tiled in NHWC, and a bias of zeros."""
    times = _pixels_of_block(spec) if kind(spec) == "pixels" else 1
    pairs = spec.f * (spec.c // spec.groups)
    return (times * pairs * (spec.kh + spec.kw) + spec.f) * np.dtype(spec.dtype).itemsize


def _workspace_prepared(spec: ConvSpec) -> int:
    return _held(spec) + _buffers(spec)


def _workspace(spec: ConvSpec) -> int:
    """Of a call that prepares its weights: kernels in float64 and what their decomposition takes, too."""
    pairs, taps, least = spec.f * (spec.c // spec.groups), spec.kh * spec.kw, min(spec.kh, spec.kw)
    decomposed = taps + least * (spec.kh + spec.kw + 1)
    whole = 6 * taps  # kernels of whole numbers, shifted, as integers, and again as products of their factors
    return _workspace_prepared(spec) + 8 * pairs * (taps + max(decomposed, whole))


def algorithms() -> list[Algorithm]:
    """Return the record."""
    return [
        Algorithm(
            "conv_forward",
            "separable",
            why_not=never_refuses,
            cost=_cost,
            workspace=_workspace,
            build=at_each_call(prepare),
            prepare=prepare,
            prepared_cost=_cost,
            prepared_workspace=_workspace_prepared,
            why_not_weights=why_not_weights,
            fit_weights=fit_weights,
        )
    ]

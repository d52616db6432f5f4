"""Average pooling by Fourier transform: a box filter is a convolution."""

from __future__ import annotations

import numpy as np

from jitconv.algorithm import Algorithm, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.pooling import divisors
from jitconv.algorithms._shared.views import nhwc, padded, padded_bytes, unpadded
from jitconv.algorithms.fft.transforms import dilated, inverse, size, spectrum_bytes, transform
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import PoolSpec

CALL = 75e-6
TRANSFORMED_PER_SECOND = 70e6
"""Elements of one thread; asv_benchmarks/benchmarks/rates.py."""


def avg_forward(spec: PoolSpec, x: Array, y: Array) -> None:
    """Y = X · conj(box), over the divisors."""
    images = transform(padded(nhwc(x, spec), spec).transpose(1, 2, 0, 3), spec)
    totals = inverse(images * box(spec).conj(), spec)
    down, right = spec.stride
    sums = totals[: (spec.oh - 1) * down + 1 : down, : (spec.ow - 1) * right + 1 : right]
    np.divide(sums.transpose(2, 0, 1, 3), divisors(spec)[..., None], out=nhwc(y, spec))


def avg_backward(spec: PoolSpec, dy: Array, dx: Array) -> None:
    """DX = DY · box, of gradients over their divisors."""
    parts = nhwc(dy, spec) / divisors(spec)[..., None]
    upstream = transform(dilated(parts.transpose(1, 2, 0, 3), spec.stride), spec)
    images = inverse(upstream * box(spec), spec).transpose(2, 0, 1, 3)
    nhwc(dx, spec)[...] = unpadded(images, spec)


def box(spec: PoolSpec) -> Array:
    """Return the spectrum of a window of ones."""
    ones = np.ones((spec.kh, spec.kw, 1, 1), spec.dtype)
    return transform(dilated(ones, spec.dilation), spec)


def _workspace(spec: PoolSpec) -> int:
    """Spectra before and after each step of a transform; the padded images twice."""
    return 5 * spectrum_bytes(spec, spec.n * spec.c) + 2 * padded_bytes(spec)


def _cost(spec: PoolSpec) -> float:
    height, width = size(spec)
    return seconds(CALL, height * width * spec.n * spec.c, TRANSFORMED_PER_SECOND)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the average poolings by Fourier transform."""
    return [
        Algorithm(
            op,
            "fft",
            why_not=never_refuses,
            cost=_cost,
            workspace=_workspace,
            build=unprepared(run),
            error_class="fft",
        )
        for op, run in (("avg_pool_forward", avg_forward), ("avg_pool_backward", avg_backward))
    ]

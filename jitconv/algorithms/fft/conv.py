"""Convolution as a product of Fourier transforms: at each frequency one small matrix product.

Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast Training of Convolutional Networks through FFTs", 2014.
Axes are (H, W, N, C) here, so that a frequency's matrices lie together.
"""

from __future__ import annotations

from functools import partial

from jitconv.algorithm import Algorithm, never_refuses, unprepared
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import Array, hwcf, nhwc, padded, padded_bytes, unpadded
from jitconv.algorithms.fft.transforms import inverse, size, spectrum_bytes, spread, transform
from jitconv.hooks import hookimpl
from jitconv.jit import blas_threads
from jitconv.specs import ConvSpec

CALL = 100e-6
TRANSFORMED_PER_SECOND = 135e6
MADDS_PER_SECOND = 8e9
"""Elements transformed, and complex multiply-adds: asv_benchmarks/benchmarks/rates.py."""


def forward(spec: ConvSpec, x: Array, w: Array, b: Array | None, y: Array) -> None:
    """Y = X · conj(W): a correlation."""
    with blas_threads():
        product = by_picture(x, spec) @ by_filter(w, spec).conj()
    full = inverse(product, spec)[: _span(spec)[0], : _span(spec)[1]]
    result = full[:: spec.stride[0], :: spec.stride[1]]  # (OH, OW, groups, N, F/groups)
    nhwc(y, spec)[...] = result.transpose(3, 0, 1, 2, 4).reshape(spec.n, spec.oh, spec.ow, spec.f)
    if b is not None:
        nhwc(y, spec)[...] += b


def backward(
    spec: ConvSpec, dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None
) -> None:
    """DX = DY · Wᵀ, a full convolution; DW = Xᵀ · conj(DY), a correlation."""
    upstream = nhwc(dy, spec)
    if dx is not None or dw is not None:
        spread_dy = spread(upstream.transpose(1, 2, 0, 3), spec.stride)
        transformed = _grouped(transform(spread_dy, spec), spec, spec.f)
    if dx is not None:
        with blas_threads():
            product = transformed @ by_filter(w, spec).swapaxes(-1, -2)
        height, width = spec.padded
        pictures = inverse(product, spec)[:height, :width].transpose(3, 0, 1, 2, 4)
        nhwc(dx, spec)[...] = unpadded(pictures.reshape(spec.n, height, width, spec.c), spec)
    if dw is not None:
        with blas_threads():
            product = by_picture(x, spec).swapaxes(-1, -2) @ transformed.conj()
        taps = inverse(product, spec)[: spec.extent[0], : spec.extent[1]]
        taps = taps[:: spec.dilation[0], :: spec.dilation[1]]  # (KH, KW, groups, C/groups, F/groups)
        hwcf(dw, spec)[...] = taps.transpose(0, 1, 3, 2, 4).reshape(spec.kh, spec.kw, -1, spec.f)
    if db is not None:
        upstream.sum(axis=(0, 1, 2), out=db)


def by_picture(x: Array, spec: ConvSpec) -> Array:
    """Return the spectrum of the padded pictures, (frequencies, groups, N, C/groups)."""
    return _grouped(transform(padded(nhwc(x, spec), spec).transpose(1, 2, 0, 3), spec), spec, spec.c)


def by_filter(w: Array, spec: ConvSpec) -> Array:
    """Return the spectrum of the dilated filters, (frequencies, groups, C/groups, F/groups)."""
    spectrum = transform(spread(hwcf(w, spec), spec.dilation), spec)
    shape = (*spectrum.shape[:2], spec.c // spec.groups, spec.groups, spec.f // spec.groups)
    return spectrum.reshape(shape).swapaxes(2, 3)


def _grouped(spectrum: Array, spec: ConvSpec, channels: int) -> Array:
    shape = (*spectrum.shape[:2], spec.n, spec.groups, channels // spec.groups)
    return spectrum.reshape(shape).swapaxes(2, 3)


def _span(spec: ConvSpec) -> tuple[int, int]:
    """Return how far the outputs reach before their stride is taken."""
    return (spec.oh - 1) * spec.stride[0] + 1, (spec.ow - 1) * spec.stride[1] + 1


def _planes(spec: ConvSpec) -> int:
    return spec.n * spec.c + spec.n * spec.f + spec.c // spec.groups * spec.f


def _workspace(spec: ConvSpec) -> int:
    return 3 * spectrum_bytes(spec, _planes(spec)) + 2 * padded_bytes(spec)


def _cost(op: str, spec: ConvSpec) -> float:
    height, width = size(spec)
    passes = 1 if op == "conv_forward" else ("x" in spec.wrt) + ("w" in spec.wrt)
    elements = height * width * _planes(spec) * passes
    madds = height * width / 2 * spec.n * spec.c // spec.groups * spec.f * passes
    return seconds(CALL + madds / MADDS_PER_SECOND, elements, TRANSFORMED_PER_SECOND)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the convolutions by Fourier transform."""
    return [
        Algorithm(
            op,
            "fft",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=_workspace,
            build=unprepared(run),
            error_class="fft",
            deterministic=False,  # the products at each frequency are NumPy's BLAS
        )
        for op, run in (("conv_forward", forward), ("conv_backward", backward))
    ]

"""Convolution as a product of Fourier transforms: at each frequency one small matrix product.

Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast Training of Convolutional Networks through FFTs", 2014.
Pictures are cut into tiles (`geometry`, `tiling`), so that memory is bounded; transforms are matrix
products themselves (`kernels`).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from jitconv.algorithm import Algorithm, Plan, never_refuses
from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms._shared.views import hwcf, nhwc
from jitconv.algorithms.fft.convolution import Convolution, Stored, WeightSum
from jitconv.algorithms.fft.tiling import tiling
from jitconv.arrays import Array
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec

NCHW_BYTES_PER_SECOND = 5e9
"""An estimate, not measured."""


def build_forward(spec: ConvSpec) -> Plan:
    """Return a plan: Y = X · W, with the taps of a correlation."""
    x, y = stored(spec)
    convolve = Convolution(tiling("forward", spec), x, y)

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> None:
        convolve(x, hwcf(w, spec), b, y)

    return plan


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the spectra of the filters."""
    x, y = stored(spec)
    convolve = Convolution(tiling("forward", spec, prepared=True), x, y)
    spectra = []
    for block in convolve.blocks():
        spectra.append((block, np.empty(convolve.spectrum_size(block), spec.dtype)))
        convolve.transform_filters(hwcf(w, spec), *spectra[-1])

    def plan(x: Array, y: Array) -> None:
        for block, spectrum in spectra:
            convolve.multiply(x, spectrum, block, b, y, relu=activation == "relu")

    return plan


def build_backward(spec: ConvSpec) -> Plan:
    """Return a plan: DX = DY · Wᵀ, a full convolution; DW = Xᵀ · conj(DY), a correlation."""
    x, y = stored(spec)
    pictures = Convolution(tiling("x", spec), y, x) if "x" in spec.wrt else None
    filters = WeightSum(tiling("w", spec), x, y) if "w" in spec.wrt else None

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if pictures is not None and dx is not None:
            pictures(dy, transposed(w, spec), None, dx)
        if filters is not None and dw is not None:
            for block, gradient in filters(x, dy):
                hwcf(dw, spec)[..., block] = gradient
        if db is not None:
            nhwc(dy, spec).sum(axis=(0, 1, 2), out=db)

    return plan


def stored(spec: ConvSpec) -> tuple[Stored, Stored]:
    """Return how x and y are stored."""
    return (
        Stored.of(spec.h, spec.w, spec.c, spec.layout),
        Stored.of(spec.oh, spec.ow, spec.f, spec.layout),
    )


def transposed(w: Array, spec: ConvSpec) -> Array:
    """Return the filters with their channels exchanged: (KH, KW, F/groups, C)."""
    shape = spec.kh, spec.kw, spec.c // spec.groups, spec.groups, spec.f // spec.groups
    grouped = hwcf(w, spec).reshape(shape)  # a view, however w is stored
    return np.ascontiguousarray(grouped.transpose(0, 1, 4, 3, 2)).reshape(spec.kh, spec.kw, -1, spec.c)


def _kinds(op: str, spec: ConvSpec) -> list[str]:
    return ["forward"] if op == "conv_forward" else [kind for kind in ("x", "w") if kind in spec.wrt]


def _workspace(op: str, spec: ConvSpec) -> int:
    """What the larger one of dx and dw takes; dx has a copy of the filters, transposed."""
    copied_filters = spec.kh * spec.kw * spec.c // spec.groups * spec.f * np.dtype(spec.dtype).itemsize
    found = []
    for kind in _kinds(op, spec):
        contiguous = kind == "x" or _contiguous(spec)
        found.append(tiling(kind, spec).workspace(contiguous=contiguous) + copied_filters * (kind == "x"))
    return max(found, default=0)


def _prepared_workspace(spec: ConvSpec) -> int:
    """What a plan holds and takes: the spectra of all filters."""
    return tiling("forward", spec, prepared=True).workspace(contiguous=_contiguous(spec))


def _contiguous(spec: ConvSpec) -> bool:
    """Whether filters are stored as their transform reads them."""
    return spec.layout == "NHWC" and not spec.flip_kernel


def _cost(op: str, spec: ConvSpec) -> float:
    return sum(tiling(kind, spec).seconds() for kind in _kinds(op, spec)) + _transposed(op, spec)


def _prepared_cost(spec: ConvSpec) -> float:
    return tiling("forward", spec, prepared=True).seconds() + _transposed("conv_forward", spec)


def _transposed(op: str, spec: ConvSpec) -> float:
    """Predict what it takes to cut tiles from NCHW and to paste them."""
    return seconds(0, moved=spec.traffic(op) * (spec.layout == "NCHW"), bandwidth=NCHW_BYTES_PER_SECOND)


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the convolutions by Fourier transform."""
    return [
        Algorithm(
            op,
            "fft",
            why_not=never_refuses,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            revision=2,
            error_class="fft",
            prepare=prepare if op == "conv_forward" else None,
            prepared_cost=_prepared_cost if op == "conv_forward" else None,
            prepared_workspace=_prepared_workspace if op == "conv_forward" else None,
        )
        for op, build in (("conv_forward", build_forward), ("conv_backward", build_backward))
    ]

"""Convolution by ``scipy.fft``: one transform of each whole picture and each filter, all threads at it.

Pictures and filters are periodic here. A tap at dilation·k less the leading pad stands at that place modulo
the points, so that no picture has to be moved or padded in front. There are so many points that what comes in
over the edge is zero.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from jitconv import Algorithm, ConvSpec
from jitconv.algorithm import Plan, never_refuses
from jitconv.jit import team

from jitconv_scipy.library import Array, backward_plan, channels_last, filters, finish, forward_plan, item
from jitconv_scipy.library import threads as held_threads

CALL = 100e-6
STEPS_PER_SECOND = {"float32": 2.0e9, "float64": 1.2e9}
PRODUCTS_PER_SECOND = {"float32": 2.0e9, "float64": 1.0e9}
"""Rough, of one thread of a 2-core Zen 4: points times log2(points) of a transform; complex multiply-adds."""


class Grid(NamedTuple):
    """How many points a transform has, and where the taps stand."""

    points: tuple[int, int]
    rows: Array
    columns: Array

    @property
    def spectrum(self) -> tuple[int, int]:
        """Height and width of a spectrum of real numbers."""
        return self.points[0], self.points[1] // 2 + 1


@lru_cache(maxsize=256)
def grid(spec: ConvSpec) -> Grid:
    """Return the grid of a problem."""
    from scipy.fft import next_fast_len

    points, taps = [], []
    for least, count, dilation, lead in _axes(spec):
        points.append(next_fast_len(least, real=True))
        taps.append((np.arange(count) * dilation - lead) % points[-1])
    return Grid((points[0], points[1]), taps[0][:, None], taps[1][None, :])


def _axes(spec: ConvSpec) -> list[tuple[int, int, int, int]]:
    """Return for each axis the least number of points, then taps, dilation and leading pad."""
    axes = zip(
        (spec.h, spec.w),
        (spec.oh, spec.ow),
        spec.stride,
        (spec.kh, spec.kw),
        spec.dilation,
        (spec.pad[:2], spec.pad[2:]),
        strict=True,
    )
    return [
        (max(size + max(pads), (outputs - 1) * stride + 1), taps, dilation, pads[0])
        for size, outputs, stride, taps, dilation, pads in axes
    ]


def pictures_spectrum(pictures: Array, spec: ConvSpec) -> Array:
    """Return the spectrum of (N, H, W, channels) as (rows, columns, groups, N, channels of a group)."""
    from scipy.fft import rfft2

    found = rfft2(pictures, s=grid(spec).points, axes=(1, 2))
    grouped = found.reshape(*found.shape[:3], spec.groups, -1)
    return grouped.transpose(1, 2, 3, 0, 4)


def upstream_spectrum(dy: Array, spec: ConvSpec) -> Array:
    """Return the spectrum of `dy`, each pixel of it where its window begins."""
    if spec.stride == (1, 1):
        return pictures_spectrum(dy, spec)
    down, right = spec.stride
    apart = np.zeros((spec.n, *grid(spec).points, spec.f), dy.dtype)
    apart[:, : spec.oh * down : down, : spec.ow * right : right][:, : spec.oh, : spec.ow] = dy
    return pictures_spectrum(apart, spec)


def filters_spectrum(w: Array, spec: ConvSpec) -> Array:
    """Return the spectrum of weights as (rows, columns, groups, C/groups, F/groups)."""
    from scipy.fft import rfft2

    own, (points, rows, columns) = spec.c // spec.groups, grid(spec)
    taps = np.zeros((*points, own, spec.f), w.dtype)
    np.add.at(taps, (rows, columns), filters(w, spec).transpose(2, 3, 1, 0))  # two taps may meet
    found = rfft2(taps, axes=(0, 1), overwrite_x=True)
    return found.reshape(*found.shape[:2], own, spec.groups, -1).transpose(0, 1, 3, 2, 4)


def pictures_of(one: Array, other: Array, spec: ConvSpec) -> Array:
    """Return the pictures, (N, rows, columns, channels), of which the spectrum is ``one @ other``."""
    from scipy.fft import irfft2

    height, width, groups, n = one.shape[:4]
    spectrum = np.empty((n, height, width, groups, other.shape[-1]), one.dtype)
    _multiply(one, other, spectrum.transpose(1, 2, 3, 0, 4))
    flat = spectrum.reshape(n, height, width, -1)
    return irfft2(flat, s=grid(spec).points, axes=(1, 2), overwrite_x=True)


def _multiply(one: Array, other: Array, out: Array) -> None:
    if one.shape[-1] == 1:  # a matrix product of each point would be a call of BLAS for each
        np.multiply(one, other, out=out)
    else:
        np.matmul(one, other, out=out)


def correlate(x: Array, held: Array, y: Array, spec: ConvSpec) -> None:
    """Fill `y` by the conjugate spectrum of the weights."""
    found = pictures_of(pictures_spectrum(channels_last(x, spec.layout), spec), held, spec)
    down, right = spec.stride
    channels_last(y, spec.layout)[...] = found[:, ::down, ::right][:, : spec.oh, : spec.ow]


def conjugate_of(w: Array, spec: ConvSpec) -> Array:
    """Return the conjugate spectrum of weights: with it a product is a cross-correlation."""
    spectrum = filters_spectrum(w, spec)
    return np.conjugate(spectrum, out=spectrum)


def build_forward(spec: ConvSpec) -> Plan:
    """Return the plan of conv_forward."""
    return forward_plan(lambda x, w, y: correlate(x, conjugate_of(w, spec), y, spec), spec)


def prepare(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the spectrum of the weights."""
    with held_threads():
        spectrum = conjugate_of(w, spec)

    def plan(x: Array, y: Array) -> None:
        with held_threads():
            correlate(x, spectrum, y, spec)
        finish(y, b, activation, spec)

    return plan


def build_backward(spec: ConvSpec) -> Plan:
    """Return the plan of conv_backward."""

    def gradients(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None) -> None:
        upstream = upstream_spectrum(channels_last(dy, spec.layout), spec)
        if dx is not None:
            turned = filters_spectrum(w, spec).swapaxes(-1, -2)
            found = pictures_of(upstream, turned, spec)
            del turned
            channels_last(dx, spec.layout)[...] = found[:, : spec.h, : spec.w]
            del found
        if dw is not None:
            np.conjugate(upstream, out=upstream)
            pictures = pictures_spectrum(channels_last(x, spec.layout), spec)
            filters(dw, spec)[...] = _lags(pictures.swapaxes(-1, -2), upstream, spec)

    return backward_plan(gradients, spec)


def _lags(one: Array, other: Array, spec: ConvSpec) -> Array:
    """Return what ``one @ other`` is the spectrum of, where the taps stand, as (F, C/groups, KH, KW)."""
    from scipy.fft import irfft2

    (points, rows, columns), own = grid(spec), spec.c // spec.groups
    spectrum = np.empty((*one.shape[:2], own, spec.groups, spec.f // spec.groups), one.dtype)
    _multiply(one, other, spectrum.transpose(0, 1, 3, 2, 4))
    found = irfft2(
        spectrum.reshape(*spectrum.shape[:2], own, spec.f), s=points, axes=(0, 1), overwrite_x=True
    )
    return found[rows, columns].transpose(3, 2, 0, 1)


class Sizes(NamedTuple):
    """Bytes of a problem's pictures, results and weights as the transforms hold them: real, and spectra."""

    real: dict[str, int]
    spectra: dict[str, int]

    @classmethod
    def of(cls, spec: ConvSpec) -> Sizes:
        """Return those of a spec."""
        height, width = grid(spec).points
        counts = {"x": spec.n * spec.c, "y": spec.n * spec.f, "w": spec.f * spec.c // spec.groups}
        size = item(spec)
        return cls(
            {name: count * height * width * size for name, count in counts.items()},
            {name: count * height * (width // 2 + 1) * 2 * size for name, count in counts.items()},
        )


def _workspace_forward(spec: ConvSpec) -> int:
    """The most of: weights and their spectrum, those of pictures, those of results."""
    real, spectra = Sizes.of(spec)
    return max(real["w"] + spectra["w"], _workspace_prepared(spec))


def _workspace_prepared(spec: ConvSpec) -> int:
    real, spectra = Sizes.of(spec)
    # pictures are transformed into their spectrum; results from theirs, by way of another as large
    given = real["x"] + spectra["x"]
    made = spectra["x"] + 2 * spectra["y"] + real["y"]
    return spectra["w"] + max(given, made)


def _workspace_backward(spec: ConvSpec) -> int:
    real, spectra = Sizes.of(spec)
    apart = real["y"] * (1 if spec.stride == (1, 1) else 2)
    needs = [apart + spectra["y"]]
    if "x" in spec.wrt:
        needs += [spectra["y"] + real["w"] + spectra["w"]]
        needs += [spectra["y"] + spectra["w"] + 2 * spectra["x"] + real["x"]]
    if "w" in spec.wrt:
        needs += [spectra["y"] + real["x"] + spectra["x"]]
        needs += [spectra["y"] + spectra["x"] + 2 * spectra["w"] + real["w"]]
    return max(needs) if {"x", "w"} & set(spec.wrt) else 0


def _cost(kinds: dict[str, Any], spec: ConvSpec) -> float:
    """Transforms, products of spectra, and the call; the points are rounded up in the plan alone."""
    height, width = (axis[0] for axis in _axes(spec))
    points = height * width
    sizes = {"x": spec.n * spec.c, "y": spec.n * spec.f, "w": spec.f * spec.c // spec.groups}
    transforms = sum(sizes[name] * count for name, count in kinds["transforms"].items())
    steps = transforms * points * math.log2(points + 1)
    products = kinds["products"] * points / 2 * spec.n * spec.f * spec.c / spec.groups
    work = steps / STEPS_PER_SECOND[spec.dtype] + products / PRODUCTS_PER_SECOND[spec.dtype]
    return CALL + work / team()


def _cost_backward(spec: ConvSpec) -> float:
    dx, dw = "x" in spec.wrt, "w" in spec.wrt
    if not dx and not dw:
        return CALL
    return _cost({"transforms": {"y": 1, "w": dx + dw, "x": dx + dw}, "products": dx + dw}, spec)


def algorithms() -> list[Algorithm]:
    """Return the two records."""
    common: dict[str, Any] = {
        "why_not": never_refuses,
        "error_class": "fft",
        "deterministic": False,  # neither SciPy nor BLAS promises anything across numbers of threads
    }
    held = {"transforms": {"x": 1, "y": 1}, "products": 1}
    return [
        Algorithm(
            "conv_forward",
            "scipy_fft",
            cost=partial(_cost, {"transforms": {"x": 1, "y": 1, "w": 1}, "products": 1}),
            workspace=_workspace_forward,
            build=build_forward,
            prepare=prepare,
            prepared_cost=partial(_cost, held),
            prepared_workspace=_workspace_prepared,
            **common,
        ),
        Algorithm(
            "conv_backward",
            "scipy_fft",
            cost=_cost_backward,
            workspace=_workspace_backward,
            build=build_backward,
            **common,
        ),
    ]

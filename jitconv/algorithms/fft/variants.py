"""The variants of Fourier convolutions: a plane in one transform, or cut, by the predicted time.

How many tiles an axis is cut in, how many are multiplied at once, and how many filters' spectra are held at
once are no variants but sizes: `tiling` takes the best number of tiles, and bounds the rest by bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from jitconv.algorithm import Plan
from jitconv.algorithms._shared.cost import dearer
from jitconv.algorithms._shared.fitted import Priced
from jitconv.algorithms._shared.views import hwcf, nhwc
from jitconv.algorithms.fft.convolution import Convolution, Stored, WeightSum
from jitconv.algorithms.fft.tiling import NAMES, POINTS, WAYS, tiling, tilings
from jitconv.arrays import Array
from jitconv.specs import ConvSpec
from jitconv.variants import Variant, Variants

NEEDS = {
    "whole": f"needs planes that transforms of at most {2 * POINTS[-1]} points cover",
    "strips": "needs one axis that shorter transforms cut, and another that one covers",
    "tiles": "needs two axes that shorter transforms cut",
}

Serves = Callable[[ConvSpec], "str | None"]


def serves(kind: str, way: str, spec: ConvSpec, *, prepared: bool = False) -> str | None:
    """Return None where no other way is predicted to take less time, else the reason in words."""
    found = tilings(kind, spec, prepared=prepared)
    best = next(iter(found))
    if way == best:
        return None
    if way not in found:
        return NEEDS[way]
    slower = dearer(found[way].seconds, found[best].seconds, best)
    return slower or f"is predicted to take as long as {best}"  # an empty batch


def able(kind: str, way: str, spec: ConvSpec) -> str | None:
    """Return None where there is a tiling of that way, else the reason in words."""
    return None if way == "whole" or way in tilings(kind, spec) else NEEDS[way]


# the forward pass


def _build(way: str, spec: ConvSpec) -> Plan:
    x, y = stored(spec)
    convolve = Convolution(tiling("forward", spec, way).tiling, x, y)

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> None:
        convolve(x, hwcf(w, spec), b, y)

    return plan


def _hold(way: str, spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return a plan that holds the spectra of the filters."""
    x, y = stored(spec)
    convolve = Convolution(tiling("forward", spec, way, prepared=True).tiling, x, y)
    spectra = []
    for block in convolve.blocks():
        spectra.append((block, np.empty(convolve.spectrum_size(block), spec.dtype)))
        convolve.transform_filters(hwcf(w, spec), *spectra[-1])

    def plan(x: Array, y: Array) -> None:
        for block, spectrum in spectra:
            convolve.multiply(x, spectrum, block, b, y, relu=activation == "relu")

    return plan


def _priced(kind: str, way: str, *, prepared: bool = False) -> Priced:
    """Return what predicts the seconds of one of the convolutions."""

    def work(spec: ConvSpec, threads: int) -> Mapping[str, float]:
        op = "conv_forward" if kind == "forward" else "conv_backward"
        columns = spec.traffic(op) * (spec.layout == "NCHW") / threads
        return {"columns": columns, **tiling(kind, spec, way, prepared=prepared).tiling.work(threads)}

    return Priced(NAMES[kind], work)


def _forward(way: str) -> Variant:
    def workspace(spec: ConvSpec, *, prepared: bool = False) -> int:
        return tiling("forward", spec, way, prepared=prepared).tiling.workspace(contiguous=contiguous(spec))

    return Variant(
        way,
        serves=partial(serves, "forward", way),
        serves_held=partial(serves, "forward", way, prepared=True),
        able=partial(able, "forward", way),
        build=partial(_build, way),
        hold=partial(_hold, way),
        workspace=workspace,
        held_workspace=partial(workspace, prepared=True),
        cost=_priced("forward", way),
        held_cost=_priced("forward", way, prepared=True),
    )


FORWARD = Variants(*map(_forward, WAYS))


# dx and dw


def _build_dx(way: str, spec: ConvSpec) -> Plan:
    """Return ``plan(dy, w, dx)``: DX = DY · Wᵀ, a full convolution."""
    x, y = stored(spec)
    convolve = Convolution(tiling("x", spec, way).tiling, y, x)
    return lambda dy, w, dx: convolve(dy, transposed_filters(w, spec), None, dx)


def _dx_workspace(way: str, spec: ConvSpec) -> int:
    """What a tiling takes, and a copy of the filters, transposed."""
    filters = spec.kh * spec.kw * spec.c // spec.groups * spec.f * np.dtype(spec.dtype).itemsize
    return tiling("x", spec, way).tiling.workspace(contiguous=True) + filters


def _build_dw(way: str, spec: ConvSpec) -> Plan:
    """Return ``plan(x, dy, dw)``: DW = Xᵀ · conj(DY), a correlation."""
    x, y = stored(spec)
    total = WeightSum(tiling("w", spec, way).tiling, x, y)

    def plan(x: Array, dy: Array, dw: Array) -> None:
        for block, gradient in total(x, dy):
            hwcf(dw, spec)[..., block] = gradient

    return plan


def _dw_workspace(way: str, spec: ConvSpec) -> int:
    return tiling("w", spec, way).tiling.workspace(contiguous=contiguous(spec))


def _gradient(part: str, way: str) -> Variant:
    kind = part[1:]
    return Variant(
        way,
        serves=partial(serves, kind, way),
        able=partial(able, kind, way),
        build=partial(_build_dx if part == "dx" else _build_dw, way),
        workspace=partial(_dx_workspace if part == "dx" else _dw_workspace, way),
        cost=_priced(kind, way),
        part=part,
    )


Chosen = Mapping[str, Variant]


def _wanted(spec: ConvSpec) -> list[str]:
    """Return the parts that a problem wants; db is no part of its own."""
    return ["dx"] * ("x" in spec.wrt) + ["dw"] * ("w" in spec.wrt)


def _join(spec: ConvSpec, chosen: Chosen) -> Plan:
    fill_dx: Any
    fill_dw: Any
    fill_dx, fill_dw = (chosen[part].build(spec) if part in _wanted(spec) else None for part in ("dx", "dw"))

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if fill_dx is not None and dx is not None:
            fill_dx(dy, w, dx)
        if fill_dw is not None and dw is not None:
            fill_dw(x, dy, dw)
        if db is not None:
            nhwc(dy, spec).sum(axis=(0, 1, 2), out=db)

    return plan


def _join_workspace(spec: ConvSpec, chosen: Chosen) -> int:
    """Return the bytes of dx or of dw, what takes more: one is filled after the other."""
    return max((chosen[part].workspace(spec) for part in _wanted(spec)), default=0)


def _join_cost(spec: ConvSpec, chosen: Chosen) -> float:
    return sum([chosen[part].seconds(spec) for part in _wanted(spec)])


BACKWARD = Variants(
    *(_gradient(part, way) for part in ("dx", "dw") for way in WAYS),
    join=_join,
    join_workspace=_join_workspace,
    join_cost=_join_cost,
    wanted=_wanted,
)


def stored(spec: ConvSpec) -> tuple[Stored, Stored]:
    """Return how x and y are stored."""
    return (
        Stored.of(spec.h, spec.w, spec.c, spec.layout),
        Stored.of(spec.oh, spec.ow, spec.f, spec.layout),
    )


def contiguous(spec: ConvSpec) -> bool:
    """Whether filters are stored as their transform reads them."""
    return spec.layout == "NHWC" and not spec.flip_kernel


def transposed_filters(w: Array, spec: ConvSpec) -> Array:
    """Return the filters with their channels exchanged: (KH, KW, F/groups, C)."""
    shape = spec.kh, spec.kw, spec.c // spec.groups, spec.groups, spec.f // spec.groups
    grouped = hwcf(w, spec).reshape(shape)  # a view, however w is stored
    return np.ascontiguousarray(grouped.transpose(0, 1, 4, 3, 2)).reshape(spec.kh, spec.kw, -1, spec.c)

"""conv_backward of the variants that serve dx and dw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jitconv.algorithm import Plan
from jitconv.algorithms._shared.bias import bias_of_pixels
from jitconv.algorithms._shared.layout import images_nhwc
from jitconv.algorithms._shared.weights import WeightGradient, elements
from jitconv.algorithms.winograd.cost import dw_sizes, dx_sizes
from jitconv.algorithms.winograd.filters import forward_steps, rotated_steps
from jitconv.algorithms.winograd.plan import Correlation
from jitconv.algorithms.winograd.weights import WinogradWeights, bias_of_planes
from jitconv.arrays import Array
from jitconv.specs import ConvSpec
from jitconv.variants import Variant

UNPADDED = (0, 0, 0, 0)

Chosen = Mapping[str, Variant]


def wanted(spec: ConvSpec) -> list[str]:
    """Return the parts that a problem wants; db is no part of its own."""
    return ["dx"] * ("x" in spec.wrt) + ["dw"] * ("w" in spec.wrt)


def build_dx(spec: ConvSpec, side: int) -> Plan:
    """Return ``plan(dy, w, dx)``: the correlation of dy with the filters rotated by 180 degrees."""
    pad = (2 - spec.pad[0], 2 - spec.pad[2])
    correlate = Correlation(dx_sizes(spec, side), (spec.oh, spec.ow), pad, rotated_steps(spec), spec.layout)
    return lambda dy, w, dx: correlate.run(dy, w, None, dx)


def build_dw(spec: ConvSpec, side: int) -> Plan:
    """Return ``plan(x, dy, dw, db)``: sums over tiles."""
    pad = (spec.pad[0], spec.pad[2])
    fill = WinogradWeights(dw_sizes(spec, side), (spec.h, spec.w), pad, forward_steps(spec), spec.layout)

    def plan(x: Array, dy: Array, dw: Array, db: Array | None) -> None:
        fill(x, dy, dw)
        if db is not None:
            fill_bias(spec, dy, db)

    return plan


def build_pixels_dw(spec: ConvSpec) -> Plan:
    """Return ``plan(x, dy, dw, db)``: sums over pixels on the register tile, as in `direct`."""
    fill, outputs = WeightGradient(spec), (spec.n, spec.oh, spec.ow, spec.f)

    def plan(x: Array, dy: Array, dw: Array, db: Array | None) -> None:
        with images_nhwc(dy, spec.layout, outputs, UNPADDED) as upstream:
            fill(x, upstream, dw, db)

    return plan


def pixels_bytes(spec: ConvSpec) -> int:
    """Return the bytes of sums over pixels, and of a copy of dy that must be NHWC."""
    upstream = spec.n * spec.oh * spec.ow * spec.f * (spec.layout == "NCHW")
    return np.dtype(spec.dtype).itemsize * (elements(spec) + upstream)


def fill_bias(spec: ConvSpec, dy: Array, db: Array) -> None:
    """Fill `db` from `dy` as it is stored."""
    if spec.layout == "NCHW":
        bias_of_planes(dy, db)
    else:
        bias_of_pixels(spec, dy.reshape(-1), db)


def join(spec: ConvSpec, chosen: Chosen) -> Plan:
    """Return a plan of dx, dw and db."""
    fill_dx, fill_dw = (chosen[part].build(spec) if part in wanted(spec) else None for part in ("dx", "dw"))

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if fill_dx is not None and dx is not None:
            fill_dx(dy, w, dx)
        if fill_dw is not None and dw is not None:
            fill_dw(x, dy, dw, db)
        elif db is not None:
            fill_bias(spec, dy, db)

    return plan


def join_workspace(spec: ConvSpec, chosen: Chosen) -> int:
    """Return the bytes of dx or of dw, what takes more: one is filled after the other."""
    return max((chosen[part].workspace(spec) for part in wanted(spec)), default=0)


def join_cost(spec: ConvSpec, chosen: Chosen) -> float:
    """Predict the seconds of dx and of dw."""
    return sum([chosen[part].seconds(spec) for part in wanted(spec)])

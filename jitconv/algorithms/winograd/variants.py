"""The variants of Winograd's convolutions: the larger tile, or the smaller one, by the predicted time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jitconv.algorithm import Plan, never_refuses
from jitconv.algorithms._shared.cost import dearer
from jitconv.algorithms._shared.fitted import TYPICAL_THREADS, Priced
from jitconv.algorithms.winograd import backward, cost
from jitconv.algorithms.winograd.filters import forward_steps
from jitconv.algorithms.winograd.pieces import LARGE, SMALL
from jitconv.algorithms.winograd.plan import Correlation
from jitconv.arrays import Array
from jitconv.specs import ConvSpec
from jitconv.variants import Variant, Variants


def not_dearer(priced: Mapping[int, Priced], spec: ConvSpec) -> str | None:
    """Return None where the larger tile takes no longer, else the reason in words."""
    large, small = (priced[side](spec, TYPICAL_THREADS) for side in (LARGE, SMALL))
    return dearer(large, small, cost.NAMES[SMALL])


def pixels_not_dearer(spec: ConvSpec) -> str | None:
    """Return None where sums over pixels take no longer than those over tiles, else the reason in words."""
    side = SMALL if not_dearer(cost.DW, spec) else LARGE
    pixels, tiles = (priced(spec, TYPICAL_THREADS) for priced in (cost.PIXELS, cost.DW[side]))
    return dearer(pixels, tiles, cost.NAMES[side])


# the forward pass


def _correlation(spec: ConvSpec, side: int, *, relu: bool = False) -> Correlation:
    sizes, pad = cost.forward_sizes(spec, side), (spec.pad[0], spec.pad[2])
    return Correlation(sizes, (spec.h, spec.w), pad, forward_steps(spec), spec.layout, relu=relu)


def _hold(side: int, spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    correlate = _correlation(spec, side, relu=activation == "relu")
    filters = correlate.kept_filters(w)
    return lambda x, y: correlate(x, filters, b, y)


def _forward(side: int) -> Variant:
    return Variant(
        cost.NAMES[side],
        serves=partial(not_dearer, cost.FORWARD) if side == LARGE else never_refuses,
        serves_held=partial(not_dearer, cost.HELD) if side == LARGE else never_refuses,
        able=never_refuses,
        build=lambda spec: _correlation(spec, side).run,
        hold=partial(_hold, side),
        workspace=lambda spec: cost.correlation_bytes(cost.forward_sizes(spec, side)),
        held_workspace=lambda spec: cost.correlation_bytes(cost.forward_sizes(spec, side), kept=True),
        cost=cost.FORWARD[side],
        held_cost=cost.HELD[side],
    )


FORWARD = Variants(_forward(LARGE), _forward(SMALL))


# dx and dw


def _dx(side: int) -> Variant:
    return Variant(
        cost.NAMES[side],
        serves=partial(not_dearer, cost.DX) if side == LARGE else never_refuses,
        able=never_refuses,
        build=lambda spec: backward.build_dx(spec, side),
        workspace=lambda spec: cost.correlation_bytes(cost.dx_sizes(spec, side)),
        cost=cost.DX[side],
        part="dx",
    )


def _dw(side: int) -> Variant:
    return Variant(
        cost.NAMES[side],
        serves=partial(not_dearer, cost.DW) if side == LARGE else never_refuses,
        able=never_refuses,
        build=lambda spec: backward.build_dw(spec, side),
        workspace=lambda spec: cost.weights_bytes(cost.dw_sizes(spec, side)),
        cost=cost.DW[side],
        part="dw",
    )


BACKWARD = Variants(
    _dx(LARGE),
    _dx(SMALL),
    Variant(
        "pixels",
        serves=pixels_not_dearer,
        able=never_refuses,
        build=backward.build_pixels_dw,
        workspace=backward.pixels_bytes,
        cost=cost.PIXELS,
        part="dw",
    ),
    _dw(LARGE),
    _dw(SMALL),
    join=backward.join,
    join_workspace=backward.join_workspace,
    join_cost=backward.join_cost,
    wanted=backward.wanted,
)

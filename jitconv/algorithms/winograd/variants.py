"""The variants of Winograd's convolutions: the larger tile, or the smaller one, by the predicted time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jitconv.algorithm import Plan, never_refuses
from jitconv.algorithms._shared.cost import dearer
from jitconv.algorithms.winograd import backward, cost
from jitconv.algorithms.winograd.filters import forward_steps
from jitconv.algorithms.winograd.pieces import LARGE, SMALL
from jitconv.algorithms.winograd.plan import Correlation
from jitconv.arrays import Array
from jitconv.specs import ConvSpec
from jitconv.variants import Variant, Variants

NAMES = {LARGE: "f4x4", SMALL: "f2x2"}
"""F(4×4, 3×3) and F(2×2, 3×3); of dw, F(3×3, 4×4) and F(3×3, 2×2)."""


def not_dearer(predict: Callable[[ConvSpec, int], float], spec: ConvSpec) -> str | None:
    """Return None where the larger tile takes no longer, else the reason in words."""
    return dearer(predict(spec, LARGE), predict(spec, SMALL), NAMES[SMALL])


def few_tiles(spec: ConvSpec) -> str | None:
    """Return None where sums over tiles would not pay, else the reason in words."""
    side = SMALL if not_dearer(cost.dw_cost, spec) else LARGE
    tiles = cost.dw_sizes(spec, side).tiles
    least = backward.LEAST_TILES
    return None if tiles < least else f"needs fewer than {least} tiles of {NAMES[side]}, got {tiles}"


# the forward pass


def _correlation(spec: ConvSpec, side: int, *, relu: bool = False) -> Correlation:
    sizes, pad = cost.forward_sizes(spec, side), (spec.pad[0], spec.pad[2])
    return Correlation(sizes, (spec.h, spec.w), pad, forward_steps(spec), spec.layout, relu=relu)


def _hold(side: int, spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    correlate = _correlation(spec, side, relu=activation == "relu")
    filters = correlate.kept_filters(w)
    return lambda x, y: correlate(x, filters, b, y)


def _forward(side: int) -> Variant:
    held = partial(cost.forward_cost, kept=True)
    return Variant(
        NAMES[side],
        serves=partial(not_dearer, cost.forward_cost) if side == LARGE else never_refuses,
        serves_held=partial(not_dearer, held) if side == LARGE else never_refuses,
        able=never_refuses,
        build=lambda spec: _correlation(spec, side).run,
        hold=partial(_hold, side),
        workspace=lambda spec: cost.correlation_bytes(cost.forward_sizes(spec, side)),
        held_workspace=lambda spec: cost.correlation_bytes(cost.forward_sizes(spec, side), kept=True),
        cost=lambda spec: cost.CALL + cost.forward_cost(spec, side),
        held_cost=lambda spec: cost.CALL + held(spec, side),
    )


FORWARD = Variants(_forward(LARGE), _forward(SMALL))


# dx and dw


def _dx(side: int) -> Variant:
    return Variant(
        NAMES[side],
        serves=partial(not_dearer, cost.dx_cost) if side == LARGE else never_refuses,
        able=never_refuses,
        build=lambda spec: backward.build_dx(spec, side),
        workspace=lambda spec: cost.correlation_bytes(cost.dx_sizes(spec, side)),
        cost=lambda spec: cost.dx_cost(spec, side),
        part="dx",
    )


def _dw(side: int) -> Variant:
    return Variant(
        NAMES[side],
        serves=partial(not_dearer, cost.dw_cost) if side == LARGE else never_refuses,
        able=never_refuses,
        build=lambda spec: backward.build_dw(spec, side),
        workspace=lambda spec: cost.weights_bytes(cost.dw_sizes(spec, side)),
        cost=lambda spec: cost.dw_cost(spec, side),
        part="dw",
    )


BACKWARD = Variants(
    _dx(LARGE),
    _dx(SMALL),
    Variant(
        "pixels",
        serves=few_tiles,
        able=never_refuses,
        build=backward.build_pixels_dw,
        workspace=backward.pixels_bytes,
        cost=cost.pixels_cost,
        part="dw",
    ),
    _dw(LARGE),
    _dw(SMALL),
    join=backward.join,
    join_workspace=backward.join_workspace,
    join_cost=backward.join_cost,
    wanted=backward.wanted,
)

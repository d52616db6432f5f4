"""The variants of the direct convolutions, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from jitconv.algorithm import Plan
from jitconv.algorithms._shared import weights
from jitconv.algorithms._shared.fitted import TYPICAL_THREADS, Priced, kinds, known, of_this_kind, price
from jitconv.algorithms._shared.work import conv_work, held_work
from jitconv.algorithms.direct.axes import backward_axes, forward_axes
from jitconv.algorithms.direct.backward import dw_groups, dw_planes, dx_phases, dx_scatter, join
from jitconv.algorithms.direct.backward.join import Gradient
from jitconv.algorithms.direct.dense import matrix
from jitconv.algorithms.direct.dense import variants as dense
from jitconv.algorithms.direct.forward import group_passes, packed, pixels, streamed
from jitconv.algorithms.direct.forward import groups as grouped
from jitconv.algorithms.direct.grouped import depthwise, groups, outputs, outputs_dw, shared, transposed
from jitconv.algorithms.direct.rows import dw as rows_dw
from jitconv.algorithms.direct.rows import dx as rows_dx
from jitconv.algorithms.direct.rows import forward as rows
from jitconv.arrays import Array
from jitconv.specs import ConvSpec
from jitconv.variants import Variant, Variants

Serves = Callable[[ConvSpec], "str | None"]
One = TypeVar("One", bound=Variant)


CLEARLY, CLEARLY_ELSEWHERE = 1.4, 1.8
"""How many times as long what the rules would have must be predicted to take; the second where the fits are
of other vectors. A choice: models err by some 20 %; with those of 64 bytes a layer of googlenet took 2.6
times as long with vectors of 32 bytes."""


BATCH = 4
"""Images by which variants are compared in problems of fewer. A choice: what a call costs is then a small
part."""


def always(spec: ConvSpec) -> None:
    """Return None: the `serves` of a variant that does every problem that comes to it."""


def needs_nchw(spec: ConvSpec) -> str | None:
    """Return None for NCHW, else the reason in words."""
    return None if spec.layout == "NCHW" else "needs NCHW"


def needs_matrix(spec: ConvSpec) -> str | None:
    """Return None where filters are stored as the rows of one matrix, else the reason in words."""
    if spec.layout != "NHWC" or spec.groups > 1 or spec.flip_kernel:
        return "needs NHWC, one group and filters that are not flipped"
    return None


def stored(spec: ConvSpec) -> bool:
    """Return True: dy is taken as it is stored."""
    return True


def in_nhwc(spec: ConvSpec) -> bool:
    """Whether dy is stored as pixels."""
    return spec.layout == "NHWC"


def none(spec: ConvSpec) -> int:
    """Return 0: the workspace of a variant without buffers."""
    return 0


def bytes_of(elements: Callable[[ConvSpec], int]) -> Callable[[ConvSpec], int]:
    """Return the workspace of a variant that counts in elements."""
    return lambda spec: elements(spec) * np.dtype(spec.dtype).itemsize if spec.n else 0


def made(kind: Callable[..., Any]) -> Callable[[ConvSpec], int]:
    """Return the workspace of a variant whose plans know their elements."""
    return bytes_of(lambda spec: kind(spec).elements)


def _priced(one: One) -> One:
    """Return a variant that predicts its seconds, and those of a call whose filters are held."""
    name = f"{'conv_backward' if one.part else 'conv_forward'} direct/{one.title}"
    held = None if one.part else Priced(name, held_work)
    return replace(one, cost=Priced(name, partial(conv_work, one.part or "y")), held_cost=held)


def clearly_faster(spec: ConvSpec, taken: Variant, others: Sequence[Variant]) -> Variant | None:
    """Return the variant that is predicted to take the least time, if that is clearly less than the one takes
    that the rules would have, both by fits of their own.

    The rules are of what networks have. With few channels, or few filters, on other planes, they leave what
    would take several times as long.
    """
    if not spec.n or not known(_way(taken)):
        return None
    batch = max(spec.n, BATCH)  # the same variant for all batches: more takes no less
    work, of = conv_work(taken.part or "y", spec, TYPICAL_THREADS, batch), kinds(spec)
    able = [one for one in others if known(_way(one)) and (one.able or one.serves)(spec) is None]
    seconds = {one.name: price(_way(one), work, of) for one in (taken, *able)}
    found = min(able, key=lambda one: seconds[one.name], default=taken)
    clearly = CLEARLY if of_this_kind() else CLEARLY_ELSEWHERE
    return found if clearly * seconds[found.name] < seconds[taken.name] else None


def _way(one: Variant) -> str:
    """Return what the fit of a variant is called."""
    assert isinstance(one.cost, Priced)
    return one.cost.name


# the forward pass


def _hold(
    make: Callable[[ConvSpec], Any], spec: ConvSpec, w: Array, b: Array | None, activation: str | None
) -> Plan:
    correlate = make(spec)
    return lambda x, y: correlate(x, w, b, y, relu=activation == "relu")


def _grouped(name: str, serves: Serves, correlation: Callable[..., Any]) -> Variant:
    def make(spec: ConvSpec) -> Any:
        return correlation(spec, *forward_axes(spec))

    able = always if name == "outputs" else None
    return Variant(name, serves, make, made(make), hold=partial(_hold, make), able=able)


def _build_pixels(spec: ConvSpec) -> Plan:
    by_pixels = pixels.Pixels(spec)
    return lambda x, w, b, y: by_pixels.holding(w, b)(x, y)


def _hold_pixels(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    return pixels.Pixels(spec).holding(w, b, relu=activation == "relu")


def _hold_rows(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    by_rows = rows.RowsForward(spec, relu=activation == "relu")
    return lambda x, y: by_rows(x, w, b, y)


_FORWARD = (
    _grouped("depthwise", depthwise.serves, depthwise.DepthwiseCorrelation),
    _grouped("transposed", transposed.serves, transposed.TransposedCorrelation),
    _grouped("outputs", groups.few, outputs.OutputsCorrelation),
    _grouped("shared", shared.serves, shared.SharedCorrelation),
    Variant(
        "dense", matrix.serves, dense.build_forward, made(dense.forward), hold=dense.hold_forward,
        able=matrix.why_no_matrix,
    ),
    Variant(
        "pixels", pixels.serves, _build_pixels, bytes_of(lambda spec: pixels.Pixels(spec).elements()),
        hold=_hold_pixels, serves_held=pixels.serves_held, able=needs_nchw,
    ),
    Variant(
        "rows", rows.serves, rows.RowsForward, made(rows.RowsForward), hold=_hold_rows, able=needs_nchw
    ),
    Variant("groups", grouped.serves, group_passes.forward, made(group_passes.forward), able=grouped.able),
    Variant("unpacked", packed.one_panel, packed.build_unpacked, bytes_of(packed.unpacked_elements)),
    Variant(
        "streamed", streamed.serves, streamed.Streamed, made(streamed.Streamed), able=needs_matrix
    ),
    Variant(
        "packed", always, packed.build_packed, bytes_of(packed.packed_elements), hold=packed.hold_packed
    ),
)  # fmt: skip

FORWARD = Variants(*map(_priced, _FORWARD), overrule=clearly_faster)


# dx and dw


def _grouped_dx(name: str, serves: Serves, correlation: Callable[..., Any]) -> Gradient:
    def make(spec: ConvSpec) -> Any:
        return correlation(spec, *backward_axes(spec))

    def build(spec: ConvSpec) -> Plan:
        correlate = make(spec)
        return lambda dy, w, dx: correlate(dy, w, None, dx)

    able = always if name == "outputs" else None
    return Gradient(name, serves, build, made(make), part="dx", takes_stored=stored, able=able)


def _build_groups_dx(spec: ConvSpec) -> Plan:
    correlate, shape = group_passes.dx(spec), spec.y_shape
    return lambda dy, w, dx: correlate(dy.reshape(shape), w, None, dx)


def _build_pixels_dx(spec: ConvSpec) -> Plan:
    by_pixels = pixels.of_dx(spec)
    return lambda dy, w, dx: by_pixels.holding(w, None)(dy, dx)


def _grouped_dw(name: str, serves: Serves, gradients: Callable[..., Any]) -> Gradient:
    def make(spec: ConvSpec) -> Any:
        return gradients(spec, *forward_axes(spec))

    def build(spec: ConvSpec) -> Plan:
        fill = make(spec)
        return lambda x, dy, dw, db: fill(dy, x, dw, db)

    return Gradient(
        name, serves, build, made(make), part="dw", takes_stored=stored, sums_bias=True, sums_bias_alone=True,
        able=always if name == "outputs" else None,
    )  # fmt: skip


def _build_planes_dw(spec: ConvSpec) -> Plan:
    fill = dw_planes.PlanesDw(spec)
    return lambda x, dy, dw, _: fill(x, dy, dw)


def _build_groups_dw(spec: ConvSpec) -> Plan:
    fill = dw_groups.GroupsDw(spec)
    return lambda x, dy, dw, _: fill(x, dy, dw)


def _build_pixels_dw(spec: ConvSpec) -> Plan:
    fill = weights.WeightGradient(spec)
    return lambda x, dy, dw, _: fill(x, dy, dw, None)


_BACKWARD = (
    _grouped_dx("depthwise", depthwise.serves, depthwise.DepthwiseCorrelation),
    _grouped_dx("transposed", transposed.serves, transposed.TransposedCorrelation),
    _grouped_dx("outputs", groups.few, partial(outputs.OutputsCorrelation, backward=True)),
    _grouped_dx("shared", shared.serves, partial(shared.SharedCorrelation, backward=True)),
    Gradient(
        "dense", matrix.serves, dense.build_dx, made(dense.dx), part="dx", takes_stored=stored,
        able=matrix.why_no_matrix,
    ),
    Gradient(
        "pixels", pixels.serves_dx, _build_pixels_dx, bytes_of(lambda spec: pixels.of_dx(spec).elements()),
        part="dx", takes_stored=stored,
    ),
    Gradient(
        "rows", rows_dx.serves, rows_dx.RowsDx, bytes_of(rows_dx.elements), part="dx", takes_stored=stored,
        able=needs_nchw,
    ),
    Gradient(
        "scatter", dx_scatter.serves, dx_scatter.ScatterDx, made(dx_scatter.ScatterDx), part="dx",
        takes_stored=stored, able=dx_scatter.able,
    ),
    Gradient(
        "groups", grouped.serves_dx, _build_groups_dx, made(group_passes.dx), part="dx", takes_stored=stored,
        able=grouped.able_dx,
    ),
    Gradient(
        "phases", always, dx_phases.PhasesDx, made(dx_phases.PhasesDx), part="dx",
        takes_stored=dx_phases.takes_stored,
    ),
    _grouped_dw("depthwise", depthwise.serves, depthwise.DepthwiseDw),
    _grouped_dw("transposed", transposed.serves, transposed.TransposedDw),
    _grouped_dw("outputs", groups.few, outputs_dw.OutputsDw),
    _grouped_dw("shared", shared.serves, shared.SharedDw),
    Gradient(
        "dense", matrix.serves_dw, dense.build_dw, none, part="dw", takes_stored=stored,
        able=matrix.why_no_matrix,
    ),
    Gradient(
        "groups", dw_groups.serves, _build_groups_dw, made(dw_groups.GroupsDw), part="dw",
        takes_stored=stored, able=dw_groups.able,
    ),
    Gradient(
        "rows", rows_dw.serves, rows_dw.RowsDw, bytes_of(rows_dw.elements), part="dw", takes_stored=stored,
        sums_bias=True, able=needs_nchw,
    ),
    Gradient(
        "planes", dw_planes.serves, _build_planes_dw,
        bytes_of(lambda spec: dw_planes.PlanesDw(spec).elements()), part="dw", takes_stored=stored,
        able=needs_nchw,
    ),
    Gradient(
        "pixels", always, _build_pixels_dw, bytes_of(weights.elements), part="dw", takes_stored=in_nhwc
    ),
)  # fmt: skip

BACKWARD = Variants(
    *map(_priced, _BACKWARD),
    join=join.build,
    join_workspace=join.workspace,
    join_cost=join.cost,
    wanted=join.wanted,
    overrule=clearly_faster,
)

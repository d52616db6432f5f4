"""conv_backward of the variants that serve dx and dw: what both read is copied once, and db is summed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jitconv.algorithm import Plan
from jitconv.algorithms._shared.bias import bias_gradient
from jitconv.algorithms._shared.layout import images_nhwc
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.arrays import Array
from jitconv.specs import ConvSpec
from jitconv.variants import Variant

TRANSPOSED_BYTES = BLOCKS.joined_copies_bytes


@dataclass(frozen=True)
class Gradient(Variant):
    """How dx is filled, by ``plan(dy, w, dx)``, or dw, by ``plan(x, dy, dw, db)``; dy is flat.

    Parameters
    ----------
    takes_stored : callable
        ``spec -> bool``: whether it reads dy as stored, not a copy of it as pixels (NHWC).
    sums_bias : bool
        Whether it fills db as well.
    sums_bias_alone : bool
        Whether it does even where dw is not wanted.
    """

    takes_stored: Any = None
    sums_bias: bool = False
    sums_bias_alone: bool = False


Chosen = Mapping[str, Variant]


def wanted(spec: ConvSpec) -> list[str]:
    """Return the parts that a problem wants."""
    return ["dx"] * ("x" in spec.wrt) + ["dw"] * ("w" in spec.wrt or "b" in spec.wrt)


def build(spec: ConvSpec, chosen: Chosen) -> Plan:
    """Return a plan of dx, dw and db."""
    at_once = images_at_once(spec, chosen)
    return _whole(spec, chosen) if at_once == spec.n else _in_parts(spec, chosen, at_once)


def _whole(spec: ConvSpec, chosen: Chosen) -> Plan:
    dx_way, dw_way = _wanted(spec, chosen)
    dx_of: Any
    dw_of: Any
    dx_of, dw_of = (None if one is None else one.build(spec) for one in (dx_way, dw_way))
    x_as_stored = dx_way is not None and dx_way.takes_stored(spec)
    w_as_stored = dw_way is not None and dw_way.takes_stored(spec)
    outputs = (spec.n, spec.oh, spec.ow, spec.f)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if db is not None and not _sums_bias(dw_way, alone=dw is None):
            bias_gradient(spec, dy, db)
            db = None
        if dx is not None and x_as_stored:
            dx_of(dy.reshape(-1), w, dx)
            dx = None
        if (dw is not None or db is not None) and w_as_stored:
            dw_of(x, dy.reshape(-1), dw, db)
            dw = None
        if dx is None and dw is None:
            return
        with images_nhwc(dy, spec.layout, outputs, (0, 0, 0, 0)) as upstream:
            if dx is not None:
                dx_of(upstream, w, dx)
            if dw is not None:
                dw_of(x, upstream, dw, None)

    return plan


def _in_parts(spec: ConvSpec, chosen: Chosen, at_once: int) -> Plan:
    """Return a plan that takes `at_once` images after the other, and adds up their dw and db."""
    parts = [slice(first, min(first + at_once, spec.n)) for first in range(0, spec.n, at_once)]
    plans = {size: _whole(replace(spec, n=size), chosen) for size in {one.stop - one.start for one in parts}}

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        more_dw, more_db = (None if sums is None else np.empty_like(sums) for sums in (dw, db))
        for part in parts:
            first = part.start == 0
            run = plans[part.stop - part.start]
            into = None if dx is None else dx[part]
            run(dy[part], x[part], w, into, dw if first else more_dw, db if first else more_db)
            if dw is not None and more_dw is not None and not first:
                dw += more_dw
            if db is not None and more_db is not None and not first:
                db += more_db

    return plan


def images_at_once(spec: ConvSpec, chosen: Chosen) -> int:
    """Return how many images conv_backward takes at once: in NCHW what is copied as pixels is bounded."""
    copied = sum(_copied_elements(replace(spec, n=1), chosen)) * np.dtype(spec.dtype).itemsize
    if copied == 0:
        return spec.n
    parts = -(-spec.n // max(1, TRANSPOSED_BYTES // copied))
    return -(-spec.n // max(1, parts))


def _copied_elements(spec: ConvSpec, chosen: Chosen) -> tuple[int, int]:
    """Return how many elements of images and of gradients are transposed from NCHW to pixels."""
    if spec.layout == "NHWC":
        return 0, 0
    dx_way, dw_way = _wanted(spec, chosen)
    for_dx = dx_way is not None and not dx_way.takes_stored(spec)
    for_dw = "w" in spec.wrt and dw_way is not None and not dw_way.takes_stored(spec)
    images, gradients = spec.n * math.prod(spec.padded) * spec.c, spec.n * spec.oh * spec.ow * spec.f
    return images * for_dw, gradients * (for_dx or for_dw)


def workspace(spec: ConvSpec, chosen: Chosen) -> int:
    """Return the bytes of dx or dw, what takes more, each with the copy of dy that it reads."""
    if not spec.n:
        return 0
    dx_way, dw_way = _wanted(spec, chosen)
    itemsize, part = np.dtype(spec.dtype).itemsize, replace(spec, n=images_at_once(spec, chosen))
    copied = _copied_elements(part, chosen)[1] * itemsize
    dx = dw = 0
    if dx_way is not None:
        dx = dx_way.workspace(part) + copied * (not dx_way.takes_stored(part))
    if dw_way is not None and ("w" in spec.wrt or dw_way.sums_bias_alone):
        dw = dw_way.workspace(part) + copied * (not dw_way.takes_stored(part))
    more = math.prod(spec.w_shape) * ("w" in spec.wrt) + spec.f * ("b" in spec.wrt)
    return max(dx, dw) + more * itemsize * (part.n < spec.n)


def cost(spec: ConvSpec, chosen: Chosen) -> float:
    """Predict the seconds of dx and of dw."""
    return sum([chosen[part].seconds(spec) for part in wanted(spec)])


def _wanted(spec: ConvSpec, chosen: Chosen) -> tuple[Gradient | None, Gradient | None]:
    """Return the variants of dx and of dw, None for what is not wanted."""
    dx, dw = (chosen[part] if part in wanted(spec) else None for part in ("dx", "dw"))
    assert dx is None or isinstance(dx, Gradient)
    assert dw is None or isinstance(dw, Gradient)
    return dx, dw


def _sums_bias(dw_way: Gradient | None, *, alone: bool) -> bool:
    if dw_way is None:
        return False
    return dw_way.sums_bias_alone if alone else dw_way.sums_bias

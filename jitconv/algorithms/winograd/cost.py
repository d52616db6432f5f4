"""What Winograd's tiles cost, in amounts of work, in seconds and in bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from jitconv.algorithms._shared.fitted import Priced
from jitconv.algorithms._shared.work import conv_work
from jitconv.algorithms.winograd.pieces import LARGE, SMALL
from jitconv.algorithms.winograd.sizes import PANEL, PANEL_CHANNELS, Sizes
from jitconv.jit import team
from jitconv.micro.tile import padded_columns
from jitconv.specs import ConvSpec

NAMES = {LARGE: "f4x4", SMALL: "f2x2"}
"""F(4×4, 3×3) and F(2×2, 3×3); of dw, F(3×3, 4×4) and F(3×3, 2×2)."""

SUMS_START = 16
"""Products of a sum that take as long as to begin and to store it. n1h112w112c{8,16} k3x3f64 took 1.09 and
0.72 of the time of `direct`, where products alone predicted 0.65 and 0.48; with a start 1.01 and 0.68. A plan
of n1h224w224c3 k3x3f64 was taken here, with 2.9 ms instead of 1.2 (two Zen 3 cores)."""


def forward_sizes(spec: ConvSpec, side: int) -> Sizes:
    """Return the sizes of the forward op by one of the tiles."""
    return Sizes(side, spec.n, (spec.oh, spec.ow), spec.c, spec.f, _itemsize(spec))


def dx_sizes(spec: ConvSpec, side: int) -> Sizes:
    """Return the sizes of dx."""
    return Sizes(side, spec.n, (spec.h, spec.w), spec.f, spec.c, _itemsize(spec))


dw_sizes = forward_sizes
"""The sizes of dw: dy is cut in pieces as the forward op's results are in tiles."""


def _itemsize(spec: ConvSpec) -> int:
    return np.dtype(spec.dtype).itemsize


def correlation_work(sizes: Sizes, threads: int, *, kept: bool = False) -> dict[str, float]:
    """Return the work of a correlation, with filters that are transformed beforehand if they are kept."""
    columns = padded_columns(sizes.filters, sizes.itemsize)
    products = sizes.tiles * sizes.points * (sizes.channels + SUMS_START) * columns
    made = 0 if kept else sizes.made
    return {
        "calls": 1,
        "regions": 4 if sizes.fused else 4 * -(-sizes.strips // sizes.group),
        "madds": products * sizes.itemsize / 4 / threads,
        "moved": sizes.strips * sizes.strip_bytes / threads,
        "filters": made * (not sizes.by_panels) / threads,
        "panels": made * sizes.by_panels / threads,
        "far": (0 if made and sizes.by_panels else min(sizes.moved)) / threads,
        "rows": sizes.strips / threads,
    }


def weights_work(sizes: Sizes, threads: int) -> dict[str, float]:
    """Return the work of the filters' gradient."""
    groups = -(-sizes.strips // sizes.group)
    products = sizes.tiles * sizes.points * sizes.channels * sizes.filters
    return {
        "calls": 1,
        "regions": 3 * groups,
        "madds": products * sizes.itemsize / 4 / threads,
        "moved": sizes.strips * sizes.strip_bytes / threads,
        "filters": (groups + 1) * sizes.transformed / threads,
        "rows": sizes.strips / threads,
    }


Amounts = Callable[..., Mapping[str, float]]
"""Takes a spec, threads, and the side of a tile by its name."""


def forward_work(spec: ConvSpec, threads: int, side: int, *, kept: bool = False) -> Mapping[str, float]:
    """Return the work of the forward op by a tile."""
    return correlation_work(forward_sizes(spec, side), threads, kept=kept)


def dx_work(spec: ConvSpec, threads: int, side: int) -> Mapping[str, float]:
    """Return the work of dx."""
    return correlation_work(dx_sizes(spec, side), threads)


def dw_work(spec: ConvSpec, threads: int, side: int) -> Mapping[str, float]:
    """Return the work of dw."""
    return weights_work(dw_sizes(spec, side), threads)


def priced(name: str, work: Amounts, side: int) -> Priced:
    """Return what predicts the seconds of an op, or a part of one, by a tile; one fit is of both sizes."""
    return Priced(name, partial(work, side=side))


FORWARD, HELD, DX, DW = (
    {side: priced(name, work, side) for side in NAMES}
    for name, work in (
        ("conv_forward winograd", forward_work),
        ("conv_forward winograd", partial(forward_work, kept=True)),
        ("conv_backward winograd/dx", dx_work),
        ("conv_backward winograd/dw", dw_work),
    )
)
"""Of each part, by the side of the tile."""

PIXELS = Priced("conv_backward winograd/dw:pixels", partial(conv_work, "dw"))
"""Of dw as a sum over pixels."""


def correlation_bytes(sizes: Sizes, *, kept: bool = False) -> int:
    """Return the bytes that a correlation needs beside images, filters and results; with what is kept."""
    strip = (sizes.side + 3) * (sizes.grid[2] * sizes.side + 2) * sizes.channels
    results = sizes.side * ((sizes.side + 2) * sizes.grid[2] + sizes.counts[1]) * PANEL
    each = strip * sizes.itemsize + results
    panel, tasks = sizes.points * (PANEL_CHANNELS + 1) * PANEL, team()
    if sizes.by_panels and not kept:
        many = sizes.tiles
        patches = sizes.points * sizes.apart(many, sizes.pitch(sizes.channels)) * sizes.itemsize
        products = sizes.points * sizes.apart(many, PANEL // sizes.itemsize) * sizes.itemsize
        # patches are made before the first panel: their strips are given back
        return patches + tasks * max(each - results, results + panel + products)
    many = (sizes.task if sizes.fused else sizes.group) * sizes.grid[2]
    apart = sizes.apart(many, sizes.pitch(sizes.channels)) + sizes.apart(many, sizes.columns)
    transformed = sizes.panels * sizes.points * (sizes.channels + 1) * PANEL
    stage = sizes.points * apart * sizes.itemsize * (tasks if sizes.fused else 1)
    return transformed + stage + tasks * each


def weights_bytes(sizes: Sizes) -> int:
    """Return the bytes that the filters' gradient needs."""
    many = sizes.group * sizes.grid[2]
    pitches = sizes.pitch(sizes.channels), sizes.pitch(sizes.filters)
    apart = sum(sizes.apart(many, pitch) for pitch in pitches)
    units = sizes.panels * -(-sizes.channels // sizes.chunk)
    sums = units * sizes.points * sizes.apart(sizes.chunk, PANEL // sizes.itemsize)
    strip = (sizes.side + 3) * (sizes.grid[2] * sizes.side + 2) * (sizes.channels + sizes.filters)
    tasks = team()
    return (sizes.points * apart + sums + tasks * strip) * sizes.itemsize + tasks * 9 * sizes.chunk * PANEL

"""What Winograd's tiles cost, in seconds and in bytes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jitconv.algorithms._shared.cost import seconds
from jitconv.algorithms.winograd.sizes import PANEL, PANEL_CHANNELS, Sizes
from jitconv.jit import team
from jitconv.micro.tile import padded_columns
from jitconv.specs import ConvSpec

CALL = 20e-6
"""Seconds of Python around the kernels. Not measured."""

PIXEL_BYTES_PER_SECOND = 20e9
"""Of dw as a sum over pixels. An estimate."""

STEP = 30e-6
MADDS_PER_SECOND = {4: 75e9, 8: 37e9}
TRANSFORMED_PER_SECOND = 25e9
FILTERS_PER_SECOND = 45e9
PANELS_PER_SECOND = 75e9
REREAD_PER_SECOND = 30e9
"""Of two threads: a kernel's start; products; patches and products that are transformed; filters that are
transformed to be kept, or panel by panel; bytes of filters read again. Fitted on what `SUMS_STEP` was."""

SUMS_STEP = 35e-6
SUMS_MADDS_PER_SECOND = {4: 60e9, 8: 30e9}
SUMS_TRANSFORMED_PER_SECOND = 20e9
SUMS_PER_SECOND = 15e9
"""The same of the filters' gradient. Products are those of a server with AVX-512, where both tiles were
fitted on H = W of 4 to 28, C = F of 64 to 512. What is moved was measured again on a Zen 3, with 3x3 layers
of ResNet-50, VGG16 and AlexNet, one image and 16: there the large tile won on each of them forward, but for
kept filters of 7x7 pixels; of the gradient the two were not compared there."""

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


@lru_cache(maxsize=1024)
def forward_cost(spec: ConvSpec, side: int, *, kept: bool = False) -> float:
    """Predict the seconds of the forward op by a tile; a choice asks several times."""
    return correlation_cost(forward_sizes(spec, side), kept=kept)


@lru_cache(maxsize=1024)
def dx_cost(spec: ConvSpec, side: int) -> float:
    """Predict the seconds of dx."""
    return correlation_cost(dx_sizes(spec, side))


@lru_cache(maxsize=1024)
def dw_cost(spec: ConvSpec, side: int) -> float:
    """Predict the seconds of dw."""
    return weights_cost(dw_sizes(spec, side))


def pixels_cost(spec: ConvSpec) -> float:
    """Predict the seconds of dw as a sum over pixels."""
    rate = MADDS_PER_SECOND[_itemsize(spec)]
    return seconds(0, spec.madds, rate, spec.traffic("conv_backward"), PIXEL_BYTES_PER_SECOND)


def correlation_cost(sizes: Sizes, *, kept: bool = False) -> float:
    """Predict the seconds of a correlation, with filters that are transformed beforehand if they are kept."""
    columns = padded_columns(sizes.filters, sizes.itemsize)
    products = sizes.tiles * sizes.points * (sizes.channels + SUMS_START) * columns
    total = 4 * STEP + products / MADDS_PER_SECOND[sizes.itemsize]
    total += sizes.strips * sizes.strip_bytes / TRANSFORMED_PER_SECOND
    if not kept and sizes.by_panels:
        return total + sizes.made / PANELS_PER_SECOND
    if not kept:
        total += sizes.made / FILTERS_PER_SECOND
    return total + min(sizes.moved) / REREAD_PER_SECOND


def weights_cost(sizes: Sizes) -> float:
    """Predict the seconds of the filters' gradient."""
    groups = -(-sizes.strips // sizes.group)
    products = sizes.tiles * sizes.points * sizes.channels * sizes.filters
    total = 3 * groups * SUMS_STEP + products / SUMS_MADDS_PER_SECOND[sizes.itemsize]
    total += sizes.strips * sizes.strip_bytes / SUMS_TRANSFORMED_PER_SECOND
    return total + (groups + 1) * sizes.transformed / SUMS_PER_SECOND


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

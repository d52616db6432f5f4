"""A 3x3 correlation of stride 1 by Winograd's F(4×4, 3×3): 36 products for 16 outputs, instead of 144.

Or by F(2×2, 3×3): 16 products for 4 outputs, instead of 36.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms.winograd.filters import (
    CHUNK,
    FILTER_NUMBERS,
    Filters,
    gathered_size,
    transform_filters,
)
from jitconv.algorithms.winograd.pieces import (
    PATCH_NUMBERS,
    RESULT_NUMBERS,
    Patches,
    Results,
    bias_point,
    points_of,
    results_size,
    strip_size,
    transform_strip,
    write_strip,
)
from jitconv.algorithms.winograd.sizes import PANEL_CHANNELS
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import unpacked, unpacked_at
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, At, Product, tiles, width_of


class Products(NamedTuple):
    """How transformed patches are multiplied with transformed filters: (point, panel, tile, lane)."""

    side: int
    """Of a tile of results."""
    strips: int
    """Of all images."""
    task: int
    """Strips of a task of a fused correlation."""
    tiles: int
    """Of a strip."""
    channels: int
    filters: int
    pitch: int
    """Elements of the patches from tile to tile."""
    patches_apart: int
    """Elements from point to point of the patches; then of the filters, and of the products."""
    filters_apart: int
    apart: int


PRODUCT_NUMBERS = len(Products._fields)
RESULTS_AT = PATCH_NUMBERS
PRODUCTS_AT = RESULTS_AT + RESULT_NUMBERS
FILTERS_AT = PRODUCTS_AT + PRODUCT_NUMBERS
"""The numbers of a correlation are a `Patches`, a `Results`, a `Products` and a `Filters`."""


@inlined
def multiply(patches, transformed, bias, products, table, n, count, point, panel):
    """products[point, panel, tile, lane] = Σ_c patches[point, tile, c] · filters[panel, point, c, lane]."""
    lanes = VECTOR_BYTES // patches.itemsize
    width = WIDEST * lanes
    f = panel * width
    columns = min(width, n.filters - f)
    at = At(
        a=point * n.patches_apart,
        b=(panel * points_of(n.side) + point) * n.filters_apart,
        c=point * n.apart + f * count,
        start=f,
        start_step=0,
        started=bias.size > 0 and point == bias_point(n.side),
    )
    product = product_of(n, columns, width, n.channels)
    tiles(count, width_of(columns, lanes), patches, transformed, table, bias, products, at, product)


@inlined
def product_of(n, columns, width, depth):
    """Return how the products of a panel of so many columns, and of so many channels, are added."""
    return Product(
        a_step=n.pitch,
        b_step=width,
        b_masked=0,
        c_step=width,
        columns=columns,
        first=0,
        last=1,
        depth=depth,
        relu=0,
    )


def _fused(x, transformed, bias, y, numbers):
    """Run tasks of some strips, each from patch to result within the second-level cache."""
    n = Products(*unpacked_at(numbers, PRODUCTS_AT, PRODUCT_NUMBERS))
    of_x = Patches(*unpacked(numbers, PATCH_NUMBERS))
    of_y = Results(*unpacked_at(numbers, RESULTS_AT, RESULT_NUMBERS))
    lanes = VECTOR_BYTES // x.itemsize
    width = WIDEST * lanes
    panels, points = (n.filters + width - 1) // width, points_of(n.side)
    table = np.zeros(2, np.int64)
    for task in prange((n.strips + n.task - 1) // n.task):
        first = task * n.task
        last = min(first + n.task, n.strips)
        count = (last - first) * n.tiles
        patches, products = buffer(points * n.patches_apart, x), buffer(points * n.apart, x)
        rows, results = buffer(strip_size(of_x), x), buffer(results_size(of_y, x), x)
        for strip in range(first, last):
            to = (strip - first) * n.tiles * n.pitch
            transform_strip(x, rows, patches, of_x, strip, to)
        # a product of matrices for each point; its patches stay in the cache for all panels of filters
        for point in range(points):
            for panel in range(panels):
                multiply(patches, transformed, bias, products, table, n, count, point, panel)
        for strip in range(first, last):
            for f in range(0, n.filters, width):
                at = f * count + (strip - first) * n.tiles * width
                write_strip(products, results, y, of_y, strip, at, f)


def _patches(x, patches, first, last, numbers):
    """Transform the patches of strips first..last-1: (point, tile, channel)."""
    n = Patches(*unpacked(numbers, PATCH_NUMBERS))
    for strip in prange(first, last):
        rows = buffer(strip_size(n), x)
        transform_strip(x, rows, patches, n, strip, (strip - first) * n.tiles * n.pitch)


def _products(patches, transformed, bias, products, count, numbers):
    """products[point, panel, tile, lane] = Σ_c patches[point, tile, c] · filters[panel, point, c, lane]."""
    n = Products(*unpacked_at(numbers, PRODUCTS_AT, PRODUCT_NUMBERS))
    lanes = VECTOR_BYTES // patches.itemsize
    width = WIDEST * lanes
    panels, points = (n.filters + width - 1) // width, points_of(n.side)
    table = np.zeros(2, np.int64)
    for unit in prange(points * panels):
        point, panel = unit // panels, unit % panels
        multiply(patches, transformed, bias, products, table, n, count, point, panel)


def _results(products, y, first, last, numbers):
    """Transform the products of strips first..last-1 to results."""
    n = Results(*unpacked_at(numbers, RESULTS_AT, RESULT_NUMBERS))
    width = WIDEST * (VECTOR_BYTES // products.itemsize)
    for strip in prange(first, last):
        results = buffer(results_size(n, products), products)
        for f in range(0, n.filters, width):
            at = (f * (last - first) + (strip - first) * width) * n.tiles
            write_strip(products, results, y, n, strip, at, f)


def _panels(patches, w, bias, y, numbers):
    """Transform a panel of filters, some channels at a time, multiply, and transform to results."""
    n = Products(*unpacked_at(numbers, PRODUCTS_AT, PRODUCT_NUMBERS))
    of_y = Results(*unpacked_at(numbers, RESULTS_AT, RESULT_NUMBERS))
    of_w = Filters(*unpacked_at(numbers, FILTERS_AT, FILTER_NUMBERS))
    lanes = VECTOR_BYTES // w.itemsize
    width = WIDEST * lanes
    points, count = points_of(n.side), n.strips * n.tiles
    step = (PANEL_CHANNELS + 1) * width
    biased, bias_at = bias.size > 0, bias_point(n.side) * n.apart
    table = np.zeros(2, np.int64)
    for panel in prange((n.filters + width - 1) // width):
        transformed, gathered = buffer(points * step, w), buffer(gathered_size(CHUNK, w), w)
        products, results = buffer(points * n.apart, w), buffer(results_size(of_y, w), w)
        f = panel * width
        columns = min(width, n.filters - f)
        vectors = width_of(columns, lanes)
        if biased:
            for t in range(count):
                products[bias_at + t * width : bias_at + t * width + columns] = bias[f : f + columns]
        # so many channels that their transformed filters stay in the cache until they have been multiplied
        for c in range(0, n.channels, PANEL_CHANNELS):
            depth = min(PANEL_CHANNELS, n.channels - c)
            for part in range(c, c + depth, CHUNK):
                end, to = min(part + CHUNK, c + depth), (part - c) * width
                transform_filters(w, transformed, gathered, of_w, step, part, end, f, to)
            for point in range(points):
                to = point * n.apart
                at = At(
                    a=point * n.patches_apart + c,
                    b=point * step,
                    c=to,
                    start=to,
                    start_step=width,
                    started=c > 0 or (biased and to == bias_at),
                )
                product = product_of(n, columns, width, depth)
                tiles(count, vectors, patches, transformed, table, products, products, at, product)
        for strip in range(n.strips):
            write_strip(products, results, y, of_y, strip, strip * n.tiles * width, f)


FUSED, PANELS = Kernel(_fused), Kernel(_panels)
PATCHES, PRODUCTS, RESULTS = Kernel(_patches), Kernel(_products), Kernel(_results)

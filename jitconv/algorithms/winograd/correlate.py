"""A 3x3 correlation of stride 1 by Winograd's F(4×4, 3×3): 36 products for 16 outputs, instead of 144.

Or by F(2×2, 3×3): 16 products for 4 outputs, instead of 36.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.winograd.filters import (
    CHUNK,
    FILTER_NUMBERS,
    FILTERS,
    Filters,
    Steps,
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
from jitconv.algorithms.winograd.sizes import PANEL, PANEL_CHANNELS, Sizes
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import aligned, borrowed
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
    n = Products(*unpacked(numbers[PRODUCTS_AT:], PRODUCT_NUMBERS))
    of_x = Patches(*unpacked(numbers, PATCH_NUMBERS))
    of_y = Results(*unpacked(numbers[RESULTS_AT:], RESULT_NUMBERS))
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
    n = Products(*unpacked(numbers[PRODUCTS_AT:], PRODUCT_NUMBERS))
    lanes = VECTOR_BYTES // patches.itemsize
    width = WIDEST * lanes
    panels, points = (n.filters + width - 1) // width, points_of(n.side)
    table = np.zeros(2, np.int64)
    for unit in prange(points * panels):
        point, panel = unit // panels, unit % panels
        multiply(patches, transformed, bias, products, table, n, count, point, panel)


def _results(products, y, first, last, numbers):
    """Transform the products of strips first..last-1 to results."""
    n = Results(*unpacked(numbers[RESULTS_AT:], RESULT_NUMBERS))
    width = WIDEST * (VECTOR_BYTES // products.itemsize)
    for strip in prange(first, last):
        results = buffer(results_size(n, products), products)
        for f in range(0, n.filters, width):
            at = (f * (last - first) + (strip - first) * width) * n.tiles
            write_strip(products, results, y, n, strip, at, f)


def _panels(patches, w, bias, y, numbers):
    """Transform a panel of filters, some channels at a time, multiply, and transform to results."""
    n = Products(*unpacked(numbers[PRODUCTS_AT:], PRODUCT_NUMBERS))
    of_y = Results(*unpacked(numbers[RESULTS_AT:], RESULT_NUMBERS))
    of_w = Filters(*unpacked(numbers[FILTERS_AT:], FILTER_NUMBERS))
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


class Winograd:
    """One correlation, ready to run on pictures of one shape and layout.

    Strips of tiles go through all steps in small tasks (fused), for which the transformed filters are read
    again and again; or through each step in large groups, for which patches and products are moved
    through memory. Whichever moves fewer bytes is taken. Few tiles do not pay for moving transformed
    filters at all: these are made a panel at a time where they are used.
    """

    def __init__(
        self,
        sizes: Sizes,
        size: tuple[int, int],
        pad: tuple[int, int],
        steps: Steps,
        layout: str,
        *,
        relu: bool = False,
    ) -> None:
        self._sizes, self._size, self._pad, self._layout = sizes, size, pad, layout
        self._steps, self._relu = steps, relu
        self._pitch = sizes.pitch(sizes.channels)
        # a point's panel and one row more: steps of a power of two would all meet in one set of a cache
        self._filters_apart = (sizes.channels + 1) * PANEL // sizes.itemsize
        many = (sizes.task if sizes.fused else sizes.group) * sizes.grid[2]
        self._apart = sizes.apart(many, self._pitch), sizes.apart(many, sizes.columns)
        self._numbers = self._flat(*self._apart)
        self._filter_numbers = self._numbers[FILTERS_AT:]
        if sizes.by_panels:
            panel = PANEL // sizes.itemsize
            self._panels_apart = sizes.apart(sizes.tiles, self._pitch), sizes.apart(sizes.tiles, panel)
            self._panel_numbers = self._flat(*self._panels_apart)

    def _flat(self, patches_apart: int, products_apart: int) -> Array:
        """Return the numbers of the kernels; given are those from point to point of patches and products."""
        sizes = self._sizes
        side, strips, tiles = sizes.grid
        x_image, x_row, x_column, x_channel = strides(*self._size, sizes.channels, self._layout)
        y_image, y_row, y_column, y_channel = strides(*sizes.counts, sizes.filters, self._layout)
        patches = Patches(
            side=side,
            strips=strips,
            tiles=tiles,
            channels=sizes.channels,
            image=x_image,
            row=x_row,
            column=x_column,
            channel=x_channel,
            height=self._size[0],
            width=self._size[1],
            top=self._pad[0],
            left=self._pad[1],
            apart=patches_apart,
            pitch=self._pitch,
        )
        results = Results(
            side=side,
            strips=strips,
            tiles=tiles,
            filters=sizes.filters,
            image=y_image,
            row=y_row,
            column=y_column,
            channel=y_channel,
            height=sizes.counts[0],
            width=sizes.counts[1],
            apart=products_apart,
            relu=self._relu,
        )
        products = Products(
            side=side,
            strips=sizes.strips,
            task=sizes.task,
            tiles=tiles,
            channels=sizes.channels,
            filters=sizes.filters,
            pitch=self._pitch,
            patches_apart=patches_apart,
            filters_apart=self._filters_apart,
            apart=products_apart,
        )
        filters = Filters(
            side=side,
            channels=sizes.channels,
            filters=sizes.filters,
            first=self._steps.first,
            tap=self._steps.tap,
            channel=self._steps.channel,
            filter=self._steps.filter,
            apart=self._filters_apart,
        )
        return flat(patches + results + products + filters)

    @contextlib.contextmanager
    def filters(self, w: Array) -> Iterator[Array]:
        """Lend the transform of filters."""
        with borrowed(self._filters_size, w.dtype) as out:
            FILTERS(out.size // 8, w.reshape(-1), out, self._filter_numbers)
            yield out

    def kept_filters(self, w: Array) -> Array:
        """Return the same, to be kept."""
        out = aligned(self._filters_size, w.dtype)
        FILTERS(out.size // 8, w.reshape(-1), out, self._filter_numbers)
        return out

    @property
    def _filters_size(self) -> int:
        return self._sizes.panels * self._sizes.points * self._filters_apart

    def run(self, x: Array, w: Array, bias: Array | None, y: Array) -> None:
        """Correlate pictures with filters."""
        sizes = self._sizes
        if not sizes.by_panels:
            with self.filters(w) as transformed:
                self(x, transformed, bias, y)
            return
        numbers, w = self._panel_numbers, w.reshape(-1)
        added = w[:0] if bias is None else bias
        with borrowed(sizes.points * self._panels_apart[0], x.dtype) as patches:
            PATCHES(patches.size // 4, x.reshape(-1), patches, 0, sizes.strips, numbers)
            PANELS(self._work(sizes.tiles), patches, w, added, y.reshape(-1), numbers)

    def __call__(self, x: Array, transformed: Array, bias: Array | None, y: Array) -> None:
        """Correlate pictures with transformed filters into `y`."""
        sizes, numbers, x, y = self._sizes, self._numbers, x.reshape(-1), y.reshape(-1)
        added = transformed[:0] if bias is None else bias
        if sizes.fused:
            FUSED(self._work(sizes.tiles), x, transformed, added, y, numbers)
            return
        with (
            borrowed(sizes.points * self._apart[0], x.dtype) as patches,
            borrowed(sizes.points * self._apart[1], x.dtype) as products,
        ):
            for first in range(0, sizes.strips, sizes.group):
                last = min(first + sizes.group, sizes.strips)
                count = (last - first) * sizes.grid[2]
                PATCHES(patches.size // 4, x, patches, first, last, numbers)
                PRODUCTS(self._work(count), patches, transformed, added, products, count, numbers)
                RESULTS(products.size // 4, products, y, first, last, numbers)

    def _work(self, tiles: int) -> int:
        return tiles * self._sizes.points * self._sizes.channels * self._sizes.filters // 40

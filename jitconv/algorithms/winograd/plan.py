"""A correlation by Winograd's tiles, made for sizes: its numbers, its buffers, and the order of its steps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from jitconv.algorithms.winograd.correlate import (
    FILTERS_AT,
    FUSED,
    PANELS,
    PATCHES,
    PRODUCTS,
    RESULTS,
    Products,
)
from jitconv.algorithms.winograd.filters import FILTERS, Filters, Steps
from jitconv.algorithms.winograd.pieces import Results
from jitconv.algorithms.winograd.sizes import PANEL, Sizes
from jitconv.algorithms.winograd.strips import patches_of, strips_of
from jitconv.arrays import Array
from jitconv.jit.numbers import flat
from jitconv.jit.workspace import aligned, borrowed


class Correlation:
    """One correlation, ready to run on images of one shape and layout.

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
        # a point's panel and one row more: steps of a power of two would all fall in one set of a cache
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
        sizes, layout = self._sizes, self._layout
        side, _, tiles = sizes.grid
        patches = patches_of(sizes, self._size, self._pad, layout, apart=patches_apart)
        results = Results(
            filters=sizes.filters,
            apart=products_apart,
            relu=self._relu,
            **strips_of(sizes, sizes.counts, sizes.filters, layout),
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
        """Correlate images with filters."""
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
        """Correlate images with transformed filters into `y`."""
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

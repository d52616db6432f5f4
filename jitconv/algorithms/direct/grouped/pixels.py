"""Blocks of a depthwise convolution of pixels, and of its gradients: vectors are of channels.

In NHWC pixels are read as they lie (`depthwise.py`), in NCHW small planes are turned into them first
(`transposed.py`). Groups of so few channels that several share a vector (`shared.py`) have blocks alike, with
micro-kernels of their own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jitconv.algorithms.direct.axes import Axis, next_tile
from jitconv.algorithms.direct.grouped.plane import TAP, met_taps, phase_at, plane_numbers
from jitconv.arrays import Array
from jitconv.jit.loops import inlined
from jitconv.micro.move import prefetch
from jitconv.micro.taps import IN_PICTURE, OUTPUTS, PLAIN, Tile, correlation
from jitconv.micro.taps_gradient import BLOCK, Region, gradient
from jitconv.micro.taps_groups import OUTPUTS as OUTPUTS_OF_GROUPS
from jitconv.micro.taps_groups import TAPS, correlate_groups, correlate_groups_gradient
from jitconv.specs import ConvSpec

correlate = correlation("channels", lanes_are_channels=True)
correlate_gradient = gradient("channels", lanes_are_channels=True)


class Block(NamedTuple):
    """What `correlate_block` fills: some channels of some rows of an image."""

    x_at: int
    """Where the first channel of the image begins; then of the filters, the biases and the results."""
    w_at: int
    bias_at: int
    y_at: int
    pitch: int
    """Elements from pixel to pixel of the image, and of the results."""
    out_pitch: int
    channels: int
    top: int
    """The first row of each phase."""
    rows: int
    """So many of each phase, if there are."""
    biased: int
    relu: int
    far: int
    """Whether the image lies beyond the caches: the row below is fetched then."""
    group: int
    """Channels of a group, and the elements of the filters from channel to channel of a group."""
    channel_step: int


@inlined
def tile_of(plane, block, first_row, last_row, first_column, last_column, x_at, x_step, y_at, y_step):
    """Return the tile of some outputs in a row or in a column of a block, which meet the same taps."""
    return Tile(
        x_at=x_at,
        x_step=x_step,
        rows_at=plane.row_taps_at,
        first_row=first_row,
        last_row=last_row,
        columns_at=plane.column_taps_at,
        first_column=first_column,
        middle_column=last_column,
        last_column=last_column,
        limit=0,
        w_at=block.w_at,
        channel_step=block.channel_step,
        bias_at=block.bias_at,
        biased=block.biased,
        added=0,
        y_at=y_at,
        y_step=y_step,
        length=block.channels,
        relu=block.relu,
    )


@inlined
def _fill(outputs, sharing, group, x, w, bias, y, tables, tile):
    correlate(outputs, PLAIN, sharing, x, w, bias, y, tables, tile)


@inlined
def _fill_groups(outputs, sharing, group, x, w, bias, y, tables, tile):
    correlate_groups(outputs, group, x, w, bias, y, tables, tile)


def _correlate_block(fill: Any, most: int) -> Any:
    @inlined
    def correlate_block(x, w, bias, y, tables, plane, block):
        """Fill some channels of some rows of each phase.

        Where all taps meet the image tiles run along rows; at its left and right edge they run along columns,
        for only outputs that meet the same taps can share a tile. A tile reads ten pixels at once, each on
        from where the vector of channels before ended: from far away the row below is fetched first.
        """
        right, down = plane.column_step * block.pitch, plane.row_step * plane.width * block.pitch
        out_right = plane.column_phases * block.out_pitch
        out_down = plane.row_phases * plane.out_width * block.out_pitch
        row_taps, column_taps = tables[plane.row_taps_at :], tables[plane.column_taps_at :]
        # the results of a pair of phases, one of rows and one of columns, have the same taps
        for pair in range(plane.row_phases * plane.column_phases):
            row = phase_at(tables, 0, pair // plane.column_phases)
            column = phase_at(tables, plane.column_phases_at, pair % plane.column_phases)
            bottom = min(block.top + block.rows, row.results)
            to = block.y_at + (row.first * plane.out_width + column.first) * block.out_pitch
            # the middle of each row, in tiles along it
            for q in range(block.top, bottom):
                a0, a1 = met_taps(row_taps, row.begin, row.end, q * plane.row_step, plane.height)
                j = column.inner
                while j < column.beyond:
                    outputs = next_tile(column.beyond - j, most)
                    if block.far:
                        line = q * down + row_taps[(a1 - 1) * TAP + IN_PICTURE] + down
                        prefetch(x, block.x_at + line + j * right, outputs * right)
                    x_at, y_at = block.x_at + q * down + j * right, to + q * out_down + j * out_right
                    tile = tile_of(
                        plane, block, a0, a1, column.begin, column.end, x_at, right, y_at, out_right
                    )
                    fill(outputs, column.sharing, block.group, x, w, bias, y, tables, tile)
                    j += outputs
            # the columns at both edges, each in tiles down it
            for i in range(column.results - (column.beyond - column.inner)):
                j = i if i < column.inner else i + column.beyond - column.inner
                b0, b1 = met_taps(column_taps, column.begin, column.end, j * plane.column_step, plane.width)
                q = block.top
                while q < bottom:
                    a0, a1 = met_taps(row_taps, row.begin, row.end, q * plane.row_step, plane.height)
                    inner = row.inner <= q < row.beyond
                    outputs = next_tile(min(row.beyond, bottom) - q, most) if inner else 1
                    x_at, y_at = block.x_at + q * down + j * right, to + q * out_down + j * out_right
                    tile = tile_of(plane, block, a0, a1, b0, b1, x_at, down, y_at, out_down)
                    fill(outputs, 0, block.group, x, w, bias, y, tables, tile)
                    q += outputs

    return correlate_block


correlate_block = _correlate_block(_fill, OUTPUTS)
correlate_block_of_groups = _correlate_block(_fill_groups, OUTPUTS_OF_GROUPS)


class GradientBlock(NamedTuple):
    """What `add_block` adds up: the products of at most a vector of channels of some rows of dy."""

    x_at: int
    """Where the first channel of the image begins; then of its gradient, and of the sums."""
    dy_at: int
    sums_at: int
    pitch: int
    """Elements from pixel to pixel."""
    channels: int
    top: int
    bottom: int
    """The row after the last."""
    group: int
    """Channels of a group, and the elements of the sums from channel to channel of a group."""
    channel_step: int


@inlined
def _add(tall, wide, sharing, group, x, dy, sums, tables, region):
    correlate_gradient(tall, wide, PLAIN, sharing, x, dy, sums, tables, region)


@inlined
def _add_groups(tall, wide, sharing, group, x, dy, sums, tables, region):
    correlate_groups_gradient(wide, group, x, dy, sums, tables, region)


def _add_block(add: Any, tallest: int, widest: int) -> Any:
    @inlined
    def add_block(x, dy, sums, tables, plane, block):
        """Add the products of some rows of dy to the sums of each tap."""
        right, down = plane.column_step * block.pitch, plane.row_step * plane.width * block.pitch
        dy_down = plane.out_width * block.pitch
        row, column = phase_at(tables, 0, 0), phase_at(tables, plane.column_phases_at, 0)
        row_taps, column_taps = tables[plane.row_taps_at :], tables[plane.column_taps_at :]
        # over rectangles of pixels that all meet the same taps: the middle of the block is one, and pixels of
        # whose row or column some taps are outside the image are taken a row or a column at a time
        q = block.top
        while q < block.bottom:
            height = min(row.beyond, block.bottom) - q if row.inner <= q < row.beyond else 1
            a0, a1 = met_taps(row_taps, 0, plane.row_taps, q * plane.row_step, plane.height)
            j = 0
            while j < plane.out_width:
                width = column.beyond - column.inner if column.inner == j < column.beyond else 1
                b0, b1 = met_taps(column_taps, 0, plane.column_taps, j * plane.column_step, plane.width)
                sharing = column.sharing if width > 1 and b1 - b0 == 3 else 0
                # as many taps at once as there are registers for their sums
                for a in range(a0, a1, tallest):
                    for b in range(b0, b1, widest):
                        region = Region(
                            x_at=block.x_at + q * down + j * right,
                            x_down=down,
                            x_right=right,
                            dy_at=block.dy_at + q * dy_down + j * block.pitch,
                            dy_down=dy_down,
                            dy_right=block.pitch,
                            rows_at=plane.row_taps_at,
                            first_row=a,
                            columns_at=plane.column_taps_at,
                            first_column=b,
                            limit=0,
                            sums_at=block.sums_at,
                            channel_step=block.channel_step,
                            down=height,
                            across=width,
                            length=block.channels,
                        )
                        tall, wide = min(tallest, a1 - a), min(widest, b1 - b)
                        add(tall, wide, sharing, block.group, x, dy, sums, tables, region)
                j += width
            q += height

    return add_block


add_block, add_block_of_groups = _add_block(_add, BLOCK, BLOCK), _add_block(_add_groups, 1, TAPS)


@inlined
def add_sums(dy, at, pitch, pixels, total):
    """Add the channels of `pixels` pixels to a total."""
    for pixel in range(pixels):
        upstream = dy[at + pixel * pitch : at + pixel * pitch + total.size]
        for c in range(total.size):
            total[c] += upstream[c]


def of_pixels(
    spec: ConvSpec, rows: Axis, columns: Axis, pitch: int, *before: int, tap: int | None = None
) -> Array:
    """Return numbers, and behind them those of a `Plane` of pixels that are `pitch` apart.

    So are the taps of the filters, or `tap`.
    """
    tap = pitch if tap is None else tap
    row = rows.table(rows.offsets * columns.size * pitch, spec.kw * tap, spec.kh, flip=spec.flip_kernel)
    column = columns.table(columns.offsets * pitch, tap, spec.kw, flip=spec.flip_kernel)
    return plane_numbers(rows, columns, row, column, *before)

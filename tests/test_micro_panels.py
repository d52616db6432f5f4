"""Micro-kernels that lay rows in panels, and planes in pixels."""

import numpy as np
from micro_arrays import PLANES, around, plane_step, squares
from micro_helpers import guarded

from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.jit.workspace import LINE
from jitconv.micro.panels import PANELS_AT_ONCE, Panels, pack_part, pack_rows, pack_whole, to_panels
from jitconv.micro.tile import WIDEST, padded_columns
from jitconv.micro.transpose import SQUARES_AT_ONCE, gather, pixels_to_planes, planes_to_pixels, scatter


@guarded(pack_whole, rows=[1, 3], panels=range(2 * PANELS_AT_ONCE + 2), gap=[0, 2])
def test_pack_whole_puts_rows_in_whole_panels(case, rows, panels, gap):
    """out[panel, row, lane] = x[row, panel · width + lane]."""
    width = WIDEST * case.lanes
    x = case.distinct(rows, panels, width)
    row, apart = panels * width + gap, rows * width + gap
    out = case.output("out", (panels, rows, width), (apart, width, 1))
    case.call(*case.given("x", x, (row, width, 1)), row, rows, panels, *out, apart)
    out.must_be(x.transpose(1, 0, 2))


def columns_of(lanes, vectors):
    """Return numbers of columns around each vector of a panel."""
    ends = {n * lanes + more for n in range(vectors + 1) for more in (-1, 0, 1)}
    return sorted(ends & set(range(1, vectors * lanes + 1)))


@guarded(pack_part, rows=[1, 3], columns=columns_of, gap=[0, 2])
def test_pack_part_puts_rows_in_one_panel_and_fills_it_with_zeros(case, rows, columns, gap):
    """out[row, lane] = x[row, lane] for the columns that there are."""
    (vectors,) = case.size
    x, expected = case.distinct(rows, columns), np.zeros((rows, vectors * case.lanes), case.dtype)
    expected[:, :columns] = x
    out = case.output("out", expected.shape)
    case.call(*case.given("x", x, (columns + gap, 1)), columns + gap, rows, columns, *out)
    out.must_be(expected)


def in_panels(case, x, depth, skipped):
    """Return a matrix in panels of `depth` rows, some untouched before and behind it."""
    rows, columns = x.shape
    padded = padded_columns(columns, case.dtype.itemsize)
    whole = np.zeros((depth, padded), case.dtype)
    whole[:skipped], whole[skipped + rows :] = case.untouched(1), case.untouched(1)
    whole[skipped : skipped + rows, :columns] = x
    width = WIDEST * case.lanes
    return np.concatenate([whole[:, p : p + width].reshape(-1) for p in range(0, padded, width)])


def wide_columns(lanes):
    """Return numbers of columns around vectors, around panels, and around those packed at once."""
    width = WIDEST * lanes
    return sorted(
        {*around(lanes), *(n * width + more for n in (1, 2, PANELS_AT_ONCE) for more in (-1, 0, 1))}
    )


@guarded(pack_rows, rows=[1, 3], columns=wide_columns, skipped=[0, 2], more=[0, 1])
def test_pack_rows_puts_them_among_rows_that_stay_as_they_are(case, rows, columns, skipped, more):
    depth = skipped + rows + more
    x = case.distinct(rows, columns)
    expected = in_panels(case, x, depth, skipped)
    out = case.output("out", expected.size)
    case.call(*case.given("x", x, (columns + 1, 1)), columns + 1, rows, columns, *out, skipped, depth)
    out.must_be(expected)


def columns_and_more(lanes, vectors):
    """Return the same, and more than a panel has."""
    return [*columns_of(lanes, vectors), vectors * lanes + 1]


@guarded(to_panels, rows=[1, 3], panels=[1, 2], columns=columns_and_more, gap=[0, 2])
def test_to_panels_puts_rows_in_narrow_panels_and_fills_them_with_zeros(case, rows, panels, columns, gap):
    """out[panel, row, lane] = x[row, panel · width + lane] for the columns that a panel has."""
    (vectors,) = case.size
    width = vectors * case.lanes
    columns, told = min(columns, width), columns
    x, expected = case.distinct(rows, panels, columns), np.zeros((panels, rows, width), case.dtype)
    expected[:, :, :columns] = x.transpose(1, 0, 2)
    x_row, apart = panels * width + gap, rows * width + gap
    out = case.output("out", expected.shape, (apart, width, 1))
    lie = Panels(rows=rows, panels=panels, columns=told, x_row=x_row, apart=apart)
    case.call(*case.given("x", x, (x_row, width, 1)), *out, lie)
    out.must_be(expected)


def planes_of(lanes, abreast):
    """Return how many planes there may be: a square's at most, or those of all squares."""
    return sorted({1, lanes - 1, lanes} - {0}) if abreast == 1 else [abreast * lanes]


def channels_of(lanes):
    """Return numbers of channels around a vector, and around as many as fill a cache line."""
    line = lanes * LINE // VECTOR_BYTES
    return sorted({*around(lanes), line - 1, line, line + 1, 2 * line + 3})


def to_pixels(case, planes, count, lay, gap):
    """Call a piece that puts planes into pixels: out[pixel, plane] = x[plane, pixel]."""
    more, shift = lay
    plane, pitch = plane_step(count, more, case.lanes), planes + gap
    x = case.distinct(planes, count)
    out = case.output("out", (count, planes), (pitch, 1))
    case.call(*case.given("x", x, (plane, 1), shift=shift), plane, planes, count, *out, pitch)
    out.must_be(x.T)


def to_planes(case, planes, count, lay, gap):
    """Call a piece that puts pixels into planes: out[plane, pixel] = x[pixel, plane]."""
    more, shift = lay
    plane, pitch = plane_step(count, more, case.lanes), planes + gap
    x = case.distinct(count, planes)
    out = case.output("out", (planes, count), (plane, 1), shift=shift)
    case.call(*case.given("x", x, (pitch, 1)), pitch, planes, count, *out, plane)
    out.must_be(x.T)


@guarded(gather, planes=planes_of, count=squares, lay=PLANES, gap=[0, 2])
def test_gather_puts_the_planes_of_squares_into_pixels(case, planes, count, lay, gap):
    to_pixels(case, planes, count, lay, gap)


@guarded(scatter, planes=planes_of, count=squares, lay=PLANES, gap=[0, 2])
def test_scatter_puts_them_back(case, planes, count, lay, gap):
    to_planes(case, planes, count, lay, gap)


@guarded(planes_to_pixels, planes=channels_of, count=squares, lay=PLANES, gap=[0, 2])
def test_planes_to_pixels_takes_any_number_of_channels(case, planes, count, lay, gap):
    to_pixels(case, planes, count, lay, gap)


@guarded(pixels_to_planes, planes=channels_of, count=squares, lay=PLANES, gap=[0, 2])
def test_pixels_to_planes_takes_any_number_of_channels(case, planes, count, lay, gap):
    to_planes(case, planes, count, lay, gap)


def test_squares_abreast_fill_a_cache_line():
    assert SQUARES_AT_ONCE * VECTOR_BYTES == LINE

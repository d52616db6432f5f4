"""Micro-kernels whose vectors are shared by several groups."""

import numpy as np
from micro_arrays import around, places
from micro_helpers import guarded
from test_micro_taps import FAR, KINDS, USUAL, tables

from jitconv.micro.taps import Tile
from jitconv.micro.taps_gradient import Region
from jitconv.micro.taps_groups import correlate_groups, correlate_groups_gradient


def fits(lanes, _, group):
    """Whether a vector has a whole group."""
    return group <= lanes


def whole_groups(lanes, _, group):
    """Return lengths around whole vectors, of whole groups."""
    return sorted({-(-count // group) * group for count in around(lanes)})


def own_group(met, group):
    """Turn inputs [..., lane] into [..., c, lane]: the channel c of each lane's group."""
    lanes = np.arange(met.shape[-1])
    return np.stack([met[..., lanes - lanes % group + c] for c in range(group)], -2)


@guarded(correlate_groups, when=fits, count=whole_groups, kind=KINDS)
def test_correlate_groups_sums_over_taps_and_the_channels_of_a_group(case, count, kind):
    """y[i, lane] = own + bias + Σ_tap Σ_c w[tap, c, lane] · x[i·x_step + first(lane) + c + the tap's]."""
    outputs, group = case.size
    kind = {**USUAL, **kind}
    rows, columns = kind["rows"], kind["columns"]
    right = count + kind["gap"]
    x_step, down = 5 * right, 40 * right
    x, met = case.met("x", places((outputs, rows, columns, count), (x_step, down, right, 1)))
    w, row = case.integers(rows, columns, group, count), count + 1
    tap, w_down = group * row + 2, (columns + 1) * (group * row + 2)
    a, b = np.arange(rows), np.arange(columns)
    table, begun = tables(case, (FAR, a * down, a * w_down), (FAR, b * right, b * tap))
    filters = case.given("w", w, (w_down, tap, row, 1))
    bias = case.integers(count) if kind["biased"] else case.poison(0)
    before = case.integers(outputs, count) if kind["added"] else None
    y, given = case.output("y", (outputs, count), (count + 1, 1), before=before), case.given("bias", bias)
    tile = Tile(
        **begun,
        x_at=x.at,
        x_step=x_step,
        first_row=1,
        last_row=rows + 1,
        first_column=1,
        middle_column=columns + 1,
        last_column=columns + 1,
        limit=FAR,
        w_at=filters.at,
        channel_step=row,
        bias_at=given.at,
        biased=kind["biased"],
        added=kind["added"],
        y_at=y.at,
        y_step=count + 1,
        length=count,
        relu=kind["floor"],
    )
    case.call(x.array, filters.array, given.array, y.array, table, tile)
    total = (own_group(met, group) * w).sum((1, 2, 3))
    total += (before if kind["added"] else 0) + (bias if kind["biased"] else 0)
    y.must_sum_to(np.maximum(total, 0) if kind["floor"] else total)


PIXELS = [(1, 1), (0, 3), (3, 4), (2, 9)]
"""Rows and columns of what the sums run over."""


@guarded(correlate_groups_gradient, when=fits, count=whole_groups, pixels=PIXELS)
def test_the_gradient_sums_over_pixels_for_each_channel_of_a_group(case, count, pixels):
    """sums[tap, c, lane] += Σ_pixel dy[pixel, lane] · x[pixel + first(lane) + c + the tap's]."""
    down, across = pixels
    width, group = case.size
    lanes = min(count, case.lanes)
    tap = lanes + 1
    x_right, x_down = 3 * tap, 40 * tap
    x, met = case.met("x", places((down, across, width, lanes), (x_down, x_right, tap, 1)))
    dy, before = case.integers(down, across, lanes), case.integers(width, group, lanes)
    expected = before + np.einsum("qjl,qjbcl->bcl", dy, own_group(met, group))
    dy_right, dy_down, step = lanes + 2, across * (lanes + 2) + 1, count + 1
    place = group * step + 3
    b = np.arange(width)
    table, begun = tables(case, (FAR, np.zeros(1), np.zeros(1)), (FAR, b * tap, b * place))
    sums = case.output("sums", before.shape, (place, step, 1), before=before)
    upstream = case.given("dy", dy, (dy_down, dy_right, 1))
    region = Region(
        **begun,
        x_at=x.at,
        x_down=x_down,
        x_right=x_right,
        dy_at=upstream.at,
        dy_down=dy_down,
        dy_right=dy_right,
        first_row=1,
        first_column=1,
        limit=FAR,
        sums_at=sums.at,
        channel_step=step,
        down=down,
        across=across,
        length=count,
    )
    case.call(x.array, upstream.array, sums.array, table, region)
    sums.must_sum_to(expected)

"""Micro-kernels that sum over the taps of a channel's own filter, and those of its gradient."""

import numpy as np
from micro_arrays import around, places
from micro_helpers import guarded

from jitconv.algorithms.direct.grouped import outputs, outputs_dw
from jitconv.algorithms.direct.grouped import pixels as of_pixels
from jitconv.micro.taps import PLAIN, READS_APART, WRITES_APART, Tile
from jitconv.micro.taps_gradient import BLOCK, UNROLLED, Region

FAR = 10**9
"""A number of a table that is not asked for: whoever follows it leaves all arrays."""


def tables(case, rows, columns):
    """Return an array with the tables of rows and of columns of taps, and where these begin.

    There are three numbers for each; the first tap of a table is not asked for, nor is the last.
    """
    taps = [np.stack(np.broadcast_arrays(*one), -1).reshape(-1, 3) for one in (rows, columns)]
    beyond = np.full((1, 3), FAR)
    both = [np.concatenate([beyond, one, beyond]).reshape(-1) for one in taps]
    return case.table("tables", np.concatenate(both)), {"rows_at": 0, "columns_at": both[0].size}


class Rows:
    """Rows of a picture, of which neighbouring lanes meet neighbouring columns, or every second one.

    Where the column lies outside 0..limit-1 there is 0 instead. What no lane meets is poison.
    """

    def __init__(self, case, first, columns, limit, pitch):
        inside = np.broadcast_to(
            (columns >= 0) & (columns < limit), np.broadcast_shapes(first.shape, columns.shape)
        )
        where = np.where(inside, first + columns, 0)
        flat = case.poison(int(first.max(initial=0)) // pitch * pitch + limit)
        flat[where[inside]] = case.integers(flat.size)[where[inside]]
        self.x, self.met = case.given("x", flat), np.where(inside, flat[where], 0)


ONE = {"rows": 1, "columns": 1, "limit": 0}
BIAS = {"rows": 2, "columns": 3, "pad": 1, "limit": -1, "biased": 1, "floor": 1}
ADDED = {"rows": 3, "columns": 2, "pad": 2, "dilation": 2, "limit": 9, "added": 1, "gap": 2}
NONE = {"rows": 0, "columns": 0, "limit": 0, "biased": 1, "added": 1}
BEFORE = {"rows": 1, "columns": 2, "pad": 50, "limit": 3, "biased": 1, "gap": 1}
KINDS, EMPTY_KINDS = [ONE, BIAS, ADDED], [NONE, BEFORE]
"""Kinds of calls: numbers of taps; where the first lies, and the others; by how much rows are longer than
what the outputs meet with one tap. The last two meet no tap, or no picture."""

USUAL = {"pad": 0, "dilation": 1, "biased": 0, "added": 0, "floor": 0, "gap": 0}


def filled(case, kind, count, terms, weights, x, x_step, taps, columns, limit):
    """Call `correlate`: y[i, lane] = y's own + bias + Σ of terms[i, tap, lane], lifted to 0 if asked.

    `weights` are the values and the steps of the filter; `columns` how many columns of taps the even outputs
    have, and all.
    """
    outputs = case.size[0]
    lanes_are_channels = weights[0].ndim == 3
    bias = case.integers(count if lanes_are_channels else 1)
    if not kind["biased"]:
        bias = case.poison(0 if lanes_are_channels else 1)
    before = case.integers(outputs, count) if kind["added"] else None
    y = case.output("y", (outputs, count), (count + kind["gap"], 1), before=before)
    rows, (even, every) = weights[0].shape[0], columns
    (table, begun), w, bias_given = taps, case.given("w", *weights), case.given("bias", bias)
    tile = Tile(
        channel_step=FAR,
        **begun,
        x_at=x.at,
        x_step=x_step,
        first_row=1,
        last_row=rows + 1,
        first_column=1,
        middle_column=even + 1,
        last_column=every + 1,
        limit=limit,
        w_at=w.at,
        bias_at=bias_given.at,
        biased=kind["biased"],
        added=kind["added"],
        y_at=y.at,
        y_step=count + kind["gap"],
        length=count,
        relu=kind["floor"],
    )
    case.call(x.array, w.array, bias_given.array, y.array, table, tile)
    total = terms.sum((1, 2)) + (before if kind["added"] else 0) + (bias if kind["biased"] else 0)
    y.must_sum_to(np.maximum(total, 0) if kind["floor"] else total)


def over_channels(case, count, kind):
    """Have each tap add w[tap, lane] · x[i·x_step + the tap's + lane]."""
    outputs, _, sharing = case.size
    kind = {**USUAL, **kind}
    rows, columns = kind["rows"], 3 if sharing else kind["columns"]
    right = count + kind["gap"]
    x_step, down = (sharing or 5) * right, 40 * right
    x, met = case.met("x", places((outputs, rows, columns, count), (x_step, down, right, 1)))
    w, w_right = case.integers(rows, columns, count), count + kind["gap"]
    w_down, a, b = (columns + 1) * w_right, np.arange(rows), np.arange(columns)
    taps = tables(case, (FAR, a * down, a * w_down), (FAR, b * right, b * w_right))
    weights = w, (w_down, w_right, 1)
    filled(case, kind, count, met * w, weights, x, x_step, taps, (columns, columns), FAR)


def over_outputs(case, count, kind):
    """Have each tap add w[tap] · x[i·x_step + the tap's + lane]: 2·lane for READS_APART, lane/2 for
    WRITES_APART, where even lanes have taps of their own, and odd ones.
    """
    outputs, form, sharing = case.size
    kind = {**USUAL, **kind}
    rows, columns = 3 if sharing else kind["rows"], kind["columns"]
    even = columns // 2 if form == WRITES_APART else columns
    lanes = np.arange(count)
    places_of = {PLAIN: lanes, READS_APART: 2 * lanes, WRITES_APART: lanes // 2}[form]
    limit = max(1, int(places_of[-1]) + 1 + kind["limit"])
    pitch = limit + kind["gap"]
    down, x_step = 2 * pitch, (sharing or 1.5) * 2 * pitch
    offsets = np.arange(columns) * kind["dilation"] - kind["pad"]
    first = places((outputs, rows, 1, 1), (int(x_step), down, 0, 0))
    picture = Rows(case, first, offsets[:, None] + places_of, limit, pitch)
    w = case.integers(rows, columns)
    met_by = np.ones((columns, count), bool)
    if form == WRITES_APART:
        met_by = (np.arange(columns)[:, None] >= even) == (lanes % 2 == 1)
    terms = picture.met.reshape(outputs, rows, columns, count) * w[..., None] * met_by
    a = np.arange(rows)
    taps = tables(case, (FAR, a * down, a * (columns + 1)), (offsets, offsets, np.arange(columns)))
    weights = w, (columns + 1, 1)
    filled(case, kind, count, terms, weights, picture.x, int(x_step), taps, (even, columns), limit)


@guarded(of_pixels.correlate, count=around, kind=KINDS)
def test_correlate_sums_over_taps_where_lanes_are_channels(case, count, kind):
    over_channels(case, count, kind)


@guarded(outputs.correlate, count=around, kind=KINDS)
def test_correlate_sums_over_taps_where_lanes_are_outputs(case, count, kind):
    over_outputs(case, count, kind)


def one_and_more(lanes, *_):
    """Return a length within a vector, and one beyond it."""
    return [lanes - 1, lanes + 1] if lanes > 1 else [1, 2]


@guarded(of_pixels.correlate, count=one_and_more, kind=EMPTY_KINDS)
def test_without_a_tap_channels_keep_their_bias_and_what_is_there(case, count, kind):
    over_channels(case, count, kind)


@guarded(outputs.correlate, count=one_and_more, kind=EMPTY_KINDS)
def test_without_a_tap_or_a_picture_outputs_keep_their_bias_and_what_is_there(case, count, kind):
    over_outputs(case, count, kind)


PIXELS = [(1, 1), (0, 3), (3, UNROLLED), (2, 2 * UNROLLED + 1)]
"""Rows and columns of what the sums run over."""


@guarded(of_pixels.correlate_gradient, count=around, pixels=PIXELS)
def test_the_gradient_sums_over_pixels_where_lanes_are_channels(case, count, pixels):
    """sums[tap, lane] += Σ_pixel dy[pixel, lane] · x[pixel + the tap's, lane], for one vector of lanes."""
    down, across = pixels
    height, width, _, sharing = case.size
    lanes = min(count, case.lanes)
    tap = lanes + 1
    x_right, x_down, row = (sharing or 3) * tap, 40 * tap, 400 * tap
    x, met = case.met("x", places((down, across, height, width, lanes), (x_down, x_right, row, tap, 1)))
    dy, before = case.integers(down, across, lanes), case.integers(height, width, lanes)
    expected = before + np.einsum("qjc,qjabc->abc", dy, met)
    dy_right, dy_down = lanes + 2, across * (lanes + 2) + 1
    place, places_down = count + 1, (BLOCK + 1) * (count + 1)
    a, b = np.arange(height), np.arange(width)
    table, begun = tables(case, (FAR, a * row, a * places_down), (FAR, b * tap, b * place))
    sums = case.output("sums", before.shape, (places_down, place, 1), before=before)
    dy = case.given("dy", dy, (dy_down, dy_right, 1))
    region = Region(
        channel_step=FAR,
        **begun,
        x_at=x.at,
        x_down=x_down,
        x_right=x_right,
        dy_at=dy.at,
        dy_down=dy_down,
        dy_right=dy_right,
        first_row=1,
        first_column=1,
        limit=FAR,
        sums_at=sums.at,
        down=down,
        across=across,
        length=count,
    )
    case.call(x.array, dy.array, sums.array, table, region)
    sums.must_sum_to(expected)


ROWS = [(1, 0, 0), (3, 1, -1), (2, 2, 5), (1, 50, 1), (0, 0, 0)]
"""How many rows; how far before its rows x is met first; how much longer they are than what dy has."""


@guarded(outputs_dw.correlate_gradient, across=around, rows=ROWS)
def test_the_gradient_sums_over_outputs_where_lanes_are_outputs(case, across, rows):
    """sums[tap, j modulo the lanes] += Σ_q dy[q, j] · x[q, j + the tap's], for READS_APART with 2·j."""
    height, width, form, _ = case.size
    scale, lanes = 2 if form == READS_APART else 1, case.lanes
    down, pad, more = rows
    limit = max(1, scale * across + more)
    pitch = limit + 2
    x_down, row = 2 * pitch, pitch
    offsets = 2 * np.arange(width) - pad
    first = places((down, height, 1, 1), (x_down, row, 0, 0))
    picture = Rows(case, first, offsets[:, None] + scale * np.arange(across), limit, pitch)
    dy, before = case.integers(down, across), case.integers(height, width, lanes)
    a, x = np.arange(height), picture.x
    table, begun = tables(case, (FAR, a * row, a * (BLOCK + 1)), (offsets, offsets, np.arange(width)))
    sums = case.output("sums", before.shape, ((BLOCK + 1) * lanes, lanes, 1), before=before)
    upstream = case.given("dy", dy, (across + 1, 1))
    region = Region(
        channel_step=FAR,
        **begun,
        x_at=x.at,
        x_down=x_down,
        x_right=FAR,
        dy_at=upstream.at,
        dy_down=across + 1,
        dy_right=FAR,
        first_row=1,
        first_column=1,
        limit=limit,
        sums_at=sums.at,
        down=down,
        across=across,
        length=lanes,
    )
    case.call(x.array, upstream.array, sums.array, table, region)
    terms = np.zeros((height, width, -(-across // lanes) * lanes), case.dtype)
    terms[..., :across] = np.einsum("qj,qabj->abj", dy, picture.met)
    sums.must_sum_to(before + terms.reshape(height, width, -1, lanes).sum(2))

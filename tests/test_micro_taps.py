"""Micro-kernels that sum over the taps of a channel's own filter, and those of its gradient."""

import numpy as np
from micro_arrays import around, places
from micro_helpers import guarded

from jitconv.algorithms.direct.grouped import depthwise, outputs, outputs_dw
from jitconv.micro.taps import PLAIN, READS_APART, WRITES_APART
from jitconv.micro.taps_gradient import BLOCK, UNROLLED

FAR = 10**9
"""A number of a table that is not asked for: whoever follows it leaves all arrays."""


def table(case, name, *columns):
    """Return a table of taps: three numbers for each; the first tap is not asked for, nor is the last."""
    taps = np.stack(np.broadcast_arrays(*columns), -1).reshape(-1, 3)
    return case.table(name, np.concatenate([np.full((1, 3), FAR), taps, np.full((1, 3), FAR)])).reshape(-1)


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


def filled(case, kind, count, terms, weights, x, x_step, tables, columns, limit):
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
    case.call(*x, x_step, tables[0], 1, rows + 1, tables[1], 1, even + 1, every + 1, limit,
              *case.given("w", *weights), *case.given("bias", bias), kind["biased"], kind["added"], *y,
              count + kind["gap"], count, kind["floor"])  # fmt: skip
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
    tables = (
        table(case, "rows", FAR, a * down, a * w_down),
        table(case, "columns", FAR, b * right, b * w_right),
    )
    weights = w, (w_down, w_right, 1)
    filled(case, kind, count, met * w, weights, x, x_step, tables, (columns, columns), FAR)


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
    tables = (table(case, "rows", FAR, np.arange(rows) * down, np.arange(rows) * (columns + 1)),
              table(case, "columns", offsets, offsets, np.arange(columns)))  # fmt: skip
    weights = w, (columns + 1, 1)
    filled(case, kind, count, terms, weights, picture.x, int(x_step), tables, (even, columns), limit)


@guarded(depthwise.correlate, count=around, kind=KINDS)
def test_correlate_sums_over_taps_where_lanes_are_channels(case, count, kind):
    over_channels(case, count, kind)


@guarded(outputs.correlate, count=around, kind=KINDS)
def test_correlate_sums_over_taps_where_lanes_are_outputs(case, count, kind):
    over_outputs(case, count, kind)


def one_and_more(lanes, *_):
    """Return a length within a vector, and one beyond it."""
    return [lanes - 1, lanes + 1] if lanes > 1 else [1, 2]


@guarded(depthwise.correlate, count=one_and_more, kind=EMPTY_KINDS)
def test_without_a_tap_channels_keep_their_bias_and_what_is_there(case, count, kind):
    over_channels(case, count, kind)


@guarded(outputs.correlate, count=one_and_more, kind=EMPTY_KINDS)
def test_without_a_tap_or_a_picture_outputs_keep_their_bias_and_what_is_there(case, count, kind):
    over_outputs(case, count, kind)


PIXELS = [(1, 1), (0, 3), (3, UNROLLED), (2, 2 * UNROLLED + 1)]
"""Rows and columns of what the sums run over."""


@guarded(depthwise.correlate_gradient, count=around, pixels=PIXELS)
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
    tables = (table(case, "rows", FAR, np.arange(height) * row, np.arange(height) * places_down),
              table(case, "columns", FAR, np.arange(width) * tap, np.arange(width) * place))  # fmt: skip
    sums = case.output("sums", before.shape, (places_down, place, 1), before=before)
    dy = case.given("dy", dy, (dy_down, dy_right, 1))
    case.call(*x, x_down, x_right, *dy, dy_down, dy_right, tables[0], 1, tables[1], 1, FAR, *sums, down,
              across, count)  # fmt: skip
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
    tables = (table(case, "rows", FAR, np.arange(height) * row, np.arange(height) * (BLOCK + 1)),
              table(case, "columns", offsets, offsets, np.arange(width)))  # fmt: skip
    sums = case.output("sums", before.shape, ((BLOCK + 1) * lanes, lanes, 1), before=before)
    case.call(*picture.x, x_down, FAR, *case.given("dy", dy, (across + 1, 1)), across + 1, FAR, tables[0], 1,
              tables[1], 1, limit, *sums, down, across, lanes)  # fmt: skip
    terms = np.zeros((height, width, -(-across // lanes) * lanes), case.dtype)
    terms[..., :across] = np.einsum("qj,qabj->abj", dy, picture.met)
    sums.must_sum_to(before + terms.reshape(height, width, -1, lanes).sum(2))

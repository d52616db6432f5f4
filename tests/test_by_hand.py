"""The naive algorithms against numbers worked out by hand."""

import numpy as np
import pytest

import jitconv

NAN, INF = np.nan, np.inf

X = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
W = [[1, 2], [3, 4]]
DY = [[1, 2], [3, 4]]
ROW = [[1, 2, 3, 4]]


def picture(rows):
    """Return rows of numbers as one picture of one channel."""
    return np.array(rows, dtype=np.float64)[None, :, :, None]


def filters(rows):
    """Return rows of numbers as one filter of one channel."""
    return np.array(rows, dtype=np.float64)[:, :, None, None]


def same(got, rows):
    """Assert that one picture of one channel holds exactly these numbers."""
    np.testing.assert_array_equal(got[0, :, :, 0], rows)


def conv(x, w, b=None, **options):
    """Return the naive convolution of one channel by one filter."""
    return jitconv.conv_forward(picture(x), filters(w), b, algorithm="naive", **options)


def conv_gradients(dy, x, w, **options):
    """Return dx, dw and db of one channel and one filter as plain numbers."""
    dx, dw, db = jitconv.conv_backward(picture(dy), picture(x), filters(w), algorithm="naive", **options)
    return dx[0, :, :, 0].tolist(), dw[:, :, 0, 0].tolist(), db.tolist()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [[37, 47], [67, 77]]),
        ({"flip_kernel": True}, [[23, 33], [53, 63]]),
        ({"stride": 2, "pad": 1}, [[4, 18], [36, 77]]),
        ({"stride": (2, 1)}, [[37, 47]]),
        ({"stride": (1, 2)}, [[37], [67]]),
        ({"pad": ((0, 1), (1, 0))}, [[18, 37, 47], [36, 67, 77], [14, 23, 26]]),
        ({"pad": "same"}, [[37, 47, 21], [67, 77, 33], [23, 26, 9]]),
        ({"pad": "valid"}, [[37, 47], [67, 77]]),
        ({"dilation": 2}, [[64]]),
        ({"dilation": (1, 2)}, [[1 + 6 + 12 + 24], [4 + 12 + 21 + 36]]),
    ],
    ids=str,
)
def test_conv_forward(options, wanted):
    same(conv(X, W, **options), wanted)


def test_the_bias_is_added_once_to_every_output():
    same(conv(X, W, np.array([0.5])), [[37.5, 47.5], [67.5, 77.5]])


def test_a_picture_of_padding_alone_gives_the_bias():
    same(conv([[7]], [[1]], np.array([3.0]), pad=1), [[3, 3, 3], [3, 10, 3], [3, 3, 3]])


def test_channels_are_summed_and_filters_are_not():
    x = np.array([[[[1.0, 2.0]]]])
    w = np.array([[[[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]]])
    y = jitconv.conv_forward(x, w, algorithm="naive")
    np.testing.assert_array_equal(y, [[[[5, 50, 500]]]])


GROUPED_X = np.array([[[[1.0, 2, 3, 4], [5, 6, 7, 8]]]])
GROUPED_W = np.array([[[[1.0, 100], [10, 1000]]]])


def test_groups():
    y = jitconv.conv_forward(GROUPED_X, GROUPED_W, groups=2, algorithm="naive")
    np.testing.assert_array_equal(y, [[[[21, 4300], [65, 8700]]]])


def test_gradients_of_groups():
    dy = np.array([[[[1.0, 2], [3, 4]]]])
    dx, dw, db = jitconv.conv_backward(dy, GROUPED_X, GROUPED_W, groups=2, algorithm="naive")
    np.testing.assert_array_equal(dx, [[[[1, 10, 200, 2000], [3, 30, 400, 4000]]]])
    np.testing.assert_array_equal(dw, [[[[16, 34], [20, 40]]]])
    np.testing.assert_array_equal(db, [4, 6])


def test_nchw_takes_pictures_and_filters_by_channel():
    x = np.array([[[[1.0, 2]], [[3, 4]]]])  # channel 0 is [1 2], channel 1 is [3 4]
    w = np.array([[[[1.0]], [[10]]], [[[100]], [[1000]]]])
    y = jitconv.conv_forward(x, w, np.array([0.5, 0.25]), layout="NCHW", algorithm="naive")
    np.testing.assert_array_equal(y, [[[[31.5, 42.5]], [[3100.25, 4200.25]]]])


@pytest.mark.parametrize(
    ("dy", "options", "dx", "dw", "db"),
    [
        (DY, {}, [[1, 4, 4], [6, 20, 16], [9, 24, 16]], [[37, 47], [67, 77]], [10]),
        (DY, {"stride": 2, "pad": 1}, [[4, 6, 8], [6, 4, 8], [12, 12, 16]], [[20, 36], [36, 64]], [10]),
        (DY, {"flip_kernel": True}, [[4, 11, 6], [14, 30, 14], [6, 11, 4]], [[77, 67], [47, 37]], [10]),
        ([[5]], {"dilation": 2}, [[5, 0, 10], [0, 0, 0], [15, 0, 20]], [[5, 15], [35, 45]], [5]),
        ([[5]], {"stride": 3}, [[5, 10, 0], [15, 20, 0], [0, 0, 0]], [[5, 10], [20, 25]], [5]),
    ],
    ids=["plain", "stride and pad", "flipped", "dilated", "a stride past the end"],
)
def test_conv_backward(dy, options, dx, dw, db):
    assert conv_gradients(dy, X, W, **options) == (dx, dw, db)


def test_gradients_not_asked_for_are_none():
    dx, dw, db = jitconv.conv_backward(picture(DY), picture(X), filters(W), wrt=("b",), algorithm="naive")
    assert dx is None
    assert dw is None
    assert db.tolist() == [10]


PEAKS = [[1, 3, 2], [4, 0, 5], [6, 8, 7]]


@pytest.mark.parametrize(
    ("x", "window", "options", "wanted", "places"),
    [
        (PEAKS, 2, {"stride": 1}, [[4, 5], [8, 8]], [[3, 5], [7, 7]]),
        (PEAKS, 3, {}, [[8]], [[7]]),
        (PEAKS, (1, 3), {}, [[3], [5], [8]], [[1], [5], [7]]),
        (PEAKS, 2, {"dilation": 2}, [[7]], [[8]]),
        (PEAKS, 2, {"pad": 1}, [[1, 3], [6, 8]], [[0, 1], [6, 7]]),
        (PEAKS, 2, {"ceil_mode": True}, [[4, 5], [8, 7]], [[3, 5], [7, 8]]),
        ([[1, 2, 3, 4, 5]], (1, 2), {}, [[2, 4]], [[1, 3]]),
        ([[1, 2, 3, 4, 5]], (1, 2), {"ceil_mode": True}, [[2, 4, 5]], [[1, 3, 4]]),
        ([[-5, -5], [-5, -5]], 3, {"stride": 1, "pad": 1}, [[-5, -5], [-5, -5]], [[0, 0], [0, 0]]),
        ([[-INF, -INF]], (1, 2), {"stride": 1, "pad": (0, 1)}, [[-INF] * 3], [[0, 0, 1]]),
        ([[-INF, 1, -INF]], (1, 2), {"stride": 1}, [[1, 1]], [[1, 1]]),
        ([[1, NAN, NAN, 9]], (1, 4), {}, [[NAN]], [[1]]),
        ([[INF, NAN, 3, INF]], (1, 2), {}, [[NAN, INF]], [[1, 3]]),
        ([[3, 7, 7, 1]], (1, 4), {}, [[7]], [[1]]),
    ],
)
def test_max_pool_forward(x, window, options, wanted, places):
    y, indices = jitconv.max_pool_forward(
        picture(x), window, **options, return_indices=True, algorithm="naive"
    )
    same(y, wanted)
    same(indices, places)
    assert indices.dtype == np.int64


@pytest.mark.parametrize(
    ("x", "window", "options", "dy", "wanted"),
    [
        ([[1, 3], [3, 0]], 2, {"ties": "first"}, [[5]], [[0, 5], [0, 0]]),
        ([[1, 3], [3, 0]], 2, {"ties": "all"}, [[5]], [[0, 5], [5, 0]]),
        ([[1, 3], [3, 0]], 2, {"ties": "split"}, [[5]], [[0, 2.5], [2.5, 0]]),
        (PEAKS, 2, {"stride": 1}, DY, [[0, 0, 0], [1, 0, 2], [0, 7, 0]]),
        (PEAKS, 2, {"ceil_mode": True}, DY, [[0, 0, 0], [1, 0, 2], [0, 3, 4]]),
        (PEAKS, 2, {"dilation": 2}, [[6]], [[0, 0, 0], [0, 0, 0], [0, 0, 6]]),
        ([[1, NAN, NAN]], (1, 3), {"ties": "first"}, [[5]], [[0, 5, 0]]),
        ([[1, NAN, NAN]], (1, 3), {"ties": "all"}, [[5]], [[0, 5, 0]]),
        ([[1, NAN, NAN]], (1, 3), {"ties": "split"}, [[5]], [[0, 5, 0]]),
        ([[-INF, -INF]], (1, 2), {"ties": "split"}, [[4]], [[2, 2]]),
        ([[-INF, -INF]], (1, 2), {"ties": "all", "stride": 1, "pad": (0, 1)}, [[1, 2, 4]], [[3, 6]]),
        ([[-INF, -INF]], (1, 2), {"ties": "split", "stride": 1, "pad": (0, 1)}, [[1, 2, 4]], [[2, 5]]),
    ],
)
def test_max_pool_backward(x, window, options, dy, wanted):
    same(jitconv.max_pool_backward(picture(dy), picture(x), window, **options, algorithm="naive"), wanted)


def test_max_pool_backward_believes_the_indices():
    indices = np.array([[3, 5], [7, 7]])[None, :, :, None]
    dx = jitconv.max_pool_backward(
        picture(DY), picture(np.zeros((3, 3))), 2, stride=1, indices=indices, algorithm="naive"
    )
    same(dx, [[0, 0, 0], [1, 0, 2], [0, 7, 0]])


OVERHANG = {"stride": 2, "pad": (0, 1), "ceil_mode": True}  # windows start at -1, 1 and 3; the last overhangs


@pytest.mark.parametrize(
    ("x", "window", "options", "counting_pad", "not_counting_pad"),
    [
        (DY, 2, {"pad": 1}, [[0.25, 0.5], [0.75, 1]], [[1, 2], [3, 4]]),
        ([[1, 2, 3, 4, 5]], (1, 2), {"ceil_mode": True}, [[1.5, 3.5, 5]], [[1.5, 3.5, 5]]),
        (ROW, (1, 3), OVERHANG, [[1, 3, 2]], [[1.5, 3, 4]]),
        (X, 2, {"dilation": 2}, [[5]], [[5]]),
        (X, 2, {"stride": 1}, [[3, 4], [6, 7]], [[3, 4], [6, 7]]),
    ],
)
def test_avg_pool_forward(x, window, options, counting_pad, not_counting_pad):
    for counts, wanted in ((True, counting_pad), (False, not_counting_pad)):
        y = jitconv.avg_pool_forward(
            picture(x), window, **options, count_include_pad=counts, algorithm="naive"
        )
        same(y, wanted)


@pytest.mark.parametrize(
    ("dy", "size", "window", "options", "counting_pad", "not_counting_pad"),
    [
        ([[4, 8]], (1, 4), (1, 2), {}, [[2, 2, 4, 4]], [[2, 2, 4, 4]]),
        (DY, (2, 2), 2, {"pad": 1}, [[0.25, 0.5], [0.75, 1]], [[1, 2], [3, 4]]),
        ([[3, 6, 2]], (1, 4), (1, 3), OVERHANG, [[1, 3, 2, 3]], [[1.5, 3.5, 2, 4]]),
        (
            [[8]],
            (3, 3),
            2,
            {"dilation": 2},
            [[2, 0, 2], [0, 0, 0], [2, 0, 2]],
            [[2, 0, 2], [0, 0, 0], [2, 0, 2]],
        ),
    ],
)
def test_avg_pool_backward(dy, size, window, options, counting_pad, not_counting_pad):
    for counts, wanted in ((True, counting_pad), (False, not_counting_pad)):
        dx = jitconv.avg_pool_backward(
            picture(dy), (1, *size, 1), window, **options, count_include_pad=counts, algorithm="naive"
        )
        same(dx, wanted)


@pytest.mark.parametrize(
    ("window", "ties", "wanted"),
    [
        ([[1, 3], [3, 0]], "first", [[0, 1], [0, 0]]),
        ([[1, 3], [3, 0]], "all", [[0, 1], [1, 0]]),
        ([[1, 3], [3, 0]], "split", [[0, 1], [1, 0]]),
        ([[1, NAN], [NAN, 9]], "first", [[0, 1], [0, 0]]),
        ([[1, NAN], [NAN, 9]], "all", [[0, 1], [0, 0]]),
        ([[-INF, -INF]], "first", [[1, 0]]),
        ([[-INF, -INF]], "all", [[1, 1]]),
        ([[7]], "first", [[1]]),
    ],
)
def test_create_mask(window, ties, wanted):
    mask = jitconv.create_mask(np.array(window, float), ties=ties, algorithm="naive")
    assert mask.dtype == bool
    assert mask.astype(int).tolist() == wanted


def test_create_mask_marks_each_window_by_itself():
    windows = np.array([[[1.0, 2]], [[4, 3]]])
    assert jitconv.create_mask(windows, algorithm="naive").tolist() == [[[False, True]], [[True, False]]]


def test_distribute_value():
    assert jitconv.distribute_value(2.0, 2, algorithm="naive").tolist() == [[0.5, 0.5], [0.5, 0.5]]
    spread = jitconv.distribute_value(np.array([6.0, 12.0]), (1, 3), algorithm="naive")
    assert spread.tolist() == [[[2, 2, 2]], [[4, 4, 4]]]

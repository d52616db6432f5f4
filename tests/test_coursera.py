"""jitconv.courses.coursera: the figures that the course prints, naive loops, and what is refused."""

import itertools

import numpy as np
import pytest

from jitconv import DtypeError, JitconvError, ParameterError, ShapeError
from jitconv.courses.coursera import (
    conv_backward,
    conv_forward,
    conv_single_step,
    convert_to_one_hot,
    create_mask_from_window,
    distribute_value,
    pool_backward,
    pool_forward,
    random_mini_batches,
    zero_pad,
)


def drawn(*shapes):
    """Return arrays as the course draws them, one after the other."""
    np.random.seed(1)
    return [np.random.randn(*shape) for shape in shapes]


def close(got, wanted):
    """Assert equality to the digits that are published."""
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=5e-9)


def volume(hparameters, times=1):
    """Return conv_forward's result and cache for the course's arrays, the bias scaled."""
    a, w, b = drawn((10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8))
    return conv_forward(a, w, times * b, hparameters)


def numerical(f, x, dy, step=1e-5):
    """Return the gradient of ``sum(f(x) * dy)`` by central differences."""
    dx = np.empty_like(x)
    for at in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[at] += step
        below[at] -= step
        dx[at] = np.sum((f(above) - f(below)) * dy) / (2 * step)
    return dx


# the course's figures


def test_zero_pad():
    (x,) = drawn((4, 3, 3, 2))
    padded = zero_pad(x, 2)
    assert padded.shape == (4, 7, 7, 2)
    close(x[1, 1], [[0.90085595, -0.68372786], [-0.12289023, -0.93576943], [-0.26788808, 0.53035547]])
    np.testing.assert_array_equal(padded[1, 1], np.zeros((7, 2)))
    np.testing.assert_array_equal(padded[:, 2:5, 2:5], x)
    assert np.count_nonzero(padded) == x.size


@pytest.mark.parametrize(("times", "figure"), [(1, -6.999089450680221), (48, -23.16021220252078)])
def test_single_step_with_the_bias_once_or_on_every_tap(times, figure):
    a, w, b = drawn((4, 4, 3), (4, 4, 3), (1, 1, 1))
    z = conv_single_step(a, w, times * b)
    assert np.isscalar(z)
    close(z, figure)


def test_conv_forward_stride_2():
    z, cache = volume({"pad": 2, "stride": 2})
    close(z.mean(), 0.0489952035289)
    close(
        z[3, 2, 1],
        [-0.61490741, -6.7439236, -2.55153897, 1.75698377, 3.56208902, 0.53036437, 5.18531798, 8.75898442],
    )
    close(cache[0][1][2][3], [-0.20075807, 0.18656139, 0.41005165])


def test_conv_backward_stride_2():
    z, cache = volume({"pad": 2, "stride": 2})
    da, dw, db = conv_backward(z, cache)
    assert db.shape == (1, 1, 1, 8)
    close([da.mean(), dw.mean(), db.mean()], [1.45243777754, 1.72699145831, 7.83923256462])


def test_conv_stride_1_with_the_bias_on_every_tap():
    z, cache = volume({"pad": 2, "stride": 1}, times=12)
    close(z.mean(), 0.15585932488906465)
    da, dw, db = conv_backward(z, cache)
    close([da.mean(), dw.mean(), db.mean()], [9.608990675868995, 10.581741275547566, 76.37106919563735])


@pytest.mark.parametrize(
    ("f", "stride", "mode", "figures"),
    [
        (3, 2, "max", [[1.74481176, 0.86540763, 1.13376944], [1.13162939, 1.51981682, 2.18557541]]),
        (3, 2, "average", [[0.02105773, -0.20328806, -0.40389855], [-0.22154621, 0.51716526, 0.48155844]]),
        (4, 1, "max", [[1.74481176, 1.6924546, 2.10025514], [1.19891788, 1.51981682, 2.18557541]]),
        (4, 1, "average", [[-0.09498456, 0.11180064, -0.14263511], [-0.09525108, 0.28325018, 0.33035185]]),
    ],
)
def test_pool_forward(f, stride, mode, figures):
    (a,) = drawn((2, 4, 4, 3))
    y, cache = pool_forward(a, {"stride": stride, "f": f}, mode=mode)
    assert y.shape == (2, 1, 1, 3)
    close(y[:, 0, 0], figures)
    assert cache[0] is a
    assert cache[1] == {"stride": stride, "f": f}


def test_mask_of_the_course_and_of_ties():
    (x,) = drawn((2, 3))
    close(x, [[1.62434536, -0.61175641, -0.52817175], [-1.07296862, 0.86540763, -2.3015387]])
    np.testing.assert_array_equal(create_mask_from_window(x), [[True, False, False], [False, False, False]])
    np.testing.assert_array_equal(create_mask_from_window([[1, 2], [2, 0]]), [[False, True], [True, False]])


def test_distribute_value():
    np.testing.assert_array_equal(distribute_value(2, (2, 2)), [[0.5, 0.5], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("mode", "figures"),
    [
        ("max", [[0, 0], [5.05844394, -1.68282702], [0, 0]]),
        ("average", [[0.08485462, 0.2787552], [1.26461098, -0.25749373], [1.17975636, -0.53624893]]),
    ],
)
def test_pool_backward(mode, figures):
    (a,) = drawn((5, 5, 3, 2))
    _, cache = pool_forward(a, {"stride": 1, "f": 2})
    da = np.random.randn(5, 4, 2, 2)
    close(da.mean(), 0.14571390272918056)
    close(pool_backward(da, cache, mode=mode)[1, 1], figures)


# what printed versions get wrong


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 0), (1, 1), (3, 2)])
def test_conv_backward_against_differences(stride, pad):
    a, w, b = drawn((2, 5, 4, 2), (2, 2, 2, 3), (1, 1, 1, 3))
    hparameters = {"stride": stride, "pad": pad}
    z, cache = conv_forward(a, w, b, hparameters)
    dz = np.random.randn(*z.shape)
    wanted = [
        numerical(lambda one: conv_forward(one, w, b, hparameters)[0], a, dz),
        numerical(lambda one: conv_forward(a, one, b, hparameters)[0], w, dz),
        numerical(lambda one: conv_forward(a, w, one, hparameters)[0], b, dz),
    ]
    for got, right in zip(conv_backward(dz, cache), wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(("f", "stride"), [(2, 2), (3, 2), (2, 3), (3, 1)])
@pytest.mark.parametrize("mode", ["max", "average"])
def test_pool_backward_against_loops(f, stride, mode):
    (a,) = drawn((2, 7, 6, 2))
    a = np.round(a)  # many ties
    y, cache = pool_forward(a, {"f": f, "stride": stride}, mode)
    da, wanted = np.random.randn(*y.shape), np.zeros_like(a)
    for i, h, v, c in itertools.product(*map(range, y.shape)):
        place = i, slice(h * stride, h * stride + f), slice(v * stride, v * stride + f), c
        share = (a[place] == a[place].max()) if mode == "max" else np.full((f, f), 1 / f**2)
        wanted[place] += da[i, h, v, c] * share
    np.testing.assert_allclose(pool_backward(da, cache, mode), wanted, rtol=1e-12, atol=1e-14)


# what notebooks pass


def test_integers_and_lists_become_float64_and_floats_stay():
    ones = [[[[1], [2]], [[3], [4]]]]
    z, cache = conv_forward(ones, [[[[1]]]], [[[[1]]]], {"stride": 1, "pad": 0})
    assert z.dtype == cache[0].dtype == np.float64
    np.testing.assert_array_equal(z[0, :, :, 0], [[2, 3], [4, 5]])
    assert [one.dtype for one in conv_backward(np.ones((1, 2, 2, 1), int), cache)] == [np.float64] * 3
    single = np.ones((1, 2, 2, 1), np.float32)
    assert zero_pad(single, 1).dtype == np.float32
    assert (
        conv_forward(single, single.reshape(2, 2, 1, 1), np.ones((1, 1, 1, 1)), {"stride": 1, "pad": 1})[
            0
        ].dtype
        == np.float64
    )


def test_float16_is_computed_in_float32():
    assert zero_pad(ONES.astype(np.float16), 1).dtype == np.float32
    half = [one.astype(np.float16) for one in (ONES, WEIGHTS, BIAS)]
    assert conv_forward(*half, CONV)[0].dtype == np.float32


def test_caches_are_plain_and_hold_what_came():
    a, w, b = drawn((1, 3, 3, 1), (2, 2, 1, 1), (1, 1, 1, 1))
    hparameters = {"stride": 1, "pad": 0}
    _, cache = conv_forward(a, w, b, hparameters)
    assert type(cache) is tuple
    assert [got is came for got, came in zip(cache, (a, w, b, hparameters), strict=True)] == [True] * 4


ONES, WEIGHTS, BIAS = np.ones((1, 4, 4, 3)), np.ones((2, 2, 3, 5)), np.ones((1, 1, 1, 5))
CONV, POOL = {"stride": 1, "pad": 0}, {"f": 2, "stride": 2}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: zero_pad(ONES, -1), ParameterError, "pad must be at least 0; got -1"),
        (lambda: zero_pad(ONES[0], 1), ShapeError, r"X must be \(m, n_H, n_W, n_C\); got shape \(4, 4, 3\)"),
        (lambda: zero_pad([[1], [1, 2]], 1), ShapeError, "X must be an array"),
        (lambda: zero_pad("text", 1), DtypeError, "X must be an array of numbers"),
        (lambda: zero_pad(ONES * 1j, 1), DtypeError, "X must be float32 or float64; got complex128"),
        (lambda: conv_single_step(ONES[0], ONES, 1), ShapeError, "a_slice_prev must have the shape of W"),
        (lambda: conv_single_step(ONES, ONES, [1, 2]), ShapeError, "b must be .* one number"),
        (lambda: conv_forward(ONES, WEIGHTS, BIAS, {"stride": 1}), ParameterError, "lacks the key 'pad'"),
        (lambda: conv_forward(ONES, WEIGHTS, BIAS, {"pad": 1}), ParameterError, "lacks the key 'stride'"),
        (lambda: conv_forward(ONES, WEIGHTS, BIAS, 1), ParameterError, "must be a dictionary"),
        (
            lambda: conv_forward(ONES, WEIGHTS, BIAS, {"stride": 0, "pad": 0}),
            ParameterError,
            r"hparameters\['stride'\] must be at least 1; got 0",
        ),
        (
            lambda: conv_forward(ONES, WEIGHTS, BIAS, {"stride": 1, "pad": -1}),
            ParameterError,
            r"hparameters\['pad'\] must be at least 0; got -1",
        ),
        (
            lambda: conv_forward(ONES, WEIGHTS[:, :, :2], BIAS, CONV),
            ShapeError,
            r"W must be \(f, f, 3, n_C\)",
        ),
        (lambda: conv_forward(ONES, WEIGHTS[0], BIAS, CONV), ShapeError, "W must be"),
        (lambda: conv_forward(ONES, WEIGHTS, BIAS[0], CONV), ShapeError, r"b must be \(1, 1, 1, 5\)"),
        (
            lambda: conv_forward(ONES[:, :1], WEIGHTS, BIAS, CONV),
            ShapeError,
            r"no window of f = 2 fits in pictures of 1x4: A_prev",
        ),
        (lambda: conv_backward(ONES, (ONES, WEIGHTS)), ParameterError, r"cache must be .*; got 2 things"),
        (lambda: conv_backward(ONES, None), ParameterError, "cache must be .*; got a NoneType"),
        (
            lambda: conv_backward(ONES, (ONES, WEIGHTS, BIAS, CONV)),
            ShapeError,
            r"dZ must be \(1, 3, 3, 5\), as Z of A_prev",
        ),
        (lambda: conv_backward(ONES[0], (ONES, WEIGHTS, BIAS, CONV)), ShapeError, "dZ must be"),
        (lambda: pool_forward(ONES, {"f": 2}), ParameterError, "lacks the key 'stride'"),
        (
            lambda: pool_forward(ONES, {"f": 5, "stride": 1}),
            ShapeError,
            "no window of f = 5 fits in pictures of 4x4",
        ),
        (lambda: pool_forward(ONES, POOL, mode="maximum"), ParameterError, "mode must be one of"),
        (lambda: pool_backward(ONES, (ONES, POOL), "min"), ParameterError, "mode must be one of"),
        (lambda: pool_backward(ONES, (ONES, POOL)), ShapeError, r"dA must be \(1, 2, 2, 3\), as A of A_prev"),
        (
            lambda: conv_forward(np.ones((1, 3, 4, 4)), WEIGHTS, BIAS, CONV),
            ShapeError,
            r"W must be .f, f, 4, n_C. .* pictures are .m, n_H, n_W, n_C., channels last",
        ),
        (lambda: pool_backward(ONES, (ONES, POOL, 1)), ParameterError, "cache must be .*; got 3 things"),
        (lambda: create_mask_from_window(ONES), ShapeError, r"x must be \(f, f\)"),
        (lambda: distribute_value([1, 2], (2, 2)), ShapeError, "dz must be one number"),
        (lambda: distribute_value(1, (0, 2)), JitconvError, "got"),
        (lambda: convert_to_one_hot(np.array([0.5]), 2), DtypeError, "Y must be integers"),
        (
            lambda: convert_to_one_hot(np.array([0, 2]), 2),
            ParameterError,
            r"Y must lie in 0\.\.1 .*; got 0\.\.2",
        ),
        (lambda: convert_to_one_hot(np.array([-1]), 2), ParameterError, "Y must lie in"),
        (lambda: convert_to_one_hot(np.array([0]), 0), ParameterError, "C must be at least 1"),
        (lambda: random_mini_batches(ONES, np.ones(2)), ShapeError, "same length m"),
        (
            lambda: random_mini_batches(ONES, np.ones(1), 0),
            ParameterError,
            "mini_batch_size must be at least 1",
        ),
    ],
)
def test_a_mistake_is_a_clear_error(call, error, words):
    with pytest.raises(error, match=words):
        call()

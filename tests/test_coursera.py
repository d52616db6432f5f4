"""jitconv.courses.coursera: the figures that the course prints, naive loops, and what is refused."""

import itertools
import sys
from types import ModuleType, SimpleNamespace

import h5py
import numpy as np
import pytest

import jitconv
from jitconv import DtypeError, JitconvError, ParameterError, ShapeError
from jitconv.courses.coursera import (
    compute_cost,
    conv_backward,
    conv_forward,
    conv_single_step,
    convert_to_one_hot,
    create_mask_from_window,
    create_placeholders,
    distribute_value,
    forward_propagation,
    initialize_parameters,
    load_dataset,
    load_happy_dataset,
    load_signs_dataset,
    model,
    pool_backward,
    pool_forward,
    predict,
    random_mini_batches,
    zero_pad,
)
from jitconv.courses.coursera.weights import philox


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


# labels and mini-batches


def test_one_hot_has_a_column_for_each_label():
    one_hot = convert_to_one_hot(np.array([[5, 0, 2]], dtype=np.int64), 6)
    assert one_hot.shape == (6, 3)
    np.testing.assert_array_equal(one_hot.T, np.eye(6)[[5, 0, 2]])
    assert convert_to_one_hot(np.array([], int), 6).shape == (6, 0)


def test_mini_batches_are_a_partition_in_the_order_of_the_course():
    x, y = np.arange(148 * 2).reshape(148, 2), np.arange(148)[:, None]
    batches = random_mini_batches(x, y, 64, seed=3)
    assert [(one.shape, other.shape) for one, other in batches] == [
        ((64, 2), (64, 1)),
        ((64, 2), (64, 1)),
        ((20, 2), (20, 1)),
    ]
    np.random.seed(3)
    order = np.random.permutation(148)
    np.testing.assert_array_equal(np.concatenate([other for _, other in batches])[:, 0], order)
    for one, other in batches:
        np.testing.assert_array_equal(one, x[other[:, 0]])


def test_mini_batches_without_a_rest_and_of_nothing():
    assert [len(x) for x, _ in random_mini_batches(np.zeros((8, 1)), np.zeros((8, 1)), 4)] == [4, 4]
    assert random_mini_batches(np.zeros((0, 1)), np.zeros((0, 1))) == []


def test_mini_batches_leave_the_global_generator_alone():
    np.random.seed(7)
    wanted = np.random.rand()
    np.random.seed(7)
    random_mini_batches(np.zeros(9), np.zeros(9), 2, seed=1)
    assert np.random.rand() == wanted


# the network of the second exercise


def test_parameters_are_glorot_uniform_and_seeded():
    parameters, again = initialize_parameters(seed=1), initialize_parameters(seed=1)
    for name, limit in [
        ("W1", (6 / (16 * 11)) ** 0.5),
        ("W2", (6 / (4 * 24)) ** 0.5),
        ("W3", (6 / 70) ** 0.5),
    ]:
        assert parameters[name].dtype == np.float32
        assert 0.9 * limit < np.abs(parameters[name]).max() <= np.float32(limit)
        np.testing.assert_array_equal(parameters[name], again[name])
    assert not np.array_equal(parameters["W1"], initialize_parameters(seed=2)["W1"])
    np.testing.assert_array_equal(parameters["b3"], np.zeros(6, np.float32))


PRINTED = {
    "course": {
        "W1": [
            0.00131723,
            0.14176141,
            -0.04434952,
            0.09197326,
            0.14984085,
            -0.03514394,
            -0.06847463,
            0.05245192,
        ],
        "W2": [-0.08566415, 0.17750949, 0.11974221],
        "Z3": [[-0.44670227]],
        "cost": 2.91034,
    },
    "tf1": {
        "W1": [0.00131723, 0.14176141, -0.04434952],
        "W2": [-0.08566415, 0.17750949],
        "Z3": [
            [1.44169843, -0.24909666, 5.45049906, -0.26189619, -0.20669907, 1.36546707],
            [1.40708458, -0.02573211, 5.08928013, -0.48669922, -0.40940708, 1.26248586],
        ],
        "cost": 4.66487,
    },
    "tf2": {
        "W1": [-0.05346771, 0.18349849],
        "W2": [-0.1713624, 0.09527719],
        "Z3": [
            [1.4086003, -0.17228425, -1.1539357, -0.58591306, -0.79419005, -1.6718631],
            [1.611041, -0.3182032, -1.3212292, -0.89768225, -0.81365263, -1.4538314],
        ],
        "cost": 1.523118,
    },
}
"""What notebooks print of W1[1, 1, 1] and W2[1, 1, 1], and of the tests of Z3 and of the cost."""


@pytest.mark.parametrize("edition", PRINTED)
def test_weights_scores_and_cost_are_those_that_notebooks_print(edition):
    printed, parameters = PRINTED[edition], initialize_parameters(edition=edition)
    for name in ("W1", "W2"):
        np.testing.assert_allclose(parameters[name][1, 1, 1, : len(printed[name])], printed[name], atol=6e-9)
    np.random.seed(1)
    z3 = forward_propagation(np.random.randn(2, 64, 64, 3), parameters)
    wanted = np.array(printed["Z3"])
    # sums of 64 products of float32 in another order: 5e-7 of numbers up to 5.5
    np.testing.assert_allclose(z3[: len(wanted), : wanted.shape[1]], wanted, rtol=0, atol=1e-6)
    np.random.seed(1)
    x, y = np.random.randn(4, 64, 64, 3), np.random.randn(4, 6)
    assert compute_cost(forward_propagation(x, parameters), y) == pytest.approx(printed["cost"], abs=5.1e-6)


def test_placeholders_have_the_shapes_that_are_asked_for():
    x, y = create_placeholders(64, 64, 3, 6)
    assert (x.shape, y.shape, x.dtype) == ((None, 64, 64, 3), (None, 6), "float32")
    with pytest.raises(ParameterError, match="n_y must be at least 1; got 0"):
        create_placeholders(64, 64, 3, 0)


def test_a_prediction_is_the_class_of_the_highest_score():
    (x,) = drawn((3, 64, 64, 3))
    parameters = initialize_parameters()
    np.testing.assert_array_equal(predict(x, parameters), forward_propagation(x, parameters).argmax(axis=1))


def test_without_an_edition_the_weights_are_the_courses():
    for name, array in initialize_parameters().items():
        np.testing.assert_array_equal(array, initialize_parameters(edition="course")[name])
        assert array.dtype == np.float32


@pytest.mark.parametrize(
    ("word", "wanted"),
    [(0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"), (0xFFFFFFFF, "408f276d 41c83b0e a20bc7c6 6d5451fd")],
)
def test_philox_gives_the_words_of_its_authors_known_answers(word, wanted):
    words = philox(np.full((1, 4), word, np.uint32), (word, word))[0]
    assert " ".join(f"{one:08x}" for one in words) == wanted


def test_forward_propagation_against_the_steps_of_the_first_exercise():
    (x,) = drawn((2, 64, 64, 3))
    parameters = initialize_parameters(seed=1)
    a = np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))
    for name, f, pad in [("W1", 8, ((0, 0), (0, 1), (0, 1), (0, 0))), ("W2", 4, 0)]:
        w = parameters[name].astype(np.float64)
        z, _ = conv_forward(a, w, np.zeros((1, 1, 1, w.shape[3])), {"stride": 1, "pad": 0})
        a, _ = pool_forward(np.maximum(z, 0), {"f": f, "stride": f})
        a = np.pad(a, pad)
    wanted = a.reshape(2, 64) @ parameters["W3"] + parameters["b3"]
    z3 = forward_propagation(x, parameters)
    assert z3.dtype == np.float32
    np.testing.assert_allclose(z3, wanted, rtol=1e-4, atol=1e-5)


def test_cost_of_rows_that_are_no_one_hot():
    scores, y = drawn((3, 6), (3, 6))
    logarithms = np.log(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(compute_cost(scores, y), -(y * logarithms).sum(axis=1).mean(), rtol=1e-12)


def test_cost_against_its_definition():
    scores, y = drawn((4, 6))[0], np.eye(6)[[0, 5, 2, 2]]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(compute_cost(scores, y), -np.mean(np.log(p[y == 1])), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: initialize_parameters(-1), ParameterError, "seed must be at least 0"),
        (lambda: forward_propagation(ONES, initialize_parameters()), ShapeError, "X must be .m, 64, 64, 3."),
        (lambda: forward_propagation(ONES, {}), ParameterError, "lacks the key 'W1'"),
        (
            lambda: forward_propagation(ONES, {"W1": 1, "W2": 1}),
            ParameterError,
            "lacks the key 'W3'; it has .* initialize_parameters.. gives W1, W2 and the dense",
        ),
        (
            lambda: forward_propagation(ONES, initialize_parameters() | {"b3": np.zeros(5)}),
            ShapeError,
            "b3 must be",
        ),
        (lambda: compute_cost(np.ones((2, 6)), np.ones((6, 2))), ShapeError, "Z3 and Y must both be"),
        (lambda: initialize_parameters(edition="tf3"), ParameterError, "edition must be one of"),
    ],
)
def test_a_mistake_with_the_network_is_a_clear_error(call, error, words):
    with pytest.raises(error, match=words):
        call()


# training it


def coloured(count=48):
    """Return pictures that are red or blue, and their one-hot rows."""
    labels = np.arange(count) % 2
    pictures = np.random.RandomState(0).uniform(0, 0.3, (count, 64, 64, 3))
    pictures[labels == 0, :, :, 0] += 0.7
    pictures[labels == 1, :, :, 2] += 0.7
    return pictures, convert_to_one_hot(labels, 6).T


def test_model_learns_prints_and_draws(tmp_path, capsys):
    x, y = coloured()
    before = x.copy()
    train, test, parameters = model(
        x, y, x[:10], y[:10], num_epochs=11, minibatch_size=16, plot=tmp_path / "costs.png"
    )
    assert (train, test) == (1.0, 1.0)
    np.testing.assert_array_equal(x, before)
    printed = capsys.readouterr().out
    assert [line.split(":")[0] for line in printed.splitlines()] == [
        "Cost after epoch 0", "Cost after epoch 5", "Cost after epoch 10", "Train Accuracy", "Test Accuracy",
        "Curve of the cost",
    ]  # fmt: skip
    assert printed.endswith(f"Curve of the cost: {tmp_path / 'costs.png'}\n")
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")
    assert [one.name for one in tmp_path.iterdir()] == ["costs.png"]
    scores = forward_propagation(x.astype(np.float32), parameters)
    assert (scores.argmax(axis=1) == y.argmax(axis=1)).all()


def test_a_printed_cost_is_the_courses_sum_over_batches(capsys):
    x, y = coloured(20)
    model(x, y, x, y, num_epochs=1, minibatch_size=8, learning_rate=1e-12, plot=None)  # it hardly learns
    printed = float(capsys.readouterr().out.splitlines()[0].split(": ")[1])
    parameters = initialize_parameters()
    costs = [
        compute_cost(forward_propagation(X.astype(np.float32), parameters), Y)
        for X, Y in random_mini_batches(x, y, 8, seed=4)
    ]
    assert len(costs) == 3
    assert printed == pytest.approx(sum(costs) / 2, abs=1e-5)


def test_model_begins_with_given_parameters_and_leaves_them(capsys):
    x, y = coloured(12)
    begun = initialize_parameters(edition="tf2")
    before = {name: array.copy() for name, array in begun.items()}
    learnt = model(x, y, x, y, num_epochs=1, learning_rate=1e-12, parameters=begun, plot=None)[2]
    for name, array in before.items():
        np.testing.assert_array_equal(begun[name], array)
        np.testing.assert_allclose(learnt[name], array, atol=1e-9)


def test_a_notebook_shows_the_curve(tmp_path, monkeypatch):
    shown = []
    notebook = ModuleType("IPython")
    notebook.get_ipython = lambda: SimpleNamespace(kernel="any")
    display = ModuleType("IPython.display")
    display.Image, display.display = bytes, shown.append
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    x, y = coloured(12)
    model(x, y, x, y, num_epochs=1, plot=tmp_path / "costs.png", print_cost=False)
    assert shown == [(tmp_path / "costs.png").read_bytes()]


def test_model_with_one_seed_gives_the_same_bits(capsys):
    x, y = coloured(20)
    options = {"num_epochs": 2, "print_cost": False, "plot": None}
    first, again = (model(x, y, x, y, seed=5, **options)[2] for _ in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert not np.array_equal(model(x, y, x, y, seed=6, **options)[2]["W1"], first["W1"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X_train": np.zeros((4, 32, 32, 3))}, "X_train must be (m, 64, 64, 3)"),
        ({"Y_train": np.zeros((6, 4))}, "Y_train must be (4, 6) to match X_train"),
        ({"Y_test": np.zeros((4, 6))}, "Y_test must be one-hot"),
        ({"num_epochs": 0}, "epochs must be at least 1"),
    ],
)
def test_a_mistake_with_the_model_is_named(change, words):
    rows = np.eye(6)[[0, 1, 2, 3]]
    pictures = np.zeros((4, 64, 64, 3))
    given = {"X_train": pictures, "Y_train": rows, "X_test": pictures, "Y_test": rows, "plot": None}
    with pytest.raises(jitconv.JitconvError) as caught:
        model(**{**given, **change})
    assert words in str(caught.value)


# the data set


def write_signs(folder, **change):
    """Write small files of the course's form; `change` replaces data sets of the training file."""
    for part, count in (("train", 5), ("test", 3)):
        sets = {
            f"{part}_set_x": np.arange(count * 64 * 64 * 3, dtype=np.uint32).reshape(count, 64, 64, 3) % 256,
            f"{part}_set_y": np.arange(count) % 6,
            "list_classes": np.arange(6),
        }
        sets[f"{part}_set_x"] = sets[f"{part}_set_x"].astype(np.uint8)
        with h5py.File(folder / f"{part}_signs.h5", "w") as file:
            for name, array in {**sets, **(change if part == "train" else {})}.items():
                if array is not None:
                    file[name] = array


def test_load_dataset_returns_the_courses_five_arrays(tmp_path):
    write_signs(tmp_path)
    train_x, train_y, test_x, test_y, classes = load_dataset(tmp_path)
    assert (train_x.shape, train_x.dtype) == ((5, 64, 64, 3), np.uint8)
    assert train_y.tolist() == [[0, 1, 2, 3, 4]]
    assert (test_x.shape, test_y.shape) == ((3, 64, 64, 3), (1, 3))
    assert classes.tolist() == [0, 1, 2, 3, 4, 5]
    assert train_x[0, 0, 1].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_set_x": None}, "train_set_x"),
        ({"train_set_x": np.zeros((5, 32, 32, 3), np.uint8)}, "64"),
        ({"train_set_x": np.zeros((5, 64, 64, 3))}, "uint8"),
        ({"train_set_y": np.arange(4)}, "expected 5 labels"),
        ({"train_set_y": np.full(5, 6)}, "6"),
    ],
)
def test_a_bad_file_is_named_with_its_key(tmp_path, change, words):
    write_signs(tmp_path, **change)
    with pytest.raises(jitconv.DataError) as caught:
        load_dataset(tmp_path)
    assert "train_signs.h5" in str(caught.value)
    assert words in str(caught.value)


def test_the_other_editions_names_of_data_sets(tmp_path):
    write_signs(tmp_path)
    for one, other in zip(load_signs_dataset(tmp_path), load_dataset(tmp_path), strict=True):
        np.testing.assert_array_equal(one, other)
    for part in ("train", "test"):
        with h5py.File(tmp_path / f"{part}_happy.h5", "w") as file:
            file[f"{part}_set_x"] = np.zeros((4, 64, 64, 3), np.uint8)
            file[f"{part}_set_y"] = np.array([0, 1, 1, 0])
            file["list_classes"] = np.arange(2)
    train_x, train_y, _, test_y, classes = load_happy_dataset(tmp_path)
    assert train_x.shape == (4, 64, 64, 3)
    assert train_y.tolist() == test_y.tolist() == [[0, 1, 1, 0]]
    assert classes.tolist() == [0, 1]


def test_a_missing_or_truncated_file_is_named(tmp_path):
    with pytest.raises(jitconv.DataError, match=r"train_signs\.h5"):
        load_dataset(tmp_path)
    write_signs(tmp_path)
    whole = (tmp_path / "test_signs.h5").read_bytes()
    (tmp_path / "test_signs.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(jitconv.DataError, match=r"test_signs\.h5"):
        load_dataset(tmp_path)

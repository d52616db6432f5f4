"""Layers and networks: gradients by finite differences, shapes, copies, and what is refused."""

import copy
import pickle
import threading

import numpy as np
import pytest

import jitconv
from jitconv import nn
from jitconv.nn import networks
from jitconv.nn.functions import (
    adam_step,
    dense_backward,
    dense_forward,
    logistic_cross_entropy,
    momentum_step,
    relu_backward,
    relu_forward,
    softmax,
    softmax_cross_entropy,
)
from jitconv.nn.initialisers import weights
from jitconv.nn.layers import LAYERS


def drawn(*shape, seed=0):
    """Return noise around 0."""
    return np.random.default_rng(seed).standard_normal(shape)


STACKS = {
    "conv": [nn.Conv2D(4, 3, stride=2, pad=1), nn.ReLU()],
    "conv of groups": [nn.Conv2D(4, (3, 2), groups=2, dilation=2, pad="same", bias=False)],
    "max pool": [nn.Conv2D(3, 3, pad="same"), nn.ReLU(), nn.MaxPool2D(2)],
    "large max pool": [nn.Conv2D(3, 3, pad="same"), nn.ReLU(), nn.MaxPool2D(8)],
    "large max pool after two": [
        nn.Conv2D(3, 3, pad="same"),
        nn.Conv2D(3, 2, pad="same"),
        nn.MaxPool2D(8, pad="same"),
    ],
    "overlapping max pool": [nn.Conv2D(3, 3), nn.ReLU(), nn.MaxPool2D(3, 1, 1, ties="split")],
    "average": [nn.AvgPool2D(3, 2, pad=1)],
    "batch norm": [nn.Conv2D(4, 3, bias=False), nn.BatchNorm2D(), nn.ReLU()],
    "group norm": [nn.Conv2D(4, 3), nn.GroupNorm(2), nn.ReLU()],
    "dropout": [nn.Flatten(), nn.Dense(9), nn.Dropout(0.4)],
    "padding": [nn.ZeroPad2D((1, 2)), nn.Conv2D(3, 3), nn.LeakyReLU(0.2)],
    "sigmoid": [nn.Conv2D(2, 3), nn.Sigmoid()],
    "sum with the input": [nn.Add([nn.Conv2D(4, 3, pad=1), nn.BatchNorm2D()]), nn.Sigmoid()],
    "sum of two branches": [
        nn.Conv2D(3, 3, pad=1),
        nn.ReLU(),
        nn.Add(
            [nn.Conv2D(5, 3, 2, pad=1), nn.ReLU(), nn.MaxPool2D(2, 1, "same"), nn.Add([nn.Dropout(0.3)])],
            [nn.Conv2D(5, 1, 2, bias=False), nn.BatchNorm2D()],
        ),
    ],
    "sum at first": [nn.Add([nn.Conv2D(4, 3, pad=1), nn.MaxPool2D(3, 1, 1)])],
}


def stack(name, layout="NHWC", dtype="float64", **options):
    """Return a network of fresh layers, ended by a dense layer of 3 scores."""
    layers = [*copy.deepcopy(STACKS[name]), nn.Flatten(), nn.Dense(3, init="glorot")]
    shape = (9, 10, 4) if layout == "NHWC" else (4, 9, 10)
    return nn.Sequential(layers, shape, layout=layout, dtype=dtype, **options)


def test_every_layer_stands_in_a_stack():
    used = {type(layer).__name__ for layers in STACKS.values() for layer in layers} | {"Flatten", "Dense"}
    assert used == set(LAYERS)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", STACKS)
def test_gradients_are_those_of_finite_differences(name, layout):
    model = stack(name, layout)
    before = {name: array.copy() for name, array in (model.parameters | model.state).items()}
    errors = nn.check_gradients(model, drawn(3, *model.shape), np.array([0, 1, 2]), l2=0.1)
    assert errors.keys() == model.parameters.keys()
    assert max(errors.values()) < 1e-6, errors
    for name, array in (model.parameters | model.state).items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_gradients_of_one_score_are_those_of_finite_differences(layout):
    shape = (6, 5, 2) if layout == "NHWC" else (2, 6, 5)
    layers = [nn.ZeroPad2D(1), nn.Conv2D(3, 3), nn.ReLU(), nn.Flatten(), nn.Dense(1)]
    model = nn.Sequential(layers, shape, layout=layout, dtype="float64")
    errors = nn.check_gradients(model, drawn(4, *shape), np.array([0, 1, 1, 0]))
    assert max(errors.values()) < 1e-6, errors


def test_one_score_tells_two_classes_apart():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 4, 4, 1)).astype(np.float32)
    labels = (x.mean(axis=(1, 2, 3)) > 0).astype(np.int64)
    model = nn.Sequential([nn.Flatten(), nn.Dense(1)], (4, 4, 1))
    first = nn.evaluate(model, (x, labels))
    history = nn.fit(model, (x, labels), 30, batch=20, optimiser=nn.Adam(0.03), progress=False)
    judged = nn.evaluate(model, (x, labels))
    assert judged.accuracy > 0.95
    assert judged.cost < history.epochs[0].cost < 2 * first.cost
    shares = nn.predict(model, x)
    assert shares.shape == (200, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert np.mean(shares.argmax(axis=1) == labels) == judged.accuracy
    np.testing.assert_array_equal(model.probabilities(x), shares)
    wanted = -np.mean(np.log(shares[np.arange(200), labels], dtype=np.float64))
    assert judged.cost == pytest.approx(wanted, rel=1e-5)
    with pytest.raises(jitconv.ShapeError, match="the data have 3 classes"):
        nn.fit(model, (x, labels + 1), 1, progress=False)


def test_the_logistic_loss_is_its_formula_and_never_overflows():
    scores, labels = np.array([[1e4], [-1e4], [0.3], [-2.0]]), np.array([1, 0, 1, 1])
    loss, slope = logistic_cross_entropy(scores, labels)
    assert loss == pytest.approx((np.log1p(np.exp(-0.3)) + np.log1p(np.exp(2.0))) / 4)
    wanted = [0, 0, 1 / (1 + np.exp(-0.3)) - 1, 1 / (1 + np.exp(2.0)) - 1]
    np.testing.assert_allclose(slope[:, 0] * 4, wanted, atol=1e-15)
    assert logistic_cross_entropy(np.array([[1e4]]), np.array([0]))[0] == 1e4
    for bad in (np.array([2]), np.array([0.0]), np.array([0, 1])):
        with pytest.raises((jitconv.ShapeError, jitconv.ParameterError)):
            logistic_cross_entropy(np.array([[1.0]]), bad)


def test_a_wrong_gradient_is_found():
    class Wrong(nn.ReLU):
        def backward(self, dy, cache, dx=True):
            return 1.01 * super().backward(dy, cache, dx)[0], {}

    model = nn.Sequential([nn.Flatten(), nn.Dense(5), Wrong(), nn.Dense(3)], (4,), dtype="float64")
    errors = nn.check_gradients(model, drawn(3, 4), np.array([0, 1, 2]))
    assert errors["dense1/w"] > 1e-3
    assert errors["dense2/w"] < 1e-6


@pytest.mark.parametrize("name", ["max pool", "large max pool", "overlapping max pool"])
def test_a_relu_after_the_pool_gives_the_same_bits(name):
    model = stack(name, dtype="float32")
    x = drawn(4, *model.shape).astype(np.float32)
    x[0] = np.round(x[0])  # ties
    x[1, 2, 3] = np.nan
    found = model.step(x, np.array([0, 1, 2, 0]), np.random.default_rng(0))
    model._chain._order = list(model.layers.items())
    model.layers["pool1"].sparse = False  # its gradient goes to the ReLU, no more to the convolution
    wanted = model.step(x, np.array([0, 1, 2, 0]), np.random.default_rng(0))
    np.testing.assert_array_equal(found.scores, wanted.scores)
    clean = np.delete(x, 1, axis=0)
    wanted = model.step(clean, np.array([0, 2, 0]), np.random.default_rng(0))
    again = stack(name, dtype="float32").step(clean, np.array([0, 2, 0]), np.random.default_rng(0))
    assert [name for name, _ in model._chain._order] != [name for name, _ in stack(name)._chain._order]
    for part, gradient in wanted.gradients.items():
        np.testing.assert_allclose(again.gradients[part], gradient, rtol=1e-5, atol=1e-6)


def test_layouts_agree():
    rows, planes = stack("batch norm"), stack("batch norm", "NCHW")
    for name, w in rows.parameters.items():
        if w.ndim == 4:
            w = w.transpose(3, 2, 0, 1)
        elif name == "dense1/w":
            w = w.reshape(7, 8, 4, 3).transpose(2, 0, 1, 3).reshape(-1, 3)
        planes.parameters[name][...] = w
    x, labels = drawn(3, 9, 10, 4), np.array([0, 1, 2])
    one, other = rows.step(x, labels), planes.step(x.transpose(0, 3, 1, 2).copy(), labels)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-10)
    assert one.loss == pytest.approx(other.loss)


def test_dropout_and_batch_norm_differ_outside_training():
    model = stack("dropout", seed=1)
    x, labels = drawn(3, *model.shape), np.array([0, 1, 2])
    drop = model.step(x, labels, np.random.default_rng(1)).scores
    assert not np.allclose(drop, model.scores(x))
    assert (drop == model.step(x, labels, np.random.default_rng(1)).scores).all()
    norm = stack("batch norm")
    mean = norm.state["norm1/mean"].copy()
    norm.scores(x)
    np.testing.assert_array_equal(norm.state["norm1/mean"], mean)
    norm.step(x, labels, np.random.default_rng(0))
    assert not np.allclose(norm.state["norm1/mean"], mean)


def test_known_networks_have_the_published_sizes():
    sizes = {
        name: sum(w.size for w in getattr(networks, name)().parameters.values())
        for name in ("signs", "three_layer", "lenet5")
    }
    assert sizes == {"signs": 1_310, "three_layer": 4_106_246, "lenet5": 61_706}
    bare = networks.signs(bias=False)
    assert {name: w.shape for name, w in bare.parameters.items()} == {
        "conv1/w": (4, 4, 3, 8),
        "conv2/w": (2, 2, 8, 16),
        "dense1/w": (64, 6),
        "dense1/b": (6,),
    }
    x = drawn(50, 32, 32, 3).astype(np.float32)
    assert networks.three_layer().step(x, np.arange(50) % 10).loss == pytest.approx(2.302, abs=0.01)


def test_summary_shows_shapes_parameters_and_algorithms():
    text = nn.summary(networks.lenet5(), 64)
    row = next(line for line in text.splitlines() if line.startswith("conv2"))
    assert row.split()[1:4] == ["10×10×16", "2,416", "240,000"]
    chosen = jitconv.explain("conv_forward", (64, 14, 14, 6), (5, 5, 6, 16), np.zeros(16, np.float32))
    assert row.split()[4] == chosen.choice.name
    assert "61,706" in text.splitlines()[-1]
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initialisers_have_the_variance_of_their_papers(dtype):
    rng = np.random.default_rng(0)
    glorot = weights("glorot", (200, 300), 200, 300, rng, dtype)
    assert np.abs(glorot).max() <= np.sqrt(6 / 500)
    assert glorot.var() == pytest.approx(2 / 500, rel=0.02)
    assert weights("he", (200, 300), 200, 300, rng, dtype).var() == pytest.approx(2 / 200, rel=0.02)
    assert weights("small", (200, 300), 200, 300, rng, dtype).std() == pytest.approx(1e-3, rel=0.02)
    assert not weights("zeros", (2, 3), 2, 3, rng, dtype).any()
    assert glorot.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [3, 5000])
def test_steps_are_the_papers(dtype, size):
    w, dw, m, v = drawn(4, size).astype(dtype)
    v = np.abs(v)
    wanted = w.astype(float), m.astype(float), v.astype(float)
    w0, m0, v0 = wanted
    got = w.copy(), m.copy(), v.copy()
    adam_step(got[0], dw, *got[1:], 3, rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.1)
    slope = dw + 0.1 * w0
    m1, v1 = 0.9 * m0 + 0.1 * slope, 0.999 * v0 + 0.001 * slope**2
    w1 = w0 - 0.01 * (m1 / (1 - 0.9**3)) / (np.sqrt(v1 / (1 - 0.999**3)) + 1e-8)
    for one, other in zip(got, (w1, m1, v1), strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6)
    w2, velocity = w.copy(), m.copy()
    momentum_step(w2, dw, velocity, rate=0.01, momentum=0.9, decay=0.1)
    np.testing.assert_allclose(velocity, 0.9 * m0 - 0.01 * slope, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(w2, w0 + 0.9 * m0 - 0.01 * slope, rtol=1e-4, atol=1e-6)


def test_functions_are_their_formulas():
    x = drawn(7, 5)
    x[0, 0] = np.nan
    y = relu_forward(x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(relu_backward(np.ones_like(x), x), x > 0)
    x, w, b, dy = drawn(7, 5), drawn(5, 3), drawn(3), drawn(7, 3)
    np.testing.assert_allclose(dense_forward(x, w, b), x @ w + b, rtol=1e-12)
    dx, dw, db = dense_backward(dy, x, w)
    for got, wanted in ((dx, dy @ w.T), (dw, x.T @ dy), (db, dy.sum(axis=0))):
        np.testing.assert_allclose(got, wanted, rtol=1e-11)
    assert dense_backward(dy, x, w, ("w",)).dx is None
    loss, slope = softmax_cross_entropy(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([0, 1]))
    assert loss == pytest.approx(np.log(2) / 2)
    np.testing.assert_allclose(slope, [[0, 0], [0.25, -0.25]])
    np.testing.assert_allclose(softmax(drawn(4, 6)).sum(axis=1), 1)


def test_threads_may_predict_with_one_network():
    model = stack("batch norm", dtype="float32")
    x = drawn(20, *model.shape).astype(np.float32)
    wanted, found = model.scores(x), {}
    run = lambda k: found.update({k: [model.scores(x) for _ in range(5)]})  # noqa: E731
    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all((one == wanted).all() for many in found.values() for one in many)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.Sequential([], (4,)), jitconv.ParameterError, "at least one layer"),
        (lambda: nn.Sequential([nn.Dense(3)], (4, 4, 1)), jitconv.ShapeError, "put Flatten() before it"),
        (lambda: nn.Sequential([nn.Flatten(), nn.Conv2D(3, 3)], (4, 4, 1)), jitconv.ShapeError, "conv1"),
        (lambda: nn.Sequential([nn.Conv2D(3, 9)], (4, 4, 1)), jitconv.ShapeError, "conv1"),
        (lambda: nn.Sequential([nn.Conv2D(4, 3), nn.GroupNorm(3)], (4, 4, 1)), jitconv.ShapeError, "norm1"),
        (lambda: nn.Sequential([nn.ReLU()] * 2, (4,)), jitconv.ParameterError, "one layer stands twice"),
        (lambda: nn.Sequential([nn.ReLU()], (4,), layout="HWC"), jitconv.ParameterError, "layout"),
        (lambda: nn.Sequential([nn.ReLU()], (4,), dtype="int8"), jitconv.ParameterError, "dtype"),
        (lambda: nn.Conv2D(0, 3), jitconv.ParameterError, "filters must be at least 1"),
        (lambda: nn.Conv2D(3, 3, init="hee"), jitconv.ParameterError, "'he'"),
        (lambda: nn.Dense(2.5), jitconv.ParameterError, "units"),
        (lambda: nn.Dropout(1.0), jitconv.ParameterError, "below 1"),
        (lambda: nn.LeakyReLU(1.0), jitconv.ParameterError, "slope must be at least 0 and below 1"),
        (lambda: nn.ZeroPad2D(-1), jitconv.ParameterError, "ZeroPad2D: pad"),
        (lambda: nn.Adam(-1), jitconv.ParameterError, "above 0; got -1"),
        (lambda: nn.Adam(beta1=1), jitconv.ParameterError, "beta1"),
        (lambda: nn.SGD(momentum=1), jitconv.ParameterError, "momentum"),
        (lambda: stack("conv").scores(drawn(2, 9, 10, 3)), jitconv.ShapeError, "(N, 9, 10, 4)"),
        (lambda: stack("conv", dtype="float32").scores(drawn(2, 9, 10, 4)), jitconv.DtypeError, "np.float32"),
        (lambda: stack("conv").step(drawn(1, 9, 10, 4), np.array([3])), jitconv.ParameterError, "0..2"),
        (lambda: stack("conv").step(drawn(1, 9, 10, 4), np.array([-1])), jitconv.ParameterError, "-1"),
        (lambda: stack("conv").step(drawn(1, 9, 10, 4), np.array([1.0])), jitconv.ParameterError, "float64"),
        (lambda: stack("conv").step(drawn(2, 9, 10, 4), np.array([1])), jitconv.ShapeError, "labels"),
        (
            lambda: nn.check_gradients(stack("conv", dtype="float32"), None, None),
            jitconv.ParameterError,
            'dtype="float64"',
        ),
    ],
)
def test_a_mistake_is_a_clear_error(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def layers():
    """Return the layers of a small network with every kind of array."""
    return [nn.Conv2D(4, 3), nn.BatchNorm2D(), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(3)]


def test_a_layer_of_another_network_is_refused_and_keeps_its_weights():
    mine = layers()
    model = nn.Sequential(mine, (8, 8, 1))
    before = {name: array.copy() for name, array in model.parameters.items()}
    with pytest.raises(jitconv.ParameterError, match="another network's already"):
        nn.Sequential(mine, (8, 8, 1), seed=1)
    with pytest.raises(jitconv.ParameterError, match=r"Dense\(units=3.*another network's already"):
        nn.Sequential([nn.Flatten(), mine[-1]], (8, 8, 1))
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def test_layers_that_made_no_network_may_make_another():
    dense = nn.Dense(3)
    with pytest.raises(jitconv.ShapeError, match="dense1"):
        nn.Sequential([dense], (8, 8, 1))
    assert nn.Sequential([nn.Flatten(), dense], (8, 8, 1)).parameters["dense1/w"].shape == (64, 3)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_predicts_the_same_and_is_trained_alone(copied):
    model = nn.Sequential(layers(), (8, 8, 1))
    x, labels = np.random.default_rng(0).random((9, 8, 8, 1), np.float32), np.arange(9) % 3
    before, other = model.scores(x), copied(model)
    np.testing.assert_array_equal(other.scores(x), before)
    nn.fit(other, (x, labels), 2, progress=False)
    assert not np.array_equal(other.scores(x), before)
    np.testing.assert_array_equal(model.scores(x), before)


def test_no_pictures_have_no_scores():
    model = nn.Sequential([nn.Conv2D(4, 3), nn.ReLU(), nn.AvgPool2D(2), nn.Flatten(), nn.Dense(3)], (8, 8, 1))
    assert model.scores(np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 3)
    assert model.probabilities(np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 3)


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ([nn.Flatten, nn.Dense(3)], {}, "must be layers, such as"),
        (["conv"], {}, "got 'conv'"),
        (nn.Flatten(), {}, "in a list; got Flatten"),
        ([nn.Flatten()], {"seed": -1}, "seed must be at least 0"),
        ([nn.Flatten()], {"seed": 1.5}, "seed must be an integer"),
    ],
)
def test_what_makes_no_network_is_a_clear_error(given, options, words):
    with pytest.raises(jitconv.ParameterError) as caught:
        nn.Sequential(given, (8, 8, 1), **options)
    assert words in str(caught.value)

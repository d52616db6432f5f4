"""The second exercise of `jitconv.courses.coursera`: its published weights, scores and costs, and `model`."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import jitconv
from jitconv import ParameterError, ShapeError
from jitconv.courses.coursera import (
    compute_cost,
    conv_forward,
    convert_to_one_hot,
    create_placeholders,
    forward_propagation,
    initialize_parameters,
    model,
    pool_forward,
    predict,
    random_mini_batches,
)
from jitconv.courses.coursera.weights import philox

ONES = np.ones((1, 4, 4, 3))


def drawn(*shapes):
    """Return arrays as the course draws them, one after the other."""
    np.random.seed(1)
    return [np.random.randn(*shape) for shape in shapes]


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
        "Cost after epoch 0",
        "Cost after epoch 5",
        "Cost after epoch 10",
        "Train Accuracy",
        "Test Accuracy",
        "Curve of the cost",
    ]
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
    notebook.version_info = (9, 0)  # Matplotlib asks for it when it is imported here first
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

"""What CS231n's notebooks import besides layers: networks, data, pictures, columns, and slow loops."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import jitconv
from jitconv.courses.cs231n import layers as course_layers
from jitconv.courses.cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from jitconv.courses.cs231n.data_utils import get_CIFAR10_data, load_CIFAR10, load_CIFAR_batch, load_pickle
from jitconv.courses.cs231n.gradient_check import (
    eval_numerical_gradient,
    eval_numerical_gradient_blobs,
    eval_numerical_gradient_net,
    rel_error,
)
from jitconv.courses.cs231n.im2col import col2im_indices, get_im2col_indices, im2col_indices
from jitconv.courses.cs231n.layers import conv_backward_naive, conv_forward_naive, use_loops
from jitconv.courses.cs231n.vis_utils import vis_grid, vis_nn, visualize_grid


@pytest.mark.parametrize("normalization", [None, "batchnorm", "layernorm"])
@pytest.mark.parametrize("keep", [1, 0.75])
def test_a_network_has_right_gradients(normalization, keep):
    np.random.seed(231)
    x, y = np.random.randn(4, 3, 5), np.random.randint(10, size=4)
    model = FullyConnectedNet(
        [12, 9],
        input_dim=15,
        reg=0.3,
        weight_scale=5e-2,
        dtype=np.float64,
        seed=7,
        dropout_keep_ratio=keep,
        normalization=normalization,
    )
    loss, grads = model.loss(x, y)
    assert grads.keys() == model.params.keys()
    for name, w in model.params.items():
        numeric = eval_numerical_gradient(lambda _: model.loss(x, y)[0], w, verbose=False, h=1e-5)
        # a bias before a normalisation has no effect: its gradient is noise around 0
        assert rel_error(numeric, grads[name]) < 1e-5 or np.abs(grads[name]).max() < 1e-9, name
    assert np.isfinite(loss)


def test_a_network_begins_at_log_10_and_its_scores_drop_nothing():
    np.random.seed(0)
    model = FullyConnectedNet(
        [20, 30], input_dim=15, dropout=0.5, normalization="batchnorm", weight_scale=1e-5
    )
    x = np.random.randn(50, 15)
    assert model.loss(x, np.arange(50) % 10)[0] == pytest.approx(np.log(10), abs=1e-3)
    np.testing.assert_array_equal(model.loss(x), model.loss(x))
    assert model.dropout_param == {"mode": "test", "p": 0.5}
    assert all(param["running_mean"].shape in ((20,), (30,)) for param in model.bn_params)
    assert model.params["W1"].dtype == np.float32


def test_the_two_layer_network_is_that_of_its_formula():
    np.random.seed(3)
    model = TwoLayerNet(input_dim=4, hidden_dim=5, num_classes=3, weight_scale=1.0, reg=0.5)
    assert {name: array.shape for name, array in model.params.items()} == {
        "W1": (4, 5),
        "b1": (5,),
        "W2": (5, 3),
        "b2": (3,),
    }
    np.random.seed(3)
    w1, w2 = np.random.normal(0, 1, (4, 5)), np.random.normal(0, 1, (5, 3))
    x, y = np.arange(8.0).reshape(2, 4), np.array([0, 2])
    scores = np.maximum(x @ w1, 0) @ w2
    np.testing.assert_allclose(model.loss(x), scores, rtol=1e-12)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    wanted = -np.mean(np.log(p[[0, 1], y])) + 0.25 * ((w1**2).sum() + (w2**2).sum())
    assert model.loss(x, y)[0] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: FullyConnectedNet([3], dropout=0.5, dropout_keep_ratio=0.5), "two names of one number"),
        (lambda: FullyConnectedNet([3], dropout_keep_ratio=0), "above 0 and at most 1"),
        (lambda: FullyConnectedNet([3], normalization="batch"), "normalization must be one of"),
        (lambda: FullyConnectedNet([3]).loss(np.zeros((2, 5))), "samples of 3072 numbers, (N, 3072)"),
        (lambda: im2col_indices(np.zeros((1, 1, 4, 4)), 3, 3, padding=0, stride=2), "from edge to edge"),
        (lambda: col2im_indices(np.zeros((9, 3)), (1, 1, 4, 4)), "cols must be (9, 16); got (9, 3)"),
        (lambda: visualize_grid(np.zeros((3, 3))), "Xs must be (N, H, W, C)"),
        (lambda: get_CIFAR10_data(folder="nowhere"), "nowhere: no such folder"),
    ],
)
def test_a_mistake_is_a_clear_error(call, words):
    with pytest.raises(jitconv.JitconvError) as caught:
        call()
    assert words in str(caught.value)


def write_batches(folder, count=8):
    """Write a small set in the form of the standard Python distribution; return its pictures and labels."""
    rng, places = np.random.default_rng(0), folder / "cifar-10-batches-py"
    places.mkdir()
    pictures, labels = [], []
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        data, numbers = rng.integers(256, size=(count, 3072), dtype=np.uint8), rng.integers(10, size=count)
        (places / name).write_bytes(pickle.dumps({b"data": data, b"labels": numbers.tolist()}, protocol=2))
        pictures.append(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype(float))
        labels.append(numbers)
    return pictures, labels


def test_cifar_is_loaded_as_the_notebooks_want_it(tmp_path):
    pictures, labels = write_batches(tmp_path)
    x, y = load_CIFAR_batch(tmp_path / "cifar-10-batches-py" / "data_batch_2")
    np.testing.assert_array_equal(x, pictures[1])
    np.testing.assert_array_equal(y, labels[1])
    with open(tmp_path / "cifar-10-batches-py" / "data_batch_2", "rb") as file:
        assert load_pickle(file)["labels"] == labels[1].tolist()
    xtr, ytr, xte, yte = load_CIFAR10(tmp_path)
    np.testing.assert_array_equal(xtr, np.concatenate(pictures[:5]))
    np.testing.assert_array_equal(ytr, np.concatenate(labels[:5]))
    np.testing.assert_array_equal(xte, pictures[5])
    np.testing.assert_array_equal(yte, labels[5])
    data = get_CIFAR10_data(30, 10, 5, folder=tmp_path)
    assert [(name, array.shape) for name, array in data.items()] == [  # in the order of the course
        ("X_train", (30, 3, 32, 32)),
        ("y_train", (30,)),
        ("X_val", (10, 3, 32, 32)),
        ("y_val", (10,)),
        ("X_test", (5, 3, 32, 32)),
        ("y_test", (5,)),
    ]
    whole = np.concatenate(pictures[:5])
    wanted = (whole[30:] - whole[:30].mean(axis=0)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(data["X_val"], wanted, atol=1e-9)
    np.testing.assert_array_equal(data["y_val"], ytr[30:])
    plain = get_CIFAR10_data(30, 10, 5, subtract_mean=False, folder=tmp_path)
    np.testing.assert_array_equal(plain["X_test"], pictures[5][:5].transpose(0, 3, 1, 2))
    with pytest.raises(jitconv.ParameterError, match="the set has 40 pictures for training and validation"):
        get_CIFAR10_data(40, 1, 1, folder=tmp_path)


def test_a_grid_spreads_each_image_by_itself():
    images = np.stack(
        [np.arange(12.0).reshape(2, 2, 3), np.full((2, 2, 3), 5.0), -np.arange(12.0).reshape(2, 2, 3)]
    )
    grid = visualize_grid(images, padding=1)
    assert grid.shape == (5, 5, 3)
    np.testing.assert_allclose(grid[:2, :2], images[0] / 11 * 255)
    np.testing.assert_array_equal(grid[:2, 3:], 0)  # one colour
    np.testing.assert_allclose(grid[3:, :2], (images[2] + 11) / 11 * 255)
    np.testing.assert_array_equal(grid[2], 0)
    np.testing.assert_array_equal(grid[3:, 3:], 0)  # no image


def test_grids_of_one_scale():
    images = np.stack([np.zeros((2, 2, 3)), np.full((2, 2, 3), 4.0), np.full((2, 2, 3), 2.0)])
    grid = vis_grid(images)
    assert grid.shape == (5, 5, 3)
    assert (grid[0, 0, 0], grid[0, 3, 0], grid[3, 0, 0], grid[2, 2, 0]) == (0, 1, 0.5, 1)
    rows = vis_nn([[images[0], images[1]], [images[2], images[0]]])
    assert rows.shape == (5, 5, 3)
    assert (rows[0, 0, 0], rows[0, 3, 0], rows[3, 0, 0], rows[3, 3, 0]) == (0, 1, 0.5, 0)


@pytest.mark.parametrize(("padding", "stride"), [(1, 1), (0, 2), (2, 3)])
def test_columns_are_windows_in_the_courses_order(padding, stride):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 8))
    height, width = {(1, 1): (3, 3), (0, 2): (2, 4), (2, 3): (4, 3)}[padding, stride]
    columns = im2col_indices(x, height, width, padding, stride)
    k, i, j = get_im2col_indices(x.shape, height, width, padding, stride)
    assert k.shape == (3 * height * width, 1)
    assert i.shape == j.shape == (3 * height * width, columns.shape[1] // 2)
    padded = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    place = 0
    for top in range(0, padded.shape[2] - height + 1, stride):
        for left in range(0, padded.shape[3] - width + 1, stride):
            for n in range(2):
                window = padded[n, :, top : top + height, left : left + width]
                np.testing.assert_array_equal(columns[:, place], window.ravel())
                place += 1
    assert place == columns.shape[1]
    # the transpose: <im2col(x), c> = <x, col2im(c)>
    c = np.random.default_rng(1).standard_normal(columns.shape)
    back = col2im_indices(c, x.shape, height, width, padding, stride)
    assert np.sum(columns * c) == pytest.approx(np.sum(x * back), rel=1e-12)


def test_numerical_gradients_of_blobs_and_networks():
    x, w = (SimpleNamespace(vals=np.random.default_rng(i).standard_normal(4)) for i in range(2))
    out = SimpleNamespace(vals=np.zeros(4), diffs=np.arange(4.0))

    def multiply(one, other, result):
        result.vals[...] = one.vals * other.vals

    for dx, dw in (
        eval_numerical_gradient_blobs(multiply, (x, w), out),
        eval_numerical_gradient_net(SimpleNamespace(forward=lambda: multiply(x, w, out)), (x, w), out),
    ):
        np.testing.assert_allclose(dx, w.vals * out.diffs, atol=1e-9)
        np.testing.assert_allclose(dw, x.vals * out.diffs, atol=1e-9)


def test_naive_layers_loop_in_python_when_they_are_told_to(monkeypatch):
    asked = []
    real = jitconv.conv_forward

    def noted(*arguments, **options):
        asked.append(options["algorithm"])
        return real(*arguments, **options)

    monkeypatch.setattr(jitconv, "conv_forward", noted)
    x, w, b = np.ones((1, 2, 5, 5)), np.ones((3, 2, 3, 3)), np.ones(3)
    try:
        use_loops()
        slow, cache = conv_forward_naive(x, w, b, {"stride": 1, "pad": 1})
        gradients = conv_backward_naive(slow, cache)
    finally:
        use_loops(False)
    fast, cache = conv_forward_naive(x, w, b, {"stride": 1, "pad": 1})
    assert asked == ["naive", "auto"]
    np.testing.assert_allclose(slow, fast)
    for one, other in zip(gradients, conv_backward_naive(fast, cache), strict=True):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("module", ["cnn", "fc_net"])
def test_a_star_brings_the_layers_too(module):
    names = {}
    exec(f"from jitconv.courses.cs231n.classifiers.{module} import *", names)
    assert set(course_layers.__all__) <= names.keys()
    assert "conv_relu_pool_forward" in names

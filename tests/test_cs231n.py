"""CS231n's functions by the figures that its notebooks print, and by finite differences."""

# ruff: noqa: F403, F405 - imported as a notebook does

import pickle

import numpy as np
import pytest

import jitconv
from jitconv.courses.cs231n import *
from jitconv.courses.cs231n import eval_numerical_gradient_array as slope_of
from jitconv.courses.cs231n import layers

RELU_POOL = {"pool_height": 2, "pool_width": 2, "stride": 2}


@pytest.fixture(autouse=True)
def seed():
    """Seed as the notebooks do."""
    np.random.seed(231)


def test_a_course_module_exports_what_a_notebook_imports():
    for name in (
        "layers",
        "fast_layers",
        "layer_utils",
        "gradient_check",
        "optim",
        "solver",
        "classifiers.cnn",
    ):
        module = __import__(f"jitconv.courses.cs231n.{name}", fromlist=["__all__"])
        assert module.__all__
        for one in module.__all__:
            assert getattr(module, one) is getattr(jitconv.courses.cs231n, one)


def test_conv_forward_prints_the_courses_figures():
    x = np.linspace(-0.1, 0.5, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    w = np.linspace(-0.2, 0.3, 3 * 3 * 4 * 4).reshape(3, 3, 4, 4)
    out, cache = conv_forward_naive(x, w, np.linspace(-0.1, 0.2, 3), {"stride": 2, "pad": 1})
    np.testing.assert_allclose(out[0, 0], [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]], rtol=1e-6)
    np.testing.assert_allclose(out[1, 2], [[2.36270298, 2.36904306], [2.38090835, 2.38247847]], rtol=1e-6)
    assert cache[0] is x
    assert cache[3] == {"stride": 2, "pad": 1}


def test_max_pool_forward_prints_the_courses_figures():
    x = np.linspace(-0.3, 0.4, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    out, _ = max_pool_forward_naive(x, RELU_POOL)
    wanted = np.array([[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]])
    np.testing.assert_allclose(out[0, 0], wanted, atol=5e-9)
    np.testing.assert_allclose(out[1, 2, 1, 1], 0.4)


@pytest.mark.parametrize("kind", ["naive", "strides", "im2col", "fast"])
def test_conv_gradients_are_below_1e_8(kind):
    forward, backward = (globals()[f"conv_{way}_{kind}"] for way in ("forward", "backward"))
    x, w, b = np.random.randn(4, 3, 5, 5), np.random.randn(2, 3, 3, 3), np.random.randn(2)
    param, dout = {"stride": 1, "pad": 1}, np.random.randn(4, 2, 5, 5)
    found = backward(dout, forward(x, w, b, param)[1])
    functions = [lambda v: forward(v, w, b, param)[0], lambda v: forward(x, v, b, param)[0]]
    functions.append(lambda v: forward(x, w, v, param)[0])
    for one, function, gradient in zip((x, w, b), functions, found, strict=True):
        # linear in each, so a long step adds no error. With the notebook's 1e-5, rounding of the differences
        # gave dx 2.0e-8 (naive, fast) and 5.0e-9 (strides, im2col); with this one 2e-11 and less
        assert rel_error(gradient, slope_of(function, one, dout, h=1e-2)) < 1e-8


@pytest.mark.parametrize("kind", ["naive", "reshape", "im2col", "fast"])
def test_pool_gradient_is_below_1e_8(kind):
    forward, backward = (globals()[f"max_pool_{way}_{kind}"] for way in ("forward", "backward"))
    x, dout = np.random.randn(3, 2, 8, 8), np.random.randn(3, 2, 4, 4)
    dx = backward(dout, forward(x, RELU_POOL)[1])
    assert rel_error(dx, slope_of(lambda v: forward(v, RELU_POOL)[0], x, dout)) < 1e-8


def test_fast_pool_chooses_reshape_where_windows_tile_and_im2col_elsewhere():
    assert max_pool_forward_fast(np.zeros((1, 1, 4, 4)), RELU_POOL)[1][0] == "reshape"
    for other in ({**RELU_POOL, "stride": 1}, {"pool_height": 3, "pool_width": 2, "stride": 2}):
        assert max_pool_forward_fast(np.zeros((1, 1, 5, 4)), other)[1][0] == "im2col"


def test_ties_are_the_courses():
    x, dout = np.ones((1, 1, 2, 2)), np.full((1, 1, 1, 1), 4.0)
    shared = max_pool_backward_reshape(dout, max_pool_forward_reshape(x, RELU_POOL)[1])
    first = max_pool_backward_im2col(dout, max_pool_forward_im2col(x, RELU_POOL)[1])
    assert shared.tolist() == [[[[1, 1], [1, 1]]]]
    assert first.tolist() == [[[[4, 0], [0, 0]]]]


@pytest.mark.parametrize(("stride", "pad", "kernel"), [(2, 1, (3, 3)), (1, 0, (2, 3)), (3, 2, (4, 1))])
def test_odd_shapes_agree_with_plain_loops(stride, pad, kernel):
    x, w, b = np.random.randn(2, 3, 7, 6), np.random.randn(4, 3, *kernel), np.random.randn(4)
    out, _ = conv_forward_fast(x, w, b, {"stride": stride, "pad": pad})
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    for n, f, i, j in np.ndindex(*out.shape):
        top, left = i * stride, j * stride
        patch = padded[n, :, top : top + kernel[0], left : left + kernel[1]]
        assert out[n, f, i, j] == pytest.approx(np.sum(patch * w[f]) + b[f], abs=1e-12)


def test_sandwiches_have_right_gradients():
    x, w, b = np.random.randn(2, 3, 16, 16), np.random.randn(3, 3, 3, 3), np.random.randn(3)
    conv, dout = {"stride": 1, "pad": 1}, np.random.randn(2, 3, 8, 8)
    found = conv_relu_pool_backward(dout, conv_relu_pool_forward(x, w, b, conv, RELU_POOL)[1])
    functions = [
        lambda v: conv_relu_pool_forward(v, w, b, conv, RELU_POOL)[0],
        lambda v: conv_relu_pool_forward(x, v, b, conv, RELU_POOL)[0],
        lambda v: conv_relu_pool_forward(x, w, v, conv, RELU_POOL)[0],
    ]
    for one, function, gradient in zip((x, w, b), functions, found, strict=True):
        assert rel_error(gradient, slope_of(function, one, dout)) < 1e-7
    x, dout = x[:, :, :8, :8], np.random.randn(2, 3, 8, 8)
    dx, dw, db = conv_relu_backward(dout, conv_relu_forward(x, w, b, conv)[1])
    assert rel_error(dx, slope_of(lambda v: conv_relu_forward(v, w, b, conv)[0], x, dout)) < 1e-7
    assert rel_error(dw, slope_of(lambda v: conv_relu_forward(x, v, b, conv)[0], w, dout)) < 1e-7
    assert rel_error(db, slope_of(lambda v: conv_relu_forward(x, w, v, conv)[0], b, dout)) < 1e-7
    a, v, c, da = np.random.randn(4, 5), np.random.randn(5, 3), np.random.randn(3), np.random.randn(4, 3)
    dx, dw, db = affine_relu_backward(da, affine_relu_forward(a, v, c)[1])
    assert rel_error(dx, slope_of(lambda q: affine_relu_forward(q, v, c)[0], a, da)) < 1e-8
    assert rel_error(dw, slope_of(lambda q: affine_relu_forward(a, q, c)[0], v, da)) < 1e-8
    assert rel_error(db, slope_of(lambda q: affine_relu_forward(a, v, q)[0], c, da)) < 1e-8


@pytest.mark.parametrize("kind", ["affine", "conv"])
def test_sandwiches_with_a_norm_have_right_gradients(kind):
    if kind == "affine":
        first, dout = (
            [np.random.randn(6, 5), np.random.randn(5, 4), np.random.randn(4)],
            np.random.randn(6, 4),
        )
        forward, backward, options = affine_bn_relu_forward, affine_bn_relu_backward, ()
    else:
        first = [np.random.randn(2, 3, 5, 5), np.random.randn(4, 3, 3, 3), np.random.randn(4)]
        dout, options = np.random.randn(2, 4, 5, 5), ({"stride": 1, "pad": 1},)
        forward, backward = conv_bn_relu_forward, conv_bn_relu_backward
    arrays = [*first, np.random.randn(4), np.random.randn(4)]

    def run(place, value):
        given = [value if one == place else array for one, array in enumerate(arrays)]
        return forward(*given, *options, {"mode": "train"})

    found = backward(dout, run(0, arrays[0])[1])
    for place in range(5):
        if place == 2:  # the norm takes any bias away again
            assert np.abs(found[2]).max() < 1e-12
            continue
        numerical = slope_of(lambda v, p=place: run(p, v)[0], arrays[place], dout)
        difference = np.linalg.norm(found[place] - numerical)
        assert difference < 1e-7 * np.linalg.norm(numerical), place


def test_spatial_batchnorm_prints_the_courses_means_and_deviations():
    x = 4 * np.random.randn(2, 3, 4, 5) + 10
    np.testing.assert_allclose(x.mean(axis=(0, 2, 3)), [9.33463814, 8.90909116, 9.11056338], rtol=1e-8)
    np.testing.assert_allclose(x.std(axis=(0, 2, 3)), [3.61447857, 3.19347686, 3.5168142], rtol=1e-8)
    param = {"mode": "train"}
    out, _ = spatial_batchnorm_forward(x, np.ones(3), np.zeros(3), param)
    np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(out.std(axis=(0, 2, 3)), [0.99999962, 0.99999951, 0.9999996], atol=5e-9)
    out, _ = spatial_batchnorm_forward(x, np.array([3.0, 4, 5]), np.array([6.0, 7, 8]), {"mode": "train"})
    np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), [6, 7, 8], rtol=1e-12)
    np.testing.assert_allclose(out.std(axis=(0, 2, 3)), [2.99999885, 3.99999804, 4.99999798], atol=5e-9)


def test_spatial_batchnorm_at_test_time_uses_the_running_averages():
    param = {"mode": "train"}
    for _ in range(50):
        spatial_batchnorm_forward(2.3 * np.random.randn(10, 4, 11, 12) + 13, np.ones(4), np.zeros(4), param)
    param["mode"] = "test"
    x = 2.3 * np.random.randn(10, 4, 11, 12) + 13
    out, _ = spatial_batchnorm_forward(x, np.ones(4), np.zeros(4), param)
    assert np.abs(out.mean(axis=(0, 2, 3))).max() < 0.1
    assert np.abs(out.std(axis=(0, 2, 3)) - 1).max() < 0.1


@pytest.mark.parametrize(
    ("forward", "backward", "pictures", "shape"),
    [
        (
            lambda *args: spatial_batchnorm_forward(*args, {"mode": "train"}),
            spatial_batchnorm_backward, (2, 3, 4, 5), (3,),
        ),
        (
            lambda *args: spatial_groupnorm_forward(*args, 2, {}),
            spatial_groupnorm_backward, (2, 6, 4, 5), (1, 6, 1, 1),
        ),
        (
            lambda *args: spatial_groupnorm_forward(*args, 2, {}),
            spatial_groupnorm_backward, (2, 6, 4, 5), (6,),
        ),
    ],
    ids=["batch", "group", "group, flat"],
)  # fmt: skip
def test_norms_of_pictures_have_right_gradients(forward, backward, pictures, shape):
    x, gamma, beta = 5 * np.random.randn(*pictures) + 12, np.random.randn(*shape), np.random.randn(*shape)
    dout = np.random.randn(*pictures)
    found = backward(dout, forward(x, gamma, beta)[1])
    assert found[1].shape == found[2].shape == shape
    functions = [
        lambda v: forward(v, gamma, beta)[0],
        lambda v: forward(x, v, beta)[0],
        lambda v: forward(x, gamma, v)[0],
    ]
    for one, function, gradient in zip((x, gamma, beta), functions, found, strict=True):
        assert rel_error(gradient, slope_of(function, one, dout)) < 1e-6


def test_group_norm_gives_each_group_mean_0_and_deviation_1():
    x = 4 * np.random.randn(2, 6, 4, 5) + 10
    out, _ = spatial_groupnorm_forward(x, np.ones((1, 6, 1, 1)), np.zeros((1, 6, 1, 1)), 2, {})
    groups = out.reshape(4, -1)
    np.testing.assert_allclose(groups.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(groups.std(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("kind", ["batchnorm", "layernorm"])
def test_norms_of_vectors_have_right_gradients(kind):
    forward, backward = (getattr(layers, f"{kind}_{way}") for way in ("forward", "backward"))
    x, gamma, beta = 5 * np.random.randn(4, 5) + 12, np.random.randn(5), np.random.randn(5)
    param, dout = {"mode": "train"}, np.random.randn(4, 5)
    dx, dgamma, dbeta = backward(dout, forward(x, gamma, beta, param)[1])
    assert rel_error(dx, slope_of(lambda v: forward(v, gamma, beta, param)[0], x, dout)) < 1e-7
    assert rel_error(dgamma, slope_of(lambda v: forward(x, v, beta, param)[0], gamma, dout)) < 1e-7
    assert rel_error(dbeta, slope_of(lambda v: forward(x, gamma, v, param)[0], beta, dout)) < 1e-7
    if kind == "batchnorm":
        other = batchnorm_backward_alt(dout, forward(x, gamma, beta, param)[1])
        np.testing.assert_allclose(other[0], dx, rtol=1e-10)


def test_dropout_keeps_p_and_scales():
    x = np.random.randn(500, 500) + 10
    for p in (0.25, 0.4, 0.7):
        out, cache = dropout_forward(x, {"mode": "train", "p": p, "seed": 123})
        assert (out != 0).mean() == pytest.approx(p, abs=0.01)
        assert out.mean() == pytest.approx(10, abs=0.1)
        np.testing.assert_array_equal(dropout_backward(np.ones_like(x), cache) != 0, out != 0)
    out, _ = dropout_forward(x, {"mode": "test", "p": 0.4})
    np.testing.assert_array_equal(out, x)


def test_losses_begin_where_the_course_says():
    x, y = 0.001 * np.random.randn(50, 10), np.random.randint(10, size=50)
    for loss_of, first in ((softmax_loss, 2.3), (svm_loss, 9)):
        loss, dx = loss_of(x, y)
        assert loss == pytest.approx(first, abs=0.02)
        numerical = eval_numerical_gradient(lambda v, f=loss_of: f(v, y)[0], x, verbose=False)
        assert rel_error(dx, numerical) < 1e-6


def test_update_rules_agree_with_their_formulas():
    w, dw, past = np.random.randn(4, 5), np.random.randn(4, 5), np.random.rand(4, 5)
    new, config = sgd_momentum(w, dw, {"learning_rate": 1e-3, "velocity": past})
    np.testing.assert_allclose(config["velocity"], 0.9 * past - 1e-3 * dw, rtol=1e-13)
    np.testing.assert_allclose(new, w + 0.9 * past - 1e-3 * dw, rtol=1e-13)
    new, config = rmsprop(w, dw, {"learning_rate": 1e-2, "cache": past})
    cache = 0.99 * past + 0.01 * dw**2
    np.testing.assert_allclose(new, w - 1e-2 * dw / (np.sqrt(cache) + 1e-8), rtol=1e-13)
    new, config = adam(w, dw, {"learning_rate": 1e-2, "m": past, "v": past, "t": 5})
    m, v = 0.9 * past + 0.1 * dw, 0.999 * past + 0.001 * dw**2
    wanted = w - 1e-2 * (m / (1 - 0.9**6)) / (np.sqrt(v / (1 - 0.999**6)) + 1e-8)
    np.testing.assert_allclose(new, wanted, rtol=1e-12)
    assert config["t"] == 6
    np.testing.assert_allclose(sgd(w, dw)[0], w - 1e-2 * dw)


def test_three_layer_network_begins_at_log_10_and_reg_adds_to_it():
    model = ThreeLayerConvNet()
    x, y = np.random.randn(50, 3, 32, 32), np.random.randint(10, size=50)
    loss, _ = model.loss(x, y)
    assert loss == pytest.approx(2.302, abs=0.01)
    model.reg = 0.5
    assert model.loss(x, y)[0] > loss + 0.1


@pytest.mark.parametrize("reg", [0.0, 3.14])
def test_three_layer_network_has_right_gradients(reg):
    model = ThreeLayerConvNet(
        num_filters=3, filter_size=3, input_dim=(3, 8, 8), hidden_dim=7, dtype=np.float64, reg=reg,
        weight_scale=0.1,
    )  # fmt: skip
    x, y = np.random.randn(2, 3, 8, 8), np.random.randint(10, size=2)
    _, grads = model.loss(x, y)
    for name, w in model.params.items():
        numerical = eval_numerical_gradient(lambda _: model.loss(x, y)[0], w, verbose=False, h=1e-6)
        difference = np.linalg.norm(grads[name] - numerical)
        assert difference < 1e-5 * (np.linalg.norm(grads[name]) + np.linalg.norm(numerical)), name


def overfit(tmp_path=None):
    """Train a small network on a few random pictures, as the notebook does."""
    np.random.seed(231)
    x, y = np.random.randn(20, 3, 8, 8).astype(np.float32), np.random.randint(3, size=20)
    data = {"X_train": x, "y_train": y, "X_val": x[:5], "y_val": y[:5]}
    model = ThreeLayerConvNet(
        input_dim=(3, 8, 8), num_filters=8, filter_size=3, hidden_dim=20, num_classes=3, weight_scale=1e-1
    )
    name = None if tmp_path is None else str(tmp_path / "kept")
    solver = Solver(
        model, data, num_epochs=20, batch_size=10, update_rule="adam",
        optim_config={"learning_rate": 5e-3}, verbose=tmp_path is not None, print_every=5,
        checkpoint_name=name,
    )  # fmt: skip
    solver.train()
    return solver


def test_solver_overfits_prints_and_keeps_checkpoints(tmp_path, capsys):
    solver = overfit(tmp_path)
    assert max(solver.train_acc_history) == 1
    assert solver.best_val_acc == 1
    printed = capsys.readouterr().out
    assert "(Iteration 1 / 40) loss: " in printed
    assert "(Epoch 20 / 20) train acc: 1.000000; val_acc: 1.000000" in printed
    assert len(solver.loss_history) == 40
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert "kept_epoch_20.pkl" in kept
    assert kept[0] == "kept_epoch_0.pkl"
    assert len(kept) == 21
    checkpoint = pickle.loads((tmp_path / "kept_epoch_20.pkl").read_bytes())
    assert checkpoint["epoch"] == 20
    assert checkpoint["loss_history"] == solver.loss_history


def test_one_seed_gives_the_same_bits():
    first, second = overfit(), overfit()
    assert first.loss_history == second.loss_history
    for name, w in first.model.params.items():
        np.testing.assert_array_equal(w, second.model.params[name])


def test_a_numerical_gradient_leaves_its_array_as_it_was():
    x = np.random.randn(3)
    before = x.copy()

    def fails(v):
        if v[1] != before[1]:
            raise RuntimeError
        return v.sum()

    with pytest.raises(RuntimeError):
        eval_numerical_gradient(fails, x, verbose=False)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: conv_forward_fast(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), np.ones(1), {"stride": 1}),
         jitconv.ParameterError, "conv_param must have the key 'pad'"),
        (lambda: max_pool_forward_fast(np.ones((1, 1, 3, 3)), {"pool_height": 2, "stride": 1}),
         jitconv.ParameterError, "pool_param must have the key 'pool_width'"),
        (lambda: batchnorm_forward(np.ones((2, 3)), np.ones(3), np.ones(3), {"mode": "tset"}),
         jitconv.ParameterError, "'train' or 'test'"),
        (lambda: softmax_loss(np.ones((2, 3)), np.array([0, 3])), jitconv.ParameterError, "0..2"),
        (lambda: affine_forward(np.ones((2, 3, 8, 8)), np.ones((10, 5)), np.zeros(5)), jitconv.ShapeError,
         "affine: w must be (192, M) to match x (2, 3, 8, 8); got (10, 5)"),
        (lambda: affine_forward(np.ones((2, 3)), np.ones((3, 5)), np.zeros(4)), jitconv.ShapeError,
         "affine: b must be (5,) to match w (3, 5); got (4,)"),
        (lambda: affine_backward(np.ones((2, 4)), (np.ones((2, 3)), np.ones((3, 5)), np.zeros(5))),
         jitconv.ShapeError, "affine: dout must be (2, 5) to match x (2, 3) and w (3, 5); got (2, 4)"),
        (lambda: affine_backward(np.ones((2, 5)), None), jitconv.ParameterError,
         "cache must be (x, w, b), as the forward function returned it; got a NoneType"),
        (lambda: ThreeLayerConvNet().loss(np.zeros((2, 3, 28, 28))), jitconv.ShapeError,
         "this network takes pictures (N, 3, 32, 32); got (2, 3, 28, 28)"),
        (lambda: max_pool_backward_fast(np.ones((1, 1, 2, 2)),
                                        max_pool_forward_naive(np.ones((1, 1, 4, 4)), RELU_POOL)[1]),
         jitconv.ParameterError, "a cache of max_pool_forward_naive goes to max_pool_backward_naive"),
        (lambda: conv_backward_naive(np.ones((1, 1, 2, 2)), None), jitconv.ParameterError,
         "cache must be (x, w, b, conv_param), as the forward function returned it; got a NoneType"),
        (lambda: conv_backward_naive(np.ones((1, 1, 2, 2)), (np.ones((1, 1, 4, 4)), RELU_POOL)),
         jitconv.ParameterError, "cache must be (x, w, b, conv_param), as the forward"),
        (lambda: conv_relu_backward(np.ones((1, 1, 2, 2)), None), jitconv.ParameterError,
         "cache must be (conv, relu), as the forward function returned it; got a NoneType"),
        (lambda: relu_forward([[1, 2], [3]]), jitconv.ShapeError, "rows of different lengths: [[1, 2],"),
        (lambda: conv_forward_naive(np.ones((2, 5, 7, 4)), np.ones((8, 4, 3, 3)), np.ones(8),
                                    {"stride": 1, "pad": 0}),
         jitconv.ShapeError, "got (8, 4, 3, 3): pictures are (N, C, H, W), channels first"),
        (lambda: spatial_batchnorm_forward(np.ones((2, 3)), np.ones(3), np.ones(3), {"mode": "train"}),
         jitconv.ShapeError, "(N, C, H, W)"),
        (lambda: Solver(ThreeLayerConvNet(), {"X_train": np.ones(1)}), jitconv.ParameterError, "y_train"),
        (lambda: Solver(ThreeLayerConvNet(), {}, update_rule="adma"), jitconv.ParameterError, "'adam'"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def test_integers_and_lists_are_taken():
    x = np.arange(16).reshape(1, 1, 4, 4)
    out, _ = max_pool_forward_fast(x, RELU_POOL)
    assert out.tolist() == [[[[5, 7], [13, 15]]]]
    assert affine_forward([[1, 2]], [[1], [1]], [3])[0].tolist() == [[6]]

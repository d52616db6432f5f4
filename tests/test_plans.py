"""plan_conv: the same as conv_forward, with weights of its own."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from helpers import names

import jitconv

OPTIONS = {"stride": 2, "pad": 1}


def arrays(dtype=np.float32):
    """Return x, w and b."""
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((2, 9, 8, 4), (3, 3, 2, 6), (6,))]


@pytest.mark.parametrize("name", [*names("conv_forward"), "auto"])
def test_a_plan_gives_what_conv_forward_gives(name):
    x, w, b = arrays()
    options = {**OPTIONS, "groups": 2, "dilation": (1, 2), "algorithm": name}
    try:
        plan = jitconv.plan_conv(x.shape, w, b, **options)
    except jitconv.UnsupportedError as refusal:
        pytest.skip(str(refusal))
    for picture in (x, x[::-1], np.asfortranarray(x)):
        np.testing.assert_array_equal(plan(picture), jitconv.conv_forward(picture, w, b, **options))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", [*names("conv_forward"), "auto"])
def test_relu_of_a_plan_keeps_a_nan(name, layout):
    x, w, b = arrays()
    w = np.concatenate([w, w], axis=2)
    x[1, 2, 3, 0] = np.nan
    if layout == "NCHW":
        x, w = x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1)
    options = {"pad": 1, "layout": layout, "algorithm": name}
    plan = jitconv.plan_conv(x.shape, w, b, activation="relu", **options)
    assert repr(plan).endswith("bias, relu>")
    plain = jitconv.plan_conv(x.shape, w, b, **options)(x)  # a call may take another tile
    assert np.isnan(plain).any()
    assert (plain < 0).any()
    np.testing.assert_allclose(plan(x), np.maximum(plain, 0), rtol=1e-5, atol=1e-5)


def test_a_plan_of_nchw_without_bias():
    x, w = arrays()[0].transpose(0, 3, 1, 2), arrays()[1].transpose(3, 2, 0, 1)
    plan = jitconv.plan_conv(list(x.shape), w, groups=2, layout="NCHW")
    np.testing.assert_array_equal(plan(x), jitconv.conv_forward(x, w, groups=2, layout="NCHW"))


def test_a_plan_keeps_copies_of_its_weights():
    x, w, b = arrays()
    plan = jitconv.plan_conv(x.shape, w, b, **OPTIONS, groups=2)
    wanted = plan(x)
    w[...] = 0
    b[...] = 0
    np.testing.assert_array_equal(plan(x), wanted)


@pytest.mark.parametrize("name", [*names("conv_forward"), "auto"])
def test_every_algorithm_keeps_copies(name):
    rng = np.random.default_rng(3)
    w, b = rng.standard_normal((3, 3, 4, 16), np.float32), rng.standard_normal(16, np.float32)
    x = rng.standard_normal((1, 9, 9, 4), np.float32)
    plan = jitconv.plan_conv(x.shape, w, b, algorithm=name)
    wanted = plan(x)
    w[...], b[...] = np.nan, np.nan
    np.testing.assert_array_equal(plan(x), wanted)


def test_weights_of_a_plan_may_lie_anyhow():
    x, w, b = arrays()
    wanted = jitconv.plan_conv(x.shape, w, b, groups=2)(x)
    read_only = b.copy()
    read_only.flags.writeable = False
    for other in (np.asfortranarray(w), w.astype(w.dtype.newbyteorder("S"))):
        np.testing.assert_array_equal(jitconv.plan_conv(x.shape, other, read_only, groups=2)(x), wanted)


def test_a_plan_tells_what_it_is():
    x, w, b = arrays()
    plan = jitconv.plan_conv(x.shape, w, b, **OPTIONS, groups=2, algorithm="naive")
    assert repr(plan) == "<ConvPlan naive: n2h9w8c4 k3x3f6 s2 p1 g2 bias>"
    assert plan.spec.x_shape == x.shape
    assert plan.explanation.choice.name == "naive"


def test_a_plan_refuses_what_it_was_not_made_for():
    x, w, b = arrays()
    plan = jitconv.plan_conv(x.shape, w, b, **OPTIONS, groups=2)
    with pytest.raises(
        jitconv.ShapeError,
        match=r"x must be \(2, 9, 8, 4\), for which this plan was made; got \(1, 9, 8, 4\)",
    ):
        plan(x[:1])
    with pytest.raises(jitconv.DtypeError, match="x must have the dtype of the plan, float32; got float64"):
        plan(x.astype(np.float64))
    with pytest.raises(jitconv.DtypeError, match="x must be a NumPy array"):
        plan(x.tolist())
    with pytest.raises(jitconv.ShapeError, match="out must be"):
        plan(x, out=np.empty((1, 5, 4, 6), np.float32))


def test_a_plan_is_refused_like_the_op():
    x, w, b = arrays()
    with pytest.raises(jitconv.ShapeError, match="conv: w must be"):
        jitconv.plan_conv(x.shape, w, b)
    with pytest.raises(jitconv.DtypeError, match="b must have the dtype of w"):
        jitconv.plan_conv(x.shape, w, b.astype(np.float64), groups=2)
    with pytest.raises(jitconv.ParameterError, match="stride must be at least 1"):
        jitconv.plan_conv(x.shape, w, b, groups=2, stride=0)
    with pytest.raises(jitconv.ParameterError, match="activation must be one of 'relu'; got 'rely'"):
        jitconv.plan_conv(x.shape, w, b, groups=2, activation="rely")


def test_an_empty_batch_has_a_plan():
    x, w, b = arrays()
    assert jitconv.plan_conv((0, 9, 8, 4), w, b, groups=2, activation="relu")(x[:0]).shape == (0, 7, 6, 6)


@pytest.mark.parametrize("name", ["direct", "im2col", "fft", "winograd"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_plan_called_from_several_threads_gives_the_same_bits(name, layout):
    rng = np.random.default_rng(2)
    size = 3 if name == "winograd" else 5
    w = rng.standard_normal((size, size, 8, 16)).astype(np.float32)
    pictures = [rng.standard_normal((2, 24, 24, 8)).astype(np.float32) for _ in range(8)]
    if layout == "NCHW":
        w, pictures = w.transpose(3, 2, 0, 1), [x.transpose(0, 3, 1, 2).copy() for x in pictures]
    plan = jitconv.plan_conv(pictures[0].shape, w, algorithm=name, layout=layout, activation="relu")
    wanted = [plan(x) for x in pictures]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(plan, pictures * 4))
    for place, y in enumerate(got):
        np.testing.assert_array_equal(y, wanted[place % 8])


class Mine:
    """Provides an algorithm whose plans hold their weights."""

    def __init__(self, prepare):
        self.prepare = prepare

    @jitconv.hookimpl
    def jitconv_algorithms(self):
        """Return it."""
        naive = next(one for one in jitconv.algorithms("conv_forward") if one.name == "naive")
        return [replace(naive, name="mine", prepare=self.prepare)]


def test_what_a_plugin_prepares_runs(registry):
    given = []

    def prepare(spec, w, b, activation):
        given.append((w.flags.carray, b, activation))
        return lambda x, y: (np.full(spec.y_shape, 7, spec.dtype),)

    registry.register("mine", Mine(prepare))
    x, w, _ = arrays()
    plan = jitconv.plan_conv(x.shape, w[:, ::-1], groups=2, activation="relu", algorithm="mine")
    assert given == [(True, None, "relu")]
    out = np.empty(plan.spec.y_shape, np.float32)
    assert (plan(x) == 7).all()
    assert plan(x, out) is out
    assert (out == 7).all()


def test_a_plugin_that_fails_to_prepare_or_to_run_is_named(registry):
    def prepare(spec, w, b, activation):
        if activation:
            raise ArithmeticError("no relu")
        return lambda x, y: 1 / 0

    registry.register("mine", Mine(prepare))
    x, w, _ = arrays()
    blamed = r"algorithm 'mine' of plugin 'mine' failed on n2h9w8c4 k3x3f6 s1 p0 g2: "
    with pytest.raises(jitconv.AlgorithmError, match=blamed + "ArithmeticError: no relu"):
        jitconv.plan_conv(x.shape, w, groups=2, activation="relu", algorithm="mine")
    with pytest.raises(jitconv.AlgorithmError, match=blamed + "ZeroDivisionError"):
        jitconv.plan_conv(x.shape, w, groups=2, algorithm="mine")(x)


def test_only_conv_forward_is_prepared():
    backward = next(one for one in jitconv.algorithms("conv_backward") if one.name == "naive")
    with pytest.raises(
        ValueError, match=r"Algorithm\.prepare is for conv_forward; got one for conv_backward"
    ):
        replace(backward, prepare=lambda *arguments: None)


@pytest.mark.parametrize("again", [lambda plan: pickle.loads(pickle.dumps(plan)), copy.deepcopy, copy.copy])
@pytest.mark.parametrize("pictures", [2, 0])
def test_a_plan_that_is_pickled_or_copied_prepares_its_weights_again(again, pictures):
    x, w, b = arrays()
    x = x[:pictures]
    plan = jitconv.plan_conv(x.shape, w, b, **OPTIONS, groups=2, activation="relu", algorithm="im2col")
    wanted = plan(x)
    w[...], b[...] = np.nan, np.nan
    other = again(plan)
    assert other is not plan
    assert repr(other) == repr(plan)
    np.testing.assert_array_equal(other(x), wanted)


def test_a_plan_of_auto_keeps_its_algorithm_when_it_is_pickled():
    x, w, b = arrays(np.float64)
    plan = jitconv.plan_conv(x.shape, w, b, groups=2)
    with jitconv.config(deny="jitconv", allow=[]):
        other = pickle.loads(pickle.dumps(plan))
    assert other.explanation.choice.name == plan.explanation.choice.name
    assert other.explanation.spec == plan.explanation.spec
    np.testing.assert_array_equal(other(x), plan(x))

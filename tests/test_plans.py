"""plan_conv: the same as conv_forward, with weights of its own."""

from concurrent.futures import ThreadPoolExecutor

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


def test_a_plan_tells_what_it_is():
    x, w, b = arrays()
    plan = jitconv.plan_conv(x.shape, w, b, **OPTIONS, groups=2, algorithm="naive")
    assert repr(plan) == "<ConvPlan naive: n2h9w8c4 k3x3f6 s2 p1 g2 bias>"
    assert plan.spec.x_shape == x.shape
    assert plan.explanation.choice.name == "naive"


def test_a_plan_refuses_what_it_was_not_made_for():
    x, w, b = arrays()
    plan = jitconv.plan_conv(x.shape, w, b, **OPTIONS, groups=2)
    with pytest.raises(jitconv.ShapeError, match=r"this plan takes x of \(2, 9, 8, 4\); got \(1, 9, 8, 4\)"):
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
    with pytest.raises(jitconv.DtypeError, match="b must have the dtype of x"):
        jitconv.plan_conv(x.shape, w, b.astype(np.float64), groups=2)
    with pytest.raises(jitconv.ParameterError, match="stride must be at least 1"):
        jitconv.plan_conv(x.shape, w, b, groups=2, stride=0)


@pytest.mark.parametrize("name", ["direct", "im2col", "fft"])
def test_a_plan_called_from_several_threads_gives_the_same_bits(name):
    rng = np.random.default_rng(2)
    w = rng.standard_normal((5, 5, 8, 16)).astype(np.float32)
    pictures = [rng.standard_normal((2, 24, 24, 8)).astype(np.float32) for _ in range(8)]
    plan = jitconv.plan_conv(pictures[0].shape, w, algorithm=name)
    wanted = [plan(x) for x in pictures]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(plan, pictures * 4))
    for place, y in enumerate(got):
        np.testing.assert_array_equal(y, wanted[place % 8])

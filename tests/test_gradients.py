"""Central finite differences of the forward ops against the backward ops, in float64."""

from functools import lru_cache

import numpy as np
import pytest
from helpers import names

import jitconv
from jitconv.ops import prepare
from jitconv.specs import parse
from jitconv.testing import draw

STEP = 1e-6

CONV = [
    "n2h4w5c2 k3x2f3 s1 p1 float64",
    "n1h5w6c2 k2x3f2 s2x1 p0.1.2.0 float64",
    "n1h5w5c4 k2x2f4 s1 p1 d2 g2 nchw float64",
    "n1h4w4c2 k3x3f2 s2 p2 flip float64",
]
POOL = [
    "n1h4w6c2 k2x2 s2 float64",
    "n1h5w5c2 k3x3 s2 p1 float64",
    "n1h5w6c1 k3x2 s2 p1.0.0.1 ceil nchw float64",
    "n1h6w5c1 k2x2 s1 p1 d2 nopad float64",
]


def differences(loss, array):
    """Return the gradient of `loss`, a function of no argument that reads `array`."""
    gradient = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        value = array[place]
        array[place] = value + STEP
        above = loss()
        array[place] = value - STEP
        gradient[place] = (above - loss()) / (2 * STEP)
        array[place] = value
    return gradient


@lru_cache
def conv_problem(problem):
    """Return spec, operands of the backward op and the gradients by differences."""
    spec = parse(problem + " bias")
    rng = np.random.default_rng(1)
    x, w, b = draw("conv_forward", spec, rng)
    dy = rng.standard_normal(spec.y_shape)

    def loss():
        return float((dy * prepare("conv_forward", spec, "naive").run((x, w, b))[0]).sum())

    return spec, (dy, x, w), [differences(loss, array) for array in (x, w, b)]


@lru_cache
def pool_problem(kind, problem):
    """Return spec, dy, x and dx by differences; all values of x are far apart, so no maximum changes."""
    spec = parse(problem)
    rng = np.random.default_rng(1)
    x = rng.permutation(np.prod(spec.x_shape)).reshape(spec.x_shape) / 7.0
    dy = rng.standard_normal(spec.y_shape)

    def loss():
        return float((dy * prepare(f"{kind}_pool_forward", spec, "naive").run((x,))[0]).sum())

    return spec, dy, x, differences(loss, x)


def skip_if_refused(op, name, spec):
    """Skip with the algorithm's reason if it is unable."""
    reason = next(one for one in jitconv.algorithms(op) if one.name == name).why_not(spec)
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize("name", names("conv_backward"))
@pytest.mark.parametrize("problem", CONV)
def test_conv_backward(problem, name):
    spec, operands, wanted = conv_problem(problem)
    skip_if_refused("conv_backward", name, spec)
    got = prepare("conv_backward", spec, name).run(operands)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", names("max_pool_backward"))
@pytest.mark.parametrize("problem", [problem for problem in POOL if "nopad" not in problem])
@pytest.mark.parametrize("ties", ["first", "all", "split"])
def test_max_pool_backward(ties, problem, name):
    _, dy, x, wanted = pool_problem("max", problem)
    spec = parse(f"{problem} ties={ties}")
    skip_if_refused("max_pool_backward", name, spec)
    (dx,) = prepare("max_pool_backward", spec, name).run((dy, x, None))
    np.testing.assert_allclose(dx, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", names("avg_pool_backward"))
@pytest.mark.parametrize("problem", POOL)
def test_avg_pool_backward(problem, name):
    spec, dy, _, wanted = pool_problem("avg", problem)
    skip_if_refused("avg_pool_backward", name, spec)
    (dx,) = prepare("avg_pool_backward", spec, name).run((dy,))
    np.testing.assert_allclose(dx, wanted, rtol=1e-6, atol=1e-7)

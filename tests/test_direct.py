"""Direct convolution: what it takes at once, and that the cases reach its special paths."""

import importlib

import numpy as np
import pytest

from jitconv.algorithms.direct import pointwise
from jitconv.specs import parse
from jitconv.testing import draw
from jitconv.testing.cases import cases

direct = importlib.import_module("jitconv.algorithms.direct.conv")


@pytest.mark.parametrize(
    "problem",
    [
        "n5h9w9c4 k3x3f6 s1 p1 nchw float64 bias",
        "n4h8w8c8 k3x3f8 s2 p1 g2 nchw float64 bias",
        "n3h6w7c3 k2x2f5 nchw float64 wrt=wb",
        "n3h6w7c3 k2x2f5 nchw float64 wrt=x",
    ],
)
def test_gradients_in_parts_are_those_of_all_pictures(monkeypatch, problem):
    spec = parse(problem)
    operands = draw("conv_backward", spec, np.random.default_rng(0))
    wanted = direct.build_backward(spec), direct._workspace("conv_backward", spec)
    monkeypatch.setattr(direct, "TURNED_BYTES", 2 * 10**3)
    assert direct.pictures_at_once(spec) < spec.n
    got = direct.build_backward(spec), direct._workspace("conv_backward", spec)
    assert got[1] <= wanted[1]
    outputs = [[np.full_like(one, np.nan) for one in operands[1:]] for _ in range(2)]
    for (plan, _), (dx, dw) in zip((wanted, got), outputs, strict=True):
        plan(*operands, dx if "x" in spec.wrt else None, dw if "w" in spec.wrt else None, None)
    for one, other, name in zip(*outputs, "xw", strict=True):
        if name in spec.wrt:
            np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12)


def test_cases_reach_filters_as_they_lie():
    found = {case.note for case in cases("conv_forward") if pointwise.spares_packing(case.spec)}
    assert len(found) >= 3

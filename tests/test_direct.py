"""Direct convolution: what it takes at once, and that the cases reach its special paths."""

import importlib

import numpy as np
import pytest

import jitconv
from jitconv.algorithms.direct import backward, planes_filters, pointwise, rows
from jitconv.specs import parse
from jitconv.testing import draw
from jitconv.testing.cases import cases

direct = importlib.import_module("jitconv.algorithms.direct.conv")


@pytest.mark.parametrize(
    "problem",
    [
        "n5h9w9c4 k3x3f6 s1 p1 nchw float64",
        "n4h8w8c8 k3x3f8 s2 p1 g2 nchw float64",
        "n3h6w7c3 k2x2f5 nchw float64 wrt=wb",
        "n9h6w7c3 k2x2f5 s2 nchw float64 wrt=x",
    ],
)
def test_gradients_in_parts_are_those_of_all_pictures(monkeypatch, problem):
    spec = parse(problem)
    operands = draw("conv_backward", spec, np.random.default_rng(0))
    wanted = direct.build_backward(spec), direct._workspace("conv_backward", spec)
    monkeypatch.setattr(backward, "TURNED_BYTES", 2 * 10**3)
    assert backward.pictures_at_once(spec) < spec.n
    got = direct.build_backward(spec), direct._workspace("conv_backward", spec)
    assert got[1] <= wanted[1]
    found = []
    for plan, _ in (wanted, got):
        outputs = [None if one is None else np.empty(*one) for one in spec.outputs("conv_backward")]
        plan(*operands, *outputs)
        found.append([one for one in outputs if one is not None])
    assert len(found[0]) == len(spec.wrt)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "problem",
    [
        "n3h9w11c5 k3x2f40 s2 p1.0.2.1 nchw float64",
        "n2h12w7c8 k3x3f10 s1 p2 d2 g2 nchw float64",
        "n9h8w8c3 k5x5f7 s1 p2 nchw float64",
        "n16h16w16c6 k1x1f9 nchw float64",
        "n2h7w9c6 k1x1f9 s2 nchw float64",
    ],
)
def test_filters_of_planes_are_those_of_pixels(monkeypatch, problem):
    spec = parse(problem)
    dy, x, w = draw("conv_backward", spec, np.random.default_rng(0))
    found = []
    for least in (1, 2**30):
        monkeypatch.setattr(planes_filters, "LEAST_FILTERS", least)
        assert planes_filters.serves(spec) == (least == 1 or spec.kh * spec.kw == 1)
        found.append(np.empty_like(w))
        direct.build_backward(spec)(dy, x, w, None, found[-1], None)
    wanted = np.empty_like(w)
    im2col = next(one for one in jitconv.algorithms("conv_backward") if one.name == "im2col")
    im2col.build(spec)(dy, x, w, None, wanted, None)
    for dw in found:
        np.testing.assert_allclose(dw, wanted, rtol=1e-11, atol=1e-11)


def test_cases_reach_filters_as_they_lie():
    found = {case.note for case in cases("conv_forward") if pointwise.spares_packing(case.spec)}
    assert len(found) >= 3


def test_cases_reach_few_channels_by_rows():
    found = [case.spec for case in cases("conv_forward") if rows.serves(case.spec)]
    assert {spec.stride[1] for spec in found} >= {1, 2, 3, 4}
    assert any(spec.groups > 1 for spec in found)

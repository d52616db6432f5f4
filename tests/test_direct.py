"""Direct convolution: what it takes at once, and that the cases reach its special paths."""

import numpy as np
import pytest

import jitconv
from jitconv.algorithms.direct.backward import dw_planes, join
from jitconv.algorithms.direct.pool import pool as direct_pool
from jitconv.algorithms.direct.pool import rows as pool_rows
from jitconv.algorithms.direct.rows import dw as rows_dw
from jitconv.algorithms.direct.rows import dx as rows_dx
from jitconv.algorithms.direct.rows import forward as rows
from jitconv.algorithms.direct.variants import BACKWARD, FORWARD
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.specs import parse
from jitconv.testing import draw
from jitconv.testing.cases import cases
from jitconv.variants import RULED

RULED_FORWARD, RULED_BACKWARD = FORWARD.only(RULED), BACKWARD.only(RULED)


@pytest.mark.parametrize(
    "problem",
    [
        "n5h9w9c9 k3x3f6 s1 p1 nchw float64",
        "n9h32w10c98 k3x3f8 s2 p1 g2 nchw float64",
        "n3h6w7c9 k2x2f5 nchw float64 wrt=wb",
        "n9h6w7c9 k2x2f5 s2 nchw float64 wrt=x",
    ],
)
def test_gradients_in_parts_are_those_of_all_pictures(monkeypatch, problem):
    spec = parse(problem)
    operands = draw("conv_backward", spec, np.random.default_rng(0))
    copying = BACKWARD.only("dx:phases+dw:pixels")  # which read copies, whatever may be faster
    wanted = copying.build(spec), copying.workspace(spec)
    monkeypatch.setattr(join, "TRANSPOSED_BYTES", 2 * 10**3)
    assert join.images_at_once(spec, copying.chosen(spec)) < spec.n
    got = copying.build(spec), copying.workspace(spec)
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
        "n3h9w11c9 k3x2f40 s2 p1.0.2.1 nchw float64",
        "n2h12w7c18 k3x3f10 s1 p2 d2 g2 nchw float64",
        "n9h8w8c9 k5x5f7 s1 p2 nchw float64",
        "n16h16w16c9 k1x1f9 nchw float64",
        "n2h7w9c9 k1x1f9 s2 nchw float64",
    ],
)
def test_filters_of_planes_are_those_of_pixels(monkeypatch, problem):
    spec = parse(problem)
    dy, x, w = draw("conv_backward", spec, np.random.default_rng(0))
    found = []
    for least in (1, 2**30):
        monkeypatch.setattr(dw_planes, "LEAST_FILTERS", least)
        monkeypatch.setattr(dw_planes, "FEW_PIXELS", 0)
        assert rows_dw.serves(spec)
        assert (dw_planes.serves(spec) is None) == (least == 1 or spec.kh * spec.kw == 1)
        found.append(np.empty_like(w))
        BACKWARD.build(spec)(dy, x, w, None, found[-1], None)
    wanted = np.empty_like(w)
    im2col = next(one for one in jitconv.algorithms("conv_backward") if one.name == "im2col")
    im2col.build(spec)(dy, x, w, None, wanted, None)
    for dw in found:
        np.testing.assert_allclose(dw, wanted, rtol=1e-11, atol=1e-11)


def test_cases_reach_filters_as_they_lie():
    found = {
        case.note
        for case in cases("conv_forward")
        if RULED_FORWARD.chosen(case.spec)[""].name == "pixels" and case.spec.kh * case.spec.kw > 1
    }
    assert len(found) >= 3


def test_cases_reach_few_channels_by_rows():
    found = [case.spec for case in cases("conv_forward") if rows.serves(case.spec) is None]
    assert {spec.stride[1] for spec in found} >= {1, 2, 3, 4}
    assert any(spec.groups > 1 for spec in found)


def test_cases_reach_gradients_of_pictures_by_rows():
    found = [
        case.spec for case in cases("conv_backward") if RULED_BACKWARD.chosen(case.spec)["dx"].name == "rows"
    ]
    assert {spec.stride[1] for spec in found} >= {1, 2, 3}
    assert any(spec.stride[0] > spec.kh or spec.stride[1] > spec.kw for spec in found), "a phase without taps"
    assert any(spec.groups > 1 for spec in found)
    assert any(spec.flip_kernel for spec in found)
    assert any(rows_dx.geometry(one).block * one.stride[0] < one.h for one in found), "second blocks"


def test_cases_reach_gradients_of_filters_by_rows():
    found = [
        case.spec for case in cases("conv_backward") if RULED_BACKWARD.chosen(case.spec)["dw"].name == "rows"
    ]
    assert {spec.stride[1] for spec in found} >= {1, 2, 4}
    assert any(spec.groups > 1 for spec in found)
    assert any(spec.flip_kernel for spec in found)
    assert any(rows_dw.blocking(spec)[0] < spec.oh for spec in found), "second blocks"


def test_blocks_of_rows_are_not_far_smaller_than_what_is_copied_beside_them():
    spec = parse("n4h200w200c3 k3x3f64 s1 p64 d64 nchw float64")
    its, (block, tall, _) = rows_dx.geometry(spec), rows_dw.blocking(spec)
    assert its.tall <= 3 * its.block
    assert tall <= 3 * block


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window", ["k2x2 s2", "k3x2 s3x2", "k4x4 s4", "k1x4 s1x4"])
@pytest.mark.parametrize("columns", [16, 21])
@pytest.mark.parametrize("ties", ["first", "all", "split"])
def test_maxima_by_rows_are_those_of_every_window(ties, columns, window, dtype):
    kh, kw = int(window[1]), int(window[3])
    spec = parse(f"n2h{3 * kh}w{columns * kw}c3 {window} ties={ties}", layout="NCHW", dtype=dtype)
    assert (pool_rows.able(spec) is None) == (kw <= VECTOR_BYTES // np.dtype(dtype).itemsize)
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, spec.x_shape).astype(dtype)
    for value in (np.nan, np.inf, -np.inf, -0.0):
        x[rng.random(x.shape) < 0.04] = value
    x[0, 0, :kh, :kw] = np.nan  # windows of nothing else
    x[0, 0, :kh, kw : 2 * kw] = -np.inf
    dy = rng.standard_normal(spec.y_shape).astype(dtype)
    y, dx = np.empty(spec.y_shape, dtype), np.full_like(x, 7)
    direct_pool.VARIANTS["max_pool_forward"].build(spec)(x, y, None)
    direct_pool.VARIANTS["max_pool_backward"].build(spec)(dy, x, None, dx)
    options = {"stride": spec.stride, "layout": "NCHW", "algorithm": "naive"}
    np.testing.assert_array_equal(y, jitconv.max_pool_forward(x, (kh, kw), **options))
    wanted = jitconv.max_pool_backward(dy, x, (kh, kw), ties=ties, **options)
    np.testing.assert_allclose(dx, wanted, rtol=1e-6)

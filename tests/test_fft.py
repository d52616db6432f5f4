"""Fourier convolution: the places on the circle, and the same results however it is cut."""

from dataclasses import replace

import numpy as np
import pytest

import jitconv
from jitconv.algorithms._shared.fitted import TYPICAL_THREADS, kinds, price
from jitconv.algorithms.fft import tiling as tilings
from jitconv.algorithms.fft import work
from jitconv.algorithms.fft.geometry import backward_axis, forward_axis, weight_axis
from jitconv.algorithms.fft.variants import BACKWARD, FORWARD
from jitconv.ops import Weights, prepare
from jitconv.specs import parse
from jitconv.testing import bound, draw, relative_error

AXES = [
    "n1h17w1c1 k3x1f1 s1 p1x0",
    "n1h18w1c1 k5x1f1 s1 p0.2.0.0",
    "n1h19w1c1 k4x1f1 s3 p3.1.0.0",
    "n1h16w1c1 k3x1f1 s2 p4x0 d3x1",
    "n1h15w1c1 k2x1f1 s5x1",
    "n1h1w1c1 k1x1f1 s10x1 p2x0",
    "n1h9w1c1 k9x1f1 s1 p8x0",
]


def on_circle(axis, inner, taps, outputs, *, added):
    """Return what an axis says the circular convolution of its tiles is."""
    result = np.zeros(outputs, int)
    for tile in range(axis.tiles):
        circles = []
        for place, values in ((axis.inner, inner), (axis.taps, taps)):
            circle = np.zeros(axis.points, int)
            rows = place.first + tile * place.step + np.arange(place.count)
            inside = (rows >= 0) & (rows < len(values))
            np.add.at(circle, place.points[inside] % axis.points, values[rows[inside]])
            circles.append(circle)
        left, right = circles
        product = np.array(
            [left @ right[(m - np.arange(axis.points)) % axis.points] for m in range(axis.points)]
        )
        rows = tile * axis.outer.step * (not added) + np.arange(axis.outer.count)
        inside = rows < outputs
        result[rows[inside]] += product[axis.outer.points[inside] % axis.points]
    return result


@pytest.mark.parametrize("tiles", [1, 2, 3, 5])
@pytest.mark.parametrize("problem", AXES)
def test_every_element_lies_where_the_circle_wants_it(problem, tiles):
    spec = parse(problem)
    rng = np.random.default_rng(0)
    x, w, dy = (rng.integers(-9, 10, size) for size in (spec.h, spec.kh, spec.oh))
    y, dx, dw = np.zeros_like(dy), np.zeros_like(x), np.zeros_like(w)
    for o in range(spec.oh):
        for k in range(spec.kh):
            i = o * spec.stride[0] + k * spec.dilation[0] - spec.pad[0]
            if 0 <= i < spec.h:
                y[o] += x[i] * w[k]
                dx[i] += dy[o] * w[k]
                dw[k] += x[i] * dy[o]
    np.testing.assert_array_equal(on_circle(forward_axis(spec, 0, tiles), x, w, spec.oh, added=False), y)
    np.testing.assert_array_equal(on_circle(backward_axis(spec, 0, tiles), dy, w, spec.h, added=False), dx)
    np.testing.assert_array_equal(on_circle(weight_axis(spec, 0, tiles), x, dy, spec.kh, added=True), dw)


def forget():
    for cached in (tilings.tilings.cache_clear, FORWARD.forget, BACKWARD.forget):
        cached()


@pytest.fixture(params=["one tile", "small tiles", "one at a time", "small blocks"])
def cut(request, monkeypatch):
    forget()
    if request.param == "one tile":
        monkeypatch.setattr(tilings, "POINTS", (1,))
    else:
        monkeypatch.setattr(tilings, "_axes", lambda place, spec, axis: [place(spec, axis, 3)])
    if request.param in ("one at a time", "small blocks"):
        monkeypatch.setattr(work, "TILE_BYTES", 1)
    if request.param == "small blocks":
        monkeypatch.setattr(work, "FILTER_BYTES", 1)
    yield
    forget()


@pytest.mark.parametrize(
    "problem",
    ["n2h15w17c3 k3x5f70 s2x1 p2x1 bias", "n2h13w14c6 k5x3f6 s1x2 p2 d1x2 g6", "n3h12w11c4 k3x2f6 s1 p1 g2"],
)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_results_are_the_same_however_it_is_cut(cut, problem, layout):
    spec = parse(problem, layout=layout)
    rng = np.random.default_rng(1)
    for op in ("conv_forward", "conv_backward"):
        one = replace(spec, bias=spec.bias and op == "conv_forward")
        operands = draw(op, one, rng)
        got = prepare(op, one, "fft").run(operands)
        for array, wanted in zip(got, prepare(op, one, "naive").run(operands), strict=True):
            assert relative_error(array, wanted) <= bound(op, one, "fft", one.dtype)
        if op == "conv_forward":
            x, w, b = operands
            plan = prepare(op, one, "fft", Weights(w, b, "relu"))
            assert relative_error(plan.run([x])[0], np.maximum(got[0], 0)) <= bound(op, one, "fft", one.dtype)


def test_bits_do_not_depend_on_threads():

    spec = parse("n4h40w40c8 k9x9f16 s1 p4")
    for op in ("conv_forward", "conv_backward"):
        operands = draw(op, spec, np.random.default_rng(2))
        several = prepare(op, spec, "fft").run(operands)
        with jitconv.config(threads=1):
            for one, other in zip(prepare(op, spec, "fft").run(operands), several, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("op", ["conv_forward", "conv_backward"])
@pytest.mark.parametrize("problem", ["n1h300w300c8 k5x5f8 s1 p2", "n16h56w56c32 k7x7f64 s1 p3"])
def test_workspace_grows_with_a_tile_and_not_with_the_picture(op, problem):
    spec = parse(problem)
    larger = replace(spec, h=2 * spec.h, w=2 * spec.w)
    needs = [
        next(a for a in jitconv.algorithms(op) if a.name == "fft").workspace(one) for one in (spec, larger)
    ]
    assert needs[1] <= 1.3 * needs[0] + 2**20


@pytest.mark.parametrize("kind", ["forward", "x", "w"])
def test_ways_to_cut_are_predicted_at_once_as_one_by_one(kind):
    for problem in ("n2h40w31c5 k5x3f7 p2x1", "n1h300w200c3 k31x31f2 s2", "n1h9w9c64 k9x9f64 p4 g64"):
        spec = parse(problem)
        for way, found in tilings.tilings(kind, spec).items():
            alone = price(tilings.NAMES[kind], found.tiling.work(TYPICAL_THREADS), kinds(spec))
            assert found.seconds == pytest.approx(alone)
            assert found.tiling.way == way

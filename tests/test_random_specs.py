"""Random problems: every able algorithm agrees with naive, and every problem string reads back."""

from hypothesis import given, reject, settings
from hypothesis import strategies as st
from numpy.random import default_rng

import jitconv
from jitconv.ops import prepare
from jitconv.specs import ConvSpec, PoolSpec, WindowSpec, parse
from jitconv.testing import disagreement, draw, reference

SMALL = st.integers(1, 3)
PAIR = st.tuples(SMALL, SMALL)
STEPS = st.tuples(st.integers(1, 2), st.integers(1, 2))
SIDES = st.tuples(*[st.integers(0, 2)] * 4)
SHARED = {
    "stride": PAIR,
    "dilation": STEPS,
    "layout": st.sampled_from(["NHWC", "NCHW"]),
    "dtype": st.sampled_from(["float32", "float64"]),
}
WRT = st.sampled_from([("x",), ("w",), ("b",), ("x", "w"), ("w", "b"), ("x", "w", "b")])


@st.composite
def conv_specs(draw_from):
    """Draw a convolution whose kernel fits in the padded input."""
    kh, kw = draw_from(PAIR)
    dilation, (top, bottom, left, right) = draw_from(STEPS), draw_from(SIDES)
    least = ((kh - 1) * dilation[0] + 1 - top - bottom, (kw - 1) * dilation[1] + 1 - left - right)
    h, w = (max(1, one) + draw_from(st.integers(0, 5)) for one in least)
    groups = draw_from(SMALL)
    c, f = (groups * draw_from(SMALL) for _ in range(2))
    options = {name: draw_from(values) for name, values in SHARED.items()} | {"dilation": dilation}
    flags = {"flip_kernel": draw_from(st.booleans()), "bias": draw_from(st.booleans()), "wrt": draw_from(WRT)}
    pad = top, bottom, left, right
    return ConvSpec(
        draw_from(st.integers(0, 2)), h, w, c, kh, kw, f, pad=pad, groups=groups, **options, **flags
    )


@st.composite
def pool_specs(draw_from):
    """Draw a pooling; often one whose windows tile the input."""
    kh, kw = draw_from(PAIR)
    n, c = draw_from(st.integers(0, 2)), draw_from(SMALL)
    flags = {"ceil_mode": draw_from(st.booleans()), "count_include_pad": draw_from(st.booleans())}
    flags["ties"] = draw_from(st.sampled_from(["first", "all", "split"]))
    flags["indices"] = flags["ties"] == "first" and draw_from(st.booleans())
    options = {name: draw_from(values) for name, values in SHARED.items()}
    if draw_from(st.integers(0, 3)) == 0:
        options |= {"stride": (kh, kw), "dilation": (1, 1)}
        return PoolSpec(n, kh * draw_from(SMALL), kw * draw_from(SMALL), c, kh, kw, **options, **flags)
    h, w = draw_from(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    try:
        return PoolSpec(n, h, w, c, kh, kw, pad=draw_from(SIDES), **options, **flags)
    except jitconv.JitconvError:
        reject()


@st.composite
def window_specs(draw_from):
    """Draw windows in one row."""
    n, h, w = (draw_from(st.integers(least, 4)) for least in (0, 1, 1))
    return WindowSpec(
        (n,), h, w, draw_from(SHARED["dtype"]), draw_from(st.sampled_from(["first", "all", "split"]))
    )


def agree(op, spec):
    """Assert that every able algorithm agrees with naive on small whole numbers, which sum exactly."""
    operands = draw(op, spec, default_rng(0), integers=True)
    wanted = reference(op, spec, operands)
    exact = not (op.startswith("avg") or op == "distribute_value" or getattr(spec, "ties", "") == "split")
    for algorithm in jitconv.algorithms(op):
        if algorithm.why_not(spec) is None:
            got = prepare(op, spec, algorithm.name).run(operands)
            _, wrong = disagreement(op, spec, algorithm, got, wanted, exact=exact)
            assert wrong is None, f"{op}/{algorithm.name} on {spec}: {wrong}"


@given(conv_specs())
def test_convolutions_agree(spec):
    agree("conv_forward", spec)
    agree("conv_backward", spec)


@given(pool_specs())
def test_maximum_poolings_agree(spec):
    agree("max_pool_forward", spec)
    agree("max_pool_backward", spec)


@given(pool_specs())
def test_average_poolings_agree(spec):
    agree("avg_pool_forward", spec)
    agree("avg_pool_backward", spec)


@given(window_specs())
def test_windows_agree(spec):
    agree("create_mask", spec)
    agree("distribute_value", spec)


@given(st.one_of(conv_specs(), pool_specs(), window_specs()))
@settings(max_examples=300)
def test_problem_strings_read_back(spec):
    assert parse(str(spec)) == spec

"""Sizes beyond any machine are refused with their numbers, at once; large ones that harm nobody are right."""

import itertools

import numpy as np
import pytest

import jitconv
from jitconv.algorithms._shared.pooling import divisors
from jitconv.algorithms.naive.pool import windows
from jitconv.ops.call import memory
from jitconv.specs import PoolSpec
from jitconv.specs.pool import reaches

MOST = 2**31 - 1
HUGE = (2**20, 2**24, 2**27, MOST)
POOLS = ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")


def arrays(groups=1, layout="NHWC"):
    """Return x of 5x6 pixels with 4 channels, and w of 3x3 taps."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 5, 6, 4)), rng.standard_normal((3, 3, 4 // groups, 4))
    if layout == "NHWC":
        return x, w
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)), np.ascontiguousarray(w.transpose(3, 2, 0, 1))


def of_pooling(op, x, window, algorithm, **options):
    """Return the result of a pooling, of a gradient of ones."""
    if op.endswith("forward"):
        return getattr(jitconv, op)(x, window, algorithm=algorithm, **options)
    forward = jitconv.max_pool_forward(x, window, algorithm="naive", **options)
    given = x if op == "max_pool_backward" else x.shape
    return getattr(jitconv, op)(np.ones_like(forward), given, window, algorithm=algorithm, **options)


def pairs(*ops):
    """Return every algorithm of our own that takes any stride."""
    return [
        (op, one.name)
        for op in ops
        for one in jitconv.algorithms(op)
        if one.name in ("direct", "fft", "im2col", "naive")
    ]


TOO_LARGE = {
    "pad": ("conv_forward", lambda x, w: jitconv.conv_forward(x, w, pad=MOST), "pad"),
    "pad, stride": ("conv_forward", lambda x, w: jitconv.conv_forward(x, w, pad=MOST, stride=MOST), "pad"),
    "pad, dilation": (
        "conv_forward",
        lambda x, w: jitconv.conv_forward(x, w, pad=MOST, dilation=MOST),
        "dilation",
    ),
    "results": (
        "avg_pool_backward",
        lambda x, w: jitconv.avg_pool_backward(np.ones((1, 1, 1, 1)), (1, MOST, MOST, 1), MOST),
        "x_shape must hold",
    ),
    "shape": ("distribute_value", lambda x, w: jitconv.distribute_value(1.0, (MOST, MOST)), "shape"),
    "explained": (
        "conv_forward",
        lambda x, w: jitconv.explain("conv_forward", (10**6, 10**6, 10**6, 64), (3, 3, 64, 64)),
        "x must hold at most 17592186044416 numbers",
    ),
    "pooled": (
        "max_pool_forward",
        lambda x, w: jitconv.max_pool_forward(x, 3, stride=1, pad=MOST, dilation=MOST, algorithm="im2col"),
        "dilation",
    ),
    "steps": (
        "conv_forward",
        lambda x, w: jitconv.explain("conv_forward", (1, 2**21, 2**21, 1), (2**20, 2**20, 1, 1)),
        "multiply-adds",
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_no_machine_serves_is_refused_with_its_numbers(name):
    _, call, named = TOO_LARGE[name]
    with pytest.raises(
        (jitconv.ShapeError, jitconv.ParameterError), match=r"must .* got .*\d{10}"
    ) as refusal:
        call(*arrays())
    assert named in str(refusal.value)


REFUSED = (jitconv.ShapeError, jitconv.ParameterError)


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("op", ["conv_forward", "conv_backward"])
def test_pads_and_dilations_beyond_memory_are_refused_by_every_algorithm(op, number):
    x, w = arrays()
    given = (x, w) if op == "conv_forward" else (x, x, w)
    for options in ({"pad": number}, {"pad": number, "dilation": number}, {"dilation": number}):
        for one in jitconv.algorithms(op):
            with pytest.raises(REFUSED, match=f"{number}"):
                getattr(jitconv, op)(*given, algorithm=one.name, **options)


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("op", POOLS)
def test_windows_beyond_memory_are_refused_by_every_algorithm(op, number):
    x, _ = arrays()
    given = {"max_pool_backward": (x, x), "avg_pool_backward": (x, x.shape)}.get(op, (x,))
    for pad in (0, number - 1):
        for one in jitconv.algorithms(op):
            with pytest.raises(REFUSED, match=f"{number}"):
                getattr(jitconv, op)(*given, number, stride=1, pad=pad, algorithm=one.name)


@pytest.mark.parametrize(("op", "algorithm"), pairs("conv_forward", "conv_backward"), ids=str)
@pytest.mark.parametrize(("groups", "layout"), [(1, "NHWC"), (2, "NCHW"), (4, "NHWC"), (1, "NCHW")])
def test_a_convolution_strides_far_beyond_the_picture(op, algorithm, groups, layout):
    x, w = arrays(groups, layout)
    options = {"groups": groups, "layout": layout, "pad": 1}
    for far, near in ((MOST, 7), ((MOST, 1), (7, 1)), ((1, MOST), (1, 8))):
        if op == "conv_forward":
            got, wanted = (
                jitconv.conv_forward(x, w, stride=stride, algorithm=name, **options)
                for stride, name in ((far, algorithm), (near, "naive"))
            )
            np.testing.assert_allclose(got, wanted, atol=1e-12)
            continue
        dy = np.ones_like(jitconv.conv_forward(x, w, stride=near, algorithm="naive", **options))
        got, wanted = (
            jitconv.conv_backward(dy, x, w, stride=stride, algorithm=name, **options)
            for stride, name in ((far, algorithm), (near, "naive"))
        )
        for gradient, right in zip(got, wanted, strict=True):
            np.testing.assert_allclose(gradient, right, atol=1e-12)


@pytest.mark.parametrize(("op", "algorithm"), pairs(*POOLS), ids=str)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_pooling_strides_far_beyond_the_picture(op, algorithm, layout):
    x, _ = arrays(layout=layout)
    for ceil_mode in (False, True):
        options = {"pad": 1, "layout": layout, "ceil_mode": ceil_mode}
        got = of_pooling(op, x, 3, algorithm, stride=MOST, **options)
        wanted = of_pooling(op, x, 3, "naive", stride=8, **options)
        np.testing.assert_allclose(got, wanted, atol=1e-12)


@pytest.mark.parametrize("op", POOLS)
def test_naive_pools_over_a_window_that_is_nearly_all_padding(op):
    x, _ = arrays()
    window, pad = (1, MOST), (0, MOST // 2)
    got = of_pooling(op, x, window, "naive", stride=(1, MOST), pad=pad)
    if op == "max_pool_forward":
        np.testing.assert_array_equal(got, x.max(axis=2, keepdims=True))
    if op == "avg_pool_forward":
        np.testing.assert_allclose(got, x.sum(axis=2, keepdims=True) / MOST)
    if op == "max_pool_backward":
        np.testing.assert_array_equal(got, x == x.max(axis=2, keepdims=True))
    if op == "avg_pool_backward":
        np.testing.assert_allclose(got, np.full_like(x, 1 / MOST))


def test_im2col_refuses_windows_whose_taps_it_would_list():
    x, _ = arrays()
    with pytest.raises(jitconv.UnsupportedError, match="at most 1048576 taps, got 1x2097152"):
        jitconv.max_pool_forward(x, (1, 2**21), stride=1, pad=(0, 2**20), algorithm="im2col")


def test_direct_refuses_strides_that_have_too_many_phases():
    dy, x, w = (1, 4, 4, 4), (1, 1020, 1020, 4), (1, 1, 4, 4)
    with pytest.raises(jitconv.UnsupportedError, match=r"at most 65536 phases, .* got 257x257"):
        jitconv.explain("conv_backward", dy, x, w, stride=257, algorithm="direct")
    with pytest.raises(jitconv.UnsupportedError, match="at most 65536, got 1x65537"):
        jitconv.explain("conv_forward", (1, 1, 2**20, 4), w, stride=(1, 2**16 + 1), algorithm="direct")


def test_what_this_machine_has_no_memory_for_is_explained_and_not_tried():
    x = np.broadcast_to(1.0, (1, 2**10, memory() // 2**14, 4))
    w = np.ones((1, 1, 4, 8))  # the results take four times the memory
    assert jitconv.explain("conv_forward", x, w, algorithm="direct").choice.name == "direct"
    for run in (
        lambda: jitconv.conv_forward(x, w, algorithm="direct"),
        lambda: jitconv.plan_conv(x.shape, w, algorithm="direct")(x),
        lambda: jitconv.distribute_value(1.0, (2**20, memory() // 2**20)),
    ):
        with pytest.raises(jitconv.TooLargeError, match=r"must fit in the .* of this machine; got .* GiB"):
            run()
    assert issubclass(jitconv.TooLargeError, MemoryError)


def test_workspace_may_be_allowed_beyond_2_gib():
    with jitconv.config(max_workspace=2**40) as settings:
        assert settings.max_workspace == 2**40


SMALL = itertools.product((1, 2, 3, 5), (1, 2, 4), (1, 2, 3), (0, 1, 4), (1, 2, 7), (False, True))


def test_divisors_and_windows_are_those_that_are_counted_tap_by_tap():
    met = 0
    for size, taps, dilation, pad, stride, counted in SMALL:
        options = {"stride": (stride, 1), "pad": ((pad, 0), (0, 0)), "dilation": (dilation, 1)}
        try:
            spec = PoolSpec.of((1, size, 1, 1), (taps, 1), count_include_pad=counted, **options)
        except jitconv.JitconvError:
            continue
        met += 1
        wanted = [
            [start + k * dilation for k in range(taps)]
            for start in range(-pad, -pad + spec.oh * stride, stride)
        ]
        least = -pad if counted else 0
        assert divisors(spec)[:, 0].tolist() == [sum(least <= p < size for p in row) for row in wanted], spec
        inside = [[p for p in row if 0 <= p < size] for row in wanted]
        assert [rows.tolist() for _, _, _, rows, _ in windows(spec)] == inside, spec
    assert met > 100


def test_windows_that_step_over_the_picture_are_found_without_looking_at_each():
    for count, step, first, modulus, least in itertools.product(
        range(4), (1, 3, 7), (-9, -4, 0), (1, 4, 5), (1, 2, 5)
    ):
        wanted = any((first + i * step) % modulus >= least for i in range(count))
        assert reaches(count, step, first, modulus, least) == wanted
    pad = (2**30 - 1, MOST)
    with pytest.raises(jitconv.ParameterError, match="every window must meet the input; with pad 1073741823"):
        PoolSpec.of((1, 1, 6, 1), (3, 1), stride=1, pad=(pad, (0, 0)), dilation=(2**30, 1))

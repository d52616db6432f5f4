"""Shape arithmetic against counting, and the grammar of problem strings."""

import dataclasses
import math

import pytest

import jitconv
from jitconv.specs import ConvSpec, PoolSpec, WindowSpec, parse


def starts_inside(size, pad, extent, stride):
    """Count the windows that lie in the padded input, one by one."""
    return sum(start + extent <= size + sum(pad) for start in range(0, size + sum(pad), stride))


def starts_overhanging(size, pad, extent, stride):
    """Count the windows of ceil_mode: up to the one that covers the end, none in the trailing pad alone."""
    padded, count, start = size + sum(pad), 0, 0
    while start < size + pad[0]:
        count += 1
        if start + extent >= padded:
            break
        start += stride
    return count


LINES = [
    (size, (before, after), taps, dilation, stride)
    for size in (1, 2, 3, 5, 8, 11)
    for before, after in ((0, 0), (1, 1), (0, 2), (2, 1))
    for taps in (1, 2, 3)
    for dilation in (1, 2)
    for stride in (1, 2, 3, 5)
]


def line(kind, size, pad, taps, dilation, stride, **options):
    """Return the spec of a picture one element wide, or None where it is refused."""
    options |= {"stride": (stride, 1), "pad": (pad, (0, 0)), "dilation": (dilation, 1)}
    try:
        if kind is ConvSpec:
            return ConvSpec.of((1, size, 1, 1), (taps, 1, 1, 1), **options)
        return PoolSpec.of((1, size, 1, 1), (taps, 1), **options)
    except jitconv.JitconvError:
        return None


def test_conv_counts_the_windows_that_fit():
    for size, pad, taps, dilation, stride in LINES:
        spec = line(ConvSpec, size, pad, taps, dilation, stride)
        wanted = starts_inside(size, pad, (taps - 1) * dilation + 1, stride)
        assert (spec.oh if spec else 0) == wanted, (size, pad, taps, dilation, stride)


def test_pool_counts_the_windows_that_fit():
    met = 0
    for size, pad, taps, dilation, stride in LINES:
        if spec := line(PoolSpec, size, pad, taps, dilation, stride):
            met += 1
            assert spec.oh == starts_inside(size, pad, spec.extent[0], stride), spec
    assert met > 200


def test_ceil_mode_counts_the_windows_that_start_before_the_trailing_pad():
    met = 0
    for size, pad, taps, dilation, stride in LINES:
        if spec := line(PoolSpec, size, pad, taps, dilation, stride, ceil_mode=True):
            met += 1
            assert spec.oh == starts_overhanging(size, pad, spec.extent[0], stride), spec
    assert met > 200


@pytest.mark.parametrize(
    ("problem", "oh"),
    [
        ("n1h5w5c1 k2x2 s3 p1 ceil", 2),  # a third window would start at row 6 of 7, in the trailing pad
        ("n1h5w5c1 k2x2 s3 p1", 2),
        ("n1h6w6c1 k2x2 s3 p1 ceil", 3),  # the third starts at row 6 of 8, the last of the input
        ("n1h7w7c1 k3x3 s2 ceil", 3),
        ("n1h8w8c1 k3x3 s2 ceil", 4),
        ("n1h8w8c1 k3x3 s2", 3),
        ("n1h2w2c1 k3x3 s2 ceil", 1),  # a window larger than the input
    ],
)
def test_ceil_mode_drops_a_window_that_starts_in_the_trailing_pad(problem, oh):
    assert parse(problem).oh == oh


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("taps", [1, 2, 3, 5])
def test_same_is_tensorflows(taps, dilation, stride):
    for size in range(1, 20):
        spec = line_same(size, taps, dilation, stride)
        total = max((math.ceil(size / stride) - 1) * stride + spec.extent[0] - size, 0)
        assert spec.oh == math.ceil(size / stride)
        assert spec.pad[:2] == (total // 2, total - total // 2)


def line_same(size, taps, dilation, stride):
    """Return a convolution with pad "same"."""
    options = {"stride": (stride, 1), "dilation": (dilation, 1), "pad": "same"}
    return ConvSpec.of((1, size, 1, 1), (taps, 1, 1, 1), **options)


def test_shapes_follow_the_layout():
    nhwc, nchw = (
        parse("n2h9w8c6 k3x2f4 s2x1 p1 g2"),
        parse("n2h9w8c6 k3x2f4 s2x1 p1 g2 nchw"),
    )
    assert (nhwc.x_shape, nhwc.w_shape, nhwc.y_shape) == ((2, 9, 8, 6), (3, 2, 3, 4), (2, 5, 9, 4))
    assert (nchw.x_shape, nchw.w_shape, nchw.y_shape) == ((2, 6, 9, 8), (4, 3, 3, 2), (2, 4, 5, 9))


def test_operations_are_counted():
    spec = parse("n2h6w5c4 k3x2f8 g2")
    assert spec.madds == 2 * 4 * 4 * 8 * (3 * 2 * 2)
    assert spec.flops("conv_forward") == 2 * spec.madds
    assert parse("n2h6w5c4 k3x2f8 g2 wrt=w").flops("conv_backward") == 2 * spec.madds
    assert parse("n2h6w4c3 k3x2 s2").flops("max_pool_forward") == 2 * 2 * 2 * 3 * (3 * 2)


def test_bytes_are_python_ints_that_do_not_overflow():
    spec = parse("n10000h1000w1000c1000 k1x1f1000")
    assert spec.traffic("conv_forward") == 4 * (2 * 10**13 + 10**6)


def test_a_spec_is_frozen_and_hashable():
    spec = parse("n1h4w4c1 k2x2f1")
    assert {spec: 1}[parse("n1h4w4c1 k2x2f1")] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.n = 2


@pytest.mark.parametrize(
    ("problem", "spec"),
    [
        ("n16h56w56c64 k3x3f64 s1 p1", ConvSpec(16, 56, 56, 64, 3, 3, 64, pad=(1, 1, 1, 1))),
        ("n1h6w7c2 k1x4f3 s1x2 p0.0.3.1", ConvSpec(1, 6, 7, 2, 1, 4, 3, stride=(1, 2), pad=(0, 0, 3, 1))),
        ("n1h6w7c2 k3f3 p1x2", ConvSpec(1, 6, 7, 2, 3, 3, 3, pad=(1, 1, 2, 2))),
        ("n1h6w6c2 k3f3 psame", ConvSpec(1, 6, 6, 2, 3, 3, 3, pad=(1, 1, 1, 1))),
        ("n1h6w6c2 k3f3 pvalid d2x1", ConvSpec(1, 6, 6, 2, 3, 3, 3, dilation=(2, 1))),
        ("N1H6W6C4 K3X3F8 G2 NCHW", ConvSpec(1, 6, 6, 4, 3, 3, 8, groups=2, layout="NCHW")),
        (
            "n1h6w6c2 k3f3 flip bias float64 wrt=bx",
            ConvSpec(1, 6, 6, 2, 3, 3, 3, dtype="float64", flip_kernel=True, bias=True, wrt=("x", "b")),
        ),
        ("n16h56w56c64 k2x2", PoolSpec(16, 56, 56, 64, 2, 2, stride=(2, 2))),
        (
            "n1h9w9c1 k3 s2 ceil nopad ties=all",
            PoolSpec(1, 9, 9, 1, 3, 3, (2, 2), ceil_mode=True, count_include_pad=False, ties="all"),
        ),
        ("n1h9w9c1 k3 s2 indices", PoolSpec(1, 9, 9, 1, 3, 3, (2, 2), indices=True)),
        ("n196h2w2", WindowSpec((196,), 2, 2)),
        ("n196h2w3 float64 ties=split", WindowSpec((196,), 2, 3, "float64", "split")),
    ],
)
def test_a_problem_string_reads_as_its_spec_and_back(problem, spec):
    assert parse(problem) == spec
    assert parse(str(spec)) == spec


def test_the_defaults_hold_where_the_string_does_not_say():
    assert parse("n1h4w4c1 k2", layout="NCHW", dtype="float64") == parse("n1h4w4c1 k2 nchw float64")
    assert parse("n1h4w4c1 k2 nhwc float32", layout="NCHW", dtype="float64") == parse("n1h4w4c1 k2")


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ("", "a problem begins with its sizes"),
        ("k3x3f4", "a problem begins with its sizes"),
        ("n1h4w4c1 k2x2f1 banana", "unknown word 'banana' in the problem"),
        ("n1h4w4c1 k2x2f1 s1x2x3", "unknown word 's1x2x3'"),
        ("n1h4w4c1 k2x2f1 p1.2", "unknown word 'p1.2'"),
        ("n1h4w4c1 k2x2f1 s-1", "unknown word 's-1'"),
        ("n1h4w4c1 k2x2f1 wrt=z", "unknown word 'wrt=z'"),
        ("n1h4w4c1", "a problem with channels needs a kernel"),
        ("n1h4w4 k2x2", "a problem with a kernel needs channels"),
        ("n1h4w4c1 k2x2f1 ceil", "does not apply to this kind of problem"),
        ("n1h4w4c1 k2x2 bias", "does not apply to this kind of problem"),
        ("n1h4w4 g2", "does not apply to this kind of problem"),
        ("n1h4w4c1 k2x2 ties=banana", "ties must be one of 'first', 'all', 'split'; got 'banana'"),
        ("n1h4w4 ties=banana", "ties must be one of 'first', 'all', 'split'; got 'banana'"),
        ("n1h4w4c1 k2x2f1 s0", "stride must be at least 1; got 0"),
        ("n1h4w4c4 k2x2f3 g3", "groups must divide C = 4; got groups = 3"),
        ("n1h4w4c4 k2x2f3 g0", "groups must be at least 1; got 0"),
    ],
)
def test_a_problem_string_that_means_nothing(problem, message):
    with pytest.raises(jitconv.ParameterError) as refusal:
        parse(problem)
    assert message in str(refusal.value)


@pytest.mark.parametrize("problem", ["n1h0w4c1 k2x2f1", "n1h4w4c0 k2x2f1", "n1h4w4c1 k5x5f1", "n1h4w0"])
def test_a_problem_string_that_leaves_nothing_to_compute(problem):
    with pytest.raises(jitconv.ShapeError, match=r"must (be at least 1|fit in the padded input)"):
        parse(problem)


@pytest.mark.parametrize(
    ("problem", "name", "words"),
    [
        ("n1h8w8c3 k3x3f4 s1 s2", "stride", ("s1", "s2")),
        ("n1h8w8c3 k3x3f4 p1 psame", "pad", ("p1", "psame")),
        ("n1h8w8c3 k3x3f4 p0.1.2.3 p1", "pad", ("p0.1.2.3", "p1")),
        ("n1h8w8c3 k3x3f4 nchw s1 nhwc", "layout", ("nchw", "nhwc")),
        ("n1h8w8c3 k2x2 s2 s2", "stride", ("s2", "s2")),
        ("n4h2w2 float32 float64", "dtype", ("float32", "float64")),
    ],
)
def test_a_problem_says_each_thing_once(problem, name, words):
    with pytest.raises(jitconv.ParameterError) as caught:
        parse(problem)
    assert str(caught.value) == (
        f"a problem must give {name} once; got {words[0]!r} and {words[1]!r} in {problem!r}"
    )


CONV, POOL = ConvSpec(1, 4, 4, 2, 2, 2, 2), PoolSpec(1, 4, 4, 2, 2, 2)


@pytest.mark.parametrize("spec", [CONV, POOL], ids=["conv", "pool"])
@pytest.mark.parametrize(
    "changes",
    [
        {"stride": (0, 1)},
        {"stride": (-1, 1)},
        {"dilation": (0, 1)},
        {"pad": (-1, 0, 0, 0)},
        {"layout": "NWHC"},
        {"dtype": "float16"},
        {"n": -1},
        {"h": 0},
    ],
    ids=str,
)
def test_a_spec_made_by_hand_is_checked_too(spec, changes):
    with pytest.raises(jitconv.JitconvError, match=next(iter(changes)).lower() + r"|N must|H must"):
        dataclasses.replace(spec, **changes)


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        (CONV, {"groups": 0}),
        (CONV, {"groups": 3}),
        (CONV, {"wrt": ("z",)}),
        (POOL, {"ties": "last"}),
        (WindowSpec((1,), 2, 2), {"ties": "last"}),
        (WindowSpec((1,), 2, 2), {"dtype": "int8"}),
    ],
    ids=str,
)
def test_the_other_fields_of_a_spec_made_by_hand_are_checked_too(spec, changes):
    with pytest.raises(jitconv.JitconvError, match=next(iter(changes))):
        dataclasses.replace(spec, **changes)


def test_a_problem_string_with_an_unknown_dtype_or_layout_by_default():
    with pytest.raises(jitconv.JitconvError, match="dtype"):
        parse("n1h4w4c1 k2x2f1", dtype="float16")
    with pytest.raises(jitconv.ParameterError, match="layout must be one of"):
        parse("n1h4w4c1 k2x2f1", layout="HWCN")


@pytest.mark.parametrize(
    "problem",
    [None, 5, b"n1h4w4c1 k2", "n1h4w4c1 k2 p" + "9" * 5000, "n1h4w4c1 k2 s1" + " " * 10**6],
    ids=type,
)
def test_what_is_no_problem_string_is_refused_in_a_few_lines(problem):
    with pytest.raises(jitconv.ParameterError, match="a problem must be a text such as") as refusal:
        parse(problem)
    assert len(str(refusal.value)) < 600


def test_a_stride_beyond_the_padded_picture_is_that_of_the_picture():
    assert parse("n1h5w6c1 k3x3f1 s2147483647 p1") == parse("n1h5w6c1 k3x3f1 s7x8 p1")
    assert parse("n1h5w6c1 k3x3 s9x8 p1") == parse("n1h5w6c1 k3x3 s7x8 p1")
    assert parse("n1h2w2c1 k3x3 s3 ceil").stride == (3, 3)  # the window is larger still
    assert parse("n1h5w6c1 k3x3f1 s6x8 p1").stride == (6, 8)

"""The grid of a sweep: dimensions, their values, and the problem at a point."""

import re

import pytest

from jitconv import ParameterError, ShapeError
from jitconv.bench.sweep_axes import MOST_VALUES, Axis, axes_of, axis_of, spec_at
from jitconv.specs import parse

CONV = "n1h6w5c2 k3x3f4 s1 p1"


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("kernel=1,3,5", "kernel", (1, 3, 5)),
        ("kernel=7", "kernel", (7,)),
        (" Channels = 16, 4 ", "channels", (4, 16)),
        ("channels=4:64:x2", "channels", (4, 8, 16, 32, 64)),
        ("channels=3:20:x2", "channels", (3, 6, 12)),
        ("map=8:32:+8", "map", (8, 16, 24, 32)),
        ("map=8:31:+8", "map", (8, 16, 24)),
        ("batch=1,4:16:x4,5:6:+1", "batch", (1, 4, 5, 6, 16)),
        ("h=9:9:x2", "h", (9,)),
    ],
)
def test_values_of_a_dimension(text, name, values):
    assert axis_of(text) == Axis(name, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--vary must be DIMENSION=VALUES"),
        ("kernel", "--vary must be DIMENSION=VALUES"),
        ("=3", "--vary must name one of kernel, map"),
        ("kernal=3", "got 'kernal' (did you mean 'kernel'?)"),
        ("kernel=", "values must be whole numbers or ranges"),
        ("kernel=1,,3", "values must be whole numbers or ranges"),
        ("kernel=1;3", "got '1;3' in 'kernel=1;3'"),
        ("kernel=-1", "values must be whole numbers or ranges"),
        ("kernel=1.5", "values must be whole numbers or ranges"),
        ("kernel=³", "values must be whole numbers or ranges"),
        ("kernel=1:٣:x2", "values must be whole numbers or ranges"),
        ("kernel=" + "9" * 5000, "values must be whole numbers or ranges"),
        ("kernel=1:" + "9" * 5000 + ":x2", "values must be whole numbers or ranges"),
        ("kernel=1:8", "values must be whole numbers or ranges"),
        ("kernel=1:8:2", "values must be whole numbers or ranges"),
        ("kernel=0", "values must be between 1 and"),
        ("batch=2147483648", "values must be between 1 and 2147483647"),
        ("kernel=3,5,3", "each value must stand once; got 3 twice"),
        ("kernel=8:1:x2", "must ascend from 1 or more"),
        ("kernel=1:8:x1", "by a factor of 2 or more"),
        ("kernel=1:8:x0", "by a factor of 2 or more"),
        ("kernel=1:8:+0", "a step of 1 or more"),
        ("kernel=0:8:x2", "must ascend from 1 or more"),
        ("map=1:2000000000:+1", f"at most {MOST_VALUES} values; got 2000000000"),
        ("map=1:150:+1,151:300:+1", f"at most {MOST_VALUES} values; got 300"),
    ],
)
def test_a_dimension_without_meaning_is_refused(text, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        axis_of(text)


@pytest.mark.parametrize(
    ("texts", "op", "problem", "message"),
    [
        ([], "conv_forward", CONV, "--vary must be given once or twice"),
        (["h=4", "w=4", "batch=1"], "conv_forward", CONV, "--vary must be given once or twice"),
        (["h=4", "h=5"], "conv_forward", CONV, "must name two dimensions; got h and h"),
        (["map=4", "w=5"], "conv_forward", CONV, "must name two dimensions; got map and w"),
        (["h=4", "map=5"], "conv_forward", CONV, "must name two dimensions; got h and map"),
        (["h=1:100:+1", "w=1:100:+1"], "conv_forward", CONV, "at most 5000 points; got 10000"),
        (["filters=4"], "max_pool_forward", "n1h6w6c2 k2", "for max_pool_forward; got filters"),
        (["kernel=4"], "create_mask", "n5h4w4", "one of map, h, w, batch, threads for create_mask"),
        (["threads=1,100000"], "conv_forward", CONV, "as many as this process has; got 100000"),
    ],
)
def test_dimensions_that_do_not_fit_the_problem_are_refused(texts, op, problem, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        axes_of(texts, op, parse(problem))


@pytest.mark.parametrize(
    ("problem", "at", "there"),
    [
        (CONV, {"kernel": 5}, "n1h6w5c2 k5x5f4 s1 p2"),
        (CONV, {"kernel": 4}, "n1h6w5c2 k4x4f4 s1 p1.2.1.2"),
        ("n1h6w6c2 k1f4", {"kernel": 3}, "n1h6w6c2 k3x3f4 s1 p1"),
        ("n1h6w6c2 k3f4", {"kernel": 5}, "n1h6w6c2 k5x5f4 s1 p0"),
        ("n1h9w9c2 k3f4 p2", {"kernel": 5}, "n1h9w9c2 k5x5f4 s1 p2"),
        ("n1h8w8c2 k3f4 s2 psame", {"kernel": 5}, "n1h8w8c2 k5x5f4 s2 p1.2.1.2"),
        ("n1h8w8c2 k3f4 s2 psame", {"map": 9}, "n1h9w9c2 k3x3f4 s2 p1"),
        (CONV, {"stride": 2}, "n1h6w5c2 k3x3f4 s2 p1"),
        (CONV, {"dilation": 2}, "n1h6w5c2 k3x3f4 s1 p2 d2"),
        ("n1h16w16c3 k4f8 s4", {"kernel": 8}, "n1h16w16c3 k8x8f8 s4 p0"),
        (CONV, {"map": 9, "batch": 3}, "n3h9w9c2 k3x3f4 s1 p1"),
        (CONV, {"h": 9}, "n1h9w5c2 k3x3f4 s1 p1"),
        (CONV, {"w": 9, "h": 8}, "n1h8w9c2 k3x3f4 s1 p1"),
        (CONV, {"channels": 8}, "n1h6w5c8 k3x3f4 s1 p1"),
        (CONV, {"threads": 1}, CONV),
        ("n1h6w5c4 k3f4 nchw bias", {"channels": 8}, "n1h6w5c8 k3x3f8 s1 p0 nchw bias"),
        ("n1h6w5c4 k3f4", {"channels": 8, "filters": 2}, "n1h6w5c8 k3x3f2 s1 p0"),
        ("n1h6w5c4 k3f4 g4", {"channels": 8}, "n1h6w5c8 k3x3f8 s1 p0 g8"),
        ("n1h6w5c4 k3f8 g4", {"channels": 8}, "n1h6w5c8 k3x3f16 s1 p0 g8"),
        ("n1h6w5c8 k3f8 g4", {"channels": 16}, "n1h6w5c16 k3x3f16 s1 p0 g4"),
        ("n1h6w5c8 k3f8", {"groups": 4}, "n1h6w5c8 k3x3f8 s1 p0 g4"),
        ("n1h12w12c2 k2x2 s2", {"kernel": 3}, "n1h12w12c2 k3x3 s3 p0"),
        ("n1h12w12c2 k3x3 s2 p1", {"kernel": 5}, "n1h12w12c2 k5x5 s2 p2"),
        ("n5h4w4", {"batch": 7, "map": 3}, "n7h3w3"),
    ],
)
def test_the_problem_at_a_point(problem, at, there):
    assert str(spec_at(parse(problem), at)) == str(parse(there))


@pytest.mark.parametrize(
    ("problem", "at", "error"),
    [("n1h6w6c2 k3f4", {"kernel": 7}, ShapeError), ("n1h6w6c8 k3f8 g4", {"channels": 6}, ParameterError)],
)
def test_a_point_that_is_no_problem(problem, at, error):
    with pytest.raises(error):
        spec_at(parse(problem), at)

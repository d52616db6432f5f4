"""A problem's text says all that concerns its op, and is read back."""

from dataclasses import fields, replace

import pytest

import jitconv
from jitconv.algorithm import OPS
from jitconv.selector.problem import of_op, problem_of
from jitconv.specs import ConvSpec, PoolSpec, WindowSpec, parse
from jitconv.testing.problems import random_problems

CONV = ConvSpec(2, 9, 8, 4, 3, 2, 6, pad=(1, 1, 0, 0))
POOL = PoolSpec(2, 9, 8, 4, 3, 2, stride=(2, 2))
WINDOW = WindowSpec((5,), 3, 4)

GRID = {
    "n": 3,
    "h": 10,
    "w": 9,
    "c": 2,
    "kh": 2,
    "kw": 1,
    "stride": (2, 1),
    "pad": (1, 0, 1, 0),
    "dilation": (2, 1),
    "layout": "NCHW",
    "dtype": "float64",
}
CONVS = {**GRID, "pad": (2, 0, 0, 1), "f": 4, "groups": 2, "flip_kernel": True}
POOLS = {**GRID, "stride": (1, 3), "ceil_mode": True}
WINDOWS = {"lead": (6,), "h": 2, "w": 1, "dtype": "float64"}

CONCERNS = {
    "conv_forward": (CONV, {**CONVS, "bias": True}),
    "conv_backward": (CONV, {**CONVS, "wrt": ("x", "b")}),
    "max_pool_forward": (POOL, {**POOLS, "indices": True}),
    "max_pool_backward": (POOL, {**POOLS, "indices": True, "ties": "split"}),
    "avg_pool_forward": (POOL, {**POOLS, "count_include_pad": False}),
    "avg_pool_backward": (POOL, {**POOLS, "count_include_pad": False}),
    "create_mask": (WINDOW, {**WINDOWS, "ties": "all"}),
    "distribute_value": (WINDOW, WINDOWS),
}
"""A spec for each op, and another value for each of its fields that concerns the op."""

UNCONCERNED = {
    "conv_forward": {"wrt": ("w",)},
    "conv_backward": {"bias": True},
    "max_pool_forward": {"ties": "all", "count_include_pad": False},
    "max_pool_backward": {"count_include_pad": False},
    "avg_pool_forward": {"ties": "all", "indices": True},
    "avg_pool_backward": {"ties": "all", "indices": True},
    "create_mask": {},
    "distribute_value": {"ties": "split"},
}


@pytest.mark.parametrize("op", OPS)
def test_random_problems_are_read_back(op):
    found = random_problems(op, 150, seed=16)
    assert len(set(found)) > 100
    for spec in found:
        assert parse(problem_of(op, spec)) == spec


@pytest.mark.parametrize("op", OPS)
def test_the_tables_have_every_field(op):
    spec, concerns = CONCERNS[op]
    named = [*concerns, *UNCONCERNED[op]]
    assert sorted(named) == sorted(one.name for one in fields(spec) if one.init)


@pytest.mark.parametrize("op", OPS)
def test_each_field_that_concerns_the_op_is_in_the_text(op):
    spec, concerns = CONCERNS[op]
    texts = {problem_of(op, spec)}
    for name, value in concerns.items():
        other = replace(spec, **{name: value})
        assert parse(problem_of(op, other)) == other
        texts.add(problem_of(op, other))
    assert len(texts) == 1 + len(concerns)


@pytest.mark.parametrize("op", OPS)
def test_what_does_not_concern_the_op_is_left_out(op):
    spec, _ = CONCERNS[op]
    for name, value in UNCONCERNED[op].items():
        other = replace(spec, **{name: value})
        assert other != spec
        assert of_op(op, other) == of_op(op, spec)
        assert problem_of(op, other) == problem_of(op, spec)
    assert of_op(op, spec) is spec


def test_gradients_in_any_order_are_one_problem():
    assert problem_of("conv_backward", replace(CONV, wrt=("w", "x"))).endswith("wrt=xw")


@pytest.mark.parametrize(
    ("lead", "text"),
    [((), "h2w3"), ((4,), "n4h2w3"), ((4, 5, 6), "n4x5x6h2w3"), ((0, 2), "n0x2h2w3")],
    ids=str,
)
@pytest.mark.parametrize("op", ["create_mask", "distribute_value"])
def test_windows_keep_the_axes_before_them(op, lead, text):
    spec = WindowSpec(lead, 2, 3)
    assert problem_of(op, spec) == text
    assert parse(text) == spec


def test_axes_that_have_no_meaning_are_told():
    for problem in ("n4x5h6w6c4 k2x2", "h6w6c4 k2x2f3"):
        with pytest.raises(jitconv.ParameterError, match="begins with one number of pictures"):
            parse(problem)
    with pytest.raises(jitconv.ShapeError, match="windows must have at most 32 axes; got 33"):
        parse(f"n{'x'.join('1' * 33)}h2w2")
    with pytest.raises(jitconv.ParameterError, match="a problem begins with its sizes"):
        parse("n4xh2w2")


CALLS = {
    "conv_forward": ((2, 7, 7, 3), (3, 3, 3, 4), (4,)),
    "conv_backward": ((2, 5, 5, 4), (2, 7, 7, 3), (3, 3, 3, 4)),
    "max_pool_forward": ((2, 7, 7, 3), 2),
    "max_pool_backward": ((2, 3, 3, 3), (2, 7, 7, 3), 2),
    "avg_pool_forward": ((2, 7, 7, 3), 2),
    "avg_pool_backward": ((2, 3, 3, 3), (2, 7, 7, 3), 2),
    "create_mask": ((5, 2, 2),),
    "distribute_value": ((5,), (2, 2)),
}


@pytest.mark.parametrize("op", OPS)
def test_the_spec_of_a_call_is_what_its_text_says(op):
    spec = jitconv.explain(op, *CALLS[op], algorithm="naive").spec
    assert of_op(op, spec) is spec
    assert parse(problem_of(op, spec)) == spec

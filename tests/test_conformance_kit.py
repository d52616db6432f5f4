"""jitconv.testing finds what is wrong with a kernel; a kit that passes everything would test nothing."""

import math

import numpy as np
import pytest

from jitconv import Algorithm, hookimpl
from jitconv.algorithm import no_workspace
from jitconv.algorithms.naive import conv, pool
from jitconv.specs import parse
from jitconv.testing import (
    Case,
    Refused,
    bound,
    cases,
    check_agreement,
    draw,
    relative_error,
)

CASE = Case(parse("n2h5w7c3 k3x3f4 s1 p1"), "plain")
POOL = Case(parse("n2h5w7c3 k1x1 s1"), "windows of one element")


class Plugin:
    """Provides one algorithm."""

    def __init__(self, algorithm):
        self.algorithm = algorithm

    @hookimpl
    def jitconv_algorithms(self):
        """Return it."""
        return [self.algorithm]


def check(registry, op, case, run, **options):
    """Register `run(spec, *operands, *outputs)` as an algorithm and check it on a case."""
    options = {"why_not": lambda spec: None, **options}
    plan = lambda spec: lambda *arrays: run(spec, *arrays)  # noqa: E731
    record = Algorithm(op, "mine", cost=lambda spec: 0.0, workspace=no_workspace, build=plan, **options)
    assert registry.register("mine", Plugin(record)).state == "loaded"
    check_agreement(op, "mine", case)


def test_a_right_kernel_passes(registry):
    check(registry, "conv_forward", CASE, conv.forward)
    assert registry.plugins[-1].state == "loaded"


def test_a_kernel_off_by_one_pixel_is_found(registry):
    def run(spec, x, w, b, y):
        conv.forward(spec, np.roll(x, 1, axis=2), w, b, y)

    with pytest.raises(
        AssertionError, match=r"conv_forward/mine on n2h5w7c3 k3x3f4 s1 p1: agreement: plan: y is"
    ):
        check(registry, "conv_forward", CASE, run)


def test_a_kernel_of_too_little_precision_is_found(registry):
    def run(spec, x, w, b, y):
        conv.forward(spec, x.astype(np.float16).astype(np.float32), w, b, y)

    with pytest.raises(AssertionError, match=r"off by .* relative L2; its class allows"):
        check(registry, "conv_forward", CASE, run)


def test_a_kernel_that_loses_a_nan_is_found(registry):
    def run(spec, x, y, indices):
        pool.max_forward(spec, np.nan_to_num(x), y, indices)

    case = next(case for case in cases("max_pool_forward") if case.values == "specials")
    with pytest.raises(AssertionError, match="specials: plan: y is off by inf"):
        check(registry, "max_pool_forward", case, run)


@pytest.mark.parametrize(("forgets", "named"), [("bias", "None"), ("relu", "relu")])
def test_weights_prepared_wrongly_are_found(registry, forgets, named):
    def prepare(spec, w, b, activation):
        if forgets == "bias":
            b = None

        def plan(x, y):
            conv.forward(spec, x, w, b, y)
            if activation and forgets != "relu":
                np.maximum(y, 0, out=y)

        return plan

    case = Case(parse("n2h5w7c3 k3x3f4 s1 p1 bias"), "with a bias")
    with pytest.raises(
        AssertionError, match=f"agreement: prepared plan, activation={named}: y .* the {forgets}"
    ):
        check(registry, "conv_forward", case, conv.forward, prepare=prepare)


def test_a_kernel_that_writes_its_input_is_found(registry):
    def run(spec, x, w, b, y):
        conv.forward(spec, x, w, b, y)
        x[...] = 0

    with pytest.raises(AssertionError, match=r"conv_forward/mine on .*: inputs: plan: changed its operand x"):
        check(registry, "conv_forward", CASE, run)


def test_a_kernel_that_returns_its_input_is_found(registry):
    with pytest.raises(
        AssertionError, match=r"mine on .*: aliases: plan: y shares memory with the operand x"
    ):
        check(registry, "max_pool_forward", POOL, lambda spec, x, y, indices: (x, None))


def test_other_indices_are_found(registry):
    def run(spec, x, y, indices):
        pool.max_forward(spec, x, y, indices)
        indices[0, 0, 0, 0] += 1

    with pytest.raises(
        AssertionError, match=r"agreement: plan: indices \(int64\) is wrong: first at \[0, 0, 0, 0\]"
    ):
        check(registry, "max_pool_forward", Case(parse("n2h6w8c3 k2x2 s2 indices"), "indices"), run)


def test_a_refusal_is_told_with_its_reason(registry):
    with pytest.raises(Refused, match="needs a picture of one pixel"):
        check(
            registry, "conv_forward", CASE, conv.forward, why_not=lambda spec: "needs a picture of one pixel"
        )


def test_a_class_that_spreads_a_nan_may_spread_it_and_not_lose_it(registry):
    def spreads(spec, x, w, b, y):
        conv.forward(spec, x, w, b, y)
        y[~np.isfinite(y).all(axis=(1, 2, 3))] = np.nan

    case = Case(CASE.spec, "", values="specials")
    check(registry, "conv_forward", case, spreads, error_class="fft")


def test_a_class_that_spreads_a_nan_may_not_lose_it(registry):
    def loses(spec, x, w, b, y):
        conv.forward(spec, np.nan_to_num(x), w, b, y)

    case = Case(CASE.spec, "", values="specials")
    with pytest.raises(
        AssertionError, match=r"specials: plan: y loses \d+ NaNs and infinities, the first at"
    ):
        check(registry, "conv_forward", case, loses, error_class="fft")


def test_relative_error():
    one = np.array([3.0, 4.0])
    assert relative_error(one, one) == 0
    assert relative_error(np.array([3.0, 4.5]), one) == pytest.approx(0.1)
    assert relative_error(np.array([0.0, 0.25]), np.zeros(2)) == 0.25
    assert relative_error(np.array([np.nan, 4]), np.array([np.nan, 4])) == 0
    assert relative_error(np.array([np.inf, 4]), np.array([np.inf, 4])) == 0
    assert relative_error(np.array([np.inf, 4]), np.array([-np.inf, 4])) == math.inf
    assert relative_error(np.array([np.nan, 4]), one) == math.inf
    assert relative_error(one, np.array([np.nan, 4])) == math.inf
    with pytest.raises(ValueError, match="shapes differ"):
        relative_error(one, one[:1])


def test_bounds_grow_with_the_sum_and_with_the_class():
    short, long = parse("n1h8w8c1 k1x1f1"), parse("n1h8w8c64 k3x3f1")
    assert bound("conv_forward", short, "direct", "float32") < 1e-6
    for error_class in ("direct", "winograd", "fft"):
        less, more = (bound("conv_forward", spec, error_class, "float32") for spec in (short, long))
        assert less < more < 1e-4
        assert bound("conv_forward", long, error_class, "float64") < 1e-12


def test_the_same_operands_are_drawn_each_time():
    for case in cases("max_pool_backward"):
        for one, other in zip(
            case.operands("max_pool_backward"), case.operands("max_pool_backward"), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_whole_numbers_tie():
    x = draw("create_mask", parse("n50h3w3"), np.random.default_rng(0), values="integers")[0]
    assert (x == np.round(x)).all()
    assert ((x == x.max(axis=(1, 2), keepdims=True)).sum(axis=(1, 2)) > 1).any()


def test_cases_of_an_unknown_op():
    with pytest.raises(ValueError, match="op must be one of conv_forward"):
        cases("conv")

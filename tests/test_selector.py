"""Choosing, and the cache of plans."""

import numpy as np
import pytest

import jitconv
from jitconv import Algorithm, hookimpl
from jitconv.algorithm import unprepared
from jitconv.ops import cache_clear, cache_info
from jitconv.ops.conv import FORWARD
from jitconv.ops.operation import PLANS_KEPT

pytestmark = pytest.mark.usefixtures("registry")

X, W = (1, 12, 12, 3), (3, 3, 3, 8)


def arrays(dtype=np.float32):
    """Return x and w."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(X).astype(dtype), rng.standard_normal(W).astype(dtype)


def verdicts(explanation):
    """Return each candidate's verdict and reason."""
    return {one.name: (one.verdict, one.reason) for one in explanation.candidates}


def test_every_algorithm_is_a_candidate_and_one_is_chosen():
    for op, args in {
        "conv_forward": (X, W),
        "conv_backward": ((1, 10, 10, 8), X, W),
        "max_pool_forward": (X, 2),
        "max_pool_backward": ((1, 6, 6, 3), X, 2),
        "avg_pool_forward": (X, 2),
        "avg_pool_backward": ((1, 6, 6, 3), X, 2),
        "create_mask": ((5, 2, 2),),
        "distribute_value": ((5,), 2),
    }.items():
        explanation = jitconv.explain(op, *args)
        assert explanation.op == op
        assert {one.algorithm for one in explanation.candidates} == set(jitconv.algorithms(op))
        assert [one.verdict for one in explanation.candidates].count("chosen") == 1
        assert explanation.choice is explanation.candidates[0]
        assert {one.plugin for one in explanation.candidates} == {"jitconv"}


def test_the_cheapest_able_algorithm_is_chosen():
    candidates = jitconv.explain("conv_forward", X, W).candidates
    assert [one.cost for one in candidates] == sorted(one.cost for one in candidates)
    assert candidates[0].reason == "the least predicted time"
    assert {one.verdict for one in candidates[1:]} == {"able"}
    assert all(isinstance(one.workspace, int) for one in candidates)


def test_a_refused_candidate_shows_its_reason_and_no_cost():
    explanation = jitconv.explain("max_pool_forward", X, 3, stride=2)
    refused = explanation.candidates[-1]
    assert (refused.name, refused.verdict) == ("reshape", "refused")
    assert refused.reason == "needs a stride equal to the window, 3x3; got 2x2"
    assert refused.cost is refused.workspace is None


def test_a_forced_algorithm_is_used_whatever_the_settings_say():
    with jitconv.config(deny="naive", max_workspace=0):
        explanation = jitconv.explain("conv_forward", X, W, algorithm="naive")
    assert (explanation.choice.name, explanation.choice.reason) == ("naive", "named by the caller")


@pytest.mark.parametrize(
    ("settings", "name", "reason"),
    [
        ({"deny": "direct"}, "direct", "denied by config(deny=...)"),
        ({"accuracy": "strict"}, "fft", "its error is of class 'fft', and config(accuracy='strict')"),
        (
            {"deterministic": True},
            "im2col",
            "may give other bits with another thread count, and config(deterministic=True)",
        ),
    ],
    ids=str,
)
def test_a_setting_excludes_in_words(settings, name, reason):
    assert verdicts(jitconv.explain("conv_forward", X, W))[name][0] in ("chosen", "able")
    with jitconv.config(**settings):
        assert verdicts(jitconv.explain("conv_forward", X, W))[name] == ("excluded", reason)


def test_max_workspace_excludes_in_words():
    needs = {one.name: one.workspace for one in jitconv.explain("conv_forward", X, W).candidates}
    with jitconv.config(max_workspace=needs["naive"]):
        explanation = jitconv.explain("conv_forward", X, W)
    for name, (verdict, reason) in verdicts(explanation).items():
        assert (verdict == "excluded") == (needs[name] > needs["naive"]), name
        if verdict == "excluded":
            assert "MiB of workspace; config(max_workspace=...) gives" in reason
    with jitconv.config(max_workspace=needs["im2col"]):
        assert verdicts(jitconv.explain("conv_forward", X, W))["im2col"][0] != "excluded"


def test_the_default_workspace_is_64_mib_the_operands_and_twice_the_output():
    explanation = jitconv.explain("conv_forward", (1, 200, 200, 2048), (63, 63, 2048, 16))
    operands, output = 4 * (200 * 200 * 2048 + 63 * 63 * 2048 * 16), 4 * 138 * 138 * 16
    most = 64 * 2**20 + operands + 2 * output
    for one in explanation.candidates:
        assert (one.verdict == "excluded") == ((one.workspace or 0) > most), one
    verdict, reason = verdicts(explanation)["fft"]  # the spectra of 63x63x2048 filters
    assert verdict == "excluded"
    assert reason.endswith(f"by default config(max_workspace=...) gives {most / 2**20:.1f} MiB")


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((1, 2048, 7, 7), (2048, 2048, 3, 3), {"pad": 1, "layout": "NCHW"}),
        ((1, 512, 7, 7), (4096, 512, 7, 7), {"layout": "NCHW"}),  # a dense layer of 411 MB
        ((1, 56, 56, 128), (31, 31, 128, 128), {"pad": 15}),
        ((1, 1, 1, 27), (1, 1, 27, 6), {}),  # one window: what a call takes at all
    ],
    ids=str,
)
def test_large_weights_and_small_problems_are_not_left_to_the_plain_loops(x, w, options):
    # fft is the best for 31x31, where a panel of its filters is no wider than AVX2's
    assert jitconv.explain("conv_forward", x, w, **options).choice.name in ("direct", "winograd", "fft")


def test_the_plain_loops_predict_what_they_copy():
    costs = {
        layout: next(one for one in jitconv.algorithms("conv_forward") if one.name == "naive").cost(
            jitconv.ConvSpec(1, 7, 7, 512, 3, 3, 512, pad=(1, 1, 1, 1), layout=layout)
        )
        for layout in ("NHWC", "NCHW")
    }
    assert costs["NHWC"] < costs["NCHW"] < 2 * costs["NHWC"]  # one matrix of all filters is made once


@pytest.mark.parametrize("settings", [{}, {"max_workspace": 0}], ids=str)
def test_what_needs_least_is_taken_where_nothing_fits(settings):
    with jitconv.config(**settings):
        explanation = jitconv.explain("conv_forward", (1, 10, 10, 1), (3, 3, 1, 1), pad=3000, dilation=3000)
    chosen, *rest = explanation.candidates
    assert chosen.verdict == "chosen"
    assert chosen.workspace == min(one.workspace for one in explanation.candidates if one.workspace)
    assert chosen.reason.startswith("needs the least workspace, and none fits: ")
    assert chosen.reason.endswith("gives 0.0 MiB" if settings else "gives 64.0 MiB")
    assert {one.verdict for one in rest} == {"excluded", "refused"}


def test_a_limit_of_nothing_still_runs():
    x, w = arrays()
    wanted = jitconv.conv_forward(x, w, algorithm="naive")
    with jitconv.config(max_workspace=0):
        np.testing.assert_allclose(jitconv.conv_forward(x, w), wanted, rtol=1e-4, atol=1e-5)


def test_settings_that_bar_everything_are_told_with_every_reason():
    everything = [one.name for one in jitconv.algorithms("conv_forward")]
    with (
        jitconv.config(deny=everything, max_workspace=0),
        pytest.raises(jitconv.UnsupportedError, match="no algorithm is left") as failure,
    ):
        jitconv.explain("conv_forward", X, W)
    assert "loosen config(...)" in str(failure.value)
    for name in everything:
        assert f"{name}: " in str(failure.value)


def test_third_parties_are_excluded_until_allowed(registry):
    record = Algorithm(
        "conv_forward",
        "magic",
        why_not=lambda spec: None,
        cost=lambda spec: 0.0,
        workspace=lambda spec: 0,
        build=unprepared(lambda spec, x, w, b, y: None),
        deterministic=False,
    )

    class Plugin:
        @staticmethod
        @hookimpl
        def jitconv_algorithms():
            return [record]

    registry.register("elsewhere", Plugin)
    reason = "third-party: permit it with config(allow='magic')"
    assert verdicts(jitconv.explain("conv_forward", X, W))["magic"] == ("excluded", reason)
    for name in ("magic", "elsewhere"):
        with jitconv.config(allow=[name]):
            assert jitconv.explain("conv_forward", X, W).choice.algorithm is record
        with jitconv.config(allow=name, deterministic=True):
            assert verdicts(jitconv.explain("conv_forward", X, W))["magic"][0] == "excluded"
        with jitconv.config(allow=name, deny=name):
            assert verdicts(jitconv.explain("conv_forward", X, W))["magic"][0] == "excluded"


def test_mode_measure_names_the_measured_times():
    with jitconv.config(mode="measure"):
        jitconv.conv_forward(*arrays())
        explanation = jitconv.explain("conv_forward", X, W)
    assert explanation.decided_by == "measured"
    assert explanation.choice.reason.startswith("the least measured time (")
    assert f"{explanation.choice.name} " in explanation.choice.reason


def test_mode_measure_runs_every_kind_of_operand():
    with jitconv.config(mode="measure"):
        dx = jitconv.max_pool_backward(
            np.ones((1, 2, 2, 1), np.float32),
            np.zeros((1, 4, 4, 1), np.float32),
            2,
            indices=np.array([0, 3, 12, 15]).reshape(1, 2, 2, 1),
        )
        y = jitconv.conv_forward(np.ones(X, np.float32), np.ones(W, np.float32), np.ones(8, np.float32))
    assert dx.reshape(-1).nonzero()[0].tolist() == [0, 3, 12, 15]
    assert (y == 28).all()


def test_the_explanation_is_that_of_the_executed_plan():
    x, w = arrays()
    jitconv.conv_forward(x, w, stride=2, pad=1)
    executed = FORWARD.call("auto", (x, w, None), 2, 1, 1, 1, "NHWC", False)
    assert jitconv.explain("conv_forward", x, w, stride=2, pad=1) is executed.explanation
    assert jitconv.explain("conv_forward", X, W, stride=2, pad=1) is executed.explanation


def test_a_plan_is_chosen_by_what_a_call_costs_with_weights_prepared():
    shapes = (1, 7, 7, 512), (3, 3, 512, 512)
    plain = jitconv.explain("conv_forward", *shapes, pad=1)
    plan = jitconv.plan_conv(shapes[0], np.zeros(shapes[1], np.float32), pad=1)
    before, after = ({one.name: one.cost for one in found.candidates} for found in (plain, plan.explanation))
    assert after["winograd"] < before["winograd"]  # no filters to transform
    assert after["naive"] == before["naive"]


def test_a_plan_is_chosen_by_measuring():
    _, w = arrays()
    with jitconv.config(mode="measure", allow=["naive", "direct"], deny=["fft", "im2col"]):
        plan = jitconv.plan_conv(X, w)
    assert plan.explanation.choice.reason.startswith("the least measured time (")


def test_shapes_take_the_dtype_of_the_arrays():
    x, _ = arrays(np.float64)
    assert jitconv.explain("conv_forward", X, W).spec.dtype == "float32"
    assert jitconv.explain("conv_forward", x, W).spec.dtype == "float64"
    assert jitconv.explain("conv_backward", (1, 10, 10, 8), x, W).spec.dtype == "float64"


def test_explain_takes_what_the_op_takes():
    x, w = arrays()
    assert jitconv.explain("conv_forward", x, w, out=np.empty((1, 10, 10, 8), np.float32)).choice
    assert jitconv.explain("conv_forward", X, W, (8,)).spec.bias
    assert not jitconv.explain("conv_forward", X, W).spec.bias
    assert jitconv.explain("max_pool_backward", (1, 6, 6, 3), X, 2, indices=(1, 6, 6, 3)).spec.indices
    assert jitconv.explain("conv_backward", (1, 10, 10, 8), X, W, wrt=["w"]).spec.wrt == ("w",)
    assert jitconv.explain("avg_pool_backward", (1, 6, 6, 3), list(X), 2).spec.x_shape == X


def test_explain_takes_a_float_to_distribute():
    assert jitconv.explain("distribute_value", 2.0, (2, 2)).spec.dtype == "float64"


def test_explain_takes_any_collection_of_wanted_gradients():
    dy = np.ones((1, 10, 10, 8), np.float32)
    for wrt in (["w"], {"w"}, "w"):
        assert jitconv.conv_backward(dy, *arrays(), wrt=wrt).dx is None
        assert jitconv.explain("conv_backward", dy, X, W, wrt=wrt).spec.wrt == ("w",)


# The cache


def test_a_repeated_call_is_a_hit():
    x, w = arrays()
    cache_clear()
    first = jitconv.conv_forward(x, w)
    assert (cache_info().hits, cache_info().misses) == (0, 1)
    for _ in range(5):
        np.testing.assert_array_equal(jitconv.conv_forward(x, w), first)
    assert (cache_info().hits, cache_info().misses) == (5, 1)
    jitconv.explain("conv_forward", X, W)
    assert (cache_info().hits, cache_info().misses) == (6, 1)


def test_every_op_hits_the_cache_when_repeated():
    x, w = arrays()
    y, indices = jitconv.max_pool_forward(x, 2, return_indices=True)
    calls = [
        lambda: jitconv.conv_backward(np.ones((1, 10, 10, 8), np.float32), x, w),
        lambda: jitconv.max_pool_forward(x, 2, return_indices=True),
        lambda: jitconv.max_pool_backward(y, x, 2, indices=indices),
        lambda: jitconv.avg_pool_forward(x, 2),
        lambda: jitconv.avg_pool_backward(y, x.shape, 2),
        lambda: jitconv.create_mask(x),
        lambda: jitconv.distribute_value(y, 2),
    ]
    for call in calls:
        call()
        before = cache_info()
        call()
        assert (cache_info().hits - before.hits, cache_info().misses - before.misses) == (1, 0)


def test_a_call_is_a_miss_where_anything_differs():
    x, w = arrays()
    variants = [
        lambda: jitconv.conv_forward(x, w),
        lambda: jitconv.conv_forward(x, w, np.zeros(8, np.float32)),
        lambda: jitconv.conv_forward(x, w, stride=2),
        lambda: jitconv.conv_forward(x, w, algorithm="naive"),
        lambda: jitconv.conv_forward(x[:, :8], w),
        lambda: jitconv.conv_forward(*arrays(np.float64)),
    ]
    cache_clear()
    for call in variants:
        call()
    with jitconv.config(deterministic=True):
        jitconv.conv_forward(x, w)
    assert (cache_info().hits, cache_info().misses) == (0, len(variants) + 1)


def test_the_cache_is_bounded():
    cache_clear()
    values = np.zeros(1)
    assert cache_info().maxsize == PLANS_KEPT
    for width in range(1, PLANS_KEPT + 20):
        jitconv.distribute_value(values, (1, width))
    assert cache_info().currsize == PLANS_KEPT
    cache_clear()
    assert cache_info().currsize == 0


def test_a_refused_call_is_not_kept():
    x, w = arrays()
    cache_clear()
    for _ in range(2):
        with pytest.raises(jitconv.ParameterError):
            jitconv.conv_forward(x, w, stride=0)
    assert cache_info().currsize == 0

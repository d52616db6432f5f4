"""What `check_algorithm` yields, and what `KernelConformance` makes of it: counts, verdicts, omissions."""

import re
import textwrap

import pytest
from test_conformance_kit import Plugin

from jitconv import Algorithm
from jitconv.algorithm import no_workspace
from jitconv.algorithms.naive import pool
from jitconv.errors import ParameterError, UnknownAlgorithmError
from jitconv.specs import parse
from jitconv.testing import Case, KernelConformance, check_algorithm, failed, watch
from jitconv.testing.checks import promises


class Mine(Plugin):
    """Provides naive's pooling under another name."""

    def __init__(self, run=pool.max_forward, **fields):
        plan = lambda spec: lambda *arrays: run(spec, *arrays)  # noqa: E731
        fields = {"why_not": lambda spec: None, "workspace": no_workspace, "build": plan, **fields}
        super().__init__(
            Algorithm("max_pool_forward", "mine", cost=lambda spec: 1e-4 * (1 + spec.n), **fields)
        )


POOLS = [Case(parse(one), "") for one in ("n1h4w4c1 k2x2", "n2h5w7c3 k3x3 s2 p1", "n1h6w6c2 k2x2 s3")]


def results(registry, plugin, only, **options):
    """Return the results by check."""
    assert registry.register("mine", plugin).state == "loaded"
    options = {"problems": POOLS, "random": 5, **options}
    return {one.check: one for one in check_algorithm("max_pool_forward", "mine", only=only, **options)}


def test_results_count_what_ran_and_what_is_left_out(registry):
    found = results(registry, Mine(), {"agreement", "contract", "reuse"})
    assert list(found) == ["contract", "agreement", "reuse"]
    assert {one.verdict for one in found.values()} == {"passed"}
    assert found["contract"].ran == 8
    assert "passed: max_pool_forward/mine contract" in str(found["contract"])


def spoils_large_ones(spec, x, y, indices):
    """Pool, and change operands; double the results of more than 4 rows."""
    pool.max_forward(spec, x, y, indices)
    x[...] = 0
    if spec.h > 4:
        y *= 2


def test_an_expected_failure_is_no_failure_and_one_that_passes_is(registry):
    expected = {"inputs": "writes a mark", "aliases": "once returned x"}
    found = results(registry, Mine(spoils_large_ones), {"inputs", "aliases"}, expected_failures=expected)
    assert found["inputs"].verdict == "expected"
    assert "as expected: writes a mark" in str(found["inputs"])
    assert found["aliases"].verdict == "failed"
    told = str(found["aliases"])
    assert "it passes, and was expected to fail: once returned x; take it off the list" in told
    assert failed([found["inputs"], found["aliases"]]) == [found["aliases"]]


def test_a_failure_is_expected_of_some_problems_alone(registry):
    four, five, six = map(str, POOLS)
    both = {("agreement", five): "doubled", ("agreement", six): "doubled"}

    def agreement(expected):
        if registry.plugins[-1].name == "mine":
            registry.remove("mine")
        options = {"random": 0, "expected_failures": expected}
        return results(registry, Mine(spoils_large_ones), {"agreement"}, **options)["agreement"]

    assert agreement(both).verdict == "expected"
    one_more = agreement({("agreement", five): "doubled"})
    assert one_more.verdict == "failed"
    assert one_more.failed == 1
    assert one_more.as_expected == {five: 1}
    stale = agreement({**both, ("agreement", four): "was wrong once"})
    assert stale.verdict == "failed"
    assert f"{four} passes, and was expected to fail: was wrong once" in str(stale)


def test_an_expected_failure_of_what_did_not_run_is_neither(registry):
    mine = Mine(why_not=lambda spec: "is not ready")
    found = results(registry, mine, {"agreement"}, expected_failures={"agreement": "is off"})
    assert found["agreement"].verdict == "nothing ran"


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"speed": "is slow"}, "expected_failures must be one of 'contract', .*; got 'speed'"),
        ({"linearity": "no sum"}, "expected_failures must be one of .*; got 'linearity'"),
        ({"bits": ""}, "bits needs its reason in words; got ''"),
        ({("bits", "n5h3w4"): "why"}, "n5h3w4 is no problem of max_pool_forward"),
        ({("bits", "n5h3w4, odd"): "why"}, "a word after the problem must be one of"),
    ],
)
def test_an_expected_failure_of_nothing_is_refused(registry, expected, told):
    with pytest.raises(ParameterError, match=told):
        list(check_algorithm("max_pool_forward", "naive", expected_failures=expected))


def test_what_cannot_be_run_is_told_where_it_is_left_out(registry):
    def run(spec, x, y, indices):
        raise OSError("no such library")

    found = results(registry, Mine(run), {"able", "reuse", "translation"})
    assert found["able"].verdict == "failed"
    assert "OSError: no such library" in str(found["able"])
    assert found["reuse"].verdict == found["translation"].verdict == "not run"
    assert "see able" in str(found["reuse"])


def test_nothing_that_ran_is_no_pass(registry):
    found = results(registry, Mine(why_not=lambda spec: "is not ready"), {"agreement", "reach"})
    assert found["agreement"].verdict == "nothing ran"
    assert found["reach"].verdict == "failed"
    assert "It refuses: is not ready (8)" in str(found["reach"])


def test_many_failures_are_counted_and_some_are_shown(registry):
    problems = [Case(parse(f"n1h4w{width}c1 k2x2"), "") for width in range(4, 34)]
    found = results(registry, Mine(lambda spec, x, y, indices: y.fill(0)), {"agreement"}, problems=problems)
    assert found["agreement"].failed >= len(problems)
    assert len(found["agreement"].failures) == 20
    assert f"… and {found['agreement'].failed - 3} more" in str(found["agreement"])
    assert "it is all zeros" in str(found["agreement"])


def test_a_check_that_there_is_not_is_refused_by_name(registry):
    with pytest.raises(ParameterError, match=r"only must be one of 'contract', .*; got 'speed'"):
        list(check_algorithm("max_pool_forward", "naive", only={"speed"}))


@pytest.mark.parametrize("limit", [{"seconds": 0.0}, {"memory": -1}, {"seconds": float("nan")}])
def test_a_limit_that_is_none_is_refused(registry, limit):
    with pytest.raises(ParameterError, match="seconds and memory must be more than 0"):
        list(check_algorithm("max_pool_forward", "naive", **limit))


def test_an_algorithm_that_there_is_not_is_refused_by_name(registry):
    with pytest.raises(UnknownAlgorithmError, match=r"got 'narve' \(did you mean 'naive'"):
        list(check_algorithm("max_pool_forward", "narve"))


PYTEST = """
    from jitconv import Algorithm, hookimpl
    from jitconv.algorithms.naive import pool
    from jitconv.plugins import registry
    from jitconv.testing import KernelConformance


    def doubled(spec):
        def plan(x, y, indices):
            pool.max_forward(spec, x, y, indices)
            y *= 2
        return plan


    class Plugin:
        @hookimpl
        def jitconv_algorithms(self):
            words = dict(cost=lambda spec: 1e-4 * (1 + spec.n), workspace=lambda spec: 0)
            return [Algorithm("max_pool_forward", "mine", build=doubled, why_not=lambda spec: None, **words)]


    registry().register("mine", Plugin())


    class TestMine(KernelConformance):
        op, algorithm, random, apart = "max_pool_forward", "mine", 1, False
        problems = ["n1h4w4c1 k2x2", "n2h5w7c3 k3x3 s2 p1", "n1h6w6c2 k2x2 s3", "n1h6w6c2 k2x3 s3 float64"]
        expected_failures = {"agreement": "twice too much", "reuse": "the same", "anywhere": "the same"}
"""


def test_under_pytest_every_check_is_a_test(tmp_path, run_python):
    (tmp_path / "test_mine.py").write_text(textwrap.dedent(PYTEST))
    arguments = ["-q", "-rs", "-n", "0", "-p", "no:cacheprovider", "."]
    told = run_python(f"import pytest; print(pytest.main({arguments}).name)")
    assert told.endswith("OK")
    assert "expected: max_pool_forward/mine agreement" in told
    assert "it is 2 times what is expected" in told
    passed, skipped = (int(re.search(rf"(\d+) {word}", told)[1]) for word in ("passed", "skipped"))
    assert passed + skipped == len(promises("max_pool_forward"))
    assert skipped < 8 or watch.why_not()


def test_a_class_of_no_op_is_refused():
    with pytest.raises(TypeError, match=r"Mine.op must be one of conv_forward, .*; got 'conv'"):
        type("Mine", (KernelConformance,), {"op": "conv", "algorithm": "mine"})

"""What `jitconv check` writes, what it leaves with, and what it says was never tested."""

import json
from xml.etree import ElementTree

import pytest
from plugin_helpers import masker, provider

from jitconv.algorithms.naive import window
from jitconv.testing import cases, report
from jitconv.testing.features import FEATURES, counted, never_met
from jitconv.testing.findings import Failure, Result
from jitconv.testing.substitutes import substitutes

OP = ("--op", "create_mask")
ONE = (*OP, "--shape", "n5h3w4")


def result(check="bits", **fields):
    """Return a result of a kernel."""
    return Result(check, "the same | bits", "create_mask", "mine", **fields)


@pytest.fixture
def right(registry):
    """Register a right kernel `mine`, which no other process can load: that is quick; return its registry."""
    assert registry.register("right", provider(masker("mine", window.mask, 1e-5))).state == "loaded"
    return registry


WRONG = result(ran=3, failed=1, failures=[Failure("n5h3w4", "a\x07 is ``` not b", "jitconv check mine")])
SOME = [
    WRONG,
    result("able", ran=5),
    result("fork", not_run="not here"),
    result("reach", ran=2, features={"all": (2, 9), "stride": (0, 4), "pad": (2, 3)}),
    result("state", ran=1, expected={"": "so it is"}, as_expected={"": 1}),
]


def test_a_right_kernel_leaves_with_0_and_writes_what_it_was_asked_for(right, command, tmp_path):
    done = command("check", "mine", *ONE, "--json", "a.json", "--junit", "b/b.xml", "--markdown", "c.md")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is wrong" in done.stdout
    found = {one["check"]: one["verdict"] for one in json.loads((tmp_path / "a.json").read_text())}
    assert found["agreement"] == "passed"
    (suite,) = ElementTree.parse(tmp_path / "b" / "b.xml").getroot()
    assert (suite.get("name"), suite.get("failures")) == ("create_mask/mine", "0")
    assert [case.get("name") for case in suite] == list(found)
    assert "### `create_mask` by `mine`: nothing is wrong" in (tmp_path / "c.md").read_text()


def test_json_alone_is_on_stdout(right, command):
    done = command("check", "mine", *ONE, "--json", "-")
    assert {one["op"] for one in json.loads(done.stdout)} == {"create_mask"}
    assert "nothing is wrong" in done.stderr


def test_the_page_is_added_to_the_summary_of_a_job(right, command, tmp_path, monkeypatch):
    page = tmp_path / "summary"
    page.write_text("before")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    assert command("check", "mine", *ONE, "--github-summary").returncode == 0
    assert page.read_text().startswith("before\n### `create_mask` by `mine`")


def test_a_wrong_kernel_leaves_with_1(registry, command, tmp_path):
    registry.register("mine", provider(masker("mine")))
    done = command("check", "mine", *ONE, "--junit", "mine.xml")
    assert done.returncode == 1
    assert "mine is not right" in done.stdout
    (suite,) = ElementTree.parse(tmp_path / "mine.xml").getroot()
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure")) > 0


def test_expected_failures_are_no_failures(registry, command):
    registry.register("mine", provider(masker("mine")))
    wrong = command("check", "mine", *ONE, "--json", "-")
    failing = [one["check"] for one in json.loads(wrong.stdout) if one["verdict"] == "failed"]
    expect = [word for one in failing for word in ("--expect", f"{one}: marks nothing")]
    done = command("check", "mine", *ONE, *expect)
    assert done.returncode == 0, done
    assert f"of which {len(failing)} failed as expected" in " ".join(done.stdout.split())
    assert "as expected: marks nothing" in done.stdout
    assert command("check", "mine", *ONE, *expect, "--expect", "inputs: once wrote x").returncode == 1
    of_one = [word for one in failing for word in ("--expect", f"create_mask/{one}, n5h3w4: marks nothing")]
    assert command("check", "mine", *ONE, *of_one).returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--expect", "bits"), '--expect must be "CHECK: REASON" or "CHECK, PROBLEM: REASON"; got'),
        (("--expect", "speed: slow"), "a check that --expect names must be one of 'contract'"),
        (("--expect", "max_pool/bits: slow"), "an op that --expect names must be one of 'create_mask'"),
        (("--expect", "weights: none"), "--expect 'weights' is of none of the ops that are checked"),
        (("--expect", "bits, n1h1w1c1 k1x1f1: x"), "is of none of the ops that are checked: create_mask"),
        (("--json", "."), "--json cannot write .: Is a directory"),
        (("--junit", "x", "--markdown", "x"), "--markdown and --junit must be two files"),
        (("--github-summary",), "--github-summary needs GITHUB_STEP_SUMMARY"),
    ],
)
def test_mistakes_leave_with_2_and_a_line(right, command, monkeypatch, words, told):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    done = command("check", "mine", *ONE, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_kernel_that_refuses_everything_proves_nothing(registry, command):
    registry.register("mine", provider(masker("mine", why_not=lambda spec: "is not ready")))
    done = command("check", "mine", *OP, "--random", "0")
    assert done.returncode == 2
    assert "too few problems were run to prove anything" in done.stderr
    assert "It refuses: is not ready" in done.stderr
    assert "accepts 0 of" in done.stdout


def test_strict_wants_every_plugin_loaded(right, command):
    right.register("rotten", provider("no record"))
    assert command("check", "mine", *ONE).returncode == 0
    done = command("check", "mine", *ONE, "--strict")
    assert done.returncode == 2
    assert "not every plugin is loaded: rotten is failed (" in done.stderr


def test_strict_wants_every_check_run(right, command):
    assert command("check", "mine", *ONE).returncode == 0
    done = command("check", "mine", *ONE, "--strict")
    assert done.returncode == 2
    assert "checks that could not be run: create_mask memory (" in done.stderr


def test_a_report_says_all_that_results_do():
    record = json.loads(report.as_json(SOME))
    assert [one["verdict"] for one in record] == ["failed", "passed", "not run", "passed", "expected"]
    assert record[3]["features"]["stride"] == [0, 4]
    (suite,) = ElementTree.fromstring(report.as_junit(SOME, {"create_mask": 1.5}))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "2")
    assert suite.get("time") == "1.500"
    assert "a? is ``` not b" in suite.find("testcase/failure").text
    page = report.as_markdown(SOME, {})
    assert "**1 of 5 checks failed**" in page
    assert "accepts 2 of 9 problems\n\nnever tested: stride (4)" in page
    assert "the same \\| bits" in page
    assert "````text" in page


@pytest.mark.parametrize("op", ["conv_forward", "conv_backward", "max_pool_forward", "avg_pool_forward"])
def test_one_that_does_stride_1_alone_meets_special_arrays_and_is_told_what_it_never_met(op):
    def plain(spec):
        return spec.stride == (1, 1) and spec.dilation == (1, 1)

    found = cases(op)
    found += substitutes(op, found, plain)
    taken = [place for place, case in enumerate(found) if plain(case.spec)]
    features = counted(found, taken)
    assert features["all"] == (len(taken), len(found))
    never = never_met(features)
    assert {"stride", "two strides", "dilation"} <= set(never)
    assert {f"{memory} operands" for memory in ("fortran", "reversed", "swapped")}.isdisjoint(never)
    assert {"NaN and infinities", "-inf almost everywhere", "float64", "NCHW"}.isdisjoint(never)
    assert never_met(counted(found, range(len(found)))) == []


def test_whoever_accepts_all_is_given_no_substitutes():
    for op in ("conv_backward", "max_pool_backward", "create_mask"):
        assert substitutes(op, cases(op), lambda spec: True) == []


def test_every_feature_is_of_some_case():
    found = {
        name
        for op in (
            "conv_forward",
            "conv_backward",
            "max_pool_backward",
            "max_pool_forward",
            "avg_pool_forward",
            "create_mask",
        )
        for name in counted(cases(op), [])
    }
    assert {feature.name for feature in FEATURES} <= found

"""A kernel that hangs, dies or takes all memory ends no process but its own, and the report says where."""

import re

import numpy as np
import pytest
from hostile_kernels import Hostile
from plugin_helpers import provider

from jitconv import Algorithm
from jitconv.algorithm import never_refuses, no_workspace, unprepared
from jitconv.algorithms.naive import window
from jitconv.specs import parse
from jitconv.testing import Case, check_algorithm, failed, process

PROBLEMS = [Case(parse(one), "") for one in ("n2h1w3", "n3h2w2", "n5h3w4", "n4h4w4", "n1h5w2")]

pytestmark = pytest.mark.skipif(process.why_not() is not None, reason=str(process.why_not()))


def checked(registry, how, only, **limits):
    """Return the results by check."""
    assert registry.register("hostile", Hostile(how)).state == "loaded"
    given = {"problems": PROBLEMS, "random": 0, "only": only, **limits}
    return {one.check: one for one in check_algorithm("create_mask", "mine", **given)}


def test_a_right_kernel_passes_in_another_process(registry):
    found = checked(registry, "", {"contract", "agreement", "reuse", "spawn", "cost"})
    assert {one.verdict for check, one in found.items() if check != "spawn"} == {"passed"}, found
    assert found["agreement"].ran == len(PROBLEMS)
    assert found["spawn"].verdict == "nothing ran"  # memory was not asked for, which it compares with
    assert set(found["cost"].figures) == {
        f"predicted over measured, {which}" for which in ("least", "median", "most")
    }


@pytest.mark.parametrize(
    ("how", "only", "check", "told"),
    [
        (
            "aborts in a thread",
            {"agreement", "anywhere", "reuse", "cost"},
            "anywhere",
            r"crashed \(SIGABRT\)",
        ),
        ("ends in cost", {"contract", "agreement"}, "contract", "ended the process with code 7"),
        ("hangs in why_not", {"contract", "reuse"}, "hangs", "contract: did not end within 0.3 s"),
    ],
)
def test_where_a_process_ends_or_hangs_is_told(registry, how, only, check, told):
    found = checked(registry, how, only, seconds=0.3)
    assert failed(list(found.values())) == [found[check]]
    (failure,) = found[check].failures
    assert re.search(told, failure.text), failure.text
    assert failure.problem in map(str, PROBLEMS)
    assert f'--shape "{failure.problem}"' in failure.command
    left = [one for one in found.values() if one.verdict == "not run"]
    assert left
    assert all("mend that first" in one.not_run for one in left)


def test_what_passed_before_a_process_ended_is_kept(registry):
    found = checked(registry, "aborts in a thread", {"agreement", "reuse"})
    assert found["agreement"].verdict == "passed"
    assert found["threads"].verdict == "failed"


def test_memory_beyond_the_limit_is_not_there(registry):
    found = checked(registry, "takes all memory", {"able"}, memory=200 * 2**20)
    assert found["able"].verdict == "failed"
    text = found["able"].failures[0].text
    assert "MemoryError" in text
    assert "it may take 200 MiB; --memory sets another limit" in text
    assert np.ones(2**26, np.uint8).all()  # this process is held to nothing


def test_answers_that_take_long_are_told_and_absurd_ones_fail(registry, clock):
    def slow(seconds):
        def cost(spec):
            clock[0] += seconds
            return 1e-3 * (1 + spec.n)

        return Algorithm("create_mask", "slow", never_refuses, cost, no_workspace, unprepared(window.mask))

    for seconds, verdict, told in (
        (1e-4, "passed", ""),
        (0.01, "passed", "note: the answers on a problem take 0.01 s, for which every new problem"),
        (2.0, "failed", "the answers on a problem take 2 s"),
    ):
        assert registry.register("slow", provider(slow(seconds))).state == "loaded"
        given = {"problems": PROBLEMS, "random": 0, "only": {"contract"}}
        (found,) = (one for one in check_algorithm("create_mask", "slow", **given) if one.check == "contract")
        assert found.verdict == verdict
        assert told in str(found)
        registry.remove("slow")

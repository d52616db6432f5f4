"""``JITCONV_TEST_ALGORITHM=mine pytest --pyargs jitconv.testing``: tests of ops on any algorithm."""

import importlib
import re
import sys

import pytest

GUEST = """
import jitconv
from jitconv import Algorithm
from jitconv.algorithms.naive import window


def run(spec, x, marked):
    window.mask(spec, x, marked)
    if spec.n > 6:
        marked[...] = False


def why_not(spec):
    return None if spec.ties == "first" else "marks the first of several alone"


build = lambda spec: lambda x, marked: run(spec, x, marked)  # which no other process can load: that is quick
mine = Algorithm("create_mask", "guest", why_not, lambda spec: 1e-6 * (1 + spec.n), lambda spec: 0, build)
jitconv.register(mine, "guests")
"""


def test_each_check_and_each_case_is_a_test(tmp_path, run_python):
    (tmp_path / "guests.py").write_text(GUEST)
    chosen = "test_case and (n0h or n7h3w4 or n900 or n1h1) or agreement or hangs"
    words = [
        "--pyargs",
        "jitconv.testing",
        "-p",
        "guests",
        "-p",
        "no:cacheprovider",
        "-q",
        "-rsf",
        "-k",
        chosen,
    ]
    script = f"import pytest; print(pytest.main({words}).name)"
    told = run_python(script, JITCONV_TEST_ALGORITHM="guest", PYTHONPATH=f"{tmp_path}:{':'.join(sys.path)}")
    assert told.endswith("TESTS_FAILED")
    assert "FAILED" in told
    assert "test_check[create_mask-agreement]" in told
    assert "create_mask/guest on n900h9w11: agreement: plan: mask (bool) is wrong" in told
    assert "refused: marks the first of several alone" in told
    assert "put it in a module" in told  # why the check of what hangs was not run
    assert "Traceback" not in told
    assert re.search(r"4 failed, 6 passed, \d+ skipped, \d+ deselected", told), told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "JITCONV_TEST_ALGORITHM is not set: it names the algorithm to be tested"),
        (
            "direkt",
            "JITCONV_TEST_ALGORITHM must be an algorithm, one of .*; got 'direkt' .did you mean 'direct'",
        ),
        ("naive/none", "JITCONV_TEST_ALGORITHM .*'naive' has no variants; got 'naive/none'"),
    ],
)
def test_no_algorithm_is_an_error_that_says_so(registry, monkeypatch, name, told):
    monkeypatch.setenv("JITCONV_TEST_ALGORITHM", name)
    with pytest.raises(pytest.Collector.CollectError, match=told):
        importlib.import_module("jitconv.testing.test_algorithm")
    assert "jitconv.testing.test_algorithm" not in sys.modules

"""Deliberately wrong kernels: the kit catches every one, names the right check, and says what is wrong."""

import re

import pytest
from wrong_kernels import MUTANTS, Wrong

from jitconv.testing import check_algorithm, failed, watch
from jitconv.testing.checks import memory

OF_VALUES = ("agreement", "integers", "specials", "reuse", "weights", "threads", "bits")
"""Checks whose report names a wrong index, what was expected there and what came."""


def report(registry, name):
    """Return the failed results of a wrong kernel, by check."""
    mutant = MUTANTS[name]
    assert registry.register("wrong", Wrong(name)).state == "loaded"
    found = check_algorithm(
        mutant.record.op,
        name,
        problems=mutant.cases(),
        random=mutant.random,
        only={mutant.only},
        seconds=mutant.seconds,
    )
    return {result.check: result for result in failed(list(found))}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_kernel_is_caught_by_the_right_check(registry, name):
    mutant = MUTANTS[name]
    if mutant.only in memory.PROMISES and (reason := watch.why_not()):
        pytest.skip(reason)
    found = report(registry, name)
    assert mutant.check in found, f"not caught by {mutant.check}, but by {sorted(found) or 'nothing'}"
    text = str(found[mutant.check])
    assert re.search(mutant.told, text, re.DOTALL), text
    first = found[mutant.check].failures[0]
    assert f"repeat: jitconv check {name} --op {mutant.record.op}" in text
    if mutant.check != "reach":
        assert first.problem, text
        assert f'--shape "{first.problem}"' in text
    if mutant.check in OF_VALUES and "raises" not in first.text:
        assert re.search(r"\[[\d, ]*\]: \S+ expected, \S+ got", first.text), text

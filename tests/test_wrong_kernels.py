"""Deliberately wrong kernels: the kit catches every one, names the right check, and says what is wrong."""

import os
import random
import re
import warnings

import numba
import numpy as np
import pytest
from wrong_kernels import MUTANTS, Wrong

from jitconv.testing import check_algorithm, failed, watch
from jitconv.testing.checks import memory

OF_VALUES = ("agreement", "integers", "specials", "reuse", "weights", "threads", "bits")
"""Checks whose report names a wrong index, what was expected there and what came."""


@pytest.fixture(autouse=True)
def settings_of_the_process(monkeypatch):
    """Undo what wrong kernels do to the process: other tests run in it."""
    for name in ("matmul", "tensordot", "einsum", "dot", "empty"):
        monkeypatch.setattr(np, name, getattr(np, name))
    monkeypatch.delenv("OMP_NUM_THREADS_OF_A_KERNEL", raising=False)
    threads, seeds = numba.get_num_threads(), (np.random.get_state(), random.getstate())
    with np.errstate(), warnings.catch_warnings():
        yield
    numba.set_num_threads(threads)
    np.random.set_state(seeds[0])
    random.setstate(seeds[1])
    os.environ.pop("OMP_NUM_THREADS_OF_A_KERNEL", None)


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
        apart=False,  # 0.3 s a kernel more, for what test_check_limits.py proves
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

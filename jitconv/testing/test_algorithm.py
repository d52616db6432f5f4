"""jitconv's own tests of ops, on an algorithm that you name: ``JITCONV_TEST_ALGORITHM=mine pytest --pyargs
jitconv.testing``.

A test for each check of each op that has such an algorithm, and one for each case of the catalogue;
``-k conv_forward`` or ``-k "test_check and bits"`` runs some of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from jitconv.algorithm import OPS
from jitconv.errors import JitconvError, ParameterError, UnknownAlgorithmError, nearest
from jitconv.plugins import registry
from jitconv.testing.cases import Case, cases
from jitconv.testing.checks import promises
from jitconv.testing.conformance import KernelConformance
from jitconv.testing.kit import Refused, check_agreement

VARIABLE = "JITCONV_TEST_ALGORITHM"

MAY_END_THIS_PROCESS = ("contract", "memory", "hangs")
"""Cases run in this process, and only where these checks have passed in others."""


def _kits(name: str) -> dict[str, type[KernelConformance]]:
    """Return the kit of each op that has such an algorithm; it runs when a test first asks for a result."""
    if not name:
        raise ParameterError(
            "is not set: it names the algorithm to be tested, as in "
            f"{VARIABLE}=mine pytest --pyargs jitconv.testing"
        )
    every = registry().algorithms()
    ops = [op for op in OPS if any((one.op, one.name) == (op, name.partition("/")[0]) for one in every)]
    if not ops:
        known = sorted({one.name for one in every})
        told = (
            f"must be an algorithm, one of {', '.join(map(repr, known))}; got {name!r}{nearest(name, known)}"
        )
        raise UnknownAlgorithmError(f"{told}{registry().failures()}")
    for op in ops:
        registry().find(op, name)  # a variant is of no other op
    return {op: type(f"Kit_{op}", (KernelConformance,), {"op": op, "algorithm": name}) for op in ops}


try:
    NAME = os.environ.get(VARIABLE, "").strip()
    KITS = _kits(NAME)
except JitconvError as wrong:
    raise pytest.Collector.CollectError(f"{VARIABLE} {wrong}") from None


@pytest.mark.parametrize(
    ("op", "check"), [pytest.param(op, check, id=f"{op}-{check}") for op in KITS for check in promises(op)]
)
def test_check(op: str, check: str) -> None:
    """A check of the conformance kit."""
    _fail_in_words(getattr(KITS[op](), f"test_{check}"))


@pytest.mark.parametrize(
    ("op", "case"), [pytest.param(op, case, id=f"{op}-{case}") for op in KITS for case in cases(op)]
)
def test_case(op: str, case: Case) -> None:
    """A case of the catalogue: it is done as naive does it, or refused with a reason."""
    results = KITS[op].results()
    for check in MAY_END_THIS_PROCESS:
        if results[check].failures:
            pytest.skip(f"it might end this process: see test_check[{op}-{check}]")
    try:
        _fail_in_words(lambda: check_agreement(op, NAME, case))
    except Refused as reason:
        pytest.skip(f"refused: {reason}")


def _fail_in_words(test: Callable[[], None]) -> None:
    """Run a test; where it fails in the kit's own code says nothing of a kernel."""
    told = ""
    try:
        test()
    except AssertionError as failure:
        told = str(failure)
    if told:
        pytest.fail(told, pytrace=False)

"""jitconv's own tests of ops, on an algorithm that you name: ``JITCONV_TEST_ALGORITHM=mine pytest --pyargs
jitconv.testing``.

A test for each check of each op that has such an algorithm, and one for each case of the catalogue;
``-k conv_forward`` or ``-k "check and bits"`` runs some of them.
"""

from __future__ import annotations

import os

import pytest

from jitconv.algorithm import OPS
from jitconv.errors import JitconvError, UnknownAlgorithmError
from jitconv.plugins import registry
from jitconv.testing.cases import Case, cases
from jitconv.testing.checks import promises
from jitconv.testing.conformance import KernelConformance
from jitconv.testing.kit import Refused, check_agreement

VARIABLE = "JITCONV_TEST_ALGORITHM"

MAY_END_THIS_PROCESS = ("contract", "memory", "hangs")
"""Cases run in this process, and only where these checks have passed in others."""


def _ops(name: str) -> list[str]:
    """Return the ops that have such an algorithm."""
    found = []
    for op in OPS:
        try:
            registry().find(op, name)
            found.append(op)
        except UnknownAlgorithmError as error:
            unknown = error
    if not found:
        raise unknown
    return found


def _kits(name: str) -> dict[str, type[KernelConformance]]:
    """Return the kit of each op; it runs with the first test that asks for a result."""
    return {op: type(f"Kit_{op}", (KernelConformance,), {"op": op, "algorithm": name}) for op in _ops(name)}


NAME = os.environ.get(VARIABLE, "").strip()
if not NAME:
    pytest.skip(
        f"{VARIABLE} is not set: it names the algorithm that these tests are to be run on, as in "
        f"{VARIABLE}=mine pytest --pyargs jitconv.testing",
        allow_module_level=True,
    )
try:
    KITS = _kits(NAME)
except JitconvError as wrong:
    raise pytest.Collector.CollectError(f"{VARIABLE}: {wrong}") from None


@pytest.mark.parametrize(
    ("op", "check"), [pytest.param(op, check, id=f"{op}-{check}") for op in KITS for check in promises(op)]
)
def test_check(op: str, check: str) -> None:
    """A check of the conformance kit."""
    getattr(KITS[op](), f"test_{check}")()


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
        check_agreement(op, NAME, case)
    except Refused as reason:
        pytest.skip(f"refused: {reason}")

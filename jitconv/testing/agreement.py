"""One check: does an algorithm say what the naive one says in float64?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from jitconv.algorithm import Algorithm
from jitconv.ops import Weights, prepare
from jitconv.plugins import registry
from jitconv.specs import Spec
from jitconv.testing.bounds import bound, relative_error
from jitconv.testing.cases import Case

Array = np.ndarray[Any, Any]
Arrays = Sequence[Array | None]


class Refused(Exception):  # noqa: N818 (no error: an answer, whose text is the algorithm's reason)
    """An algorithm's `why_not` for a case."""


def reference(op: str, spec: Spec, operands: Arrays) -> tuple[Array | None, ...]:
    """Return the naive algorithm's outputs in float64."""
    wide = [a.astype(np.float64) if a is not None and a.dtype.kind == "f" else a for a in operands]
    with np.errstate(invalid="ignore"):
        return prepare(op, replace(spec, dtype="float64"), "naive").run(wide)


def disagreement(
    op: str, spec: Spec, algorithm: Algorithm, got: Arrays, wanted: Arrays, *, exact: bool = False
) -> tuple[float, str | None]:
    """Return the largest relative error, and what is wrong with the outputs (None if nothing is).

    Parameters
    ----------
    op, spec, algorithm
        What was run.
    got, wanted : sequence of array or None
        The algorithm's outputs and the reference's.
    exact : bool
        Whether an algorithm of class "direct" must agree to the bit.
    """
    worst, most = 0.0, bound(op, spec, algorithm.error_class, spec.dtype)
    for place, (one, other) in enumerate(zip(got, wanted, strict=True)):
        if one is None or other is None:
            if one is not other:
                return float("inf"), f"output {place} must be {'None' if other is None else 'an array'}"
            continue
        if one.dtype.kind != "f" and not np.array_equal(one, other):
            return float("inf"), f"output {place} ({one.dtype}) differs from naive"
        error = relative_error(one, other)
        worst = max(worst, error)
        limit = 0.0 if exact and algorithm.error_class == "direct" else most
        if error > limit:
            return error, f"output {place} is off by {error:.3g} relative L2; its class allows {limit:.3g}"
    return worst, None


@lru_cache(maxsize=256)
def _prepared_case(op: str, case: Case) -> tuple[list[Array | None], tuple[Array | None, ...]]:
    operands = case.operands(op)
    return operands, reference(op, case.spec, operands)


def check_agreement(op: str, name: str, case: Case) -> None:
    """Run an algorithm on a case; raise if it disagrees with naive or breaks the contract.

    Raises
    ------
    Refused
        When the algorithm's `why_not` refuses the case; its text is the reason.
    AssertionError
        When outputs disagree, alias an input, are not C-contiguous, or an input was changed.
    """
    algorithm = registry().find(op, name)
    if reason := algorithm.why_not(case.spec):
        raise Refused(reason)
    if case.spreads and algorithm.error_class != "direct":
        raise Refused(f"class {algorithm.error_class!r} spreads a NaN or an infinity, and says so")
    plain, wanted = _prepared_case(op, case)
    operands = [None if a is None else case.disguise(a) for a in plain]
    before = [None if a is None else a.copy() for a in operands]
    with np.errstate(invalid="ignore"):
        got = prepare(op, case.spec, name).run(operands)
        if algorithm.prepare is not None:
            _check_prepared(algorithm, case, operands, wanted)
    for one, other in zip(operands, before, strict=True):
        same = one is None or other is None or np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        assert same, f"{op}/{name} changed an input on {case}"
    for one in got:
        if one is not None:
            assert one.flags.c_contiguous, f"{op}/{name} must return C-contiguous arrays on {case}"
            aliased = any(a is not None and np.shares_memory(one, a) for a in operands)
            assert not aliased, f"{op}/{name} returned an alias of an input on {case}"
    _, wrong = disagreement(op, case.spec, algorithm, got, wanted, exact=case.integers)
    assert wrong is None, f"{op}/{name} disagrees with naive on {case}: {wrong}"


def _check_prepared(algorithm: Algorithm, case: Case, operands: Arrays, wanted: Arrays) -> None:
    """Check the plans that hold weights, with and without an activation."""
    op, name = algorithm.op, algorithm.name
    x, w, b = operands
    assert w is not None
    assert wanted[0] is not None
    for activation, y in ((None, wanted[0]), ("relu", np.maximum(wanted[0], 0))):
        got = prepare(op, case.spec, name, Weights(w, b, activation)).run([x])
        _, wrong = disagreement(op, case.spec, algorithm, got, (y,), exact=case.integers)
        assert wrong is None, f"{op}/{name}, prepared for {activation}, disagrees on {case}: {wrong}"

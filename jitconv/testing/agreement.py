"""One check: does an algorithm say what the naive one says in float64?"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from jitconv.algorithm import Algorithm
from jitconv.arrays import Array, Arrays
from jitconv.ops import prepare
from jitconv.plugins import registry
from jitconv.specs import Spec
from jitconv.testing.bounds import bound, relative_error
from jitconv.testing.cases import Case
from jitconv.testing.difference import where_wrong
from jitconv.testing.operands import OPERANDS, OUTPUTS, axes

FEW_WINDOWS = 0.05
"""Of what normal operands would give if no window met padding: a result below that share of it counts as this
share where an algorithm transforms whole pictures. A choice."""

REFERENCES_KEPT = 1024
"""More than an op has cases, with the random ones: several algorithms of an op are checked on the same."""


def reference(op: str, spec: Spec, operands: Arrays) -> tuple[Array | None, ...]:
    """Return the naive algorithm's outputs in float64."""
    wide = [a.astype(np.float64) if a is not None and a.dtype.kind == "f" else a for a in operands]
    with np.errstate(invalid="ignore"):
        return prepare(op, replace(spec, dtype="float64"), "naive").run(wide)


def disagreement(
    op: str,
    spec: Spec,
    algorithm: Algorithm,
    got: Arrays,
    wanted: Arrays,
    *,
    exact: bool = False,
    operands: Arrays | None = None,
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
    operands : sequence of array or None, optional
        What the outputs come from. Where sums cancel, what is left may be as small as their rounding: with
        operands an error within one rounding of all that they add, ε·‖Σ|terms|‖, is allowed; a maximum adds
        nothing.
    """
    worst, most = 0.0, bound(op, spec, algorithm.error_class, spec.dtype)
    spreads = algorithm.error_class != "direct"
    limit = 0.0 if exact and algorithm.error_class == "direct" else most
    for place, (name, one, other) in enumerate(zip(OUTPUTS[op], got, wanted, strict=True)):
        if one is None or other is None:
            if one is not other:
                return float("inf"), f"{name} must be {'None' if other is None else 'an array'}"
            continue
        if one.dtype.kind != "f":
            if not np.array_equal(one, other):
                where = where_wrong(one, other, axes=axes(spec, name))
                return float("inf"), f"{name} ({one.dtype}) is wrong: {where}"
            continue
        # errors of transforms grow with the operands, also where windows in padding make the sums small
        typical = math.sqrt(other.size * spec.terms(op)) * _scale(name, op, operands)
        least = typical * FEW_WINDOWS if spreads else 0.0
        error = relative_error(one, other, least)
        if error > limit > 0 and operands is not None and math.isfinite(error) and op != "max_pool_forward":
            added = _added(op, spec, operands)[place]
            rounding = float(np.finfo(spec.dtype).eps) * float(np.linalg.norm(added))  # type: ignore[arg-type]
            error = relative_error(one, other, max(least, rounding / limit))
        worst = max(worst, error)
        if error > limit:
            told = f"{name} is off by {error:.3g} relative L2; its class allows {limit:.3g}"
            return error, f"{told}: {where_wrong(one, other, limit, axes(spec, name))}"
    return worst, None


def _scale(output: str, op: str, operands: Arrays | None) -> float:
    """Return how large a product is that an output adds, 1 for normal operands or unknown ones; not less."""
    factors = {"dx": ("dy", "w"), "dw": ("dy", "x"), "db": ("dy",)}.get(output, ("x", "w"))
    named = dict(zip(OPERANDS[op], operands or (), strict=False))
    sizes = [one for name in factors if (one := named.get(name)) is not None and one.size]
    with np.errstate(all="ignore"):
        scale = math.prod(math.sqrt(float(np.mean(np.square(one, dtype=np.float64)))) for one in sizes)
    return max(1.0, scale) if math.isfinite(scale) else 1.0


def _added(op: str, spec: Spec, operands: Arrays) -> Arrays:
    """Return the sums of what each output adds, without its signs."""
    summed = operands[:1] if op.startswith("max_pool") else operands  # by x maxima are found
    unsigned = [None if one is None else np.abs(one) for one in summed]
    return reference(op, spec, [*unsigned, *operands[len(unsigned) :]])


@lru_cache(maxsize=REFERENCES_KEPT)
def _reference(op: str, case: Case, registered: int) -> tuple[Array | None, ...]:
    return reference(op, case.spec, case.operands(op))


def expected(op: str, case: Case, activation: str | None = None) -> tuple[Array | None, ...]:
    """Return naive's outputs of a case in float64, as they are after an activation; not to be changed."""
    # what a case of another kind is made of depends on its algorithm, which may be registered anew
    outputs = _reference(op, case, 0 if type(case) is Case else registry().revision)
    if not activation:
        return outputs
    return tuple(None if one is None else np.maximum(one, 0) for one in outputs)

"""Special arrays for algorithms that refuse the problems which the catalogue has them on.

Whoever does strides of one alone would else never see a NaN, or memory that lies in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from jitconv.specs import Spec
from jitconv.testing.cases import MEMORIES, SPECIAL_NOTES, Case

SUBSTITUTES = 3
"""Problems of each kind of array."""

NO_SUMS = 1000
"""Operations of a problem that is too small to hold something special among other things."""


def substitutes(op: str, cases: Sequence[Case], accepts: Callable[[Spec], bool]) -> list[Case]:
    """Return cases of each kind of memory and of values that an algorithm refuses all cases of.

    They are made of the smallest problems that it accepts.

    Parameters
    ----------
    op : str
        The op.
    cases : sequence of Case
        Its cases so far.
    accepts : callable
        ``accepts(spec)`` says whether the algorithm does a problem.
    """
    fields = [*(("memory", one) for one in MEMORIES[1:]), *(("values", one) for one in SPECIAL_NOTES)]
    able = [case for case in cases if accepts(case.spec)]
    lacking = [
        (field, word)
        for field, word in fields
        if any(getattr(case, field) == word for case in cases)
        and not any(getattr(case, field) == word for case in able)
    ]
    if not lacking:
        return []
    plain = [
        case
        for case in able
        if case.spec.n and case.memory == "plain" and case.values == "normal" and not any(_pad(case.spec))
    ]  # whether a zero of the padding times an infinity is NaN is left open
    plain = plain or [
        case for case in able if case.spec.n and (case.memory, case.values) == ("plain", "normal")
    ]
    plain.sort(key=lambda case: (case.spec.flops(op) <= NO_SUMS, case.spec.flops(op)))
    return [
        _with(case, field, word)
        for field, word in lacking
        for case in plain[:SUBSTITUTES]
        if field == "memory" or op != "conv_backward" or not any(_pad(case.spec))
    ]  # of gradients it is left open whether a zero of the padding times an infinity is NaN


def _with(case: Case, field: str, word: str) -> Case:
    note = f"{word}, on a problem that is accepted"
    return (
        replace(case, note=note, memory=word) if field == "memory" else replace(case, note=note, values=word)
    )


def _pad(spec: Spec) -> tuple[int, ...]:
    return getattr(spec, "pad", ())

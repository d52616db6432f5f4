"""What the problems that fail have in common, and those that pass have not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jitconv.specs import Spec

FEATURES = {
    "n": "batch",
    "h": "height",
    "w": "width",
    "c": "channels",
    "f": "filters",
    "kh": "kernel height",
    "kw": "kernel width",
    "stride": "stride",
    "dilation": "dilation",
    "pad": "pad",
    "groups": "groups",
    "layout": "layout",
    "dtype": "dtype",
    "flip_kernel": "flip_kernel",
    "bias": "bias",
    "wrt": "wrt",
    "ties": "ties",
    "indices": "indices",
    "ceil_mode": "ceil_mode",
    "count_include_pad": "count_include_pad",
}
"""Fields of a problem, and what they are called."""

LISTED = 4
"""So many values of a field are named."""

SEEN = 2
"""Several values are named if problems with them failed so often: of few problems any two fields differ."""

TOLD = 2
"""So many fields are."""

RARE = 0.5
"""What all problems that fail have is told if no larger part of those that pass has it."""


def in_common(failed: Sequence[Spec], passed: Sequence[Spec]) -> str:
    """Return how many problems fail, and by what they differ from those that pass; nothing of a single one.

    Parameters
    ----------
    failed, passed : sequence of ConvSpec, PoolSpec or WindowSpec
        Problems of one op.
    """
    told = f"{len(failed)} of {len(failed) + len(passed)} problems fail"
    if not passed:
        return f"{told}, all that there are" if len(failed) > 1 else ""
    if apart := list(_apart(failed, passed))[:TOLD]:
        return f"{told}: those with {', or with '.join(apart)}, as no other has"
    if shared := list(_shared(failed, passed))[:TOLD]:
        return f"{told}, all of them with {' and '.join(shared)}, as some others have"
    return told


def _values(specs: Sequence[Spec], field: str) -> set[Any]:
    return {getattr(spec, field) for spec in specs if hasattr(spec, field)}


def _apart(failed: Sequence[Spec], passed: Sequence[Spec]) -> Iterator[str]:
    """Give each field by which all that fail differ from all that pass."""
    for field, name in FEATURES.items():
        wrong, right = _values(failed, field), _values(passed, field)
        if not wrong or not right or wrong & right:
            continue
        numbers = all(isinstance(one, int) and not isinstance(one, bool) for one in wrong | right)
        if len(wrong) > 1 and numbers and min(wrong) > max(right):
            yield f"{name} {min(wrong)} and more"
        elif len(wrong) > 1 and numbers and max(wrong) < min(right):
            yield f"{name} {max(wrong)} and less"
        elif len(wrong) == 1 or (len(wrong) <= LISTED and len(failed) >= SEEN * len(wrong)):
            yield f"{name} {' or '.join(map(str, sorted(wrong)))}"


def _shared(failed: Sequence[Spec], passed: Sequence[Spec]) -> Iterator[str]:
    """Give each field that is the same wherever it fails, and seldom so elsewhere."""
    for field, name in FEATURES.items():
        wrong = _values(failed, field)
        if len(failed) > 1 and len(wrong) == 1:
            (value,) = wrong
            if sum(getattr(spec, field) == value for spec in passed) <= RARE * len(passed):
                yield f"{name} {value}"

"""Kinds of problems: which of them an algorithm was tried on, and which it has never met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from jitconv.specs.values import DTYPES, LAYOUTS, WRT
from jitconv.testing.cases import MEMORIES, SPECIAL_NOTES, Case


class Feature(NamedTuple):
    """A kind of problems."""

    name: str
    holds: Callable[[Any], bool]
    """``holds(spec)``; it may ask for what specs of some ops lack, and then it does not hold."""


def _is(field: str, value: str) -> Feature:
    return Feature(
        value, lambda spec: getattr(spec, field) == value and (field == "dtype" or hasattr(spec, "kh"))
    )


FEATURES = (
    *(_is("dtype", dtype) for dtype in DTYPES),
    *(_is("layout", layout) for layout in LAYOUTS),
    Feature("an empty batch", lambda spec: spec.n == 0),
    Feature("a batch of several", lambda spec: spec.n > 1),
    Feature("one channel", lambda spec: spec.c == 1),
    Feature("16 channels and more", lambda spec: spec.c >= 16),
    Feature("16 filters and more", lambda spec: spec.f >= 16),
    Feature("1x1 windows", lambda spec: (spec.kh, spec.kw) == (1, 1)),
    Feature("oblong windows", lambda spec: spec.kh != spec.kw),
    Feature("windows of even extent", lambda spec: spec.kh % 2 == 0 or spec.kw % 2 == 0),
    Feature("windows of 7 and more", lambda spec: max(spec.kh, spec.kw) >= 7),
    Feature("stride", lambda spec: max(spec.stride) > 1),
    Feature("two strides", lambda spec: spec.stride[0] != spec.stride[1]),
    Feature("a stride beyond the window", lambda spec: spec.stride[0] > spec.kh or spec.stride[1] > spec.kw),
    Feature("pad", lambda spec: any(spec.pad)),
    Feature("pad on some sides only", lambda spec: spec.pad[0] != spec.pad[1] or spec.pad[2] != spec.pad[3]),
    Feature("dilation", lambda spec: max(spec.dilation) > 1),
    Feature("groups", lambda spec: spec.groups > 1),
    Feature("depthwise", lambda spec: spec.groups == spec.c > 1),
    Feature("flip_kernel", lambda spec: spec.flip_kernel),
    Feature("bias", lambda spec: spec.bias),
    Feature("wrt some operands only", lambda spec: tuple(spec.wrt) != tuple(WRT)),
    Feature("ceil_mode", lambda spec: spec.ceil_mode),
    Feature("count_include_pad=False", lambda spec: not spec.count_include_pad),
    Feature("indices", lambda spec: spec.indices),
    Feature("ties='all'", lambda spec: spec.ties == "all"),
    Feature("ties='split'", lambda spec: spec.ties == "split"),
    Feature("10 million operations and more", lambda spec: spec.flops(spec.ops[0]) >= 1e7),
)
"""Of specs."""

VALUES = {"integers": "whole numbers", **SPECIAL_NOTES, "unmet": "NaN where no window is"}
"""Kinds of values, and what they are called."""


def counted(cases: Sequence[Case], accepted: Collection[int]) -> dict[str, tuple[int, int]]:
    """Return by feature how many cases that have it were accepted, and how many there are.

    Parameters
    ----------
    cases : sequence of Case
        Problems of one op.
    accepted : collection of int
        Their places that the algorithm accepts.

    Returns
    -------
    dict
        Features that some case has, in a fixed order; ``"all"`` comes first.
    """
    having: dict[str, list[int]] = {"all": list(range(len(cases)))}
    for feature in FEATURES:
        having[feature.name] = [place for place, case in enumerate(cases) if _has(case, feature)]
    for values, name in VALUES.items():
        having[name] = [place for place, case in enumerate(cases) if case.values == values]
    for memory in MEMORIES[1:]:
        having[f"{memory} operands"] = [p for p, case in enumerate(cases) if case.memory == memory]
    taken = set(accepted)
    return {name: (len(taken.intersection(places)), len(places)) for name, places in having.items() if places}


def never_met(features: dict[str, tuple[int, int]]) -> list[str]:
    """Return the features of which no problem was accepted."""
    return [name for name, (met, _) in features.items() if not met]


def _has(case: Case, feature: Feature) -> bool:
    try:
        return bool(feature.holds(case.spec))
    except AttributeError:
        return False

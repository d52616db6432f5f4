"""The dimensions that a sweep varies: their values, and the problem at each point of the grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jitconv.errors import ParameterError, nearest, shown
from jitconv.jit import team
from jitconv.specs import ConvSpec, PoolSpec, Spec, WindowSpec
from jitconv.specs.grid import dilated
from jitconv.specs.values import MOST, padding

DIMENSIONS = (
    "kernel",
    "map",
    "h",
    "w",
    "channels",
    "filters",
    "batch",
    "threads",
    "stride",
    "dilation",
    "groups",
)
"""The help of `jitconv sweep` says what each varies."""

SHARED = {"map": ("h", "w"), "h": ("map",), "w": ("map",)}
"""Dimensions that would vary the same numbers."""

CONV_ONLY, GRID_ONLY = ("filters", "groups"), ("kernel", "channels", "stride", "dilation")

EXAMPLES = "'kernel=1,3,5', 'channels=4:512:x2' (doubling) or 'map=8:64:+8' (steps of 8)"

MOST_VALUES, MOST_POINTS = 200, 5000
"""Of one dimension; of a grid. A point takes a quarter of a second at the least."""

_RANGE = re.compile(r"(\d+):(\d+):([x+])(\d+)")


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension, one of `DIMENSIONS`, and its values in ascending order."""

    name: str
    values: tuple[int, ...]


def axes_of(texts: Sequence[str], op: str, spec: Spec) -> tuple[Axis, ...]:
    """Return the axes that texts such as ``"kernel=1,3,5"`` or ``"channels=4:512:x2"`` name.

    Raises
    ------
    ParameterError
        When a text has no meaning, the problem lacks the dimension, two vary the same numbers, there are not
        one or two of them, or the grid has more than `MOST_POINTS` points.
    """
    if not 1 <= len(texts) <= 2:
        raise ParameterError(f"--vary must be given once or twice, as in {EXAMPLES}; got {len(texts)}")
    axes = tuple(axis_of(text) for text in texts)
    for axis in axes:
        _check_applies(axis, op, spec)
    if len(axes) == 2:
        first, second = axes
        if first.name == second.name or second.name in SHARED.get(first.name, ()):
            raise ParameterError(f"--vary must name two dimensions; got {first.name} and {second.name}")
        points = len(first.values) * len(second.values)
        if points > MOST_POINTS:
            raise ParameterError(f"--vary must give at most {MOST_POINTS} points; got {points}")
    return axes


def axis_of(text: str) -> Axis:
    """Return the axis that one text names."""
    name, equals, listed = text.partition("=")
    name = name.strip().lower()
    if not equals:
        raise ParameterError(f"--vary must be DIMENSION=VALUES, as in {EXAMPLES}; got {shown(text)}")
    if name not in DIMENSIONS:
        known = ", ".join(DIMENSIONS)
        raise ParameterError(f"--vary must name one of {known}; got {shown(name)}{nearest(name, DIMENSIONS)}")
    found: list[int] = []
    for part in listed.split(","):
        found += _values(part.strip(), text)
    most = max(found)
    if min(found) < 1 or most > MOST:
        raise ParameterError(f"--vary {name}: values must be between 1 and {MOST}; got {shown(text)}")
    if twice := next((one for one in found if found.count(one) > 1), None):
        raise ParameterError(f"--vary {name}: each value must stand once; got {twice} twice in {shown(text)}")
    _check_count(len(found), text)
    return Axis(name, tuple(sorted(found)))


def _values(part: str, text: str) -> list[int]:
    """Return the values of a number or of a range, whose end is one of them where the steps meet it."""
    if part.isascii() and part.isdigit() and len(part) <= len(str(MOST)):
        return [int(part)]
    match = _RANGE.fullmatch(part)
    if match is None or not match[0].isascii() or len(part) > 4 * len(str(MOST)):
        raise ParameterError(
            f"--vary: values must be whole numbers or ranges, as in {EXAMPLES}; got {shown(part)} in "
            f"{shown(text)}"
        )
    first, last, step = int(match[1]), int(match[2]), int(match[4])
    doubling = match[3] == "x"
    if first > last or not first or step < 1 + doubling:
        raise ParameterError(
            "--vary: a range FIRST:LAST:xFACTOR or FIRST:LAST:+STEP must ascend from 1 or more, by a factor "
            f"of 2 or more or a step of 1 or more; got {shown(part)}"
        )
    if not doubling:
        _check_count((last - first) // step + 1, text)
        return list(range(first, last + 1, step))
    found = [first]
    while found[-1] * step <= last:
        found.append(found[-1] * step)
    return found


def _check_count(count: int, text: str) -> None:
    if count > MOST_VALUES:
        raise ParameterError(f"--vary must give at most {MOST_VALUES} values; got {count} of {shown(text)}")


def _check_applies(axis: Axis, op: str, spec: Spec) -> None:
    """Refuse a dimension that the problem lacks, and more threads than there are."""
    lacking = (*CONV_ONLY, *GRID_ONLY) if isinstance(spec, WindowSpec) else CONV_ONLY
    if not isinstance(spec, ConvSpec) and axis.name in lacking:
        able = ", ".join(name for name in DIMENSIONS if name not in lacking)
        raise ParameterError(f"--vary must name one of {able} for {op}; got {axis.name}")
    if axis.name == "threads" and axis.values[-1] > team():
        raise ParameterError(
            f"--vary threads: values must be at most {team()}, as many as this process has; "
            f"got {axis.values[-1]}"
        )


def spec_at(base: Spec, at: Mapping[str, int]) -> Spec:
    """Return the problem at a point of the grid.

    Parameters
    ----------
    base : Spec
        What holds where the point says nothing.
    at : mapping
        A value for each dimension.

    Raises
    ------
    ParameterError, ShapeError
        When there is no such problem, as of a kernel beyond the padded picture.
    """
    sizes: dict[str, Any] = {"h": at["map"], "w": at["map"]} if "map" in at else {}
    sizes |= {name: at[name] for name in ("h", "w") if name in at}
    if isinstance(base, WindowSpec):
        return replace(base, **sizes, lead=(at["batch"],) if "batch" in at else base.lead)
    changes: dict[str, Any] = sizes | ({"n": at["batch"]} if "batch" in at else {})
    if "kernel" in at:
        changes["kh"] = changes["kw"] = at["kernel"]
        if isinstance(base, PoolSpec) and base.stride == (base.kh, base.kw):
            changes["stride"] = (at["kernel"], at["kernel"])
    for name in ("stride", "dilation"):
        if name in at:
            changes[name] = (at[name], at[name])
    if "channels" in at:
        changes["c"] = at["channels"]
    if isinstance(base, ConvSpec):
        changes |= _filters(base, at)
    changes["pad"] = _pad(base, changes)
    return replace(base, **changes)


def _filters(base: ConvSpec, at: Mapping[str, int]) -> dict[str, int]:
    """Return filters and groups: they go with the channels where they were as many."""
    changes: dict[str, int] = {}
    if "channels" in at:
        if base.groups == base.c > 1:
            changes["groups"] = at["channels"]
            changes["f"] = base.f // base.c * at["channels"]
        elif base.f == base.c:
            changes["f"] = at["channels"]
    changes |= {"f": at["filters"]} if "filters" in at else {}
    return changes | ({"groups": at["groups"]} if "groups" in at else {})


def _pad(base: ConvSpec | PoolSpec, changes: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return the pad: one of "same" follows what it depends on, any other stays.

    No pad stays none, but of a 1x1 kernel, of which it is "same" too.
    """
    if not any(base.pad) and base.extent != (1, 1):
        return base.pad
    now = {
        name: changes.get(name, getattr(base, name)) for name in ("h", "w", "kh", "kw", "stride", "dilation")
    }
    extent = dilated((now["kh"], now["kw"]), now["dilation"])
    top, bottom, left, right = base.pad
    if (top + bottom + 1, left + right + 1) == base.extent:  # as frameworks pad for any stride
        down, across = extent[0] - 1, extent[1] - 1
        return down // 2, down - down // 2, across // 2, across - across // 2
    if base.pad == padding("same", (base.h, base.w), base.extent, base.stride):
        return padding("same", (now["h"], now["w"]), extent, now["stride"])
    return base.pad

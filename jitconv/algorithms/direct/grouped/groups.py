"""When a group has too few filters, or channels, to fill a register tile."""

from __future__ import annotations

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.specs import ConvSpec

LEAST_FILTERS = BLOCKS.grouped_least_filters


def few(spec: ConvSpec) -> str | None:
    """Return None for groups that leave a tile's lanes empty, else the reason in words."""
    if spec.groups > 1 and min(spec.f, spec.c) // spec.groups < LEAST_FILTERS:
        return None
    return f"needs groups of fewer than {LEAST_FILTERS} filters or channels"


def depthwise(spec: ConvSpec) -> str | None:
    """Return None if every channel has one filter of its own, and there are several."""
    return few(spec) or (None if spec.groups == spec.c == spec.f else "needs one filter for each channel")

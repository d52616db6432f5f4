"""Direct convolution on the register tile: no column matrix, every sum in a register.

Groups of few filters (a depthwise convolution above all) leave a tile's lanes empty: they have variants of
their own. `variants.py` has the lists.
"""

from __future__ import annotations

from functools import partial

from jitconv.algorithm import Algorithm
from jitconv.algorithms.direct.variants import BACKWARD, FORWARD
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec

MOST_STRIDE = 2**16
"""Columns that are alike modulo the stride lie side by side in a buffer: a table has a place for each run.
Not measured."""

MOST_PHASES = 2**16
"""A gradient of images has tables for each remainder modulo both strides: a second of Python. A choice."""


def _why_not(op: str, spec: ConvSpec) -> str | None:
    down, across = spec.stride
    if max(down, across) > MOST_STRIDE:
        return f"needs strides of at most {MOST_STRIDE}, got {down}x{across}"
    if op == "conv_backward" and down * across > MOST_PHASES:
        return (
            f"needs a stride of at most {MOST_PHASES} phases, vertical times horizontal, got {down}x{across}"
        )
    return None


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the direct convolutions."""
    return [
        Algorithm.of_variants(
            "conv_forward",
            "direct",
            FORWARD,
            why_not=partial(_why_not, "conv_forward"),
            revision=12,
        ),
        Algorithm.of_variants(
            "conv_backward",
            "direct",
            BACKWARD,
            why_not=partial(_why_not, "conv_backward"),
            revision=12,
        ),
    ]

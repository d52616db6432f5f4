"""Convolution with kernels of rank 1, in a vertical and a horizontal pass: the algorithm ``separable``."""

from __future__ import annotations

from jitconv import Algorithm, hookimpl

from jitconv_separable import plan


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register conv_forward; nothing is compiled before a plan is first built."""
    return plan.algorithms()

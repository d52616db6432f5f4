"""PyTorch's CPU convolution and pooling as algorithms of jitconv, all named ``torch``."""

from __future__ import annotations

from jitconv import Algorithm, hookimpl

from jitconv_torch import conv, pool


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the six ops; PyTorch itself is imported when a plan is first built."""
    return [*conv.algorithms(), *pool.algorithms()]

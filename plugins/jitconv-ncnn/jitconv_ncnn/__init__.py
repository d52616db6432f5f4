"""ncnn's convolution and pooling as algorithms of jitconv, all named ``ncnn``."""

from __future__ import annotations

from jitconv import Algorithm, hookimpl

from jitconv_ncnn import conv, pool


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the three forward ops; ncnn is imported when a plan is first built."""
    return [*conv.algorithms(), *pool.algorithms()]

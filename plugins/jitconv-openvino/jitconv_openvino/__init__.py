"""OpenVINO's CPU convolution and pooling as algorithms of jitconv, all named ``openvino``."""

from __future__ import annotations

from jitconv import Algorithm, hookimpl

from jitconv_openvino import conv, pool


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the three forward ops; OpenVINO is imported when a plan is first built."""
    return [*conv.algorithms(), *pool.algorithms()]

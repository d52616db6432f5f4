"""SciPy's transforms, overlap-add and filters as algorithms of jitconv, all named ``scipy_...``."""

from __future__ import annotations

from jitconv import Algorithm, hookimpl

from jitconv_scipy import fft, oaconvolve, pool


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register convolution in two ways, and pooling; SciPy is imported when a plan is first built."""
    return [*fft.algorithms(), *oaconvolve.algorithms(), *pool.algorithms()]

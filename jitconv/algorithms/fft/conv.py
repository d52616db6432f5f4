"""Convolution as a product of Fourier transforms: at each frequency one small matrix product.

Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast Training of Convolutional Networks through FFTs", 2014.
Images are cut into tiles (`geometry`, `tiling`, `variants`), so that memory is bounded; transforms are
matrix products themselves (`kernels`).
"""

from __future__ import annotations

from jitconv.algorithm import Algorithm, never_refuses
from jitconv.algorithms.fft.variants import BACKWARD, FORWARD
from jitconv.hooks import hookimpl


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the convolutions by Fourier transform."""
    return [
        Algorithm.of_variants(op, "fft", variants, why_not=never_refuses, revision=4, error_class="fft")
        for op, variants in (("conv_forward", FORWARD), ("conv_backward", BACKWARD))
    ]

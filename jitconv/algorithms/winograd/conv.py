"""Convolution by Winograd's small tiles: forward, and the gradients of the images and the filters.

`variants.py` has the lists. With few tiles the gradient of the filters is a sum over pixels on the register
tile, as in `direct`.
"""

from __future__ import annotations

from jitconv.algorithm import Algorithm
from jitconv.algorithms.winograd.variants import BACKWARD, FORWARD
from jitconv.hooks import hookimpl
from jitconv.specs import ConvSpec


def why_not(spec: ConvSpec) -> str | None:
    """Refuse what the tiles are not made for."""
    if (spec.kh, spec.kw) != (3, 3):
        return f"needs a 3x3 kernel, got {spec.kh}x{spec.kw}"
    if spec.stride != (1, 1):
        return f"needs a stride of 1, got {spec.stride[0]}x{spec.stride[1]}"
    if spec.dilation != (1, 1):
        return f"needs a dilation of 1, got {spec.dilation[0]}x{spec.dilation[1]}"
    if spec.groups != 1:
        return f"needs one group, got {spec.groups}"
    return None


@hookimpl
def jitconv_algorithms() -> list[Algorithm]:
    """Register the convolutions by Winograd's tiles."""
    return [
        Algorithm.of_variants(
            op, "winograd", variants, why_not=why_not, revision=revision, error_class="winograd"
        )
        for op, variants, revision in (("conv_forward", FORWARD, 3), ("conv_backward", BACKWARD, 4))
    ]

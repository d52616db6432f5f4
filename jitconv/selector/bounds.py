"""How far an algorithm may be from the reference, for each class of error."""

from __future__ import annotations

import math

import numpy as np

from jitconv.specs import Spec

DIRECT = 4.0
"""A sum of K terms is granted 4·ε·√K: rounding errors grow as a random walk, with room for operands
that cancel. The factor is a choice; all cases and the picture of `compare` lie within it."""

FFT = 32.0
"""A transform of M points adds errors of ε·log2 M, relative to the largest value rather than to the
one computed. The factor is a choice, as above: of some thousand random problems the worst, a dilated kernel
that meets padding for the most part, came to 20."""

WINOGRAD = 84.0
"""1e-5 in float32, as the tile F(4×4, 3×3) is granted; its transforms multiply by up to 8. A choice, above
what random problems had."""


def bound(op: str, spec: Spec, error_class: str, dtype: str) -> float:
    """Return the greatest relative L2 error that an error class may have.

    Parameters
    ----------
    op : str
        The op.
    spec : ConvSpec, PoolSpec or WindowSpec
        The problem.
    error_class : {"direct", "winograd", "fft"}
        As the algorithm declares it.
    dtype : str
        What the algorithm computes in.
    """
    epsilon = float(np.finfo(dtype).eps)
    terms = math.sqrt(spec.terms(op))
    if error_class == "fft":
        height, width = getattr(spec, "padded", (spec.h, spec.w))  # what is transformed, at least
        points = 4 * height * width
        return epsilon * (FFT * math.log2(points + 1) + DIRECT * terms)
    if error_class == "winograd":
        return epsilon * (WINOGRAD + DIRECT * terms)
    return epsilon * DIRECT * terms

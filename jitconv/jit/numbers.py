"""The numbers of a problem in one array, for kernels that small problems take.

Numba finds the type of each argument of each call anew, and unpacks it. Where an empty call took 0.3 µs and
one of 4 arrays 1.0, it was 1.1 with 32 numbers in one more array and 2.1 with a tuple of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple as unpacked

from jitconv.arrays import Array

__all__ = ["flat", "unpacked"]


def flat(*values: Any) -> Array:
    """Return numbers, and sequences of them, one after the other; ``unpacked(array, count)`` in a kernel."""
    return np.hstack([np.asarray(value, np.int64).ravel() for value in values])

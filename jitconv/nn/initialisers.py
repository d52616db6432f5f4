"""How weights begin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array

INITIALISERS = ("glorot", "he", "small", "zeros")


def weights(
    name: str, shape: Sequence[int], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: Any
) -> Array:
    """Return new weights.

    Parameters
    ----------
    name : {"glorot", "he", "small", "zeros"}
        "glorot": uniform in ±sqrt(6 / (fan_in + fan_out)) (X. Glorot, Y. Bengio, AISTATS 2010). "he":
        normal, of variance 2 / fan_in (K. He et al., ICCV 2015): for layers that a ReLU follows. "small":
        normal, of deviation 1e-3: the first scores are all but equal, and filters show what was learned.
    shape : sequence of int
        Shape of the array.
    fan_in, fan_out : int
        Inputs that meet in an output, and outputs that an input goes to.
    rng : numpy.random.Generator
        Where the numbers come from.
    dtype : dtype
        Float32 or float64; both begin with the same numbers, rounded.
    """
    if name == "glorot":
        limit = math.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape).astype(dtype)
    if name == "he":
        return (rng.standard_normal(shape) * math.sqrt(2 / fan_in)).astype(dtype)
    if name == "small":
        return (rng.standard_normal(shape) * 1e-3).astype(dtype)
    return np.zeros(shape, dtype)

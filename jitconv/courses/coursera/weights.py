"""The weights that the exercise printed, to the digit: those of its framework's generator.

Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2,
3", SC'11, 2011: section 4.3. What follows it, from words to floats and from floats to weights, is what
TensorFlow does.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from jitconv.arrays import Array
from jitconv.specs.values import choice

Words = Array

ROUNDS = 10
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
KEY_STEPS = 0x9E3779B9, 0xBB67AE85
"""The constants of the paper's table 2."""

GRAPH_SEED = 1
"""The course's `tf.set_random_seed(1)`."""

STATELESS_KEY = 0x3EC8F720, 0x02461E29
"""What TensorFlow 2 scrambles the seed 0 of `GlorotUniform(0)` with."""

SHAPES = {"W1": (4, 4, 3, 8), "W2": (2, 2, 8, 16), "W3": (64, 6)}


class Edition(NamedTuple):
    """One edition of the exercise."""

    stateless: bool
    """Whether filters come from TensorFlow 2's initialiser."""
    dense: int
    """The seed that the framework gave the dense layer's operation, by counting those before it."""


EDITIONS = {"course": Edition(False, 45), "tf1": Edition(False, 39), "tf2": Edition(True, 0)}
"""Of which the last digits depend on: "course" is the notebook with TensorFlow 1 as it was handed out (cost
2.91034), "tf1" one run of it that had fewer operations before the dense layer, "tf2" one by `tf.compat.v1` on
TensorFlow 2."""


def philox(counters: Words, key: tuple[int, int]) -> Words:
    """Return the four words of each counter.

    Parameters
    ----------
    counters : array (n, 4) of uint32
        One for each four words.
    key : tuple of int
        Two words.

    Returns
    -------
    array (n, 4) of uint32
    """
    words = counters.astype(np.uint64).T
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    for turn in range(ROUNDS):
        first, second = (words[2 * half] * np.uint64(MULTIPLIERS[half]) for half in (0, 1))
        keys = [np.uint64((key[half] + turn * KEY_STEPS[half]) & 0xFFFFFFFF) for half in (0, 1)]
        words = np.stack(
            [
                (second >> shift) ^ words[1] ^ keys[0],
                second & mask,
                (first >> shift) ^ words[3] ^ keys[1],
                first & mask,
            ]
        )
    return words.T.astype(np.uint32)


def uniform(count: int, key: tuple[int, int], high: tuple[int, int]) -> Array:
    """Return float32 numbers in [0, 1): the low half of the counter counts, the high half is given."""
    counters = np.zeros((-(-count // 4), 4), np.uint32)
    counters[:, 0], counters[:, 2:] = np.arange(len(counters)), high
    words = philox(counters, key).reshape(-1)[:count]
    mantissa, exponent = words & np.uint32(0x7FFFFF), np.uint32(127 << 23)
    return (mantissa | exponent).view(np.float32) - np.float32(1)


def glorot_uniform(shape: tuple[int, ...], numbers: Array) -> Array:
    """Return weights within ±sqrt(6 / (fan_in + fan_out)), made of numbers in [0, 1), in float32."""
    taps = math.prod(shape[:-2])
    limit = np.float32(math.sqrt(6 / (taps * (shape[-2] + shape[-1]))))
    return (numbers * (np.float32(2) * limit) - limit).reshape(shape)


def published(edition: str) -> dict[str, Array]:
    """Return ``W1``, ``W2``, ``W3`` and ``b3`` as an edition had them, float32.

    Raises
    ------
    ParameterError
        When there is no such edition.
    """
    choice("edition", edition, tuple(EDITIONS))
    stateless, dense = EDITIONS[edition]
    seeds = {"W1": 0, "W2": 0, "W3": dense}
    found: dict[str, Array] = {}
    for name, shape in SHAPES.items():
        key, high = (GRAPH_SEED, 0), (seeds[name], 0)
        if stateless and name != "W3":
            scrambled = [int(word) for word in philox(np.zeros((1, 4), np.uint32), STATELESS_KEY)[0]]
            key, high = (scrambled[0], scrambled[1]), (scrambled[2], scrambled[3])
        found[name] = glorot_uniform(shape, uniform(math.prod(shape), key, high))
    found["b3"] = np.zeros(SHAPES["W3"][1], np.float32)
    return found

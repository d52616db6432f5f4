"""Arrays for tests of micro-kernels: how long, how they lie, and what stands between their elements."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from jitconv.jit.vectors import VECTOR_BYTES

UNTOUCHED, POISON, ANYTHING = (
    (0x7FD5A5A5, 0x7FFD5A5A5A5A5A5A),
    (0x7FDEADBE, 0x7FFDEADBEADBEADB),
    (
        0x7FCABCAB,
        0x7FFCABCABCABCABC,
    ),
)
"""Quiet NaNs that no operation makes, of 32 and of 64 bits. The first is where nothing may be written, the
second where nothing that is read may count, the third is expected where a piece may leave what it likes."""


def lanes_of(dtype):
    """Return how many elements of a dtype a vector has."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def around(lanes, *_):
    """Return lengths around whole vectors, and one of several vectors and a rest."""
    return sorted({1, lanes - 1, lanes, lanes + 1, 2 * lanes + 3} - {0})


PLANES = [(0, 0), (1, 0), ("whole vectors", 0), ("whole vectors", 1)]
"""How planes lie: by how many elements more than they have they are apart; by how many the first is shifted.
Where all begin at the same place of a vector pieces go another way, and yet another if it is the first."""


def squares(lanes, *_):
    """Return numbers of elements of planes: as `around`, and two whole vectors."""
    return sorted({*around(lanes), 2 * lanes})


def plane_step(count, more, lanes):
    """Return the step from plane to plane."""
    return -(-count // lanes) * lanes if more == "whole vectors" else count + more


def places(shape, steps):
    """Return where the elements of an array lie that has so large a step along each axis."""
    axes = [np.arange(n) * step for n, step in zip(shape, steps, strict=True)]
    return sum(np.meshgrid(*axes, indexing="ij", sparse=True), np.zeros(shape, np.int64))


def marked(mark, shape, dtype):
    """Return an array of one of the marks."""
    dtype = np.dtype(dtype)
    kind, bits = ((np.uint32, mark[0]), (np.uint64, mark[1]))[dtype.itemsize == 8]
    return np.full(shape, bits, kind).view(dtype)


def bits(array):
    """Return the bits of numbers as whole ones."""
    return array.view(f"u{array.itemsize}")


def is_marked(mark, array):
    """Return where an array holds a mark."""
    return bits(array) == bits(marked(mark, 1, array.dtype))


def laid(values, steps, mark):
    """Return a flat array that ends with the last of the values; what lies between them is marked."""
    if steps is None:
        return values.reshape(-1).copy()
    size = 1 + sum((n - 1) * step for n, step in zip(values.shape, steps, strict=True)) if values.size else 0
    flat = marked(mark, size, values.dtype)
    as_strided(flat, values.shape, [step * flat.itemsize for step in steps])[...] = values
    return flat

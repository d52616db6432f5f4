"""c = a · bᵀ, of few rows, all three as they lie: y in NCHW, dx in NHWC."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms._shared.tasks import at_once
from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.dense.matrix import Sizes
from jitconv.algorithms.direct.plan import wanted_blocks
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.loops import buffer
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.dots import Lines, all_dots, lane_sums

COLUMNS = BLOCKS.dense_columns


class Numbers(NamedTuple):
    """What `_dots` is given of a product, before where each row of `COLUMNS` of b begins."""

    rows: int
    depth: int
    columns: int
    tasks: int
    """Shares of the columns."""
    biased: int
    relu: int


COUNT = len(Numbers._fields)


def _dots(a, b, bias, c, numbers):
    """Run tasks of some columns, which are rows of b."""
    a, b, c = a.ravel(), b.ravel(), c.ravel()
    n, offsets = Numbers(*unpacked(numbers, COUNT)), numbers[COUNT:]
    lanes = VECTOR_BYTES // a.itemsize
    chunks = (n.columns + COLUMNS - 1) // COLUMNS
    for task in prange(n.tasks):
        sums = buffer(n.rows * COLUMNS * lanes, a)
        for chunk in range(chunks * task // n.tasks, chunks * (task + 1) // n.tasks):
            first = chunk * COLUMNS
            count = min(COLUMNS, n.columns - first)
            sums[: n.rows * count * lanes] = 0
            lines = Lines(lines=1, length=n.depth, a_row=n.depth, a_line=0, b_at=first * n.depth, b_line=0)
            all_dots(n.rows, count, a, 0, b, offsets, sums, 0, lines)
            for row in range(n.rows):
                to = row * n.columns + first
                lane_sums(sums[row * count * lanes :], count, c, to)
                if n.biased:
                    for column in range(count):
                        c[to + column] += bias[first + column]
                if n.relu:
                    for column in range(count):
                        value = c[to + column]
                        c[to + column] = 0 if value < 0 else value


DOTS = Kernel(_dots)


class Dots:
    """The product of matrices of one shape."""

    def __init__(self, sizes: Sizes, work: int, dtype: str) -> None:
        rows, depth, columns = sizes
        tasks = min(-(-columns // COLUMNS), wanted_blocks(work))
        offsets = np.arange(COLUMNS) * depth
        self._numbers = {
            (biased, relu): flat(Numbers(rows, depth, columns, tasks, biased, relu), offsets)
            for biased in (False, True)
            for relu in (False, True)
        }
        self._no_bias = np.empty(0, dtype)
        self._run = DOTS.of(work)
        self.elements = at_once(work, tasks) * rows * COLUMNS * VECTOR_BYTES // np.dtype(dtype).itemsize
        """Of the buffers of the tasks."""

    def __call__(self, a: Array, b: Array, bias: Array | None, c: Array, *, relu: bool = False) -> None:
        """Fill `c`; negative results become 0 with `relu`."""
        numbers = self._numbers[bias is not None, relu]
        self._run(a, b, self._no_bias if bias is None else bias, c, numbers)

"""c = aᵀ · b on the register tile, summed over few rows, all three as they lie: dw."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.plan import wanted_blocks
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, At, Product, tiles_across, width_of

HEIGHT = BLOCKS.dense_height


class Numbers(NamedTuple):
    """What `_outer` is given of a product."""

    rows: int
    """Of a and b, which are summed over."""
    height: int
    """Columns of a, rows of c."""
    columns: int
    """Of b and c."""
    tasks: int
    """Shares of the rows of c."""


COUNT = len(Numbers._fields)


def _outer(a, b, c, numbers):
    """Run tasks of some rows of c."""
    a, b, c = a.ravel(), b.ravel(), c.ravel()
    n = Numbers(*unpacked(numbers, COUNT))
    lanes = VECTOR_BYTES // a.itemsize
    width = WIDEST * lanes
    one = np.zeros(2, np.int64)
    blocks = (n.height + HEIGHT - 1) // HEIGHT
    for task in prange(n.tasks):
        for block in range(blocks * task // n.tasks, blocks * (task + 1) // n.tasks):
            top = block * HEIGHT
            height = min(HEIGHT, n.height - top)
            for low in range(0, n.columns, width):
                count = min(width, n.columns - low)
                vectors = width_of(count, lanes)
                product = Product(
                    a_step=n.height,
                    b_step=n.columns,
                    b_masked=count < vectors * lanes,
                    c_step=n.columns,
                    columns=count,
                    first=0,
                    last=1,
                    depth=n.rows,
                    relu=0,
                )
                at = At(a=top, b=low, c=top * n.columns + low, start=0, start_step=0, started=0)
                tiles_across(height, vectors, a, b, one, c, c, at, product)


OUTER = Kernel(_outer)


class Outer:
    """The product of matrices of one shape."""

    def __init__(self, rows: int, height: int, columns: int, *, work: int) -> None:
        tasks = min(-(-height // HEIGHT), wanted_blocks(work))
        self._numbers = flat(Numbers(rows, height, columns, tasks))
        self._run = OUTER.of(work)

    def __call__(self, a: Array, b: Array, c: Array) -> None:
        """Fill `c`."""
        self._run(a, b, c, self._numbers)

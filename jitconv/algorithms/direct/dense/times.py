"""c = a · b on the register tile, of few rows, all three as they lie: y in NHWC, dx in NCHW."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.algorithms.direct.dense.matrix import Sizes
from jitconv.algorithms.direct.plan import wanted_blocks
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.numbers import flat, unpacked
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.tile import WIDEST, At, Product, tiles, width_of

DEPTH = BLOCKS.dense_depth


class Numbers(NamedTuple):
    """What `_times` is given of a product."""

    rows: int
    depth: int
    columns: int
    tasks: int
    """Shares of the columns."""
    biased: int
    relu: int


COUNT = len(Numbers._fields)


def _times(a, b, bias, c, numbers):
    """Run tasks of some panels of columns."""
    a, b, c = a.ravel(), b.ravel(), c.ravel()
    n = Numbers(*unpacked(numbers, COUNT))
    lanes = VECTOR_BYTES // a.itemsize
    width = WIDEST * lanes
    panels = (n.columns + width - 1) // width
    one = np.zeros(2, np.int64)
    for task in prange(n.tasks):
        begin, end = panels * task // n.tasks * width, panels * (task + 1) // n.tasks * width
        end = min(end, n.columns)
        # some rows of b at a time: neighbouring panels follow one another before the next rows are read
        for first in range(0, n.depth, DEPTH):
            depth = min(DEPTH, n.depth - first)
            for low in range(begin, end, width):
                count = min(width, end - low)
                vectors = width_of(count, lanes)
                product = Product(
                    a_step=n.depth,
                    b_step=n.columns,
                    b_masked=count < vectors * lanes,
                    c_step=n.columns,
                    columns=count,
                    first=0,
                    last=1,
                    depth=depth,
                    relu=n.relu > 0 and first + depth == n.depth,
                )
                b_at = first * n.columns + low
                if first == 0:
                    at = At(a=0, b=b_at, c=low, start=low, start_step=0, started=n.biased)
                    tiles(n.rows, vectors, a, b, one, bias, c, at, product)
                else:
                    at = At(a=first, b=b_at, c=low, start=low, start_step=n.columns, started=1)
                    tiles(n.rows, vectors, a, b, one, c, c, at, product)


TIMES = Kernel(_times)


class Times:
    """The product of matrices of one shape."""

    def __init__(self, sizes: Sizes, work: int, dtype: str) -> None:
        panels = -(-sizes.columns * np.dtype(dtype).itemsize // (WIDEST * VECTOR_BYTES))
        tasks = min(panels, wanted_blocks(work))
        self._numbers = {
            (biased, relu): flat(Numbers(*sizes, tasks=tasks, biased=biased, relu=relu))
            for biased in (False, True)
            for relu in (False, True)
        }
        self._no_bias = np.empty(0, dtype)
        self.elements = 0
        """It has no buffers."""
        self._run = TIMES.of(work)

    def __call__(self, a: Array, b: Array, bias: Array | None, c: Array, *, relu: bool = False) -> None:
        """Fill `c`; negative results become 0 with `relu`."""
        numbers = self._numbers[bias is not None, relu]
        self._run(a, b, self._no_bias if bias is None else bias, c, numbers)

"""How rows of results are divided into blocks, and blocks among tasks."""

from __future__ import annotations

from jitconv.algorithms.direct.blocks import BLOCKS
from jitconv.jit.kernels import threads_pay

TASKS = BLOCKS.tasks
MOST_TASKS = BLOCKS.most_tasks


def wanted_blocks(work: int) -> int:
    """Return how many blocks there should be at least, for so many nanoseconds of serial work."""
    return TASKS if threads_pay(work) else 1


def blocks_of_image(rows: int, fitting: int, halo: int, *, batch: int, wanted: int) -> int:
    """Return into how many blocks the rows of an image are divided.

    A block has at most as many rows as are `fitting` the cache, but no fewer than the `halo` that is copied
    beside them; and a batch has at least as many blocks as `wanted`, where there are so many rows.
    """
    most = max(1, halo, fitting)
    return max(-(-rows // most), min(rows, -(-wanted // max(1, batch))))

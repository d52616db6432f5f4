"""Poolings, by layer and layout, and the ops on single windows: `auto`, each algorithm and its variants."""

from __future__ import annotations

from benchmarks.problems import EACH_PIXEL, GLOBAL, LARGE, POOL, TILING, layouts
from benchmarks.timed import Timed

WIDE = "n1h28w28c32 k7x7 s1 p3"
"""Windows that are worth two passes."""

WINDOWS = "n4096h8w8"

IN_COLUMNS = (*layouts([TILING]), f"{GLOBAL} by whole", f"{LARGE} by images", f"{EACH_PIXEL} by rows")
"""What im2col is measured on."""

TILES = layouts([TILING, LARGE])
"""What reshape is measured on."""


class MaxForwardAuto(Timed):
    """What is chosen, on one thread and on two."""

    op = "max_pool_forward"
    threads = ("1", "2")
    problems = layouts(POOL)


class MaxForwardDirect(Timed):
    """max_pool_forward by direct."""

    op, algorithm = "max_pool_forward", "direct"
    problems = (
        *layouts(POOL),
        f"{TILING} nchw by rows",
        f"{WIDE} by two_passes",
        f"{GLOBAL} nchw by planes",
        f"{EACH_PIXEL} by windows",
    )


class MaxForwardIm2col(Timed):
    """max_pool_forward by im2col."""

    op, algorithm = "max_pool_forward", "im2col"
    problems = IN_COLUMNS


class MaxForwardReshape(Timed):
    """max_pool_forward by reshape."""

    op, algorithm = "max_pool_forward", "reshape"
    problems = TILES


class MaxForwardNaive(Timed):
    """max_pool_forward by naive."""

    op, algorithm = "max_pool_forward", "naive"
    problems = (GLOBAL,)


class MaxBackwardAuto(Timed):
    """What is chosen, on one thread and on two; without indices."""

    op = "max_pool_backward"
    threads = ("1", "2")
    problems = layouts(POOL)


class MaxBackwardDirect(Timed):
    """max_pool_backward by direct."""

    op, algorithm = "max_pool_backward", "direct"
    problems = (
        *layouts(POOL),
        f"{TILING} nchw by rows",
        f"{GLOBAL} nchw by planes",
        f"{TILING} indices by given_indices",
        f"{EACH_PIXEL} by windows",
    )


class MaxBackwardIm2col(Timed):
    """max_pool_backward by im2col."""

    op, algorithm = "max_pool_backward", "im2col"
    problems = (*IN_COLUMNS, f"{TILING} indices by given_indices")


class MaxBackwardReshape(Timed):
    """max_pool_backward by reshape."""

    op, algorithm = "max_pool_backward", "reshape"
    problems = TILES


class MaxBackwardNaive(Timed):
    """max_pool_backward by naive."""

    op, algorithm = "max_pool_backward", "naive"
    problems = (GLOBAL,)


class AverageForwardAuto(Timed):
    """What is chosen, on one thread and on two."""

    op = "avg_pool_forward"
    threads = ("1", "2")
    problems = layouts(POOL)


class AverageForwardDirect(Timed):
    """avg_pool_forward by direct."""

    op, algorithm = "avg_pool_forward", "direct"
    problems = (
        *layouts(POOL),
        f"{WIDE} by two_passes",
        f"{GLOBAL} by planes",
        f"{EACH_PIXEL} by windows",
    )


class AverageForwardIm2col(Timed):
    """avg_pool_forward by im2col."""

    op, algorithm = "avg_pool_forward", "im2col"
    problems = IN_COLUMNS


class AverageForwardReshape(Timed):
    """avg_pool_forward by reshape."""

    op, algorithm = "avg_pool_forward", "reshape"
    problems = TILES


class AverageForwardFft(Timed):
    """avg_pool_forward by fft."""

    op, algorithm = "avg_pool_forward", "fft"
    problems = layouts([EACH_PIXEL])


class AverageForwardNaive(Timed):
    """avg_pool_forward by naive."""

    op, algorithm = "avg_pool_forward", "naive"
    problems = (GLOBAL,)


class AverageBackwardAuto(Timed):
    """What is chosen, on one thread and on two."""

    op = "avg_pool_backward"
    threads = ("1", "2")
    problems = layouts(POOL)


class AverageBackwardDirect(Timed):
    """avg_pool_backward by direct."""

    op, algorithm = "avg_pool_backward", "direct"
    problems = (
        *layouts(POOL),
        f"{WIDE} by two_passes",
        f"{GLOBAL} by planes",
        f"{EACH_PIXEL} by windows",
    )


class AverageBackwardIm2col(Timed):
    """avg_pool_backward by im2col."""

    op, algorithm = "avg_pool_backward", "im2col"
    problems = IN_COLUMNS


class AverageBackwardReshape(Timed):
    """avg_pool_backward by reshape."""

    op, algorithm = "avg_pool_backward", "reshape"
    problems = TILES


class AverageBackwardFft(Timed):
    """avg_pool_backward by fft."""

    op, algorithm = "avg_pool_backward", "fft"
    problems = layouts([EACH_PIXEL])


class AverageBackwardNaive(Timed):
    """avg_pool_backward by naive."""

    op, algorithm = "avg_pool_backward", "naive"
    problems = (GLOBAL,)


class MaskDirect(Timed):
    """create_mask by direct, which is also what is chosen."""

    op, algorithm = "create_mask", "direct"
    threads = ("1", "2")
    problems = (WINDOWS,)


class MaskNaive(Timed):
    """create_mask by naive."""

    op, algorithm = "create_mask", "naive"
    problems = (WINDOWS,)


class ValueDirect(Timed):
    """distribute_value by direct, which is also what is chosen."""

    op, algorithm = "distribute_value", "direct"
    threads = ("1", "2")
    problems = (WINDOWS,)


class ValueNaive(Timed):
    """distribute_value by naive."""

    op, algorithm = "distribute_value", "naive"
    problems = (WINDOWS,)

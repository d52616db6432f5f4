"""Convolutions, by layer and layout: what `auto` takes, each algorithm, each variant on a problem for it."""

from __future__ import annotations

from benchmarks.problems import BATCH, CONV, DEPTHWISE, FIRST, FIVE, PLAIN, POINTWISE, STRIDED, layouts
from benchmarks.timed import Timed

DENSE = "n1h1w1c512 k1x1f128"
SMALL = "n1h28w28c16 k3x3f16 p1"
GROUPED = "n1h28w28c64 k3x3f64 p1 g8"
LITTLE_PLANES = "n1h14w14c64 k3x3f64 p1 g64 nchw"
LARGE_KERNEL = "n1h32w32c32 k15x15f32 p7"


class ForwardAuto(Timed):
    """What is chosen, on one thread and on two."""

    op = "conv_forward"
    threads = ("1", "2")
    problems = layouts(CONV)


class ForwardDirect(Timed):
    """conv_forward by direct."""

    op, algorithm = "conv_forward", "direct"
    problems = (
        *layouts(CONV),
        f"{DEPTHWISE} by depthwise",
        f"{LITTLE_PLANES} by transposed",
        f"{DEPTHWISE} nchw by outputs",
        f"{GROUPED} by shared",
        f"{DENSE} by dense",
        f"{POINTWISE} nchw by pixels",
        f"{GROUPED} nchw by rows",
        f"{GROUPED} by groups",
        f"{SMALL} by unpacked",
        f"{POINTWISE} by streamed",
        f"{PLAIN} by packed",
    )


class ForwardIm2col(Timed):
    """conv_forward by im2col."""

    op, algorithm = "conv_forward", "im2col"
    problems = (
        *layouts([POINTWISE, STRIDED, FIRST]),
        f"{PLAIN} by whole",
        f"{BATCH} by images",
        f"{FIVE} by rows",
    )


class ForwardFft(Timed):
    """conv_forward by fft."""

    op, algorithm = "conv_forward", "fft"
    problems = (
        *layouts([FIVE, LARGE_KERNEL]),
        f"{LARGE_KERNEL} by whole",
        f"{LARGE_KERNEL} by strips",
        f"{PLAIN} by tiles",
    )


class ForwardWinograd(Timed):
    """conv_forward by winograd."""

    op, algorithm = "conv_forward", "winograd"
    problems = (*layouts([PLAIN]), f"{PLAIN} by f4x4", f"{PLAIN} by f2x2")


class ForwardNaive(Timed):
    """conv_forward by naive."""

    op, algorithm = "conv_forward", "naive"
    problems = (POINTWISE,)


class BackwardAuto(Timed):
    """What is chosen, on one thread and on two; all three gradients."""

    op = "conv_backward"
    threads = ("1", "2")
    problems = layouts(CONV)


class BackwardDirect(Timed):
    """conv_backward by direct; variants with the one gradient that is theirs."""

    op, algorithm = "conv_backward", "direct"
    problems = (
        *layouts(CONV),
        f"{DEPTHWISE} wrt=x by dx:depthwise",
        f"{LITTLE_PLANES} wrt=x by dx:transposed",
        f"{DEPTHWISE} nchw wrt=x by dx:outputs",
        f"{GROUPED} wrt=x by dx:shared",
        f"{DENSE} wrt=x by dx:dense",
        f"{POINTWISE} nchw wrt=x by dx:pixels",
        f"{SMALL} nchw wrt=x by dx:rows",
        f"{FIRST} wrt=x by dx:scatter",
        f"{GROUPED} wrt=x by dx:groups",
        f"{PLAIN} wrt=x by dx:phases",
        f"{DEPTHWISE} wrt=w by dw:depthwise",
        f"{LITTLE_PLANES} wrt=w by dw:transposed",
        f"{DEPTHWISE} nchw wrt=w by dw:outputs",
        f"{GROUPED} wrt=w by dw:shared",
        f"{DENSE} wrt=w by dw:dense",
        f"{GROUPED} nchw wrt=w by dw:groups",
        f"{SMALL} nchw wrt=w by dw:rows",
        f"{POINTWISE} nchw wrt=w by dw:planes",
        f"{PLAIN} wrt=w by dw:pixels",
    )


class BackwardIm2col(Timed):
    """conv_backward by im2col."""

    op, algorithm = "conv_backward", "im2col"
    problems = (
        *layouts([POINTWISE, STRIDED]),
        f"{PLAIN} by whole",
        f"{BATCH} by images",
        f"{FIVE} by rows",
    )


class BackwardFft(Timed):
    """conv_backward by fft; variants with the one gradient that is theirs."""

    op, algorithm = "conv_backward", "fft"
    problems = (
        *layouts([FIVE, LARGE_KERNEL]),
        f"{LARGE_KERNEL} wrt=x by dx:whole",
        f"{LARGE_KERNEL} wrt=x by dx:strips",
        f"{PLAIN} wrt=x by dx:tiles",
        f"{LARGE_KERNEL} wrt=w by dw:whole",
        f"{LARGE_KERNEL} wrt=w by dw:strips",
        f"{PLAIN} wrt=w by dw:tiles",
    )


class BackwardWinograd(Timed):
    """conv_backward by winograd; variants with the one gradient that is theirs."""

    op, algorithm = "conv_backward", "winograd"
    problems = (
        *layouts([PLAIN]),
        f"{PLAIN} wrt=x by dx:f4x4",
        f"{PLAIN} wrt=x by dx:f2x2",
        f"{PLAIN} wrt=w by dw:pixels",
        f"{PLAIN} wrt=w by dw:f4x4",
        f"{PLAIN} wrt=w by dw:f2x2",
    )


class BackwardNaive(Timed):
    """conv_backward by naive."""

    op, algorithm = "conv_backward", "naive"
    problems = (POINTWISE,)

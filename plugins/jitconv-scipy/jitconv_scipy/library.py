"""What the convolutions share: views of arrays, SciPy's threads, and gradients one by one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jitconv import ConvSpec
from jitconv.algorithm import Plan
from jitconv.jit import blas_threads, team

Array = np.ndarray[Any, Any]


@contextlib.contextmanager
def threads() -> Iterator[None]:
    """Hold SciPy's transforms and NumPy's matrix products to as many threads as jitconv's kernels may use.

    After a fork SciPy begins its threads anew by itself.
    """
    import scipy.fft

    with scipy.fft.set_workers(team()), blas_threads():
        yield


def channels_last(pictures: Array, layout: str) -> Array:
    """View pictures as (N, H, W, C)."""
    return pictures if layout == "NHWC" else pictures.transpose(0, 2, 3, 1)


def channels_first(pictures: Array, layout: str) -> Array:
    """View pictures as (N, C, H, W)."""
    return pictures if layout == "NCHW" else pictures.transpose(0, 3, 1, 2)


def filters(w: Array, spec: ConvSpec) -> Array:
    """View weights, or their gradient, as (F, C/groups, KH, KW) of a cross-correlation."""
    taps = w if spec.layout == "NCHW" else w.transpose(3, 2, 0, 1)
    return taps[:, :, ::-1, ::-1] if spec.flip_kernel else taps


def forward_plan(correlate: Callable[[Array, Array, Array], None], spec: ConvSpec) -> Plan:
    """Return the plan of conv_forward.

    Parameters
    ----------
    correlate : callable
        ``correlate(x, w, y)`` fills `y`, which has no bias then.
    spec : ConvSpec
        The problem.
    """

    def plan(x: Array, w: Array, b: Array | None, y: Array) -> None:
        with threads():
            correlate(x, w, y)
        finish(y, b, None, spec)

    return plan


def finish(y: Array, b: Array | None, activation: str | None, spec: ConvSpec) -> None:
    """Add the bias and apply the activation, in their place."""
    if b is not None:
        y += b if spec.layout == "NHWC" else b[:, None, None]
    if activation is not None:
        np.maximum(y, 0, out=y)


def backward_plan(gradients: Callable[[Array, Array, Array, Any, Any], None], spec: ConvSpec) -> Plan:
    """Return the plan of conv_backward.

    Parameters
    ----------
    gradients : callable
        ``gradients(dy, x, w, dx, dw)`` fills `dx` and `dw`, of which either may be None.
    spec : ConvSpec
        The problem.
    """
    pictures_and_pixels = (0, 1, 2) if spec.layout == "NHWC" else (0, 2, 3)

    def plan(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None, db: Array | None) -> None:
        if dx is not None or dw is not None:
            with threads():
                gradients(dy, x, w, dx, dw)
        if db is not None:
            np.sum(dy, pictures_and_pixels, out=db)

    return plan


def item(spec: Any) -> int:
    """Return the bytes of a number."""
    return np.dtype(spec.dtype).itemsize

"""Pieces of loops that kernels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from jitconv.jit.kernels import FLAGS


def inlined(piece: Callable[..., Any]) -> Any:
    """Compile a piece of a loop as a part of every kernel that calls it."""
    return numba.njit(**FLAGS)(piece)


@inlined
def met(place, taps, stride, dilation, windows):
    """Return the first window that a padded input position may lie in, and the one after the last."""
    extent = (taps - 1) * dilation + 1
    return max(0, (place - extent + stride) // stride), min(windows, place // stride + 1)

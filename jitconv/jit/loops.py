"""Pieces of loops that kernels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from jitconv.jit.kernels import FLAGS


def inlined(piece: Callable[..., Any]) -> Any:
    """Compile a piece of a loop as a part of every kernel that calls it."""
    return numba.njit(**FLAGS)(piece)

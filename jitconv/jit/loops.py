"""Pieces of loops that kernels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from jitconv.jit import shortage
from jitconv.jit.integers import I64
from jitconv.jit.kernels import FLAGS
from jitconv.jit.workspace import LINE


def inlined(piece: Callable[..., Any]) -> Any:
    """Compile a piece of a loop as a part of every kernel that calls it; it makes no arrays.

    So it need not count who holds those it is given, in steps that threads wait for one another with: they
    took 0.5 of the 3.3 µs of a 3x3 convolution of 8x8 pixels.
    """
    return numba.njit(_nrt=False, **FLAGS)(piece)


binding.add_symbol("jitconv_shortages", shortage.noted.ctypes.data)


@intrinsic
def note_shortage(typing):
    """Count a shortage, in any thread."""

    def generate(context, builder, signature, arguments):
        name = "jitconv_shortages"
        counter = builder.module.globals.get(name) or ir.GlobalVariable(builder.module, I64, name)
        builder.atomic_rmw("add", counter, I64(1), "monotonic")
        return context.get_dummy_value()

    return types.void(), generate


@numba.njit(**FLAGS)
def buffer(size, like):
    """Return undefined elements that begin with a cache line: the one piece that makes an array."""
    spare = LINE // like.itemsize
    try:
        whole = np.empty(size + spare, like.dtype)
    except Exception:
        note_shortage()
        whole = np.empty(0, like.dtype)
    if whole.size == 0:  # a raise within the handler is one that Numba does not know
        raise MemoryError
    # as late as a line allows: what is read beyond it then lies beyond the memory, where guard pages may be
    skipped = (LINE - whole.ctypes.data % LINE) // like.itemsize
    return whole[skipped : skipped + size]


@inlined
def met(place, taps, stride, dilation, windows):
    """Return the first window that a padded input position may lie in, and the one after the last."""
    extent = (taps - 1) * dilation + 1
    return max(0, (place - extent + stride) // stride), min(windows, place // stride + 1)

"""One run of an algorithm that can be judged: outputs spoilt beforehand, operands watched."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from jitconv.arrays import Array, Arrays
from jitconv.ops import Call
from jitconv.ops.explain import PUBLIC


def spoil_outputs(call: Call, wanted: Arrays) -> None:
    """Make a call write into arrays that are wrong in each element.

    Memory is used again: an algorithm that writes nothing would hand out what the one before it computed.
    """
    call.new = tuple(
        None if new is None else partial(_spoilt, new, other)
        for new, other in zip(call.new, wanted, strict=True)
    )


def _spoilt(new: Callable[[], Array], wanted: Array | None) -> Array:
    array = new()
    if array.dtype.kind == "f":
        array.fill(np.nan)
    elif wanted is not None:  # each of its bits is another
        np.copyto(array, np.invert(wanted), casting="unsafe")
    return array


class Watch:
    """Knows what operands were, to the bit."""

    def __init__(self, op: str, operands: Arrays) -> None:
        self.names = PUBLIC[op][0].operands
        self.operands = operands
        self.before = [None if array is None else array.copy() for array in operands]

    def restore(self) -> str:
        """Put operands back to what they were; return what was done to them, or nothing."""
        changed = []
        for name, array, before in zip(self.names, self.operands, self.before, strict=True):
            if array is not None and before is not None and not np.array_equal(_bits(array), _bits(before)):
                changed.append(name)
                array[...] = before
        return f"changed its input {', '.join(changed)}" if changed else ""


def _bits(array: Array) -> Array:
    return array.reshape(-1).view(np.uint8)

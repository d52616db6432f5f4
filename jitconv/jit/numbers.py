"""The numbers of a problem in one array, for kernels that small problems take.

Numba finds the type of each argument of each call anew, and unpacks it. Where an empty call took 0.3 µs and
one of 4 arrays 1.0, it was 1.1 with 32 numbers in one more array and 2.1 with a tuple of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from jitconv.arrays import Array
from jitconv.jit.integers import I64


def flat(*values: Any) -> Array:
    """Return numbers, and sequences of them, one after the other; ``unpacked(array, count)`` in a kernel."""
    return np.hstack([np.asarray(value, np.int64).ravel() for value in values])


@intrinsic(prefer_literal=True)
def unpacked(typing: Any, array: Any, count: Any) -> Any:
    """Return the first `count` integers of an int64 array as a tuple; `count` is known."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _loaded(context, builder, signature, arguments[0], I64(0))

    return _known(count)(array, count), generate


@intrinsic(prefer_literal=True)
def unpacked_at(typing: Any, array: Any, at: Any, count: Any) -> Any:
    """Return `count` integers from ``array[at]`` on as a tuple; `count` is known.

    Plain loads: of a slice Numba's own function made a tuple by a call, seven numbers of a phase at a time,
    by which planes of 28x28 under a stride of 2 took 52 µs instead of 43.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = context.cast(builder, arguments[1], signature.args[1], types.int64)
        return _loaded(context, builder, signature, arguments[0], first)

    return _known(count)(array, at, count), generate


def _known(count: Any) -> Any:
    if not isinstance(count, types.IntegerLiteral):
        raise TypingError("how many integers there are must be known when the kernel is compiled")
    return types.UniTuple(types.int64, count.literal_value)


def _loaded(context: Any, builder: Any, signature: Any, array: Any, first: Any) -> Any:
    kind, made = signature.args[0], signature.return_type
    if not (isinstance(kind, types.Array) and kind.dtype == types.int64 and kind.layout == "C"):
        raise TypingError(f"takes a contiguous int64 array; got {kind}")
    data = builder.gep(context.make_array(kind)(context, builder, array).data, [first])
    values = [builder.load(builder.gep(data, [I64(place)])) for place in range(made.count)]
    return context.make_tuple(builder, made, values)

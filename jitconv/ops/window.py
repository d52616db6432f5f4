"""The two ops on single windows that pooling's backward passes are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.ops.operation import Operation
from jitconv.specs import WindowSpec
from jitconv.specs.values import Operand, real


def _mask_spec(x: Operand, ties: str) -> WindowSpec:
    return WindowSpec.of_mask(x[0], dtype=real({"x": x[1]}), ties=ties)


def _value_spec(dz: Operand, shape: Any) -> WindowSpec:
    return WindowSpec.of_value(dz[0], shape, dtype=real({"dz": dz[1]}))


MASK = Operation("create_mask", ("x",), _mask_spec)
VALUE = Operation("distribute_value", ("dz",), _value_spec)


def create_mask(x: Array, *, ties: str = "first", algorithm: str = "auto") -> Array:
    """Mark the maximum of every window.

    Parameters
    ----------
    x : array (..., H, W)
        Windows, float32 or float64.
    ties : {"first", "all", "split"}
        Which of several equal maxima to mark: the first in row-major order, or each. "split" marks
        the same as "all". A window with a NaN has its first NaN marked.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.

    Returns
    -------
    array of bool, shaped as `x`
        True where a window's maximum is.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, UnknownAlgorithmError, UnsupportedError
        When the arguments do not fit together, have no meaning, or are no float arrays.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> jitconv.create_mask(np.array([[1.0, 3.0], [3.0, 0.0]]))
    array([[False,  True],
           [False, False]])
    """
    call = MASK.call(algorithm, (x,), ties)
    return call.result((x,))


def distribute_value(dz: Array | float, shape: int | tuple[int, int], *, algorithm: str = "auto") -> Array:
    """Spread every value equally over a window of its own.

    Parameters
    ----------
    dz : array (...), or a float
        Values, float32 or float64.
    shape : int or pair
        Height and width of a window, H and W.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.

    Returns
    -------
    array (..., H, W)
        ``dz / (H * W)`` in every element of a value's window.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, UnknownAlgorithmError, UnsupportedError
        When the arguments have no meaning, or `dz` is neither a float nor an array of them.
    TooLargeError
        When the result is more than the memory of this machine.

    Examples
    --------
    >>> import jitconv
    >>> jitconv.distribute_value(2.0, (2, 2))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    values = np.asarray(dz) if isinstance(dz, (float, np.floating)) else dz
    call = VALUE.call(algorithm, (values,), shape)
    return call.result((values,))

"""Checks of what a notebook passes.

The ops are strict; a course's own code lets NumPy promote whatever comes. So do these functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, ParameterError, ShapeError, shown
from jitconv.specs.values import integer, real


def floats(**named: Any) -> list[Array]:
    """Return arguments as arrays of the dtype to which NumPy promotes them; integers become float64, float16
    float32.

    An argument that is such an array already comes back as it is.
    """
    arrays = {name: _array(name, value) for name, value in named.items()}
    common = np.result_type(*(array.dtype for array in arrays.values()))
    return [np.asarray(array, dtype=common) for array in arrays.values()]


def _array(name: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ShapeError(f"{name} must be an array; got rows of different lengths: {shown(value)}") from None
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind not in "fc":
        raise DtypeError(f"{name} must be an array of numbers; got {array.dtype} ({type(value).__name__})")
    real({name: array.dtype})
    return array


def check_axes(name: str, array: Array, axes: str) -> None:
    """Raise unless `array` has the axes of a string such as ``"(m, n_H, n_W, n_C)"``."""
    if array.ndim != axes.count(",") + 1:
        raise ShapeError(f"{name} must be {axes}; got shape {array.shape}")


def hparameter(hparameters: Any, key: str, least: int) -> int:
    """Return an integer of the dictionary `hparameters`, of at least `least`."""
    if not isinstance(hparameters, Mapping):
        raise ParameterError(
            f"hparameters must be a dictionary with the key {key!r}; got {shown(hparameters)}"
        )
    if key not in hparameters:
        raise ParameterError(f"hparameters lacks the key {key!r}; it has {list(hparameters)}")
    return integer(f"hparameters[{key!r}]", hparameters[key], least)


def check_window(window: Sequence[int], pictures: Array, pad: int = 0) -> None:
    """Raise unless a window fits in the pictures ``A_prev``."""
    if window[0] > pictures.shape[1] + 2 * pad or window[1] > pictures.shape[2] + 2 * pad:
        padded = f" with pad {pad}" if pad else ""
        size = f"{window[0]}" if window[0] == window[1] else f"{window[0]}x{window[1]}"
        raise ShapeError(
            f"no window of f = {size} fits in pictures of {pictures.shape[1]}x{pictures.shape[2]}{padded}: "
            f"A_prev is {pictures.shape}"
        )

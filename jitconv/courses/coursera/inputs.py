"""Checks of what a notebook passes.

The ops are strict; a course's own code lets NumPy promote whatever comes. So do these functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jitconv.errors import DtypeError, ParameterError, ShapeError, shown
from jitconv.specs.values import integer, real

Array = np.ndarray[Any, Any]


def floats(**named: Any) -> list[Array]:
    """Return arguments as arrays of the dtype to which NumPy promotes them; integers become float64.

    An argument that is such an array already comes back as it is.
    """
    arrays = {name: _array(name, value) for name, value in named.items()}
    common = np.result_type(*(array.dtype for array in arrays.values()))
    return [np.asarray(array, dtype=common) for array in arrays.values()]


def _array(name: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of unequal length
        raise ShapeError(f"{name} must be an array: {error}") from None
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
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


def unpacked(cache: Any, form: str) -> tuple[Any, ...]:
    """Return `cache` if it is a tuple of as many things as `form` names."""
    if not isinstance(cache, (tuple, list)) or len(cache) != form.count(",") + 1:
        got = f"{len(cache)} things" if isinstance(cache, (tuple, list)) else f"a {type(cache).__name__}"
        raise ParameterError(f"cache must be {form}, as the forward function returned it; got {got}")
    return tuple(cache)

"""From what a notebook passes to what the ops take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, ParameterError, ShapeError, shown


def real(**arrays: Any) -> list[Array]:
    """Return arrays of one dtype by NumPy's promotion; integers and lists become float64."""
    found = {name: _array(name, array) for name, array in arrays.items()}
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise DtypeError(f"{name} must be an array of real numbers; got dtype {array.dtype}")
    dtype = np.result_type(*found.values())
    dtype = np.dtype(np.float32) if dtype in (np.float16, np.float32) else np.dtype(np.float64)
    return [array.astype(dtype, copy=False) for array in found.values()]


def _array(name: str, value: Any) -> Array:
    try:
        return np.asarray(value)
    except ValueError:
        raise ShapeError(f"{name} must be an array; got rows of different lengths: {shown(value)}") from None


def picture(name: str, x: Array) -> Array:
    """Return `x` if it is (N, C, H, W)."""
    if x.ndim != 4:
        raise ShapeError(f"{name} must be (N, C, H, W); got {x.shape}")
    return x


def option(owner: str, options: Mapping[str, Any], key: str) -> Any:
    """Return one of the options that a function cannot do without."""
    if not isinstance(options, Mapping):
        raise ParameterError(f"{owner} must be a dictionary; got {type(options).__name__}")
    if key not in options:
        raise ParameterError(f"{owner} must have the key {key!r}; got {sorted(options)}")
    return options[key]


def mode(owner: str, options: Mapping[str, Any]) -> bool:
    """Return whether the mode is "train", not "test"."""
    value = option(owner, options, "mode")
    if value not in ("train", "test"):
        raise ParameterError(f"{owner}['mode'] must be 'train' or 'test'; got {value!r}")
    return bool(value == "train")


def labels(y: Any, scores: Array) -> Array:
    """Return the classes of a batch, once each of them has its score."""
    y = np.asarray(y)
    if scores.ndim != 2 or y.shape != scores.shape[:1]:
        raise ShapeError(f"scores must be (N, classes) and labels (N,); got {scores.shape} and {y.shape}")
    if y.dtype.kind not in "iu":
        raise DtypeError(f"labels must be integers; got {y.dtype}: convert them with y.astype(int)")
    if y.size and not 0 <= y.min() <= y.max() < scores.shape[1]:
        raise ParameterError(f"labels must be in 0..{scores.shape[1] - 1}; got {y.min()}..{y.max()}")
    return y

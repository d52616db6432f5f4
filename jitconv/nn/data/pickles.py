"""The standard Python distribution of CIFAR-10: pickles, of which nothing is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct

from jitconv.errors import DataError
from jitconv.nn.data.find import LARGEST, reading

Array = np.ndarray[Any, Any]


def _latin1(text: str, _: str) -> bytes:
    """Return bytes as Python 3 pickles them for Python 2."""
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _latin1,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}
"""All that a pickled array of numbers names."""


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}; arrays of numbers alone are read")
        return ADMITTED[module, name]


def read_batch(path: Path, width: int) -> tuple[Array, Array]:
    """Return data (n, width) of uint8 and labels (n,) of a batch.

    Parameters
    ----------
    path : path
        A pickled dictionary with ``data`` and ``labels``, as Python 2 or 3 writes it.
    width : int
        Numbers of a picture.

    Raises
    ------
    DataError
        When the file is damaged, names anything but arrays, or its keys or shapes are others.
    """
    errors = pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError
    with reading(path, *errors):
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path}: expected at most {LARGEST} bytes; found {path.stat().st_size}")
        with path.open("rb") as file:
            found = _Arrays(file, encoding="bytes").load()
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected a dictionary; found {type(found).__name__}")
    batch = {key.decode() if isinstance(key, bytes) else key: value for key, value in found.items()}
    for key in ("data", "labels"):
        if key not in batch:
            raise DataError(f"{path}: expected the key {key!r}; found {sorted(map(str, batch))}")
    data, labels = batch["data"], np.asarray(batch["labels"])
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (width,):
        came = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DataError(f"{path}: data: expected uint8 (n, {width}); found {came}")
    if labels.shape != data.shape[:1]:
        raise DataError(f"{path}: labels: expected {data.shape[:1]}, as data; found {labels.shape}")
    return data, labels

"""The standard Python distribution of CIFAR-10: pickles, of which nothing is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DataError
from jitconv.nn.data.find import LARGEST, reading

KEYS = ("data", "labels")


class _DType:
    """What a pickle says of a dtype, noted and not believed."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(_text(self.code)).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array:
    """What a pickle says of an array; none of NumPy's own code runs before it is checked."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def array(self) -> Array:
        _, shape, kind, fortran, values = self.state
        if isinstance(values, list):  # of an array of objects
            found = np.empty(len(values), object)
            found[:] = [plain(one) for one in values]
            return found.reshape(shape, order="F" if fortran else "C")
        return np.frombuffer(values, kind.dtype()).reshape(shape, order="F" if fortran else "C")


class _Buffer(_Array):
    """An array as NumPy pickles it by protocol 5."""

    def __init__(self, values: bytes, kind: _DType, shape: tuple[int, ...], order: str) -> None:
        self.state = (1, shape, kind, order == "F", values)


class _Bytes:
    """Bytes as Python 3 pickles them by protocol 2: text, or nothing at all."""

    def __new__(cls, text: str = "", _: str = "latin1") -> bytes:  # type: ignore[misc]
        return text.encode("latin1")

    def __setstate__(self, _: object) -> None:
        raise pickle.UnpicklingError("bytes have no state")


ADMITTED: dict[tuple[str, str], type] = {
    ("_codecs", "encode"): _Bytes,
    ("__builtin__", "bytes"): _Bytes,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _Buffer,
    ("numpy._core.numeric", "_frombuffer"): _Buffer,
}
"""All that a pickled array of numbers names, and what stands for it here.

Classes with a `__setstate__`: of anything else a pickle may set attributes.
"""


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}; arrays of numbers alone are read")
        return ADMITTED[module, name]


def _text(value: str | bytes) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else value


def plain(value: Any) -> Any:
    """Return what a pickle holds, its arrays as NumPy's, the keys of its dictionaries as text."""
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {_text(key) if isinstance(key, bytes) else key: plain(one) for key, one in value.items()}
    return _text(value) if isinstance(value, bytes) else value


def read_plain(stream: IO[bytes], path: Path) -> Any:
    """Return what a pickle of dictionaries, lists, numbers, text and arrays holds; nothing in it is run.

    Raises
    ------
    DataError
        When it is damaged, or names anything else.
    """
    with reading(path, Exception):  # a damaged pickle raises anything
        return plain(_Arrays(stream, encoding="bytes").load())


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
    batch = _dictionary(path)
    for key in KEYS:
        if key not in batch:
            raise DataError(f"{path}: expected the key {key!r}; found {sorted(batch)}")
    with reading(path, Exception):  # whatever a damaged pickle said of its arrays
        data, labels = (one.array() if isinstance(one, _Array) else one for one in map(batch.get, KEYS))
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (width,):
        raise DataError(f"{path}: data: expected uint8 (n, {width}); found {_kind(data)}")
    if not len(data):
        raise DataError(f"{path}: data: expected at least one picture; found {data.shape}")
    return data, _labels(path, labels, len(data))


def _dictionary(path: Path) -> dict[str, Any]:
    with reading(path, Exception):  # a damaged pickle raises anything
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path}: expected at most {LARGEST} bytes; found {path.stat().st_size}")
        with path.open("rb") as file:
            found = _Arrays(file, encoding="bytes").load()
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected a dictionary; found {type(found).__name__}")
    return {_text(key): value for key, value in found.items() if isinstance(key, (str, bytes))}


def _labels(path: Path, labels: Any, count: int) -> Array:
    """Return a list or array of labels as it came, once it is one of `count` integers."""
    where = f"{path}: labels"
    if isinstance(labels, list):
        for row, one in enumerate(labels):
            if type(one) is not int or abs(one) >= 2**63:
                found = "beyond" if type(one) is int else f"a {type(one).__name__}"
                raise DataError(f"{where}: expected integers of at most 64 bits; row {row} is {found}")
        labels = np.array(labels, np.int64)
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        raise DataError(f"{where}: expected integers ({count},); found {_kind(labels)}")
    if labels.shape != (count,):
        raise DataError(f"{where}: expected ({count},), as data; found {labels.shape}")
    return labels


def _kind(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__

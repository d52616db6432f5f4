"""HDF5 files that are checked before they are believed; rows of them, streamed in any order."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DataError
from jitconv.nn.data.find import LARGEST, Folder, reading
from jitconv.nn.data.prepare import STORED, Options, Prepare
from jitconv.nn.data.source import Stored, valid_labels

if TYPE_CHECKING:
    from typing_extensions import Unpack

Shape = Sequence[int | str]
"""A shape that is expected: a number for a size that is fixed, a letter for one that is free."""

KINDS = {"integer": "iu", "text": "SO"}
"""What a dtype may be called besides its own name."""


@contextmanager
def opened(path: Folder) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; a missing or damaged one is a DataError that names it."""
    path = Path(path)
    with reading(path, KeyError, RuntimeError, ValueError), h5py.File(path, "r", locking=False) as file:
        yield file


def checked(file: h5py.File, key: str, *shapes: Shape, dtype: str | Sequence[str]) -> h5py.Dataset:
    """Return a data set of an open file once its key, shape, dtype and place are as expected.

    Nothing of it is read. Links are not followed, whether to another file or within this one.

    Parameters
    ----------
    file : h5py.File
        From `opened`.
    key : str
        Path of the data set.
    *shapes : sequence of int or str
        The shapes that will do, as ``("m", 64, 64, 3)``: letters stand for any size of 1 or more.
    dtype : str or sequence of str
        Names of NumPy's dtypes, "integer" for any integer, or "text" for any strings.

    Raises
    ------
    DataError
        Names the file, the key, what was expected and what was found.
    """
    where = f"{file.filename}: {key}"
    dataset = _lookup(file, key)
    wanted = " or ".join(
        "(" + ", ".join(map(str, one)) + ("," if len(one) == 1 else "") + ")" for one in shapes
    )
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{where}: expected a data set of {wanted}; found a group")
    if not any(_fits(dataset.shape, one) for one in shapes):
        raise DataError(f"{where}: expected the shape {wanted}; found {dataset.shape}")
    names = [dtype] if isinstance(dtype, str) else list(dtype)
    if not any(dataset.dtype.kind in KINDS[n] if n in KINDS else dataset.dtype.name == n for n in names):
        raise DataError(f"{where}: expected {' or '.join(names)}; found {dataset.dtype}")
    if dataset.external or dataset.is_virtual:
        raise DataError(f"{where}: its values lie in another file, which is not followed")
    if dataset.id.get_storage_size() == 0:
        raise DataError(f"{where}: {dataset.shape} is claimed, but no values were ever written")
    offset = dataset.id.get_offset()
    if offset is not None and offset + dataset.nbytes > os.path.getsize(file.filename):
        raise DataError(f"{where}: the file is cut short; it ends within {dataset.shape}")
    return dataset


def _lookup(file: h5py.File, key: str) -> Any:
    here: Any = file
    for name in key.split("/"):
        found = sorted(here) if isinstance(here, h5py.Group) else []
        if name not in found:
            raise DataError(f"{file.filename}: expected the key {key}; found {', '.join(found) or 'none'}")
        if not isinstance(here.get(name, getlink=True), h5py.HardLink):
            raise DataError(
                f"{file.filename}: {key} is a link, which is not followed; copy the data set there"
            )
        here = here[name]
    return here


def _fits(shape: tuple[int, ...] | None, wanted: Shape) -> bool:
    if shape is None or len(shape) != len(wanted):
        return False
    return all(n > 0 and (isinstance(w, str) or n == w) for n, w in zip(shape, wanted, strict=True))


def read_whole(file: h5py.File, key: str, *shapes: Shape, dtype: str | Sequence[str]) -> Array:
    """Return a whole data set of at most 1 GiB, checked as `checked` does."""
    dataset = checked(file, key, *shapes, dtype=dtype)
    if dataset.nbytes > LARGEST:
        raise DataError(
            f"{file.filename}: {key}: {dataset.shape} {dataset.dtype} is {dataset.nbytes} bytes, "
            f"more than the {LARGEST} that are read whole"
        )
    return dataset[()]


def read_labels(file: h5py.File, key: str, count: int, classes: int) -> Array:
    """Return labels (m,) or (1, m) as int64 (m,), one for each of `count` examples."""
    labels = read_whole(file, key, ("m",), (1, "m"), dtype="integer").reshape(-1)
    where = f"{file.filename}: {key}"
    if len(labels) != count:
        raise DataError(f"{where}: expected {count} labels, one for each example; found {len(labels)}")
    return valid_labels(labels, classes, where, DataError)


def read_names(file: h5py.File, key: str, count: int) -> tuple[str, ...]:
    """Return names of classes, stored as text or as numbers."""
    values = read_whole(file, key, (count,), dtype=("text", "integer"))
    return tuple(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values)


class Stream:
    """Rows of one data set in any order, from a file that opens on the first read.

    Where the values lie on end in the file (neither chunked nor compressed), each row is one `pread`: 64
    random rows of SIGNS in 0.13 ms, where h5py takes 4.3 by a list of rows and 6.2 by `read_direct`. A map of
    the file takes 0.04, but counts in the peak of memory, and the process is killed when the file shrinks.
    Chunked ones go row by row in ascending order: 1.5 to 3 ms with plain chunks or one row in a gzip chunk,
    21 with 16 rows in one, 74 with the chunks h5py chooses (h5py by a list of rows: 64 to 198).
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.path, self.key = Path(dataset.file.filename), dataset.name
        self.shape, self.dtype = dataset.shape[1:], dataset.dtype
        self.count = len(dataset)
        self._offset = dataset.id.get_offset() if hasattr(os, "preadv") else None
        self._stamp = _stamp(self.path)
        self._forget()

    def _forget(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()
        self._open: Any = None  # a descriptor for pread, or h5py's data set

    def __getstate__(self) -> dict[str, Any]:
        """Return all but what belongs to this process."""
        return {
            name: value for name, value in vars(self).items() if name not in ("_lock", "_open", "_process")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave; the file opens on the first read."""
        vars(self).update(state)
        self._forget()

    def rows(self, rows: Array) -> Array:
        """Return these rows (n, ...) as they are stored, in the order given."""
        out: Array = np.empty((len(rows), *self.shape), self.dtype)
        with reading(self.path, KeyError, RuntimeError, ValueError), self._handle() as handle:
            if self._offset is None:
                unique, places = np.unique(rows, return_inverse=True)
                return np.stack([handle[row] for row in unique.tolist()])[places] if len(rows) else out
            size = self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))
            for one, row in zip(out, rows.tolist(), strict=True):
                self._fill(handle, one, self._offset + row * size)
        return out

    def spans(self, starts: Array, stops: Array) -> list[bytes]:
        """Return the bytes of the rows from each start up to its stop."""
        ends = list(zip(starts.tolist(), stops.tolist(), strict=True))
        with reading(self.path, KeyError, RuntimeError, ValueError), self._handle() as handle:
            if self._offset is None:
                return [handle[start:stop].tobytes() for start, stop in ends]
            size = self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))
            found = [
                os.pread(handle, (stop - start) * size, self._offset + start * size) for start, stop in ends
            ]
        if any(len(one) != (stop - start) * size for one, (start, stop) in zip(found, ends, strict=True)):
            raise DataError(f"{self.path}: {self.key}: the file was cut short while it was read")
        return found

    def _fill(self, handle: int, out: Array, offset: int) -> None:
        if os.preadv(handle, [out.data], offset) != out.nbytes:
            raise DataError(f"{self.path}: {self.key}: the file was cut short while it was read")

    @contextmanager
    def _handle(self) -> Iterator[Any]:
        """Give the open file; readers by h5py take turns, those by pread need not."""
        if (
            self._process != os.getpid()
        ):  # a fork: the lock may have been held, and HDF5's state is the parent's
            self._forget()
        with self._lock:
            if self._open is None:
                self._open = self._opened()
            if self._offset is None:
                yield self._open
                return
            handle = self._open
        yield handle

    def _opened(self) -> Any:
        if _stamp(self.path) != self._stamp:
            raise DataError(f"{self.path}: was changed since it was checked; load it again")
        if self._offset is None:
            return h5py.File(self.path, "r", locking=False)[self.key]
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the file; no other thread may be reading."""
        if self._process == os.getpid() and self._open is not None:
            os.close(self._open) if self._offset is not None else self._open.file.close()
        self._forget()

    def __del__(self) -> None:
        """Close the file."""
        if "_process" in vars(self):
            self.close()


def _stamp(path: Path) -> tuple[int, int]:
    with reading(path):
        status = path.stat()
    return status.st_size, status.st_mtime_ns


class HDF5Pictures(Stored):
    """Examples streamed from an HDF5 file, which is never loaded whole.

    Parameters
    ----------
    path : path
        The file.
    x, labels : str
        Keys: examples (m, H, W, C) or of another `shape`, uint8 or float; labels (m,) or (1, m).
    classes : str or sequence of str
        Names of the classes, or the key that holds `count` of them.
    count : int, optional
        How many names a key of classes holds.
    shape : sequence of int or str, optional
        Expected of one example, letters for sizes that are free.
    **options
        `scale`, `mean`, `layout`, `dtype`, as in `jitconv.nn.data.Prepare`.

    Raises
    ------
    DataError
        When the file is missing, damaged, or not of these keys and shapes.
    """

    def __init__(
        self,
        path: Folder,
        x: str,
        labels: str,
        classes: str | Sequence[str],
        *,
        count: int | None = None,
        shape: Shape = ("H", "W", "C"),
        **options: Unpack[Options],
    ) -> None:
        with opened(path) as file:
            dataset = checked(file, x, ("m", *shape), dtype=STORED)
            if isinstance(classes, str):
                size = count or len(checked(file, classes, ("classes",), dtype=("text", "integer")))
                classes = read_names(file, classes, size)
            numbers = read_labels(file, labels, len(dataset), len(classes))
            self.stream = Stream(dataset)
        super().__init__(numbers, classes, Prepare(self.stream.shape, self.stream.dtype.name, **options))

    def fetch(self, rows: Array) -> Array:
        """Return these rows as they are stored."""
        return self.stream.rows(rows)

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        self.stream.close()

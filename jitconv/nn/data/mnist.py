"""MNIST: handwritten digits, 28×28 grey, from ``mnist.npz`` or the four standard idx files."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DataError
from jitconv.nn.data.find import LARGEST, Folder, find, reading
from jitconv.nn.data.prepare import Options
from jitconv.nn.data.source import Arrays, valid_labels
from jitconv.nn.data.task import Task

if TYPE_CHECKING:
    from typing_extensions import Unpack


SIDE, CLASSES = (28, 28), 10
SUBFOLDERS = ("mnist", "MNIST/raw", "raw")
DAMAGE = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, NotImplementedError)


def load(folder: Folder, **options: Unpack[Options]) -> Task:
    """Return MNIST from a folder or a subfolder of it; 55 MB of uint8 stay in memory.

    Parameters
    ----------
    folder : path
        Holds ``mnist.npz`` (x_train, y_train, x_test, y_test), or ``train-images-idx3-ubyte``,
        ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte``, each with or
        without ``.gz``, and with ``.idx`` for ``-idx`` as 7-Zip writes them; they may lie in ``mnist``, or in
        ``MNIST/raw`` or ``raw`` as torchvision keeps them.
    **options
        `scale`, `mean`, `layout`, `dtype`, as in `jitconv.nn.data.Prepare`.

    Raises
    ------
    DataError
        For a file that is missing, damaged, or not of the keys and shapes expected.
    """
    path = find(folder, ["mnist.npz", *_spelt("train-images-idx3-ubyte")], *SUBFOLDERS)
    parts = _npz(path) if path.suffix == ".npz" else _idx(folder)
    names = [str(digit) for digit in range(CLASSES)]
    train, test = (Arrays(x[..., None], _labels(y, len(x), where), names, **options) for x, y, where in parts)
    return Task("mnist", train, test, train.classes)


def _labels(labels: Array, count: int, where: str) -> Array:
    if len(labels) != count:
        raise DataError(f"{where}: expected {count} labels, one for each picture; found {len(labels)}")
    return valid_labels(labels, CLASSES, where, DataError)


def _npz(path: Path) -> list[tuple[Array, Array, str]]:
    with reading(path, *DAMAGE), zipfile.ZipFile(path) as archive:
        return [
            (
                _member(archive, path, f"x_{part}", SIDE),
                _member(archive, path, f"y_{part}", ()),
                f"{path}: y_{part}",
            )
            for part in ("train", "test")
        ]


def _member(archive: zipfile.ZipFile, path: Path, key: str, tail: tuple[int, ...]) -> Array:
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    if key not in keys:
        raise DataError(f"{path}: expected the key {key}; found {', '.join(sorted(keys)) or 'none'}")
    with archive.open(f"{key}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise DataError(f"{path}: {key}: expected format 1.0 of .npy; found {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.uint8 or fortran:
            raise DataError(f"{path}: {key}: expected uint8 in C order; found {dtype}")
        return _values(file, shape, tail, f"{path}: {key}")


def _idx(folder: Folder) -> list[tuple[Array, Array, str]]:
    found = []
    for part in ("train", "t10k"):
        arrays = []
        for kind, tail in (("images-idx3", SIDE), ("labels-idx1", ())):
            name = f"{part}-{kind}-ubyte"
            path = find(folder, _spelt(name), *SUBFOLDERS)
            with reading(path, *DAMAGE), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                arrays.append(_idx_array(file, path, tail))
        found.append((arrays[0], arrays[1], str(path)))
    return found


def _spelt(name: str) -> list[str]:
    """Return the names under which a file is handed around."""
    return [one + ending for one in (name, name.replace("-idx", ".idx")) for ending in ("", ".gz")]


def _idx_array(file: IO[bytes] | gzip.GzipFile, path: Path, tail: tuple[int, ...]) -> Array:
    rank = 1 + len(tail)
    magic = bytes([0, 0, 8, rank])
    header = file.read(4 + 4 * rank)
    if header[:4] != magic:
        raise DataError(
            f"{path}: expected an idx file that begins with {magic.hex()}; found {header[:4].hex()}"
        )
    if len(header) < 4 + 4 * rank:
        raise DataError(f"{path}: cut short within its header")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4", offset=4))
    return _values(file, shape, tail, str(path))


def _values(
    file: IO[bytes] | gzip.GzipFile, shape: tuple[int, ...], tail: tuple[int, ...], where: str
) -> Array:
    """Return uint8 values of a shape that a header claims, checked before anything is allocated."""
    if len(shape) != 1 + len(tail) or shape[1:] != tail or shape[0] < 1:
        wanted = f"(m, {', '.join(map(str, tail))})" if tail else "(m,)"
        raise DataError(f"{where}: expected the shape {wanted}; found {shape}")
    size = shape[0] * (tail[0] * tail[1] if tail else 1)
    if size > LARGEST:
        raise DataError(f"{where}: {shape} is more than the {LARGEST} bytes that are read whole")
    values = file.read(size + 1)
    if len(values) != size:
        raise DataError(
            f"{where}: {shape} needs {size} bytes; found {'more' if len(values) > size else len(values)}"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)

"""CIFAR-10: 32×32 RGB pictures of ten classes, from JPEG bytes in HDF5 or the standard batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DataError
from jitconv.nn.data.find import LARGEST, Folder, find, reading
from jitconv.nn.data.jpeg import JPEGPictures
from jitconv.nn.data.pickles import read_batch
from jitconv.nn.data.prepare import Options
from jitconv.nn.data.source import Arrays, valid_labels
from jitconv.nn.data.task import Task

if TYPE_CHECKING:
    from typing_extensions import Unpack


SHAPE = (32, 32, 3)
RECORD = 1 + 32 * 32 * 3
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN, TEST = [f"data_batch_{k}" for k in range(1, 6)], ["test_batch"]


def load(folder: Folder, **options: Unpack[Options]) -> Task:
    """Return CIFAR-10 from a folder or its subfolder ``cifar10``.

    Parameters
    ----------
    folder : path
        Holds ``cifar10_jpeg.h5`` (streamed), or ``data_batch_1.bin`` to ``5`` and ``test_batch.bin``, also
        in ``cifar-10-batches-bin``, or the same without ``.bin``, pickles of which nothing is run, also in
        ``cifar-10-batches-py`` (184 MB of uint8 stay in memory).
    **options
        `scale`, `mean`, `layout`, `dtype`, as in `jitconv.nn.data.Prepare`.

    Raises
    ------
    DataError
        For a file that is missing, damaged, or not of the keys and shapes expected.
    """
    path = find(folder, ["cifar10_jpeg.h5", *_places(TRAIN[0])], "cifar10")
    if path.suffix == ".h5":
        train, test = (JPEGPictures(path, part, SHAPE, len(NAMES), **options) for part in ("train", "test"))
        return Task("cifar10", train, test, train.classes)
    whole = [Arrays(*_batches(folder, names), NAMES, **options) for names in (TRAIN, TEST)]
    return Task("cifar10", whole[0], whole[1], NAMES)


def _places(name: str) -> list[str]:
    binary, pickled = f"{name}.bin", name
    return [binary, f"cifar-10-batches-bin/{binary}", pickled, f"cifar-10-batches-py/{pickled}"]


def _batches(folder: Folder, names: list[str]) -> tuple[Array, Array]:
    """Return pictures and labels of some batches."""
    pictures, labels = [], []
    for name in names:
        path = find(folder, _places(name), "cifar10")
        planes, numbers = _records(path) if path.suffix == ".bin" else read_batch(path, RECORD - 1)
        labels.append(valid_labels(numbers, len(NAMES), str(path), DataError))
        pictures.append(np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)))
    return np.concatenate(pictures), np.concatenate(labels)


def _records(path: Path) -> tuple[Array, Array]:
    """Return planes and labels of a binary batch: records of a label and three planes, R, G, B."""
    with reading(path):
        size = path.stat().st_size
        if size == 0 or size % RECORD or size > LARGEST:
            raise DataError(
                f"{path}: expected a whole number of records of {RECORD} bytes; found {size} bytes"
            )
        records = np.fromfile(path, np.uint8).reshape(-1, RECORD)
    return records[:, 1:], records[:, 0]

"""The course's data sets; CIFAR-10 from any of the files that `jitconv.nn.data.cifar10` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.cs231n._imagenet import load_imagenet_val, load_models, load_tiny_imagenet
from jitconv.errors import ParameterError
from jitconv.nn.data import cifar10
from jitconv.nn.data.find import Folder
from jitconv.nn.data.pickles import read_batch
from jitconv.nn.data.source import Data
from jitconv.specs.values import integer

__all__ = [
    "get_CIFAR10_data",
    "load_CIFAR10",
    "load_CIFAR_batch",
    "load_imagenet_val",
    "load_models",
    "load_pickle",
    "load_tiny_imagenet",
]

FOLDER = "cs231n/datasets"
"""Where the notebooks' script puts the set."""

PLANES = 3 * 32 * 32


def load_pickle(f: Any) -> dict[str, Any]:
    """Return ``{"data": ..., "labels": ...}`` of an open batch of CIFAR-10; nothing in the file is run.

    Raises
    ------
    DataError
        When the file is no such batch.
    """
    planes, labels = read_batch(Path(f.name), PLANES)
    return {"data": planes, "labels": labels.tolist()}


def load_CIFAR_batch(filename: str | Path) -> tuple[Array, Array]:  # noqa: N802 - the course's name
    """Return one batch: pictures (N, 32, 32, 3) of float64 in 0..255, and labels (N,).

    Raises
    ------
    DataError
        When the file is missing, damaged or no such batch.
    """
    planes, labels = read_batch(Path(filename), PLANES)
    return planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype(np.float64), np.asarray(labels)


def load_CIFAR10(ROOT: Folder) -> tuple[Array, Array, Array, Array]:  # noqa: N802, N803
    """Return ``(Xtr, Ytr, Xte, Yte)``: pictures (N, 32, 32, 3) of float64 in 0..255, and labels.

    Parameters
    ----------
    ROOT : path
        A folder with any of the forms that `jitconv.nn.data.cifar10.load` reads, such as
        ``cifar-10-batches-py``.

    Raises
    ------
    DataError
        When a file is missing or damaged.
    """
    task = cifar10.load(ROOT, scale=1.0, dtype="float64")
    with task.train, task.test:
        return *_some(task.train, 0, len(task.train)), *_some(task.test, 0, len(task.test))


def get_CIFAR10_data(  # noqa: N802
    num_training: int = 49000,
    num_validation: int = 1000,
    num_test: int = 1000,
    subtract_mean: bool = True,
    *,
    folder: Folder = FOLDER,
) -> dict[str, Array]:
    """Return the set as the notebooks want it: channels first, less the mean picture.

    Parameters
    ----------
    num_training, num_validation, num_test : int
        So many of the first training pictures, of those after them, and of the test pictures.
    subtract_mean : bool
        Whether the mean of the training pictures is subtracted from all.
    folder : path
        See `load_CIFAR10`.

    Returns
    -------
    dict
        ``X_train``, ``y_train``, ``X_val``, ``y_val``, ``X_test``, ``y_test``; pictures are float64
        (N, 3, 32, 32).

    Raises
    ------
    ParameterError
        When the set has not so many pictures.
    DataError
        When a file is missing or damaged.
    """
    counts = {"num_training": num_training, "num_validation": num_validation, "num_test": num_test}
    training, validation, test = (integer(name, count, 0) for name, count in counts.items())
    task = cifar10.load(folder, scale=1.0, dtype="float64")
    with task.train, task.test:
        if training + validation > len(task.train) or test > len(task.test):
            raise ParameterError(
                f"the set has {len(task.train)} pictures for training and validation, {len(task.test)} for "
                f"the test; got num_training={training}, num_validation={validation}, num_test={test}"
            )
        parts = {
            "train": _some(task.train, 0, training),
            "val": _some(task.train, training, training + validation),
            "test": _some(task.test, 0, test),
        }
    if subtract_mean:
        mean = parts["train"][0].mean(axis=0)
        for x, _ in parts.values():
            x -= mean
    data = {}
    for part, (x, y) in parts.items():  # in the course's order: notebooks print them all
        data[f"X_{part}"], data[f"y_{part}"] = x.transpose(0, 3, 1, 2).copy(), y
    return data


def _some(data: Data, first: int, beyond: int) -> tuple[Array, Array]:
    return data.read(np.arange(first, beyond))

"""Parts of ImageNet as the course's notebooks load them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DataError
from jitconv.nn.data.find import Folder, reading
from jitconv.nn.data.pickles import read_plain

SIDE = 64
"""Pixels of a side of a picture of TinyImageNet."""

VALIDATION = "cs231n/datasets/imagenet_val_25.npz"
"""Where the notebooks' script puts the pictures to validate with."""


def load_tiny_imagenet(path: Folder, dtype: Any = np.float32, subtract_mean: bool = True) -> dict[str, Any]:
    """Return TinyImageNet, or a part of it that is laid out alike.

    Parameters
    ----------
    path : path
        The folder: ``wnids.txt``, ``words.txt``, ``train/*/*_boxes.txt``, ``val/val_annotations.txt`` and
        the pictures.
    dtype : dtype
        Of the pictures, 0..255.
    subtract_mean : bool
        Whether the mean of the training pictures is subtracted from all.

    Returns
    -------
    dict
        ``X_train``, ``X_val``, ``X_test`` (N, 3, 64, 64); ``y_train``, ``y_val`` (N,), and ``y_test``, or
        None where the labels of the test pictures are not given; ``class_names``, the words of each class;
        ``mean_image`` (3, 64, 64).

    Raises
    ------
    DataError
        When a file is missing or damaged, or names a class that ``wnids.txt`` does not.
    """
    top = Path(path).expanduser()
    wnids = [row[0] for row in _rows(top / "wnids.txt")]
    label = {wnid: number for number, wnid in enumerate(wnids)}
    words = {row[0]: row[1] for row in _rows(top / "words.txt", columns=2)}
    names = [words.get(wnid, wnid).split(", ") for wnid in wnids]
    train: list[tuple[Path, int]] = []
    for wnid in wnids:
        folder = top / "train" / wnid
        files = [row[0] for row in _rows(folder / f"{wnid}_boxes.txt")]
        train += [(folder / "images" / file, label[wnid]) for file in files]
    val = _annotated(top / "val", label)
    tested = top / "test" / "test_annotations.txt"
    test = (
        _annotated(top / "test", label)
        if tested.exists()
        else [(file, 0) for file in sorted((top / "test" / "images").glob("*"))]
    )
    pictures = {
        part: _pictures([file for file, _ in rows], dtype)
        for part, rows in (("train", train), ("val", val), ("test", test))
    }
    mean = pictures["train"].mean(axis=0, dtype=np.float64).astype(pictures["train"].dtype)
    if subtract_mean:
        for x in pictures.values():
            x -= mean
    labels = {
        part: np.array([one for _, one in rows], np.int64) for part, rows in (("train", train), ("val", val))
    }
    return {
        "class_names": names,
        **{f"X_{part}": x for part, x in pictures.items()},
        **{f"y_{part}": y for part, y in labels.items()},
        "y_test": np.array([one for _, one in test], np.int64) if tested.exists() else None,
        "mean_image": mean,
    }


def load_models(models_dir: Folder) -> dict[str, Any]:
    """Return the ``"model"`` of every pickle in a folder, by the file's name.

    Nothing in a file is run: dictionaries, lists, numbers, text and arrays are read. A file that is no pickle
    of these, or has no ``"model"``, is left out, as in the course.
    """
    found = {}
    for path in sorted(Path(models_dir).expanduser().iterdir()):
        try:
            with path.open("rb") as file:
                found[path.name] = read_plain(file, path)["model"]
        except (DataError, OSError, TypeError, KeyError, IndexError):
            continue
    return found


def load_imagenet_val(
    num: int | None = None, *, path: Folder = VALIDATION
) -> tuple[Array, Array, dict[int, str]]:
    """Return some pictures of ImageNet's validation set, their labels, and the names of all classes.

    Parameters
    ----------
    num : int, optional
        So many of the first; by default all.
    path : path
        The file ``imagenet_val_25.npz``, of which nothing is run.

    Returns
    -------
    X : array (N, 224, 224, 3) of uint8
    y : array (N,)
    class_names : dict
        A name by its label.

    Raises
    ------
    DataError
        When the file is missing or damaged.
    """
    file = Path(path).expanduser()
    with reading(file, ValueError, KeyError, zipfile.BadZipFile):
        with file.open("rb") as stream, np.load(stream) as found:  # it refuses what would be run
            x, y = found["X"], found["y"]
        with zipfile.ZipFile(file) as packed, packed.open("label_map.npy") as names:
            version = np.lib.format.read_magic(names)
            getattr(np.lib.format, f"read_array_header_{version[0]}_0")(names)
            classes = read_plain(names, file).item()
    return x[:num], y[:num], classes


def _annotated(folder: Path, label: dict[str, int]) -> list[tuple[Path, int]]:
    """Return the files and labels that a folder's list of annotations names."""
    path = folder / f"{folder.name}_annotations.txt"
    found = []
    for file, wnid, *_ in _rows(path, columns=2):
        if wnid not in label:
            raise DataError(f"{path}: {file} is of the class {wnid}, which wnids.txt does not name")
        found.append((folder / "images" / file, label[wnid]))
    return found


def _rows(path: Path, columns: int = 1) -> list[list[str]]:
    """Return the lines of a file, each divided at tabs."""
    with reading(path, UnicodeDecodeError):
        rows = [line.split("\t") for line in path.read_text().splitlines() if line]
    for number, row in enumerate(rows, 1):
        if len(row) < columns:
            raise DataError(f"{path}: line {number} must have {columns} columns, divided by a tab; got {row}")
    return rows


def _pictures(files: list[Path], dtype: Any) -> Array:
    """Return decoded pictures (N, 3, 64, 64), grey ones in three equal channels."""
    from PIL import Image

    x = np.zeros((len(files), 3, SIDE, SIDE), dtype)
    for place, file in enumerate(files):
        with reading(file, ValueError, SyntaxError), Image.open(file) as picture:
            if picture.size != (SIDE, SIDE):
                raise DataError(f"{file}: expected a picture of {SIDE}×{SIDE}; found {picture.size}")
            x[place] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    return x

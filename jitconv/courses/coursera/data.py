"""The data set, labels and mini-batches, as the course's helper file has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, ParameterError, ShapeError
from jitconv.nn.data.find import find
from jitconv.nn.data.hdf5 import opened, read_labels, read_names, read_whole
from jitconv.specs.values import integer

CLASSES = 6

Five = tuple[Array, Array, Array, Array, Array]


def load_dataset(folder: str | Path = "datasets") -> Five:
    """Return the pictures and labels of SIGNS.

    Parameters
    ----------
    folder : path
        Holds ``train_signs.h5`` and ``test_signs.h5``, or a subfolder ``signs`` that does.

    Returns
    -------
    train_set_x_orig : array (m, 64, 64, 3) of uint8
    train_set_y_orig : array (1, m) of int64
    test_set_x_orig, test_set_y_orig : array
        Likewise.
    classes : array (6,)
        Names of the classes.

    Raises
    ------
    DataError
        When a file is missing, damaged, or not of the keys and shapes expected.
    """
    return _loaded(folder, "signs", CLASSES)


def load_signs_dataset(folder: str | Path = "datasets") -> Five:
    """Return what `load_dataset` returns: the exercise with Keras has this name for it."""
    return load_dataset(folder)


def load_happy_dataset(folder: str | Path = "datasets") -> Five:
    """Return the pictures of the Happy House, and whether each is of somebody happy.

    Parameters
    ----------
    folder : path
        Holds ``train_happy.h5`` and ``test_happy.h5``, or a subfolder ``happy`` that does.

    Returns
    -------
    tuple
        As of `load_dataset`, with labels 0 and 1 and ``classes`` (2,).

    Raises
    ------
    DataError
        As `load_dataset`.
    """
    return _loaded(folder, "happy", 2)


def _loaded(folder: str | Path, name: str, count: int) -> Five:
    found: list[Array] = []
    for part in ("train", "test"):
        with opened(find(folder, [f"{part}_{name}.h5"], name)) as file:
            x = read_whole(file, f"{part}_set_x", ("m", 64, 64, 3), dtype="uint8")
            found += [x, read_labels(file, f"{part}_set_y", len(x), count)[None]]
            names = read_names(file, "list_classes", count)
    classes = np.array([int(one) if one.isdecimal() else one for one in names])
    return found[0], found[1], found[2], found[3], classes


def convert_to_one_hot(Y: Array, C: int) -> Array:  # noqa: N803 (the course's names)
    """Return labels as columns with a 1 at the label and 0 elsewhere.

    Parameters
    ----------
    Y : array of int (m,) or (1, m)
        Labels in 0..C-1.
    C : int
        Number of classes.

    Returns
    -------
    array (C, m) of float64
        The course's networks take its transpose: ``convert_to_one_hot(Y, 6).T``.

    Raises
    ------
    DtypeError, ParameterError
        When `Y` holds no integers or one outside 0..C-1, or `C` is no positive integer.

    Examples
    --------
    >>> import numpy as np
    >>> convert_to_one_hot(np.array([[1, 0, 1]]), 2)
    array([[0., 1., 0.],
           [1., 0., 1.]])
    """
    classes, labels = integer("C", C, 1), np.asarray(Y).reshape(-1)
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"Y must be integers; got {labels.dtype}: convert it with Y.astype(int)")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ParameterError(
            f"Y must lie in 0..{classes - 1} (C is {classes}); got {labels.min()}..{labels.max()}"
        )
    return np.eye(classes)[:, labels]


def random_mini_batches(
    X: Array,  # noqa: N803
    Y: Array,  # noqa: N803
    mini_batch_size: int = 64,
    seed: int = 0,
) -> list[tuple[Array, Array]]:
    """Shuffle pictures and labels alike, and cut them into batches.

    Parameters
    ----------
    X : array (m, ...)
        Pictures.
    Y : array (m, ...)
        Their labels.
    mini_batch_size : int
        Pictures in a batch, at least 1.
    seed : int
        Seed of the shuffle. The order is the course's, that of ``np.random.seed(seed)`` and
        ``np.random.permutation(m)``, but NumPy's global state is left alone.

    Returns
    -------
    list of (X, Y)
        Each of `mini_batch_size` rows; the last takes what is left.

    Raises
    ------
    ShapeError, ParameterError
        When `X` and `Y` have different lengths, or a number has no meaning.

    Examples
    --------
    >>> import numpy as np
    >>> batches = random_mini_batches(np.arange(10), np.arange(10), mini_batch_size=4)
    >>> [len(X) for X, Y in batches]
    [4, 4, 2]
    """
    x, y = np.asarray(X), np.asarray(Y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ShapeError(f"X and Y must have the same length m; got shapes {x.shape} and {y.shape}")
    size, seed = integer("mini_batch_size", mini_batch_size, 1), integer("seed", seed, 0)
    order: Any = np.random.RandomState(seed).permutation(len(x))
    parts = [order[first : first + size] for first in range(0, len(x), size)]
    return [(x[part], y[part]) for part in parts]

"""The mean picture of a source, and sources from which it is subtracted, as CS231n prepares CIFAR-10."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.errors import DtypeError, ParameterError, ShapeError
from jitconv.nn.data.source import Data

Array = np.ndarray[Any, Any]

AT_ONCE = 250
"""Examples of a read: 3 MB of CIFAR-10's."""


def mean_picture(data: Data) -> Array:
    """Return the mean of all examples of a source, read batch by batch and summed in float64.

    Of a set that is split, take it of the part that is trained on: the examples held back and those of the
    test must not be seen in it.

    Parameters
    ----------
    data : Data
        The source; each of its examples is read once.

    Returns
    -------
    float64 array, shaped as `data.shape`

    Raises
    ------
    ParameterError
        For a source without examples.
    DataError
        When the file behind is damaged or was changed.

    Examples
    --------
    >>> import numpy as np
    >>> from jitconv.nn.data import Arrays, Shifted, mean_picture, split
    >>> data = Arrays(np.arange(10.0)[:, None], np.zeros(10, int))
    >>> training, held = split(data, 4, seed=0)
    >>> mean = mean_picture(training)
    >>> training, held = Shifted(training, mean), Shifted(held, mean)
    >>> bool(abs(mean_picture(training)) < 1e-6)
    True
    """
    if not len(data):
        raise ParameterError("data must hold at least one example to have a mean; it holds none")
    total = np.zeros(data.shape)
    for start in range(0, len(data), AT_ONCE):
        x, _ = data.read(np.arange(start, min(start + AT_ONCE, len(data))))
        total += x.sum(axis=0, dtype=np.float64)
    return total / len(data)


class Shifted(Data):
    """Another source, minus one picture: 0.04 ms for 50 examples of CIFAR-10.

    Parameters
    ----------
    data : Data
        The source behind.
    mean : array
        Shaped as an example that `data` gives, as `mean_picture` returns it; subtracted in their dtype.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        For another shape, for anything but numbers, and for NaN or infinity.
    """

    def __init__(self, data: Data, mean: Array) -> None:
        mean = np.asarray(mean)
        if mean.shape != data.shape:
            raise ShapeError(f"mean must be {data.shape}, as an example of data; got {mean.shape}")
        if mean.dtype.kind not in "fiu":
            raise DtypeError(f"mean must be real numbers; got {mean.dtype}")
        if not np.isfinite(mean).all():
            raise ParameterError("mean must be finite; it holds NaN or infinity")
        self.data, self.mean = data, mean.copy()
        self.shape, self.classes = data.shape, data.classes

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.data)

    def read(self, rows: Array) -> tuple[Array, Array]:
        """Return examples and labels, as `Data.read` says."""
        x, labels = self.data.read(rows)
        return x - self.mean.astype(x.dtype), labels

    def close(self) -> None:
        """Close the source behind."""
        self.data.close()

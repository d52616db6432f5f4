"""Sources of labelled examples: what `fit` reads its batches from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, JitconvError, ParameterError, ShapeError
from jitconv.nn.data.prepare import STORED, Options, Prepare

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class Data(ABC):
    """Labelled examples that are read by their row numbers.

    `shape` is that of one example as `read` gives it; `classes` are the names of the classes.
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...]

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of examples."""

    @abstractmethod
    def read(self, rows: Array) -> tuple[Array, Array]:
        """Return examples and labels.

        Parameters
        ----------
        rows : array (n,) of integers
            Row numbers from 0, in any order; one may come several times.

        Returns
        -------
        x : array (n, *shape)
            Float32 (or as the source was asked), C-contiguous, in the order of `rows`.
        labels : int64 array (n,)

        Raises
        ------
        ParameterError, ShapeError
            For rows that are negative, too large, or no list of integers.
        DataError
            When the file behind is damaged or was changed.
        """

    def close(self) -> None:  # noqa: B027, most sources have nothing to close
        """Close the files that were opened; the next `read` opens them again."""

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the source."""
        self.close()


class Stored(Data):
    """A source that has its labels in memory (8 bytes each) and fetches stored examples by row."""

    def __init__(self, labels: Array, classes: Sequence[str], prepare: Prepare) -> None:
        self.labels = labels
        self.classes = tuple(classes)
        self.prepare = prepare
        self.shape = prepare.shape

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels)

    @abstractmethod
    def fetch(self, rows: Array) -> Array:
        """Return the examples of these valid rows as they are stored."""

    def read(self, rows: Array) -> tuple[Array, Array]:
        """Return examples and labels, as `Data.read` says."""
        rows = valid_rows(rows, len(self))
        return self.prepare(self.fetch(rows)), self.labels[rows]


class Arrays(Stored):
    """Examples in memory.

    Parameters
    ----------
    x : array (m, ...)
        Uint8, float32 or float64; kept as it is, not copied.
    labels : array (m,) of integers
        Numbers of the classes.
    classes : sequence of str, optional
        Names of the classes; by default the numbers up to the largest label.
    **options
        `scale`, `mean`, `layout`, `dtype`, as in `jitconv.nn.data.Prepare`.

    Raises
    ------
    DtypeError, ShapeError, ParameterError
        For arrays that do not fit together, labels that no class has, and options without meaning.

    Examples
    --------
    >>> import numpy as np
    >>> from jitconv.nn.data import Arrays
    >>> data = Arrays(np.full((3, 2, 2, 1), 255, np.uint8), [0, 1, 0])
    >>> x, labels = data.read(np.array([1, 0]))
    >>> x.shape, x.max(), labels
    ((2, 2, 2, 1), np.float32(1.0), array([1, 0]))
    """

    def __init__(
        self, x: Array, labels: Array, classes: Sequence[str] | None = None, **options: Unpack[Options]
    ) -> None:
        if not isinstance(x, np.ndarray) or x.dtype.name not in STORED:
            found = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise DtypeError(f"x must be an array of {', '.join(STORED)}; got {found}")
        if x.ndim < 2 or 0 in x.shape:
            raise ShapeError(f"x must be (m, ...) with at least one example; got {x.shape}")
        labels = np.asarray(labels)
        if labels.shape != x.shape[:1]:
            raise ShapeError(f"labels must be {x.shape[:1]} to match x {x.shape}; got {labels.shape}")
        if labels.dtype.kind not in "iu":
            raise DtypeError(f"labels must be integers; got {labels.dtype}")
        if classes is None:
            classes = [str(k) for k in range(int(labels.max()) + 1)]
        labels = valid_labels(labels, len(classes), "labels", ParameterError)
        super().__init__(labels, classes, Prepare(x.shape[1:], x.dtype.name, **options))
        self.x = x

    def fetch(self, rows: Array) -> Array:
        """Return a copy of these rows."""
        return self.x[rows]


class Subset(Data):
    """Some rows of another source, in the order given; row k here is row `rows[k]` there."""

    def __init__(self, data: Data, rows: Array) -> None:
        self.data = data
        self.rows = valid_rows(rows, len(data)).copy()
        self.shape, self.classes = data.shape, data.classes

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.rows)

    def read(self, rows: Array) -> tuple[Array, Array]:
        """Return examples and labels, as `Data.read` says."""
        return self.data.read(self.rows[valid_rows(rows, len(self))])

    def close(self) -> None:
        """Close the source behind."""
        self.data.close()


def split(data: Data, count: int, seed: int) -> tuple[Subset, Subset]:
    """Return the rest of a source, and `count` of its examples held back for validation.

    Parameters
    ----------
    data : Data
        The source; nothing is read of it.
    count : int
        How many to hold back: at least 1, and fewer than there are.
    seed : int
        Of the drawing (NumPy's default generator). Both parts keep the order of the source.

    Raises
    ------
    ParameterError
        For another count.
    """
    if not 1 <= count < len(data):
        raise ParameterError(f"count must be in 1..{len(data) - 1} of {len(data)} examples; got {count}")
    drawn = np.random.default_rng(seed).permutation(len(data))
    return Subset(data, np.sort(drawn[count:])), Subset(data, np.sort(drawn[:count]))


def valid_rows(rows: Array, count: int) -> Array:
    """Return row numbers as int64, or raise an error that names the first bad one."""
    rows = np.asarray(rows)
    if rows.ndim != 1:
        raise ShapeError(f"rows must be one list of row numbers (n,); got {rows.shape}")
    if rows.dtype.kind not in "iu" and rows.size:
        raise ParameterError(f"rows must be integers; got {rows.dtype}")
    bad = np.flatnonzero((rows < 0) | (rows >= count))
    if bad.size:
        raise ParameterError(f"rows must be in 0..{count - 1}; got {rows[bad[0]]} at place {bad[0]}")
    return rows.astype(np.int64, copy=False)


def valid_labels(labels: Array, classes: int, where: str, error: type[JitconvError]) -> Array:
    """Return labels as int64, or raise an error that names the first that no class has."""
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise error(
            f"{where}: labels of {classes} classes must be in 0..{classes - 1}; "
            f"row {bad[0]} has {labels[bad[0]]}"
        )
    return labels.astype(np.int64)

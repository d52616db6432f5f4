"""SIGNS: hands that show the numbers 0 to 5, 64×64 RGB, streamed from the course's HDF5 files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitconv.nn.data.find import Folder, find
from jitconv.nn.data.hdf5 import HDF5Pictures
from jitconv.nn.data.prepare import Options
from jitconv.nn.data.task import Task

if TYPE_CHECKING:
    from typing_extensions import Unpack

SHAPE, CLASSES = (64, 64, 3), 6


def load(folder: Folder, **options: Unpack[Options]) -> Task:
    """Return SIGNS from ``train_signs.h5`` and ``test_signs.h5`` in a folder or its subfolder ``signs``.

    Parameters
    ----------
    folder : path
        Where the files lie.
    **options
        `scale`, `mean`, `layout`, `dtype`, as in `jitconv.nn.data.Prepare`.

    Raises
    ------
    DataError
        For a file that is missing, damaged, or not of the keys and shapes expected.
    """
    train, test = (
        HDF5Pictures(
            find(folder, [f"{part}_signs.h5"], "signs"),
            f"{part}_set_x",
            f"{part}_set_y",
            "list_classes",
            count=CLASSES,
            shape=SHAPE,
            **options,
        )
        for part in ("train", "test")
    )
    return Task("signs", train, test, train.classes)

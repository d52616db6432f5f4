"""The handwritten digits shipped with jitconv: 1,797 real pictures of 8×8; see ``jitconv/data/README.md``."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from jitconv.nn.data.prepare import Options
from jitconv.nn.data.source import Arrays
from jitconv.nn.data.task import Task

if TYPE_CHECKING:
    from typing_extensions import Unpack

TEST = 360
"""The last fifth: the set is in the order of its writers, so few of them stand in both parts."""


def load(**options: Unpack[Options]) -> Task:
    """Return the digits: 1,437 to train, the last 360 to test; values 0..16, by default scaled to 0..1.

    Parameters
    ----------
    **options
        `scale`, `mean`, `layout`, `dtype`, as in `jitconv.nn.data.Prepare`.

    Examples
    --------
    >>> from jitconv.nn.data import digits
    >>> task = digits.load()
    >>> len(task.train), len(task.test), task.train.shape
    (1437, 360, (8, 8, 1))
    """
    options.setdefault("scale", 1 / 16)
    with (files("jitconv") / "data" / "digits.npz").open("rb") as file, np.load(file) as arrays:
        x, labels = arrays["x"], arrays["labels"]
    names = [str(digit) for digit in range(10)]
    train = Arrays(x[:-TEST], labels[:-TEST], names, **options)
    return Task("digits", train, Arrays(x[-TEST:], labels[-TEST:], names, **options), train.classes)

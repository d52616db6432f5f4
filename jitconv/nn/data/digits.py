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
"""The last fifth; the set is nearly in the order of its 13 writers, so few of them stand in both parts."""


def load(**options: Unpack[Options]) -> Task:
    """Return the digits: 1,437 to train, the last 360 to test; values 0..16, by default scaled to 0..1.

    The test is of handwriting that was hardly trained on, which is harder than a random fifth, where every
    writer was seen before: the network of `jitconv train digits`, trained on all 1,437, is right on 0.94 to
    0.95 of the last 360 and on 0.986 to 0.994 of a random 360 (three seeds each); scikit-learn's support
    vector machine on 0.958, and on 0.986 to 0.994. By which 360 in a row are held back, the network is right
    on 0.94 to 0.99: a point more or less here says little of a network.

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

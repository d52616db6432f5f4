"""A data set as a network is trained on it."""

from __future__ import annotations

from typing import NamedTuple

from jitconv.nn.data.source import Data


class Task(NamedTuple):
    """A named data set: examples to train on, and others to test with."""

    name: str
    train: Data
    test: Data
    classes: tuple[str, ...]

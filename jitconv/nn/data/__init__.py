"""Data sets as streamed sources; the readers are `signs`, `mnist`, `cifar10` and `digits`."""

from jitconv.nn.data.prepare import Prepare
from jitconv.nn.data.source import Arrays, Data, Subset, split
from jitconv.nn.data.task import Task

__all__ = ["Arrays", "Data", "Prepare", "Subset", "Task", "split"]

"""The layers of networks."""

from jitconv.nn.layers.activation import Dropout, LeakyReLU, ReLU, Sigmoid
from jitconv.nn.layers.add import Add
from jitconv.nn.layers.base import Layer, Setting
from jitconv.nn.layers.conv import Conv2D
from jitconv.nn.layers.dense import Dense, Flatten
from jitconv.nn.layers.normalisation import BatchNorm2D, GroupNorm
from jitconv.nn.layers.padding import ZeroPad2D
from jitconv.nn.layers.pool import AvgPool2D, MaxPool2D

_ALL: tuple[type[Layer], ...] = (
    Add,
    AvgPool2D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GroupNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    ZeroPad2D,
)

LAYERS: dict[str, type[Layer]] = {one.__name__: one for one in _ALL}
"""Every layer by its class's name, as files have it."""

__all__ = [
    "LAYERS",
    "Add",
    "AvgPool2D",
    "BatchNorm2D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GroupNorm",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Setting",
    "Sigmoid",
    "ZeroPad2D",
]

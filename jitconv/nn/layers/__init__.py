"""The layers of networks."""

from jitconv.nn.layers.activation import ReLU
from jitconv.nn.layers.base import Layer, Setting
from jitconv.nn.layers.conv import Conv2D
from jitconv.nn.layers.dense import Dense, Flatten
from jitconv.nn.layers.pool import AvgPool2D, MaxPool2D

__all__ = ["AvgPool2D", "Conv2D", "Dense", "Flatten", "Layer", "MaxPool2D", "ReLU", "Setting"]

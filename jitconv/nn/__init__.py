"""Networks that train, with nothing but jitconv's ops underneath."""

from jitconv.nn import schedules
from jitconv.nn.checkpoint import load, save
from jitconv.nn.gradients import check_gradients, numerical_gradient, relative_error
from jitconv.nn.history import Epoch, History
from jitconv.nn.layers import (
    Add,
    AvgPool2D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GroupNorm,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    ZeroPad2D,
)
from jitconv.nn.model import Sequential
from jitconv.nn.optimisers import SGD, Adam, Optimiser
from jitconv.nn.progress import Progress
from jitconv.nn.summary import summary
from jitconv.nn.training import evaluate, fit, predict

__all__ = [
    "SGD",
    "Adam",
    "Add",
    "AvgPool2D",
    "BatchNorm2D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Epoch",
    "Flatten",
    "GroupNorm",
    "History",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "Optimiser",
    "Progress",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "ZeroPad2D",
    "check_gradients",
    "evaluate",
    "fit",
    "load",
    "numerical_gradient",
    "predict",
    "relative_error",
    "save",
    "schedules",
    "summary",
]

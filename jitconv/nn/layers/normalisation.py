"""Layers that give channels mean and deviation of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ShapeError
from jitconv.nn.functions import batchnorm_backward, batchnorm_forward, groupnorm_backward, groupnorm_forward
from jitconv.nn.layers.base import Layer, Setting, Shape, picture
from jitconv.specs.values import integer


@dataclass
class BatchNorm2D(Layer):
    """Each channel normalised over the batch; see `jitconv.nn.functions.batchnorm_forward`.

    Parameters
    ----------
    momentum : float
        Weight of the past in the running averages, which serve outside training.
    epsilon : float
        Added to the variance.
    """

    word: ClassVar[str] = "norm"
    momentum: float = 0.9
    epsilon: float = 1e-5

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make ``gamma`` and ``beta``, and the running ``mean`` and ``var``."""
        channels = picture(self, shape, setting.layout)[2]
        self._axis = 3 if setting.layout == "NHWC" else 1
        self.parameters = _scale_and_shift(channels, setting)
        self.state = {"mean": np.zeros(channels, setting.dtype), "var": np.ones(channels, setting.dtype)}
        return shape

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Use this batch's statistics when training, else the running ones."""
        return batchnorm_forward(
            x,
            **self.parameters,
            axis=self._axis,
            running_mean=self.state["mean"],
            running_var=self.state["var"],
            training=rng is not None,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """See `jitconv.nn.functions.batchnorm_backward`."""
        gradient, dgamma, dbeta = batchnorm_backward(dy, cache)
        return gradient, {"gamma": dgamma, "beta": dbeta}


@dataclass
class GroupNorm(Layer):
    """Groups of channels normalised in each picture; see `jitconv.nn.functions.groupnorm_forward`.

    Parameters
    ----------
    groups : int
        How many; divides C. One of them is layer normalisation.
    epsilon : float
        Added to the variance.
    """

    word: ClassVar[str] = "norm"
    groups: int
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("GroupNorm: groups", self.groups, 1)

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make ``gamma`` and ``beta``."""
        channels = picture(self, shape, setting.layout)[2]
        if channels % self.groups:
            raise ShapeError(f"GroupNorm: groups must divide the {channels} channels; got {self.groups}")
        self._axis = 3 if setting.layout == "NHWC" else 1
        self.parameters = _scale_and_shift(channels, setting)
        return shape

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """See `jitconv.nn.functions.groupnorm_forward`."""
        return groupnorm_forward(
            x, **self.parameters, groups=self.groups, axis=self._axis, epsilon=self.epsilon
        )

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """See `jitconv.nn.functions.groupnorm_backward`."""
        gradient, dgamma, dbeta = groupnorm_backward(dy, cache)
        return gradient, {"gamma": dgamma, "beta": dbeta}


def _scale_and_shift(channels: int, setting: Setting) -> dict[str, Array]:
    return {"gamma": np.ones(channels, setting.dtype), "beta": np.zeros(channels, setting.dtype)}

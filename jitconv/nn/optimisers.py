"""Optimisers: what becomes of parameters, given their gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError
from jitconv.nn.functions import adam_step, momentum_step
from jitconv.specs.values import finite


@dataclass
class Optimiser(ABC):
    """Changes parameters in place, and keeps what it needs for the next step.

    Parameters
    ----------
    rate : float
        Learning rate.
    weight_decay : float
        Every step takes ``rate · weight_decay`` of each weight off it, whatever the gradient: I. Loshchilov,
        F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.

    Attributes
    ----------
    steps : int
        Steps taken.
    moments : dict
        Arrays that it keeps, by their own name and then by the parameter's.
    """

    kept: ClassVar[tuple[str, ...]] = ()
    rate: float = 1e-3
    weight_decay: float = field(default=0.0, kw_only=True)
    steps: int = field(default=0, init=False, repr=False)
    moments: dict[str, dict[str, Array]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if finite("the learning rate", self.rate) <= 0:
            raise ParameterError(f"the learning rate must be above 0; got {self.rate}")
        if finite("weight_decay", self.weight_decay) < 0:
            raise ParameterError(f"weight_decay must not be negative; got {self.weight_decay}")

    def step(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], l2: float = 0.0) -> None:
        """Take a step; `l2` times each weight (but no bias, scale or shift) is added to its gradient."""
        self.steps += 1
        for name, w in parameters.items():
            if self.weight_decay and decays(name):
                w *= w.dtype.type(1 - self.rate * self.weight_decay)
            moments = [self._kept(kept, name, w) for kept in self.kept]
            self.update(w, gradients[name], *moments, decay=l2 if decays(name) else 0.0)

    def _kept(self, kept: str, name: str, w: Array) -> Array:
        arrays = self.moments.setdefault(kept, {})
        if name not in arrays:
            arrays[name] = np.zeros_like(w)
        if arrays[name].shape != w.shape or arrays[name].dtype != w.dtype:
            raise ParameterError(
                f"this optimiser keeps the {kept} of another network, whose {name} is {arrays[name].dtype} "
                f"{arrays[name].shape}, not {w.dtype} {w.shape}: make a new one for this network"
            )
        return arrays[name]

    @abstractmethod
    def update(self, w: Array, dw: Array, *moments: Array, decay: float) -> None:
        """Change one parameter and its moments."""


def decays(name: str) -> bool:
    """Whether L2 applies to a parameter: to what is called ``w``."""
    return name.rpartition("/")[2] == "w"


@dataclass
class SGD(Optimiser):
    """Stochastic gradient descent, with momentum if that is above 0.

    Parameters
    ----------
    rate : float
        Learning rate.
    momentum : float
        Share of the last step that is taken again, in 0..1.
    """

    kept: ClassVar[tuple[str, ...]] = ("velocity",)
    rate: float = 1e-2
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= finite("momentum", self.momentum) < 1:
            raise ParameterError(f"momentum must be at least 0 and below 1; got {self.momentum}")

    def update(self, w: Array, dw: Array, *moments: Array, decay: float) -> None:
        """See `momentum_step`."""
        momentum_step(w, dw, *moments, rate=self.rate, momentum=self.momentum, decay=decay)


@dataclass
class Adam(Optimiser):
    """Adam: D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.

    Parameters
    ----------
    rate : float
        Learning rate.
    beta1, beta2 : float
        Decay of the moving means of the gradient and of its square, above 0 and below 1.
    epsilon : float
        What keeps the quotient of the two finite.
    """

    kept: ClassVar[tuple[str, ...]] = ("mean", "square")
    rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta1", "beta2"):
            if not 0 < finite(name, getattr(self, name)) < 1:
                raise ParameterError(f"{name} must be above 0 and below 1; got {getattr(self, name)}")
        if finite("epsilon", self.epsilon) <= 0:
            raise ParameterError(f"epsilon must be above 0; got {self.epsilon}")

    def update(self, w: Array, dw: Array, *moments: Array, decay: float) -> None:
        """See `adam_step`."""
        mean, square = moments
        adam_step(
            w,
            dw,
            mean,
            square,
            self.steps,
            rate=self.rate,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            decay=decay,
        )

"""Learning rates that change in the course of a training: what `jitconv.nn.fit` takes as `schedule`."""

from __future__ import annotations

import math
from collections.abc import Callable

from jitconv.errors import ParameterError
from jitconv.specs.values import finite, integer

Schedule = Callable[[float], float]
"""``schedule(epochs)`` is the share of the learning rate after so many epochs, parts of one counted."""


def step(every: int, factor: float = 0.1) -> Schedule:
    """Return a schedule that multiplies the rate by `factor` after every so many epochs.

    Parameters
    ----------
    every : int
        Epochs from one change to the next.
    factor : float
        Above 0 and at most 1.

    Raises
    ------
    ParameterError
        When a number has no meaning.
    """
    every = integer("every", every, 1)
    if not 0 < finite("factor", factor) <= 1:
        raise ParameterError(f"factor must be above 0 and at most 1; got {factor!r}")
    return lambda epochs: factor ** (epochs // every)


def cosine(epochs: float, least: float = 0.0) -> Schedule:
    """Return a schedule that falls from 1 to `least` by half a cosine, and stays there.

    I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017 (without
    restarts).

    Parameters
    ----------
    epochs : float
        When it has fallen.
    least : float
        At least 0 and below 1.

    Raises
    ------
    ParameterError
        When a number has no meaning.
    """
    if finite("epochs", epochs) <= 0:
        raise ParameterError(f"epochs must be above 0; got {epochs!r}")
    if not 0 <= finite("least", least) < 1:
        raise ParameterError(f"least must be at least 0 and below 1; got {least!r}")
    return lambda passed: least + (1 - least) * (1 + math.cos(math.pi * min(passed / epochs, 1))) / 2

"""How each known data set is trained on: network, epochs, optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jitconv.nn import networks
from jitconv.nn.data import Task, cifar10, digits, mnist, signs
from jitconv.nn.model import Sequential


@dataclass(frozen=True)
class Recipe:
    """A data set, its network, and options of `jitconv.nn.fit` that do well.

    Attributes
    ----------
    load : callable
        ``(folder) -> Task``; digits takes no notice of the folder.
    network : callable
        ``(seed=...) -> Sequential``.
    epochs, batch : int
    rate : float
        Adam's learning rate.
    l2 : float
    held : int
        Training examples that are held back to validate with; with 0 there is no validation.
    every : int
        Epochs from one line of progress to the next.
    """

    load: Callable[[Path], Task]
    network: Callable[..., Sequential]
    epochs: int
    batch: int
    rate: float
    l2: float = 0.0
    held: int = 0
    every: int = 1


RECIPES = {
    # by the course's rate, 0.009, and Glorot's weights 4 to 8 of the 8 first filters ended dead in ten
    # seeds, and one whole network; by 0.003 and He's at most 2 of 8 in thirty. 88 epochs take as long as 100
    # did with most filters dead; asv_benchmarks/seeds.py
    "signs": Recipe(signs.load, partial(networks.signs, init="he"), epochs=88, batch=64, rate=0.003, every=5),
    "cifar10": Recipe(
        lambda folder: cifar10.load(folder, scale=4 / 255, mean=2.0),  # to a deviation near 1
        networks.three_layer,
        epochs=1,
        batch=50,
        rate=1e-3,
        l2=1e-3,
        held=1000,
    ),
    "mnist": Recipe(mnist.load, networks.lenet5, epochs=3, batch=32, rate=1e-3, held=1000),
    "digits": Recipe(
        lambda _: digits.load(), networks.small, epochs=30, batch=32, rate=1e-3, held=200, every=5
    ),
}
"""By the name that `jitconv train` takes; "digits" needs no folder."""

"""What a layer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError, ShapeError, shown
from jitconv.selector import Explanation

Shape = tuple[int, ...]


class Setting(NamedTuple):
    """What all layers of a network share when they are built."""

    layout: str
    dtype: np.dtype[Any]
    rng: np.random.Generator


@dataclass
class Layer(ABC):
    """A step of a network: its options are its fields, its arrays are made by `build`.

    A layer holds nothing of what goes through it: `forward` returns what `backward` needs, so that several
    threads may predict with one network.

    Attributes
    ----------
    parameters : dict
        Arrays that training changes: ``w``, ``b``, ``gamma``, ``beta``.
    state : dict
        Arrays that a layer keeps besides, such as running means.
    """

    word: ClassVar[str]
    """What a layer is called in a network, before its number."""

    def __post_init__(self) -> None:
        self.parameters: dict[str, Array] = {}
        self.state: dict[str, Array] = {}
        self.taken = False  # set by the network it belongs to

    @property
    def parts(self) -> Sequence[Layer]:
        """The layers that this one is made of, such as the branches' of `Add`."""
        return ()

    @abstractmethod
    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Make the arrays for inputs of a shape (without N); return the outputs' shape."""

    @abstractmethod
    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Return the outputs, and what `backward` needs.

        `rng` is given when training alone: what a layer does otherwise then, and draws, depends on it.
        """

    @abstractmethod
    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """Return the gradients with respect to the inputs (None if `dx` is False) and to each parameter."""

    def explanations(self, shape: Shape) -> list[Explanation]:
        """Return why each op of `forward` runs as it does, for inputs of a shape with N."""
        return []

    def options(self) -> dict[str, Any]:
        """Return the options, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def layer_list(name: str, layers: object) -> None:
    """Refuse what is no list of at least one layer; `name` says whose it is."""
    if not isinstance(layers, (list, tuple)) or not layers:
        raise ParameterError(f"{name} must be at least one layer, in a list; got {shown(layers)}")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ParameterError(f"{name} must be layers, such as Dense(10); got {shown(layer)}")


def picture(layer: Layer, shape: Shape, layout: str) -> tuple[int, int, int]:
    """Return (H, W, C) of an input's shape, or refuse it."""
    if len(shape) != 3:
        raise ShapeError(
            f"{type(layer).__name__} takes pictures of three axes ({layout[1:]}); got the shape {shape}"
        )
    return shape if layout == "NHWC" else (shape[1], shape[2], shape[0])

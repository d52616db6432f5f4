"""Layers one after another: what a network is, and each branch of `Add`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError, ShapeError
from jitconv.nn.layers.activation import ReLU
from jitconv.nn.layers.base import Layer, Setting, Shape
from jitconv.nn.layers.conv import Conv2D
from jitconv.nn.layers.pool import MaxPool2D
from jitconv.selector import Explanation

Caches = list[object]


class Chain:
    """Layers that are built for one shape, each for what the one before it gives.

    Parameters
    ----------
    layers : mapping
        The layers by name; none is the identity.
    shape : tuple of int
        Shape of one input, without N.
    setting : Setting
        What all layers share.
    first : bool
        Whether nobody will want the gradient with respect to the inputs.

    Attributes
    ----------
    shapes : dict
        The shape of each layer's output, without N.

    Raises
    ------
    ShapeError, ParameterError
        When a layer cannot take what the one before it gives; the message names it.
    """

    def __init__(
        self, layers: dict[str, Layer], shape: Shape, setting: Setting, *, first: bool = False
    ) -> None:
        self.layers = layers
        self.shape = shape
        self.shapes: dict[str, Shape] = {}
        for name, layer in layers.items():
            try:
                shape = self.shapes[name] = layer.build(shape, setting)
            except (ShapeError, ParameterError) as error:
                raise type(error)(f"{name}: {error}") from None
        self.given = shape
        self._order = _pools_first(list(layers.items()))
        if first:
            _maxima_alone([layer for _, layer in self._order])

    def arrays(self, kind: str) -> dict[str, Array]:
        """Return the parameters, or the state, of all layers by name: "conv1/w", "conv1/b" …"""
        return {
            f"{name}/{part}": array
            for name, layer in self.layers.items()
            for part, array in getattr(layer, kind).items()
        }

    def outputs(self, x: Array) -> Array:
        """Return what the last layer gives, as outside training; no cache is kept."""
        for _, layer in self._order:
            x, _ = layer.forward(x)
        return x

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Caches]:
        """Return what the last layer gives, and what `backward` needs."""
        caches: Caches = []
        for _, layer in self._order:
            x, cache = layer.forward(x, rng)
            caches.append(cache)
        return x, caches

    def backward(self, dy: Array, caches: Caches, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """Return the gradients with respect to the inputs (None if `dx` is False) and to each parameter.

        The caches are used up: each is let go with its layer.
        """
        gradients: dict[str, Array] = {}
        slope: Array | None = dy
        for place in reversed(range(len(self._order))):
            name, layer = self._order[place]
            assert slope is not None
            slope, found = layer.backward(slope, caches.pop(), dx=dx or place > 0)
            gradients |= {f"{name}/{part}": gradient for part, gradient in found.items()}
        return slope, gradients

    def explanations(self, shape: Shape) -> list[Explanation]:
        """Return why each op of `forward` runs as it does, for inputs of a shape with N."""
        found = []
        for name, layer in self.layers.items():
            found += layer.explanations(shape)
            shape = (shape[0], *self.shapes[name])
        return found


def numbered(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Return layers by name: "conv1", "relu1", "conv2" …"""
    counts: dict[str, int] = {}
    named = {}
    for layer in layers:
        counts[layer.word] = counts.get(layer.word, 0) + 1
        named[f"{layer.word}{counts[layer.word]}"] = layer
    return named


def _pools_first(layers: list[tuple[str, Layer]]) -> list[tuple[str, Layer]]:
    """Return the order in which layers run: a ReLU after the max pool that follows it.

    The largest of what is above 0 is what is above 0 of the largest: results and gradients have the same
    bits, and the ReLU sees a window's maximum alone.
    """
    order = list(layers)
    for place in range(len(order) - 1):
        if isinstance(order[place][1], ReLU) and isinstance(order[place + 1][1], MaxPool2D):
            order[place : place + 2] = order[place + 1], order[place]
    return order


def _maxima_alone(order: list[Layer]) -> None:
    """Let a max pool give the first convolution, which gives nothing on, the gradient of its maxima alone."""
    if len(order) > 1 and isinstance(order[0], Conv2D) and isinstance(order[1], MaxPool2D):
        order[1].sparse = order[0].takes_sparse

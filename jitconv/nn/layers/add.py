"""The sum of two branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ShapeError
from jitconv.nn.layers.base import Layer, Setting, Shape, layer_list
from jitconv.nn.layers.chain import Chain, numbered
from jitconv.selector import Explanation


@dataclass
class Add(Layer):
    """The sum of what two branches make of one input: a residual block.

    K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016. There a ReLU
    follows the sum.

    Parameters
    ----------
    body : sequence of Layer
        The one branch.
    shortcut : sequence of Layer
        The other; by default the input itself. Where `body` changes the shape, it must too, such as
        ``[Conv2D(32, 1, stride=2)]``.
    """

    word: ClassVar[str] = "add"
    body: Sequence[Layer]
    shortcut: Sequence[Layer] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        layer_list("Add: body", self.body)
        if self.shortcut:
            layer_list("Add: shortcut", self.shortcut)

    @property
    def parts(self) -> list[Layer]:
        """The layers of both branches."""
        return [*self.body, *self.shortcut]

    def build(self, shape: Shape, setting: Setting) -> Shape:
        """Build both branches; their layers are numbered as those of one network."""
        named = list(numbered(self.parts).items())
        self._body = Chain(dict(named[: len(self.body)]), shape, setting)
        self._shortcut = Chain(dict(named[len(self.body) :]), shape, setting)
        if self._body.given != self._shortcut.given:
            raise ShapeError(
                f"Add: body and shortcut must give the same shape; of {shape} they make {self._body.given} "
                f"and {self._shortcut.given}: such as shortcut=[Conv2D(filters, 1, stride=...)] changes it "
                "as body does"
            )
        for kind in ("parameters", "state"):
            setattr(self, kind, self._body.arrays(kind) | self._shortcut.arrays(kind))
        return self._body.given

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Return the sum."""
        if rng is None:  # outside training no cache is kept longer than its layer runs
            return self._body.outputs(x) + self._shortcut.outputs(x), None
        one, caches = self._body.forward(x, rng)
        other, more = self._shortcut.forward(x, rng)
        return one + other, (caches, more)

    def backward(self, dy: Array, cache: Any, dx: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """Return the sum of both branches' gradients, and those of their parameters."""
        one, gradients = self._body.backward(dy, cache[0], dx)
        other, more = self._shortcut.backward(dy, cache[1], dx)
        return one + other if one is not None and other is not None and dx else None, gradients | more

    def explanations(self, shape: Shape) -> list[Explanation]:
        """Return those of both branches."""
        return self._body.explanations(shape) + self._shortcut.explanations(shape)

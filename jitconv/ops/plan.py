"""Plans: a convolution with fixed weights, packed or transformed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jitconv.algorithm import ACTIVATIONS
from jitconv.arrays import Array
from jitconv.config import current
from jitconv.errors import ShapeError
from jitconv.ops.call import NOT_THEIR_FAULT, Call, Weights
from jitconv.ops.conv import FORWARD
from jitconv.ops.operation import named
from jitconv.selector import Explanation
from jitconv.specs import ConvSpec
from jitconv.specs.values import choice, held, real, shape


class ConvPlan:
    """A convolution with its weights, ready to run on pictures of one shape; see `plan_conv`."""

    __slots__ = ("_call", "_dtype", "_new", "_run", "_x_shape", "activation")

    def __init__(self, call: Call, activation: str | None) -> None:
        spec: ConvSpec = call.spec  # type: ignore[assignment]
        self._call = call
        self._run = call.plan
        self._x_shape, self._dtype = spec.x_shape, np.dtype(spec.dtype)
        self._new = call.new[0]
        self.activation = activation

    @property
    def spec(self) -> ConvSpec:
        """The problem."""
        return self._call.spec  # type: ignore[return-value]

    @property
    def explanation(self) -> Explanation:
        """Which algorithm runs, and why; costs are those of a call with the weights prepared."""
        return self._call.explanation

    def __call__(self, x: Array, out: Array | None = None) -> Array:
        """Return the convolution of `x`, in `out` if given.

        Raises
        ------
        ShapeError, DtypeError
            When `x` is not what the plan was made for.
        """
        if (
            out is not None
            or type(x) is not np.ndarray
            or x.shape != self._x_shape
            or x.dtype != self._dtype
            or not x.flags.carray
        ):
            self._check(x)
            return self._call.result((x,), out)
        y: Array = self._new()  # type: ignore[misc]
        try:
            made = self._run(x, y)
        except NOT_THEIR_FAULT:
            raise
        except Exception as error:
            raise self._call.blamed(error) from error
        return y if made is None else self._call.taken(made, (y,), None)[0]  # type: ignore[return-value]

    def _check(self, x: Array) -> None:
        extents, dtype = FORWARD.key(0, x)
        if extents != self._x_shape:
            raise ShapeError(f"conv: x must be {self._x_shape}, for which this plan was made; got {extents}")
        if dtype != self._dtype:  # naming dtypes takes 8 µs
            real({"the plan": self._dtype, "x": dtype})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as what the plan was made of: whoever unpickles it prepares the weights again."""
        return _again, (self.spec, self.explanation.choice.name, self._call.weights)

    def __repr__(self) -> str:
        activation = "" if self.activation is None else f", {self.activation}"
        return f"<ConvPlan {self.explanation.choice.name}: {self.spec}{activation}>"


def _again(spec: ConvSpec, algorithm: str, weights: Weights) -> ConvPlan:
    return ConvPlan(Call(FORWARD.name, spec, algorithm, current(), weights), weights.activation)


def plan_conv(
    x_shape: Sequence[int],
    w: Array,
    b: Array | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    pad: int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    layout: str = "NHWC",
    activation: str | None = None,
    algorithm: str = "auto",
) -> ConvPlan:
    """Prepare `conv_forward` for pictures of one shape and fixed weights.

    The weights are copied, and packed or transformed as the algorithm wants them, once; "auto" chooses
    by the time of a call after that.

    Parameters
    ----------
    x_shape : sequence of int
        Shape of the pictures to come; their dtype is that of `w`.
    w, b, stride, pad, dilation, groups, layout, algorithm
        As for `conv_forward`. What becomes of `w` and `b` afterwards does not matter to the plan.
    activation : {None, "relu"}
        What is done to every output: "relu" puts 0 in the place of what is negative; a NaN stays one.

    Returns
    -------
    ConvPlan
        ``plan(x, out=None)`` gives what ``conv_forward(x, w, b, ...)`` does, and the activation of it.
        Several threads may call it at once. It can be pickled and copied: the copy has the same weights and
        algorithm, and prepares them again.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, UnknownAlgorithmError, UnsupportedError
        As `conv_forward`.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> plan = jitconv.plan_conv((1, 3, 3, 1), np.ones((2, 2, 1, 1)), -np.ones(1), activation="relu")
    >>> plan(np.eye(3).reshape(1, 3, 3, 1))[0, :, :, 0]
    array([[1., 0.],
           [0., 1.]])
    """
    given = {"w": FORWARD.key(1, w), "b": FORWARD.key(2, b)}
    real({name: one[1] for name, one in given.items() if one is not None})
    extents = shape("x_shape", x_shape)
    held("x_shape", extents)
    x = np.broadcast_to(np.zeros((), w.dtype), extents)
    if activation is not None:
        choice("activation", activation, ACTIVATIONS)
    spec = FORWARD.spec((x, w, b), stride, pad, dilation, groups, layout, False)
    weights = Weights(w, b, activation)
    return ConvPlan(Call(FORWARD.name, spec, named(algorithm), current(), weights), activation)

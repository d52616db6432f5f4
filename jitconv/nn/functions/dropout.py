"""Inverted dropout: in training some elements are dropped and the rest made larger, in use nothing is."""

from __future__ import annotations

from typing import Any, Protocol

from jitconv.arrays import Array
from jitconv.errors import ParameterError


class Uniform(Protocol):
    """What draws numbers in [0, 1): a `numpy.random.Generator`, a `RandomState`, or `numpy.random`."""

    def random(self, size: tuple[int, ...], /) -> Any:
        """Return an array of this shape."""


def dropout_forward(x: Array, keep: float, rng: Uniform) -> tuple[Array, Array]:
    """Keep each element with probability `keep`, divided by it; the expectation stays that of `x`.

    Parameters
    ----------
    x : array
        Float32 or float64, of any shape.
    keep : float
        Probability, above 0 and at most 1.
    rng : numpy.random.Generator or RandomState
        Source of randomness; one number is drawn for every element.

    Returns
    -------
    y : array
        Shaped as `x`.
    mask : array
        What `x` was multiplied by, 0 or 1 / keep; shape and dtype of `x`.

    Raises
    ------
    ParameterError
        When `keep` is no such probability.

    Notes
    -----
    N. Srivastava et al.: Dropout (2014).
    """
    if not 0 < keep <= 1:
        raise ParameterError(f"dropout: the probability to keep must be above 0 and at most 1; got {keep!r}")
    mask = (rng.random(x.shape) < keep).astype(x.dtype)
    mask /= keep
    return x * mask, mask


def dropout_backward(dy: Array, mask: Array) -> Array:
    """Return the gradient of a loss with respect to the input of `dropout_forward`.

    Parameters
    ----------
    dy : array
        Gradient of the loss with respect to the result.
    mask : array
        As `dropout_forward` returned it.

    Returns
    -------
    array
        Shaped as `dy`.
    """
    return dy * mask

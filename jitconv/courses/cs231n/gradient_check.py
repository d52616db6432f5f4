"""Gradients by finite differences, to check those of the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, ShapeError
from jitconv.nn.gradients import either_side
from jitconv.nn.gradients import relative_error as rel_error

__all__ = [
    "eval_numerical_gradient",
    "eval_numerical_gradient_array",
    "eval_numerical_gradient_blobs",
    "eval_numerical_gradient_net",
    "grad_check_sparse",
    "rel_error",
]


def eval_numerical_gradient(
    f: Callable[[Array], Any], x: Array, verbose: bool = True, h: float = 1e-5
) -> Array:
    """Return the gradient of a number `f` at `x` by centred differences.

    Parameters
    ----------
    f : callable
        Takes `x`, returns a number. It may as well look at the array itself: that is changed element by
        element, and put back to the same bits even when `f` raises.
    x : array
        Float32 or float64 (where float32 gives some three digits).
    verbose : bool
        Whether to print each element's index and gradient.
    h : float
        Step to either side.

    Returns
    -------
    array
        Shaped as `x`.

    Raises
    ------
    DtypeError
        When `x` is no array of floats that may be written to.
    """
    gradient = eval_numerical_gradient_array(f, x, 1, h)
    if verbose:
        for place in np.ndindex(x.shape):
            print(place, gradient[place])
    return gradient


def eval_numerical_gradient_array(f: Callable[[Array], Any], x: Array, df: Any, h: float = 1e-5) -> Array:
    """Return the gradient of sum(f(x) · df) at `x` by centred differences.

    Parameters
    ----------
    f : callable
        Takes `x`, returns an array; see `eval_numerical_gradient`.
    x : array
        Float32 or float64.
    df : array
        Gradient of a loss with respect to the result of `f`, shaped as that.
    h : float
        Step to either side.

    Returns
    -------
    array
        Shaped as `x`.

    Raises
    ------
    DtypeError
        When `x` is no array of floats that may be written to.
    """
    gradient = np.zeros_like(_steppable(x))
    for place in np.ndindex(x.shape):
        above, below = either_side(lambda: f(x), x, place, h)
        gradient[place] = np.sum((above - below) * df) / (2 * h)
    return gradient


def eval_numerical_gradient_blobs(
    f: Callable[..., Any], inputs: Sequence[Any], output: Any, h: float = 1e-5
) -> list[Array]:
    """Return the gradients of what `f` writes, at each of its inputs, by centred differences.

    Parameters
    ----------
    f : callable
        ``f(*inputs, output)`` reads ``vals`` of the inputs and writes ``output.vals``.
    inputs : sequence of blob
        Each has an array ``vals`` of floats.
    output : blob
        Has ``vals``, and in ``diffs`` the gradient of a loss with respect to them.
    h : float
        Step to either side.

    Returns
    -------
    list of array
        One for each input, shaped as its ``vals``.
    """

    def written(_: Array) -> Array:
        f(*inputs, output)
        return np.array(output.vals)

    return [eval_numerical_gradient_array(written, one.vals, output.diffs, h) for one in inputs]


def eval_numerical_gradient_net(net: Any, inputs: Sequence[Any], output: Any, h: float = 1e-5) -> list[Array]:
    """Return the same for a network: ``net.forward()`` reads `inputs` and writes `output`."""
    return eval_numerical_gradient_blobs(lambda *_: net.forward(), inputs, output, h)


def grad_check_sparse(
    f: Callable[[Array], Any], x: Array, analytic_grad: Array, num_checks: int = 10, h: float = 1e-5
) -> None:
    """Print numerical and analytic gradient and their relative error at some places of `x`.

    Parameters
    ----------
    f, x, h
        As for `eval_numerical_gradient`.
    analytic_grad : array
        What is to be checked, shaped as `x`.
    num_checks : int
        Places, drawn from ``numpy.random``.

    Raises
    ------
    DtypeError, ShapeError
        When `x` is no array of floats that may be written to, or the gradient is not shaped as `x`.
    """
    _steppable(x)
    if np.shape(analytic_grad) != x.shape:
        raise ShapeError(f"analytic_grad must be {x.shape}, as x; got {np.shape(analytic_grad)}")
    for _ in range(num_checks):
        place = tuple(int(np.random.randint(size)) for size in x.shape)
        above, below = either_side(lambda: f(x), x, place, h)
        numerical, analytic = (above - below) / (2 * h), analytic_grad[place]
        error = rel_error(numerical, analytic)
        print(f"numerical: {numerical:f} analytic: {analytic:f}, relative error: {error:e}")


def _steppable(x: Any) -> Array:
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        came = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise DtypeError(f"x must be an array of floats; got {came}: use np.asarray(x, dtype=float)")
    if not x.flags.writeable:
        raise DtypeError("x must be an array that may be written to; got a read-only one: pass x.copy()")
    return x

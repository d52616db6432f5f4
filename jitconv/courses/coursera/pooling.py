"""Pooling, step by step: forward and backward, and the two functions that backward is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv import ops
from jitconv.arrays import Array
from jitconv.courses.caches import unpacked
from jitconv.courses.coursera.inputs import check_axes, check_window, floats, hparameter
from jitconv.errors import ShapeError
from jitconv.specs.values import choice

MODES = ("max", "average")


def pool_forward(
    A_prev: Array,  # noqa: N803 (the course's name)
    hparameters: dict[str, int],
    mode: str = "max",
) -> tuple[Array, tuple[Any, ...]]:
    """Return the maximum or the average of every window.

    Parameters
    ----------
    A_prev : array (m, n_H_prev, n_W_prev, n_C)
        What the layer before gave; integers become float64.
    hparameters : dict
        ``{"f": height and width of a window, "stride": step between windows}``, each at least 1.
    mode : {"max", "average"}
        What to take of a window.

    Returns
    -------
    A : array (m, n_H, n_W, n_C)
        With n_H = (n_H_prev - f) // stride + 1, and n_W likewise.
    cache : tuple
        ``(A_prev, hparameters)``, for `pool_backward`.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When no window fits, a key of `hparameters` is missing or without meaning, `mode` is unknown, or
        `A_prev` is not real.

    Examples
    --------
    >>> import numpy as np
    >>> A, cache = pool_forward(np.arange(16.0).reshape(1, 4, 4, 1), {"f": 2, "stride": 2})
    >>> A[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    (x,) = floats(A_prev=A_prev)
    check_axes("A_prev", x, "(m, n_H_prev, n_W_prev, n_C)")
    f, stride = hparameter(hparameters, "f", 1), hparameter(hparameters, "stride", 1)
    choice("mode", mode, MODES)
    check_window((f, f), x)
    pool = ops.max_pool_forward if mode == "max" else ops.avg_pool_forward
    return pool(x, f, stride=stride), (x, hparameters)


def pool_backward(dA: Array, cache: tuple[Any, ...], mode: str = "max") -> Array:  # noqa: N803
    """Return the gradient of a cost with respect to the input of `pool_forward`.

    Parameters
    ----------
    dA : array (m, n_H, n_W, n_C)
        Gradient of the cost with respect to A.
    cache : tuple
        As `pool_forward` returned it.
    mode : {"max", "average"}
        As given to `pool_forward`. Where several elements of a window share the maximum, each gets the
        whole gradient, as the course defines its mask.

    Returns
    -------
    array (m, n_H_prev, n_W_prev, n_C)
        dA_prev. A window's gradient goes to the elements that it was made of, whatever the stride;
        printed versions of this exercise put it where the window would be with a stride of 1.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        As `pool_forward`, and when `cache` is not of its form.

    Examples
    --------
    >>> import numpy as np
    >>> A, cache = pool_forward(np.arange(16.0).reshape(1, 4, 4, 1), {"f": 2, "stride": 2})
    >>> pool_backward(A, cache)[0, :, :, 0]
    array([[ 0.,  0.,  0.,  0.],
           [ 0.,  5.,  0.,  7.],
           [ 0.,  0.,  0.,  0.],
           [ 0., 13.,  0., 15.]])
    """
    x, hparameters = unpacked(cache, "(A_prev, hparameters)")
    dy, x = floats(dA=dA, A_prev=x)
    check_axes("dA", dy, "(m, n_H, n_W, n_C)")
    check_axes("A_prev", x, "(m, n_H_prev, n_W_prev, n_C)")
    f, stride = hparameter(hparameters, "f", 1), hparameter(hparameters, "stride", 1)
    choice("mode", mode, MODES)
    check_window((f, f), x)
    wanted = (len(x), *((x.shape[i] - f) // stride + 1 for i in (1, 2)), x.shape[3])
    if dy.shape != wanted:
        raise ShapeError(
            f"dA must be {wanted}, as A of A_prev {x.shape} with f {f} and stride {stride}; "
            f"got shape {dy.shape}"
        )
    if mode == "max":
        return ops.max_pool_backward(dy, x, f, stride=stride, ties="all")
    return ops.avg_pool_backward(dy, x.shape, f, stride=stride)


def create_mask_from_window(x: Array) -> Array:
    """Mark the maximum of a window; of several equal ones, each.

    Parameters
    ----------
    x : array (f, f)
        The window; integers become float64.

    Returns
    -------
    array of bool, shaped as `x`

    Raises
    ------
    ShapeError, DtypeError
        When `x` has not two axes, or is not real.

    Examples
    --------
    >>> import numpy as np
    >>> create_mask_from_window(np.array([[1.0, 3.0], [3.0, 0.0]]))
    array([[False,  True],
           [ True, False]])
    """
    (window,) = floats(x=x)
    check_axes("x", window, "(f, f)")
    return ops.create_mask(window, ties="all")


def distribute_value(dz: float, shape: tuple[int, int]) -> Array:
    """Spread a value equally over a window.

    Parameters
    ----------
    dz : number
        The value; an integer becomes float64.
    shape : (n_H, n_W)
        Height and width of the window.

    Returns
    -------
    array (n_H, n_W)
        ``dz / (n_H·n_W)`` everywhere.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When `dz` is not one real number, or `shape` is no pair of positive integers.

    Examples
    --------
    >>> distribute_value(2, (2, 2))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    (value,) = floats(dz=dz)
    if value.size != 1:
        raise ShapeError(f"dz must be one number; got shape {value.shape}")
    return ops.distribute_value(np.reshape(value, ()), shape)

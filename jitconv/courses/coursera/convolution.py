"""Convolution, step by step: padding, one window, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv import ops
from jitconv.arrays import Array
from jitconv.courses.caches import unpacked
from jitconv.courses.coursera.inputs import check_axes, check_window, floats, hparameter
from jitconv.errors import ShapeError
from jitconv.specs.values import integer

PICTURES = "(m, n_H, n_W, n_C)"


def zero_pad(X: Array, pad: int) -> Array:  # noqa: N803 (the course's name)
    """Put `pad` rows and columns of zeros around every picture.

    Parameters
    ----------
    X : array (m, n_H, n_W, n_C)
        Pictures; integers become float64.
    pad : int
        Zeros on each side, 0 or more.

    Returns
    -------
    array (m, n_H + 2·pad, n_W + 2·pad, n_C)
        Always a new array.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When `X` has not four axes or is not real, or `pad` is no integer or negative.

    Examples
    --------
    >>> import numpy as np
    >>> zero_pad(np.ones((1, 1, 2, 1)), 1)[0, :, :, 0]
    array([[0., 0., 0., 0.],
           [0., 1., 1., 0.],
           [0., 0., 0., 0.]])
    """
    (x,) = floats(X=X)
    check_axes("X", x, PICTURES)
    sides = (integer("pad", pad, 0),) * 2
    return np.pad(x, ((0, 0), sides, sides, (0, 0)))


def conv_single_step(a_slice_prev: Array, W: Array, b: Array) -> Any:  # noqa: N803
    """Apply one filter to one window: the sum of their products, and the bias once.

    Parameters
    ----------
    a_slice_prev, W : array (f, f, n_C_prev)
        The window and the filter.
    b : array (1, 1, 1)
        The bias; any array of one number will do.

    Returns
    -------
    NumPy scalar
        float64, or float32 if all arguments are.

    Raises
    ------
    ShapeError, DtypeError
        When the window has not the shape of the filter, `b` is not one number, or one is not real.

    Examples
    --------
    >>> import numpy as np
    >>> float(conv_single_step(np.ones((2, 2, 3)), np.ones((2, 2, 3)), np.array([[[0.5]]])))
    12.5
    """
    window, w, bias = floats(a_slice_prev=a_slice_prev, W=W, b=b)
    if window.shape != w.shape:
        raise ShapeError(f"a_slice_prev must have the shape of W, {w.shape}; got {window.shape}")
    if bias.size != 1:
        raise ShapeError(f"b must be (1, 1, 1): one number; got shape {bias.shape}")
    return np.sum(window * w) + bias.reshape(-1)[0]


def conv_forward(
    A_prev: Array,  # noqa: N803
    W: Array,  # noqa: N803
    b: Array,
    hparameters: dict[str, int],
) -> tuple[Array, tuple[Any, ...]]:
    """Convolve pictures with filters.

    Parameters
    ----------
    A_prev : array (m, n_H_prev, n_W_prev, n_C_prev)
        What the layer before gave; integers become float64.
    W : array (f, f, n_C_prev, n_C)
        Filters.
    b : array (1, 1, 1, n_C)
        Biases, each added once to every output of its filter.
    hparameters : dict
        ``{"stride": int of at least 1, "pad": int of at least 0}``.

    Returns
    -------
    Z : array (m, n_H, n_W, n_C)
        With n_H = (n_H_prev - f + 2·pad) // stride + 1, and n_W likewise.
    cache : tuple
        ``(A_prev, W, b, hparameters)``, for `conv_backward`.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When the shapes do not fit together, a key of `hparameters` is missing or without meaning, or an
        array is not real.

    Examples
    --------
    >>> import numpy as np
    >>> A_prev, W = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> Z, cache = conv_forward(A_prev, W, np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 0})
    >>> Z[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    x, w, bias = floats(A_prev=A_prev, W=W, b=b)
    stride, pad = hparameter(hparameters, "stride", 1), hparameter(hparameters, "pad", 0)
    _check(x, w, bias, pad)
    return ops.conv_forward(x, w, bias.reshape(-1), stride=stride, pad=pad), (x, w, bias, hparameters)


def conv_backward(dZ: Array, cache: tuple[Any, ...]) -> tuple[Array, Array, Array]:  # noqa: N803
    """Return the gradients of a cost with respect to the inputs of `conv_forward`.

    Parameters
    ----------
    dZ : array (m, n_H, n_W, n_C)
        Gradient of the cost with respect to Z.
    cache : tuple
        As `conv_forward` returned it.

    Returns
    -------
    dA_prev : array (m, n_H_prev, n_W_prev, n_C_prev)
        Also with ``pad = 0``, where printed versions of this exercise return an empty slice.
    dW : array (f, f, n_C_prev, n_C)
    db : array (1, 1, 1, n_C)

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        As `conv_forward`, and when `cache` is not of its form.

    Examples
    --------
    >>> import numpy as np
    >>> A_prev, W = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> Z, cache = conv_forward(A_prev, W, np.zeros((1, 1, 1, 1)), {"stride": 1, "pad": 0})
    >>> dA_prev, dW, db = conv_backward(np.ones_like(Z), cache)
    >>> dA_prev[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    x, w, b, hparameters = unpacked(cache, "(A_prev, W, b, hparameters)")
    dy, x, w, b = floats(dZ=dZ, A_prev=x, W=w, b=b)
    stride, pad = hparameter(hparameters, "stride", 1), hparameter(hparameters, "pad", 0)
    _check(x, w, b, pad)
    check_axes("dZ", dy, PICTURES)
    wanted = (len(x), *((x.shape[i] - w.shape[i - 1] + 2 * pad) // stride + 1 for i in (1, 2)), w.shape[3])
    if dy.shape != wanted:
        raise ShapeError(
            f"dZ must be {wanted}, as Z of A_prev {x.shape} and W {w.shape} by stride {stride}, pad {pad}; "
            f"got shape {dy.shape}"
        )
    gradients: tuple[Any, ...] = ops.conv_backward(dy, x, w, stride=stride, pad=pad)
    dx, dw, db = gradients
    return dx, dw, db.reshape(1, 1, 1, -1)


def _check(x: Array, w: Array, b: Array, pad: int) -> None:
    check_axes("A_prev", x, "(m, n_H_prev, n_W_prev, n_C_prev)")
    check_axes("W", w, "(f, f, n_C_prev, n_C)")
    if w.shape[2] != x.shape[3]:
        hint = ": pictures are (m, n_H, n_W, n_C), channels last" if w.shape[2] == x.shape[1] else ""
        raise ShapeError(
            f"W must be (f, f, {x.shape[3]}, n_C) to match A_prev {x.shape}; got shape {w.shape}{hint}"
        )
    if b.shape != (1, 1, 1, w.shape[3]):
        raise ShapeError(f"b must be (1, 1, 1, {w.shape[3]}) to match W {w.shape}; got shape {b.shape}")
    check_window(w.shape[:2], x, pad)

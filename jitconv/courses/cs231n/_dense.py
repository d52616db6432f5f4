"""Affine layers, the rectifier, dropout and the losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.caches import unpacked
from jitconv.courses.cs231n import _arguments
from jitconv.courses.cs231n._arguments import real
from jitconv.errors import ShapeError
from jitconv.nn import functions


def affine_forward(x: Any, w: Any, b: Any) -> tuple[Array, tuple[Any, Any, Any]]:
    """Return x·w + b, every sample as one row.

    Parameters
    ----------
    x : array (N, d_1, ..., d_k)
        D = d_1 · ... · d_k numbers a sample.
    w : array (D, M)
        Weights.
    b : array (M,)
        Bias.

    Returns
    -------
    out : array (N, M)
    cache : tuple
        ``(x, w, b)``.

    Raises
    ------
    ShapeError, DtypeError
        When the arguments do not fit together, or are no real numbers.
    """
    samples, weights, bias = real(x=x, w=w, b=b)
    rows = _rows(samples, weights)
    if bias.shape != weights.shape[1:]:
        raise ShapeError(
            f"affine: b must be ({weights.shape[1]},) to match w {weights.shape}; got {bias.shape}"
        )
    return functions.dense_forward(rows, weights, bias), (x, w, b)


def affine_backward(dout: Any, cache: tuple[Any, Any, Any]) -> tuple[Array, Array, Array]:
    """Return the gradients ``(dx, dw, db)`` of `affine_forward`, shaped as its inputs.

    Parameters
    ----------
    dout : array (N, M)
        Gradient of the loss with respect to the result.
    cache : tuple
        As `affine_forward` returned it.

    Raises
    ------
    ShapeError, DtypeError
        As `affine_forward`.
    """
    x, w, _ = unpacked(cache, "(x, w, b)")
    dy, x, w = real(dout=dout, x=x, w=w)
    rows = _rows(x, w)
    if dy.shape != (len(rows), w.shape[1]):
        raise ShapeError(
            f"affine: dout must be ({len(rows)}, {w.shape[1]}) to match x {x.shape} and w {w.shape}; "
            f"got {dy.shape}"
        )
    gradients: tuple[Any, ...] = functions.dense_backward(dy, rows, w)
    dx, dw, db = gradients
    return dx.reshape(x.shape), dw, db


def _rows(x: Array, w: Array) -> Array:
    """Return samples as rows, once they fit the weights."""
    if x.ndim < 2:
        raise ShapeError(f"affine: x must be (N, d_1, ..., d_k); got {x.shape}")
    size = int(np.prod(x.shape[1:]))
    if w.ndim != 2 or w.shape[0] != size:
        raise ShapeError(f"affine: w must be ({size}, M) to match x {x.shape}; got {w.shape}")
    return x.reshape(len(x), size)


def relu_forward(x: Any) -> tuple[Array, Any]:
    """Return max(x, 0) and the cache, which is `x`, of any shape."""
    return functions.relu_forward(*real(x=x)), x


def relu_backward(dout: Any, cache: Any) -> Array:
    """Return dx of `relu_forward`: `dout` where x > 0, else 0; `ShapeError` if the two differ in shape."""
    dy, x = real(dout=dout, x=cache)
    if dy.shape != x.shape:
        raise ShapeError(f"relu: dout must be {x.shape}, as x; got {dy.shape}")
    return functions.relu_backward(dy, x)


def dropout_forward(x: Any, dropout_param: Mapping[str, Any]) -> tuple[Array, tuple[Any, Array | None]]:
    """Drop elements and make the others larger ("inverted"), in training only.

    Parameters
    ----------
    x : array
        Of any shape.
    dropout_param : dict
        ``"p"``: the probability to KEEP an element; ``"mode"``: "train" or "test"; ``"seed"`` (optional)
        seeds ``numpy.random``, from which the course draws.

    Returns
    -------
    out : array
        Shaped as `x`.
    cache : tuple
        ``(dropout_param, mask)``; no mask in test mode.

    Raises
    ------
    ParameterError
        When a key is missing or has no meaning.
    """
    (values,) = real(x=x)
    training = _arguments.mode("dropout_param", dropout_param)
    keep = _arguments.option("dropout_param", dropout_param, "p")
    if dropout_param.get("seed") is not None:
        np.random.seed(dropout_param["seed"])
    if not training:
        return values.copy(), (dropout_param, None)
    out, mask = functions.dropout_forward(values, keep, np.random)
    return out, (dropout_param, mask)


def dropout_backward(dout: Any, cache: tuple[Any, Array | None]) -> Array:
    """Return dx of `dropout_forward`, given its cache and the gradient of its result."""
    dropout_param, mask = unpacked(cache, "(dropout_param, mask)")
    (dy,) = real(dout=dout)
    if not _arguments.mode("dropout_param", dropout_param) or mask is None:
        return dy.copy()
    return functions.dropout_backward(dy, mask)


def softmax_loss(x: Any, y: Any) -> tuple[float, Array]:
    """Return the mean of -log softmax(x)[y] over a batch, and its gradient.

    Parameters
    ----------
    x : array (N, classes)
        Scores.
    y : array (N,)
        The right classes, integers.

    Returns
    -------
    loss : float
        In nats.
    dx : array (N, classes)

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        When the labels are not N integers in 0..classes-1.
    """
    (scores,) = real(x=x)
    return functions.softmax_cross_entropy(scores, _arguments.labels(y, scores))


def svm_loss(x: Any, y: Any) -> tuple[float, Array]:
    """Return the mean over a batch of the sum of max(0, x[j] - x[y] + 1) over all wrong classes j.

    Parameters, result and errors are those of `softmax_loss`.
    """
    (scores,) = real(x=x)
    y = _arguments.labels(y, scores)
    rows = np.arange(len(y))
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    dx = (margins > 0).astype(scores.dtype)
    dx[rows, y] = -dx.sum(axis=1)
    return float(margins.sum() / len(y)), dx / len(y)

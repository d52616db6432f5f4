"""Softmax cross-entropy, the loss of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.errors import ParameterError, ShapeError

Array = np.ndarray[Any, Any]


def softmax(scores: Array) -> Array:
    """Return probabilities: exp(scores) over their sum along the last axis.

    Parameters
    ----------
    scores : array (N, classes)
        Float32 or float64.

    Returns
    -------
    array (N, classes)
    """
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))  # the largest is 1: none overflows
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def softmax_cross_entropy(scores: Array, labels: Array) -> tuple[float, Array]:
    """Return the mean over a batch of -log softmax(scores)[label], and its gradient.

    Parameters
    ----------
    scores : array (N, classes)
        What the last layer gives; float32 or float64.
    labels : array (N,)
        The right class of each, an integer in 0..classes-1.

    Returns
    -------
    loss : float
        In nats.
    dscores : array (N, classes)
        The gradient of `loss` with respect to `scores`: (softmax - one-hot) / N.

    Raises
    ------
    ShapeError, ParameterError
        When there is not one label for each row of scores, or a label is no class.
    """
    labels = np.asarray(labels)
    _check(scores, labels)
    rows = np.arange(len(labels))
    shifted = scores - scores.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1)
    loss = float(np.mean(np.log(sums) - shifted[rows, labels]))
    dscores = exponentials / sums[:, None]
    dscores[rows, labels] -= 1
    dscores /= len(labels)
    return loss, dscores


def _check(scores: Array, labels: Array) -> None:
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ShapeError(f"scores must be (N, classes), labels (N,); got {scores.shape} and {labels.shape}")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= scores.shape[1]:
        came = labels.dtype if labels.dtype.kind not in "iu" else f"{labels.min()}..{labels.max()}"
        raise ParameterError(f"labels must be integers in 0..{scores.shape[1] - 1}; got {came}")

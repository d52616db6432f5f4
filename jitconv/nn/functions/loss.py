"""The losses of a classifier: softmax cross-entropy, and logistic cross-entropy for one score."""

from __future__ import annotations

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError, ShapeError


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


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), element by element; none overflows."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def logistic_cross_entropy(scores: Array, labels: Array) -> tuple[float, Array]:
    """Return the mean over a batch of -log p, p being sigmoid(score) for label 1 and the rest for 0.

    Parameters
    ----------
    scores : array (N, 1)
        What the last layer gives; float32 or float64.
    labels : array (N,)
        0 or 1.

    Returns
    -------
    loss : float
        In nats.
    dscores : array (N, 1)
        The gradient of `loss` with respect to `scores`: (sigmoid - label) / N.

    Raises
    ------
    ShapeError, ParameterError
        When there is not one label for each score, or a label is neither 0 nor 1.
    """
    labels = np.asarray(labels)
    _check(np.broadcast_to(scores, (len(scores), 2)) if scores.shape[1:] == (1,) else scores[:, :0], labels)
    right = scores[:, 0] * (2 * labels - 1).astype(scores.dtype)  # the score of what is right
    loss = float(np.mean(np.maximum(-right, 0) + np.log1p(np.exp(-np.abs(right)))))
    return loss, (sigmoid(scores) - labels[:, None].astype(scores.dtype)) / len(labels)


def cross_entropy(scores: Array, labels: Array) -> tuple[float, Array]:
    """Return the logistic loss of one score, the softmax loss of several; see there."""
    return (logistic_cross_entropy if scores.shape[1:] == (1,) else softmax_cross_entropy)(scores, labels)


def probabilities(scores: Array) -> Array:
    """Return the probability of each class, (N, classes): one score is that of the second of two."""
    if scores.shape[1:] != (1,):
        return softmax(scores)
    second = sigmoid(scores)
    return np.concatenate([1 - second, second], axis=1)


def answers(scores: Array) -> Array:
    """Return the likeliest class of each row of scores, (N,)."""
    return scores.argmax(axis=1) if scores.shape[1:] != (1,) else (scores[:, 0] > 0).astype(np.int64)


def _check(scores: Array, labels: Array) -> None:
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        raise ShapeError(f"scores must be (N, classes), labels (N,); got {scores.shape} and {labels.shape}")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= scores.shape[1]:
        came = labels.dtype if labels.dtype.kind not in "iu" else f"{labels.min()}..{labels.max()}"
        raise ParameterError(f"labels must be integers in 0..{scores.shape[1] - 1}; got {came}")

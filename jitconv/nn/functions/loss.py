"""Softmax cross-entropy, the loss of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    """
    rows = np.arange(len(labels))
    shifted = scores - scores.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1)
    loss = float(np.mean(np.log(sums) - shifted[rows, labels]))
    dscores = exponentials / sums[:, None]
    dscores[rows, labels] -= 1
    dscores /= len(labels)
    return loss, dscores

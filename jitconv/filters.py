"""Edge filters as weights for `conv_forward`."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

EDGE_FILTERS: dict[str, Array] = {
    "sobel": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4,
    "scharr": np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16,
    "plain": np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3,
}
"""Filters of 3×3 that answer to vertical edges, bright to dark positive, each scaled so that a step of
height 1 answers 1; the transpose answers to horizontal edges. Sobel: R. O. Duda, P. E. Hart, "Pattern
Classification and Scene Analysis", 1973. Scharr: H. Scharr, dissertation, Heidelberg, 2000."""


def edge_weights(*, layout: str = "NHWC", dtype: str = "float32") -> Array:
    """Return the edge filters as weights over the mean of three channels.

    Parameters
    ----------
    layout, dtype : str
        As for `conv_forward`.

    Returns
    -------
    array (3, 3, 3, 6), or (6, 3, 3, 3) for NCHW
        The vertical and the horizontal one of each of `EDGE_FILTERS`, in its order.
    """
    planes = [turned for plane in EDGE_FILTERS.values() for turned in (plane, plane.T)]
    weights = np.stack(planes, axis=-1)[:, :, None, :] / 3
    filters = np.repeat(weights, 3, axis=2)
    return np.ascontiguousarray(filters if layout == "NHWC" else filters.transpose(3, 2, 0, 1), dtype)

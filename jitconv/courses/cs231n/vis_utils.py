"""Pictures of weights and images in a grid, as arrays for Matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.cs231n._arguments import real
from jitconv.errors import ShapeError

__all__ = ["vis_grid", "vis_nn", "visualize_grid"]


def visualize_grid(Xs: Any, ubound: float = 255.0, padding: int = 1) -> Array:  # noqa: N803
    """Return images side by side, each spread over 0..`ubound` by itself.

    Parameters
    ----------
    Xs : array (N, H, W, C)
        Images, or filters with their axes so.
    ubound : float
        What the largest number of an image becomes.
    padding : int
        Black pixels between images.

    Returns
    -------
    array (rows · (H + padding) - padding, ..., C)
        As many images in a row as in a column, the last ones black.

    Raises
    ------
    ShapeError
        When `Xs` has not four axes, or no image.
    """
    images = _images(Xs)
    low, high = images.min(axis=(1, 2, 3), keepdims=True), images.max(axis=(1, 2, 3), keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(high > low, ubound * (images - low) / (high - low), 0)
    return _grid(spread, padding, 0.0)


def vis_grid(Xs: Any) -> Array:  # noqa: N803
    """Return images side by side, all spread over 0..1 alike, a pixel of the largest value between them."""
    images = _images(Xs)
    return _spread(_grid(images, 1, float(images.max())))


def vis_nn(rows: Sequence[Sequence[Any]]) -> Array:
    """Return rows of images (H, W, C), spread over 0..1, a pixel between them."""
    images = np.stack([np.stack([np.asarray(image, float) for image in row]) for row in rows])
    count, across, height, width, channels = images.shape
    grid = np.full((count * (height + 1) - 1, across * (width + 1) - 1, channels), images.max())
    for at in np.ndindex(count, across):
        top, left = at[0] * (height + 1), at[1] * (width + 1)
        grid[top : top + height, left : left + width] = images[at]
    return _spread(grid)


def _spread(grid: Array) -> Array:
    """Return a grid over 0..1; one colour is 0."""
    low, high = grid.min(), grid.max()
    return (grid - low) / (high - low) if high > low else grid - low


def _images(xs: Any) -> Array:
    (images,) = real(Xs=xs)
    if images.ndim != 4 or not images.size:
        raise ShapeError(f"Xs must be (N, H, W, C), of one image at least; got {images.shape}")
    return images


def _grid(images: Array, padding: int, between: float) -> Array:
    count, height, width, channels = images.shape
    across = math.isqrt(count - 1) + 1
    grid = np.full(
        (across * (height + padding) - padding, across * (width + padding) - padding, channels), between
    )
    for place in range(across * across):
        top, left = (place // across) * (height + padding), (place % across) * (width + padding)
        grid[top : top + height, left : left + width] = images[place] if place < count else between
    return grid

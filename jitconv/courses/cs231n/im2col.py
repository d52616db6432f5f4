"""Windows as columns and back, in the course's order: channel, row, column of a window; place, then picture.

jitconv's own `im2col` algorithm works block by block, and in another order; these are for notebooks that look
at the columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.cs231n._arguments import picture, real
from jitconv.errors import ShapeError
from jitconv.specs.values import integer

__all__ = ["col2im_indices", "get_im2col_indices", "im2col_indices"]

Indices = tuple[Array, Array, Array]


def get_im2col_indices(
    x_shape: tuple[int, int, int, int],
    field_height: int,
    field_width: int,
    padding: int = 1,
    stride: int = 1,
) -> Indices:
    """Return which channel, row and column of the padded pictures each element of a column is.

    Parameters
    ----------
    x_shape : tuple
        (N, C, H, W).
    field_height, field_width, padding, stride : int
        The window, the zeros around a picture, and the step, in pixels; the same both ways.

    Returns
    -------
    k : array (C · field_height · field_width, 1)
    i, j : array (C · field_height · field_width, OH · OW)

    Raises
    ------
    ShapeError, ParameterError
        When windows do not tile the padded picture, or a number has no meaning.
    """
    _, channels, height, width = x_shape
    window = integer("field_height", field_height, 1), integer("field_width", field_width, 1)
    padding, stride = integer("padding", padding, 0), integer("stride", stride, 1)
    outputs = []
    for size, taps in zip((height, width), window, strict=True):
        steps, rest = divmod(size + 2 * padding - taps, stride)
        if steps < 0 or rest:
            raise ShapeError(
                f"windows of {window[0]}x{window[1]} by steps of {stride} do not reach from edge to edge of "
                f"pictures of {height}x{width} with padding {padding}"
            )
        outputs.append(steps + 1)
    k, rows, columns = np.indices((channels, *window)).reshape(3, -1)
    down, right = np.indices(outputs).reshape(2, -1) * stride
    return k[:, None], rows[:, None] + down, columns[:, None] + right


def im2col_indices(x: Array, field_height: int, field_width: int, padding: int = 1, stride: int = 1) -> Array:
    """Return the windows of pictures (N, C, H, W) as (C · field_height · field_width, OH · OW · N).

    Parameters and errors are those of `get_im2col_indices`.
    """
    (pictures,) = real(x=x)
    k, i, j = get_im2col_indices(picture("x", pictures).shape, field_height, field_width, padding, stride)
    sides = (padding, padding)
    columns = np.pad(pictures, ((0, 0), (0, 0), sides, sides))[:, k, i, j]
    return columns.transpose(1, 2, 0).reshape(len(k), -1)


def col2im_indices(
    cols: Array,
    x_shape: tuple[int, int, int, int],
    field_height: int = 3,
    field_width: int = 3,
    padding: int = 1,
    stride: int = 1,
) -> Array:
    """Return pictures to which every window of `cols` was added: what `im2col_indices` is the transpose of.

    Parameters and errors are those of `get_im2col_indices`; `cols` as `im2col_indices` returns it.
    """
    (columns,) = real(cols=cols)
    pictures, channels, height, width = x_shape
    k, i, j = get_im2col_indices(x_shape, field_height, field_width, padding, stride)
    if columns.shape != (len(k), i.shape[1] * pictures):
        raise ShapeError(f"cols must be ({len(k)}, {i.shape[1] * pictures}); got {columns.shape}")
    padded = np.zeros((pictures, channels, height + 2 * padding, width + 2 * padding), columns.dtype)
    every: Any = (slice(None), k, i, j)
    np.add.at(padded, every, columns.reshape(len(k), -1, pictures).transpose(2, 0, 1))
    return padded[:, :, padding : padding + height, padding : padding + width]

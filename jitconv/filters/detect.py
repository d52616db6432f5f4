"""Edge filters, and what they find in arrays of pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, ShapeError
from jitconv.ops import conv_forward
from jitconv.specs.values import DTYPES, LAYOUTS, choice, flag

EDGE_FILTERS: dict[str, Array] = {
    "sobel": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4,
    "scharr": np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16,
    "prewitt": np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3,
}
"""Filters of 3×3 that answer to vertical edges, bright to dark positive, each scaled so that a step of
height 1 answers 1; the transpose answers to horizontal edges. Sobel: R. O. Duda, P. E. Hart, "Pattern
Classification and Scene Analysis", 1973. Scharr: H. Scharr, dissertation, Heidelberg, 2000. Prewitt: J. M. S.
Prewitt, "Object enhancement and extraction", 1970."""

SIGNED_FILTERS: dict[str, Array] = {
    "vertical": np.array([[1.0, 0, -1]] * 3),
    "horizontal": np.array([[1.0, 0, -1]] * 3).T,
    "laplacian": np.array([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]),
}
"""Filters with one signed answer. The first two are the deep-learning course's, unscaled: from left to right,
or top to bottom, bright to dark is positive. The Laplacian is positive on the bright side of an edge."""

FILTERS = (*EDGE_FILTERS, *SIGNED_FILTERS)

LUMINANCE = 0.299, 0.587, 0.114
"""Shares of red, green and blue in a grey picture (ITU-R BT.601)."""


class Edges(NamedTuple):
    """What a filter found.

    Attributes
    ----------
    response : array or None
        The signed answer of a filter that has one.
    magnitude : array
        Strength: the root of both directions' squares, or the absolute answer.
    orientation : array or None
        Direction in which it gets darker, in radians: 0 to the right, π/2 down, in -π..π.
    """

    response: Array | None
    magnitude: Array
    orientation: Array | None


def grey(picture: Array) -> Array:
    """Return the luminance (..., H, W) of RGB pictures (..., H, W, 3) (ITU-R BT.601).

    Parameters
    ----------
    picture : array (..., H, W, 3)
        Integers or floats; white is as bright as each of its channels, 255 of bytes.

    Returns
    -------
    array (..., H, W)
        Float32 of float16, float32 and integers of at most 16 bits, float64 of all wider ones.

    Raises
    ------
    ShapeError, DtypeError
        For arrays that are no such pictures.
    """
    planes = _floats(picture)
    if planes.ndim < 3 or planes.shape[-1] != 3:
        raise ShapeError(f"the picture must be (..., H, W, 3); got {planes.shape}")
    return planes @ np.asarray(LUMINANCE, planes.dtype)


def detect(picture: Array, filter: str = "sobel", *, pad: str = "same", absolute: bool = False) -> Edges:
    """Find edges.

    Parameters
    ----------
    picture : array (H, W), (H, W, 3), or a batch (N, H, W, 3)
        Grey or RGB, integers or floats; of RGB the luminance is looked at.
    filter : {"sobel", "scharr", "prewitt", "vertical", "horizontal", "laplacian"}
        The first three look in both directions, and give magnitude and orientation.
    pad : {"same", "valid"}
        "same" repeats the outermost pixels, so the frame is no edge; "valid" gives H - 2 rows, W - 2 columns.
    absolute : bool
        Whether bright-to-dark and dark-to-bright are joined: the response is then nowhere negative.

    Returns
    -------
    Edges
        Arrays (H, W), or (N, H, W); of float32, or float64 if float32 would not hold the picture's values.

    Raises
    ------
    ParameterError, ShapeError, DtypeError
        For an unknown filter, and arrays that are no such pictures.

    Examples
    --------
    >>> import numpy as np
    >>> step = np.array([[10, 10, 10, 0, 0, 0]] * 6)  # the course's picture
    >>> detect(step, "vertical", pad="valid").response[0]
    array([ 0., 30., 30.,  0.])
    """
    filter = choice("filter", filter, FILTERS)
    pad = choice("pad", pad, ("same", "valid"))
    absolute = flag("absolute", absolute)
    pictures = _planes(picture)
    if pad == "same":
        pictures = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    signed = filter in SIGNED_FILTERS
    plane = SIGNED_FILTERS[filter] if signed else EDGE_FILTERS[filter]
    planes = [plane] if signed else [plane, plane.T]
    weights = np.stack(planes)[:, None].astype(pictures.dtype)
    # each answer is a plane of its own in NCHW
    answers = conv_forward(pictures[:, None], weights, layout="NCHW")
    if np.ndim(picture) < 4:
        answers = answers[0]
    if signed:
        response = answers[..., 0, :, :]
        magnitude = np.abs(response)
        return Edges(magnitude if absolute else response, magnitude, None)
    across, down = answers[..., 0, :, :], answers[..., 1, :, :]
    return Edges(None, np.hypot(across, down), np.arctan2(down, across))


def _planes(picture: Array) -> Array:
    """Return a picture as grey (N, H, W) floats."""
    floats = _floats(picture)
    if floats.ndim not in (2, 3, 4) or (floats.ndim > 2 and floats.shape[-1] != 3):
        raise ShapeError(f"the picture must be (H, W), (H, W, 3) or (N, H, W, 3); got {floats.shape}")
    height, width = floats.shape[:2] if floats.ndim < 4 else floats.shape[1:3]
    if height < 3 or width < 3:
        raise ShapeError(f"the picture must be at least 3 pixels high and wide; got {height}x{width}")
    planes = floats if floats.ndim == 2 else grey(floats)
    return planes if floats.ndim == 4 else planes[None]


def _floats(picture: Array) -> Array:
    """Return a picture in float32, or float64 where float32 would round; of native byte order."""
    if not isinstance(picture, np.ndarray) or picture.dtype.kind not in "uif":
        came = picture.dtype if isinstance(picture, np.ndarray) else type(picture).__name__
        raise DtypeError(f"the picture must be an array of integers or floats; got {came}")
    wide = picture.dtype.itemsize > (4 if picture.dtype.kind == "f" else 2)
    return picture.astype(np.float64 if wide else np.float32, copy=False)


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

    Raises
    ------
    ParameterError
        When there is no such layout or dtype.
    """
    layout, dtype = choice("layout", layout, LAYOUTS), choice("dtype", dtype, DTYPES)
    planes = [turned for plane in EDGE_FILTERS.values() for turned in (plane, plane.T)]
    weights = np.stack(planes, axis=-1)[:, :, None, :] / 3
    filters = np.repeat(weights, 3, axis=2)
    return np.ascontiguousarray(filters if layout == "NHWC" else filters.transpose(3, 2, 0, 1), dtype)

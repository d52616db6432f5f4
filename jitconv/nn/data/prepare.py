"""From stored values to the examples that a network sees: scale, mean, layout, dtype."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError, ShapeError
from jitconv.specs.values import DTYPES, LAYOUTS, choice, finite

STORED = ("uint8", *DTYPES)
"""Dtypes that examples may be stored in."""


class Options(TypedDict, total=False):
    """What every source takes by keyword; see `Prepare`."""

    scale: float | None
    mean: Array | float | None
    layout: str
    dtype: str


class Prepare:
    """Stored examples times `scale`, minus `mean`, in the wanted layout and dtype.

    Parameters
    ----------
    stored : tuple of int
        Shape of one example as stored: (H, W, C), or (D,).
    stored_dtype : str
        "uint8", "float32" or "float64".
    scale : float, optional
        By default 1/255 for uint8, and 1 for floats.
    mean : float or array, optional
        Subtracted after scaling: one number, one for each channel (C,), or a whole example.
    layout : {"NHWC", "NCHW"}
        "NHWC" leaves an example as it is stored; "NCHW" brings its last axis to the front.
    dtype : {"float32", "float64"}
        Of the examples given.

    Raises
    ------
    ParameterError, ShapeError
        For an option without meaning, and for a mean that does not fit an example.
    """

    def __init__(
        self,
        stored: tuple[int, ...],
        stored_dtype: str,
        scale: float | None = None,
        mean: Array | float | None = None,
        layout: str = "NHWC",
        dtype: str = "float32",
    ) -> None:
        choice("layout", layout, LAYOUTS)
        choice("dtype", str(dtype), DTYPES)
        if layout == "NCHW" and len(stored) != 3:
            raise ShapeError(f"layout 'NCHW' needs examples stored as (H, W, C); these are {stored}")
        if scale is None:
            scale = 1 / 255 if stored_dtype == "uint8" else 1.0
        self.dtype = np.dtype(dtype)
        self.scale = self.dtype.type(finite("scale", scale))
        last = len(stored)
        self.axes = (0, last, *range(1, last)) if layout == "NCHW" else tuple(range(last + 1))
        self.shape = tuple(stored[axis - 1] for axis in self.axes[1:])
        self.mean = None if mean is None else self._mean(mean, stored)

    def _mean(self, mean: Array | float, stored: tuple[int, ...]) -> Array:
        try:
            array = np.asarray(mean, self.dtype)
        except (TypeError, ValueError):
            raise ParameterError(f"mean must be a number or an array of numbers; got {mean!r:.60}") from None
        if array.shape not in ((), stored[-1:], stored):
            raise ShapeError(f"mean must be a number, {stored[-1:]} or {stored}; got {array.shape}")
        if not np.isfinite(array).all():
            raise ParameterError("mean must be finite; it holds NaN or infinity")
        whole = np.broadcast_to(array, stored)[None].transpose(self.axes)
        return np.ascontiguousarray(whole)

    def __call__(self, raw: Array) -> Array:
        """Return stored examples (n, *stored) as the network sees them, C-contiguous."""
        raw = raw.transpose(self.axes)
        # 64 pictures of 64×64×3 take 0.17 ms: no kernel of ours is needed
        x: Array = np.empty(raw.shape, self.dtype)
        np.multiply(raw, self.scale, out=x, dtype=self.dtype, casting="same_kind")
        if self.mean is not None:
            x -= self.mean
        return x

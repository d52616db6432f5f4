"""The matrices of real transforms over two axes, for rows at given points of a circle.

Images go across first (a real row to half of its frequencies), then down (a complex column to all of
its frequencies); results come up and back the same way. Entries are rounded from float64 once.
"""

from __future__ import annotations

import numpy as np

from jitconv.algorithms.fft.geometry import Place, half
from jitconv.arrays import Array


def across(place: Place, points: int, dtype: str) -> Array:
    """Return [part, j, w] that takes a real row to (re, im) of each frequency j."""
    cosine, sine = _waves(np.arange(half(points)), place.points, points)
    return np.stack([cosine, -sine]).astype(dtype)


def down(place: Place, points: int, signs: tuple[str, ...], dtype: str) -> Array:
    """Return [part, i, (h, re/im)] that takes a complex column to the planes that `signs` names."""
    cosine, sine = _waves(np.arange(points), place.points, points)
    planes = {"re": (cosine, sine), "im": (-sine, cosine), "-im": (sine, -cosine)}
    return _interleaved([planes[sign] for sign in signs], dtype)


def up(place: Place, points: int, dtype: str) -> Array:
    """Return [part, h, (i, re/im)], the inverse of `down`."""
    cosine, sine = _waves(place.points, np.arange(points), points)
    return _interleaved([(cosine, -sine), (sine, cosine)], dtype)


def back(place: Place, points: int, scale: float, dtype: str) -> Array:
    """Return [w, (j, re/im)], the inverse of `across`, times a scale."""
    frequencies = np.arange(half(points))
    # a frequency and its conjugate add twice the real part; 0 and M/2 are their own conjugates
    twice = np.where((frequencies == 0) | (2 * frequencies == points), scale, 2 * scale)
    cosine, sine = _waves(place.points, frequencies, points)
    return _interleaved([(twice * cosine, -twice * sine)], dtype)[0]


def _waves(rows: Array, columns: Array, points: int) -> tuple[Array, Array]:
    angles = 2 * np.pi / points * (np.multiply.outer(rows, columns) % points)
    return np.cos(angles), np.sin(angles)


def _interleaved(parts: list[tuple[Array, Array]], dtype: str) -> Array:
    stacked = np.stack([np.stack(part, axis=-1) for part in parts])
    return np.ascontiguousarray(stacked.reshape(*stacked.shape[:2], -1).astype(dtype))

"""Pictures from files, their edges, and edges as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jitconv.arrays import Array
from jitconv.errors import ParameterError
from jitconv.filters.detect import EDGE_FILTERS, Edges, detect, grey
from jitconv.ops import explain

if TYPE_CHECKING:
    from importlib.abc import Traversable


BAND = 1024
"""Rows that are looked at together."""

OUTLIERS = 1e-3
"""Of a picture with more than 8 bits, the share of the darkest and of the brightest pixels that may be errors
of the camera: they are cut off. A choice: detectors have fewer."""

FAINTEST = 1e-3
"""A quarter of a grey level. What is fainter is no edge: a flat picture leaves rounding, some 1e-7."""

BRIGHT_TO_DARK, DARK_TO_BRIGHT = (200, 20, 30), (20, 60, 200)
"""The inks of signed answers: red and blue, which the colour-blind tell apart too."""


def load(file: Path | Traversable) -> Array:
    """Return a picture, the right way up.

    Returns
    -------
    array
        RGB (H, W, 3) of uint8. Of a picture with more than 8 bits, grey (H, W) of float32: its values from 0
        to 1, but for a few that stand out; NaN where the file has none.

    Raises
    ------
    ParameterError
        When the file is no picture, or smaller than 3 by 3.
    """
    try:
        with file.open("rb") as stream, Image.open(stream) as opened:
            turned = ImageOps.exif_transpose(opened)
            if turned.mode[0] in "IF":  # 16 bits and more: Pillow would cut them off at 255
                pixels = _stretched(np.asarray(turned))
            else:
                if turned.has_transparency_data:  # what shows through is white, as on a page
                    turned = turned.convert("RGBA")
                    page = Image.new("RGBA", turned.size, "white")
                    turned = Image.alpha_composite(page, turned)
                pixels = np.asarray(turned.convert("RGB"))
    except UnidentifiedImageError:
        raise ParameterError(f"{file} must be a picture that Pillow reads, such as a JPEG or PNG") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ParameterError(f"cannot read a picture from {file}: {error}") from None
    if min(pixels.shape[:2]) < 3:
        raise ParameterError(
            f"{file} must be at least 3 pixels wide and high; got {pixels.shape[1]}x{pixels.shape[0]}"
        )
    if np.isnan(pixels).all():
        raise ParameterError(f"{file} must have some finite values; got none")
    return pixels


def _stretched(values: Array) -> Array:
    """Map values to 0..1 by what nearly all lie within: a hot pixel or an infinity would hide the others."""
    sample = values[:: max(1, len(values) // 1000)]  # of large pictures some rows will do
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return np.full(values.shape, np.nan, np.float32)
    low = float(np.quantile(finite, OUTLIERS, method="higher"))
    high = float(np.quantile(finite, 1 - OUTLIERS, method="lower"))
    if low >= high:  # fewer pixels than those differ from the others, which then are the picture
        finite = values[np.isfinite(values)]
        low, high = float(finite.min()), float(finite.max())
    stretched = np.empty(values.shape, np.float32)
    for first in range(0, len(values), BAND):
        band = values[first : first + BAND].astype(np.float64)
        stretched[first : first + BAND] = (band.clip(low, high) - low) / ((high - low) or 1.0)
    return stretched


def find_edges(pixels: Array, filter: str, pad: str = "same", *, colour: bool = False) -> Edges:
    """Return the edges of a picture, found band by band: the memory that a large one takes is bounded.

    Parameters
    ----------
    pixels : array
        As `load` returns it; where it is NaN, and beside, no edge is seen.
    filter, pad : str
        As for `detect`.
    colour : bool
        Whether red, green and blue are looked at by themselves, and the strongest answer counts.
    """
    height = len(pixels)
    bands = []
    for first in range(0, height, BAND):
        last = min(first + BAND, height)
        # a band sees the rows beside it, whose own answers are dropped
        band = pixels[max(first - 1, 0) : last + 1]
        if len(band) < 3:
            band = np.pad(band, ((0, 3 - len(band)), *[(0, 0)] * (band.ndim - 1)), mode="edge")
        found = _strongest([_seen(plane, filter) for plane in _planes(band, colour)])
        rows = slice(min(first, 1), min(first, 1) + last - first)
        bands.append([None if one is None else one[rows] for one in found])
    joined = [None if one[0] is None else np.concatenate(one) for one in zip(*bands, strict=True)]
    inner = slice(1, -1) if pad == "valid" else slice(None)
    response, magnitude, orientation = (None if one is None else one[inner, inner] for one in joined)
    assert magnitude is not None
    return Edges(response, magnitude, orientation)


def _planes(band: Array, colour: bool) -> list[Array]:
    """Return what is looked at by itself, in 0..1."""
    if band.ndim == 2:
        return [band]
    values = band.astype(np.float32) / 255
    return [values[..., channel] for channel in range(3)] if colour else [grey(values)]


def _seen(plane: Array, filter: str) -> Edges:
    """Return the edges of a plane, none where a window holds a NaN."""
    unknown = np.isnan(plane)
    if not unknown.any():
        return detect(plane, filter)
    found = detect(np.where(unknown, 0, plane), filter)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(unknown, 1), (3, 3))
    blind = windows.any(axis=(-2, -1))
    return Edges(*(None if one is None else np.where(blind, 0, one) for one in found))  # type: ignore[arg-type]


def _strongest(found: list[Edges]) -> Edges:
    """Return at each pixel what the channel with the largest magnitude says."""
    if len(found) == 1:
        return found[0]
    which = np.argmax([one.magnitude for one in found], axis=0)
    fields = [None if one[0] is None else np.choose(which, one) for one in zip(*found, strict=True)]
    return Edges(*fields)  # type: ignore[arg-type]


def algorithm_of(pixels: Array, filter: str) -> str:
    """Return the algorithm that auto takes for a band of `find_edges`."""
    x = 1, 1, min(len(pixels), BAND + 2) + 2, pixels.shape[1] + 2
    w = 2 if filter in EDGE_FILTERS else 1, 1, 3, 3
    return explain("conv_forward", x, w, layout="NCHW").choice.name


def strength(values: Array) -> Array:
    """Scale so that the strongest hundredth is 1, or the strongest of all where so few are edges."""
    size = np.abs(values)
    sample = size[:: max(1, len(size) // 1000)]  # of large pictures some rows will do
    strongest = float(np.quantile(sample, 0.99))
    if strongest < FAINTEST:
        strongest = max(float(size.max()), FAINTEST)
    return np.clip(values / strongest, -1, 1)


def white_on_black(magnitude: Array) -> Array:
    """Return edges as grey pixels."""
    return np.rint(strength(magnitude) * 255).astype(np.uint8)


def two_colours(response: Array) -> Array:
    """Return signed answers as pixels: red above 0, blue below, white at 0."""
    fade = np.linspace(0, 1, 128)[:, None]
    above, below = (np.rint(255 + fade * (np.array(ink) - 255)) for ink in (BRIGHT_TO_DARK, DARK_TO_BRIGHT))
    palette = np.concatenate([below[:0:-1], above]).astype(np.uint8)  # -127..127
    return palette[np.rint(strength(response) * 127).astype(np.int16) + 127]


def hues(magnitude: Array, orientation: Array) -> Array:
    """Return directions as hues, as bright as the edges are strong."""
    hue = ((orientation / (2 * np.pi)) % 1 * 255).astype(np.uint8)
    layers = np.stack([hue, np.full_like(hue, 255), white_on_black(magnitude)], axis=-1)
    return np.asarray(Image.fromarray(layers, "HSV").convert("RGB"))

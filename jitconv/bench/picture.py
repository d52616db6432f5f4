"""A photograph as an array, and its edge map as a photograph."""

from __future__ import annotations

import io
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jitconv.arrays import Array
from jitconv.errors import ParameterError
from jitconv.filters import EDGE_FILTERS, edge_weights, pictures
from jitconv.ops import conv_forward

LONGEST_SIDE = 512
"""Larger pictures are reduced: the naive reference looks at every pixel in Python."""

SHORTEST_SIDE = 16


def load(file: Path | None = None) -> tuple[Array, str]:
    """Return a picture as (1, H, W, 3) in 0..1, and a line that says what it is.

    Parameters
    ----------
    file : path, optional
        Any picture that Pillow reads; by default the photograph shipped with jitconv.

    Raises
    ------
    ParameterError
        When the file is no picture, or too small a one.
    """
    source = resources.files("jitconv") / "data" / "coffee.jpg" if file is None else file
    pixels = pictures.load(source)
    name = "coffee.jpg, a photograph by Rachel Michetti (CC0)" if file is None else file.name
    height, width = pixels.shape[:2]
    about = f"{name}, {width}x{height}"
    if min(height, width) < SHORTEST_SIDE:
        raise ParameterError(
            f"the picture must be at least {SHORTEST_SIDE} pixels wide and high; got {width}x{height}"
        )
    middle = _middle(pixels)
    reduced = _reduced(middle)
    for one, before, done in ((middle, pixels, "cut"), (reduced, middle, "reduced")):
        if one.shape != before.shape:
            about += f", {done} to {one.shape[1]}x{one.shape[0]}"
    rgb = reduced if reduced.ndim == 3 else np.repeat(reduced[..., None], 3, axis=2)
    values = rgb.astype(np.float64) / 255 if rgb.dtype == np.uint8 else np.nan_to_num(rgb.astype(np.float64))
    return values[None], about


def _middle(pixels: Array) -> Array:
    """Return the middle of a picture so long that, reduced, it would be too narrow."""
    longest = min(pixels.shape[:2]) * LONGEST_SIDE // SHORTEST_SIDE
    cut = [slice(max(extent - longest, 0) // 2, None) for extent in pixels.shape[:2]]
    return pixels[tuple(cut)][:longest, :longest]


def _reduced(pixels: Array) -> Array:
    """Return a picture of at most `LONGEST_SIDE` pixels in a row or column."""
    if max(pixels.shape[:2]) <= LONGEST_SIDE:
        return pixels
    picture = Image.fromarray(np.nan_to_num(pixels) if pixels.dtype.kind == "f" else pixels)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return np.asarray(picture)


def edge_sheet(picture: Array) -> bytes:
    """Return a PNG of the picture and of its edges, as `conv_forward` finds them.

    Parameters
    ----------
    picture : array (1, H, W, 3)
        Values in 0..1.
    """
    bordered = np.pad(picture, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge").astype(np.float32)
    answers = conv_forward(bordered, edge_weights())
    panels = {"picture": picture[0]}
    for place, name in enumerate(EDGE_FILTERS):
        vertical, horizontal = answers[0, :, :, 2 * place], answers[0, :, :, 2 * place + 1]
        if name == "prewitt":
            panels["vertical edges"], panels["horizontal edges"] = np.abs(vertical), np.abs(horizontal)
        else:
            panels[f"{name.capitalize()} edges"] = np.hypot(vertical, horizontal)
    panels["picture, Sobel over it"] = np.clip(picture[0] + _bright(panels["Sobel edges"])[..., None], 0, 1)
    height, width = picture.shape[1:3]
    sheet = Image.new("RGB", (3 * width, 2 * (height + 16)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (title, values) in enumerate(panels.items()):
        left, top = place % 3 * width, place // 3 * (height + 16)
        pen.text((left + 4, top + 2), title, fill="black")
        grey_or_rgb = values if values.ndim == 3 else _bright(values)
        sheet.paste(Image.fromarray((grey_or_rgb * 255).astype(np.uint8)), (left, top + 16))
    data = io.BytesIO()
    sheet.save(data, format="PNG")
    return data.getvalue()


def _bright(values: Array) -> Array:
    """Scale so that the strongest hundredth of the edges is white."""
    strongest = float(np.quantile(values, 0.99))
    return np.clip(values / strongest, 0, 1) if strongest else values

"""`jitconv edges`: the edges of a picture."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from jitconv import files

if TYPE_CHECKING:
    from jitconv.arrays import Array


def edges(
    picture: Annotated[Path, typer.Argument(help="Any picture that Pillow reads.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Where the edges go: .png, .jpg …")],
    filter: Annotated[
        Literal["sobel", "scharr", "prewitt", "vertical", "horizontal", "laplacian"],
        typer.Option(help="The first three find edges of any direction."),
    ] = "sobel",
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Join bright-to-dark and dark-to-bright edges.")
    ] = False,
    pad: Annotated[
        Literal["same", "valid"], typer.Option(help="Keep the size (the frame repeated), or lose a frame.")
    ] = "same",
    colour: Annotated[
        bool,
        typer.Option("--colour", help="Look at red, green and blue apart; the strongest counts."),
    ] = False,
    orientation: Annotated[
        Path | None, typer.Option(help="Draw the direction of the edges here too, as colours.")
    ] = None,
) -> None:
    """Find the edges of a picture.

    Edges of sobel, scharr and prewitt are white on black, the stronger the brighter. What the others find
    has a sign: red from bright to dark (left to right, top to bottom), blue from dark to bright.
    """
    from jitconv.bench.console import plain_console
    from jitconv.bench.report import duration
    from jitconv.cli.places import check_places
    from jitconv.errors import ParameterError
    from jitconv.filters import SIGNED_FILTERS, pictures

    taken = {picture.resolve(): "the picture itself"}
    for file in [out] if orientation is None else [out, orientation]:
        check_ending(file)
        if file.resolve() in taken:
            raise ParameterError(f"{file} is {taken[file.resolve()]}; give it another name")
        taken[file.resolve()] = "where the edges go"
    check_places(("--output", out), ("--orientation", orientation))
    if orientation is not None and filter in SIGNED_FILTERS:
        raise ParameterError(f"--orientation needs sobel, scharr or prewitt; {filter} looks one way")
    pixels = pictures.load(picture)
    begun = time.perf_counter()
    found = pictures.find_edges(pixels, filter, pad, colour=colour)
    seconds = time.perf_counter() - begun
    if found.response is None or absolute:
        save(out, pictures.white_on_black(found.magnitude))
    else:
        save(out, pictures.two_colours(found.response))
    if orientation is not None and found.orientation is not None:
        save(orientation, pictures.hues(found.magnitude, found.orientation))
    size = "x".join(map(str, pixels.shape[1::-1]))
    saved = str(out) if orientation is None else f"{out}, {orientation}"
    plain_console().print(
        f"{filter} of {picture.name}, {size}: {pictures.algorithm_of(pixels, filter)}, "
        f"{duration(seconds)}. Saved {saved}",
        soft_wrap=True,
    )


def check_ending(file: Path) -> None:
    """Raise `ParameterError` unless Pillow writes pictures with this ending."""
    from PIL import Image

    from jitconv.errors import ParameterError

    Image.init()
    if Image.registered_extensions().get(file.suffix.lower()) not in Image.SAVE:
        raise ParameterError(f"{file} must end in .png, .jpg, .webp, .tif or .bmp")


def save(file: Path, pixels: Array) -> None:
    """Write pixels as a picture of the file's ending."""
    from PIL import Image

    data = io.BytesIO()
    Image.init()
    Image.fromarray(pixels).save(data, format=Image.registered_extensions()[file.suffix.lower()])
    files.write(file, data.getvalue())

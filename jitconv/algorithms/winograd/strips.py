"""The numbers that `Patches`, `Results` and `Pieces` have alike: where images and strips begin."""

from __future__ import annotations

from jitconv.algorithms._shared.views import strides
from jitconv.algorithms.winograd.pieces import Patches
from jitconv.algorithms.winograd.sizes import Sizes


def strips_of(sizes: Sizes, size: tuple[int, int], channels: int, layout: str) -> dict[str, int]:
    """Return what the three have alike, of images, results or gradients of one height and width."""
    side, strips, tiles = sizes.grid
    image, row, column, channel = strides(*size, channels, layout)
    return {
        "side": side,
        "strips": strips,
        "tiles": tiles,
        "image": image,
        "row": row,
        "column": column,
        "channel": channel,
        "height": size[0],
        "width": size[1],
    }


def patches_of(
    sizes: Sizes, size: tuple[int, int], pad: tuple[int, int], layout: str, *, apart: int
) -> Patches:
    """Return the numbers of the transform of images, `pad` above and left of them.

    `apart`: elements of the patches from point to point.
    """
    return Patches(
        channels=sizes.channels,
        top=pad[0],
        left=pad[1],
        apart=apart,
        pitch=sizes.pitch(sizes.channels),
        **strips_of(sizes, size, sizes.channels, layout),
    )

"""Images of either layout lent as NHWC."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from numba import prange

from jitconv.algorithms._shared.memory import fetch
from jitconv.algorithms._shared.views import strides
from jitconv.arrays import Array
from jitconv.jit import Kernel
from jitconv.jit.workspace import borrowed


def _rows(source, strides, size, batch, pad, height, width, channels, out):
    """Copy images in any layout to NHWC with padding, some rows at a time."""
    block = 8
    blocks = (height + block - 1) // block
    for task in prange(batch * blocks):
        n, first = task // blocks, task % blocks * block
        count = min(block, height - first)
        at = (n * height + first) * width * channels
        fetch(source, n * strides[0], strides[1:], size, first - pad[0], -pad[1], count, width, channels,
              out[at : at + count * width * channels])  # fmt: skip


ROWS_OF = Kernel(_rows)


def images_nhwc(
    source: Array, layout: str, shape: tuple[int, int, int, int], pad: tuple[int, int, int, int]
) -> contextlib.AbstractContextManager[Array]:
    """Lend images of NHWC `shape`, stored in a layout, as flat padded NHWC; no copy if none is needed."""
    if layout == "NHWC" and not any(pad):
        return contextlib.nullcontext(source.reshape(-1))
    n, h, w, c = shape
    top, bottom, left, right = pad
    height, width = h + top + bottom, w + left + right
    return fetched_nhwc(source, strides(h, w, c, layout), (h, w), n, (top, left), height, width, c)


@contextlib.contextmanager
def fetched_nhwc(
    source: Array, from_strides: tuple[int, int, int, int], size: tuple[int, int], batch: int,
    pad: tuple[int, int], height: int, width: int, channels: int,
) -> Iterator[Array]:  # fmt: skip
    """Lend `height` rows of `width` pixels of each image as flat NHWC, `pad` before them and 0 around."""
    with borrowed(batch * height * width * channels, source.dtype) as out:
        ROWS_OF(
            out.size // 4, source.reshape(-1), from_strides, size, batch, pad, height, width, channels, out
        )  # fmt: skip
        yield out

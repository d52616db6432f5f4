"""Real transforms over the two axes of an image, at sizes that transform fast."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jitconv.algorithms._shared.views import reach
from jitconv.arrays import Array
from jitconv.specs import ConvSpec, PoolSpec


@lru_cache(maxsize=1024)
def fast_length(least: int) -> int:
    """Return the smallest 2^a·3^b·5^c that is at least `least`."""
    length = least
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def size(spec: ConvSpec | PoolSpec) -> tuple[int, int]:
    """Return the transforms' size: that of the padded input, so that nothing wraps around.

    A correlation reads its OH·OW results where no window crosses the border; a full convolution of
    OH·OW gradients with the kernel is as large as the padded input.
    """
    height, width = reach(spec)
    return fast_length(height), fast_length(width)


def transform(images: Array, spec: ConvSpec | PoolSpec) -> Array:
    """Return the half spectrum of images (H, W, ...) over their first two axes."""
    return np.fft.rfft2(images, s=size(spec), axes=(0, 1))


def inverse(spectrum: Array, spec: ConvSpec | PoolSpec) -> Array:
    """Return the images (H, W, ...) of a half spectrum."""
    return np.fft.irfft2(spectrum, s=size(spec), axes=(0, 1))


def dilated(values: Array, step: tuple[int, int]) -> Array:
    """Return (H, W, ...) with `step` - 1 zeros between neighbours: undoes a stride, makes a dilation."""
    if step == (1, 1):
        return values
    height, width = values.shape[:2]
    wide = np.zeros(((height - 1) * step[0] + 1, (width - 1) * step[1] + 1, *values.shape[2:]), values.dtype)
    wide[:: step[0], :: step[1]] = values
    return wide


def spectrum_bytes(spec: ConvSpec | PoolSpec, planes: int) -> int:
    """Return the bytes of the half spectra of `planes` planes."""
    height, width = size(spec)
    return planes * height * (width // 2 + 1) * 2 * np.dtype(spec.dtype).itemsize

"""The course's fast layers, by name of the algorithm: the results are those of the ``_naive`` functions.

Caches are ``(x, w, b, conv_param)`` and ``(x, pool_param)`` here too: nothing is unrolled beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitconv.arrays import Array
from jitconv.courses.caches import unpacked
from jitconv.courses.cs231n import _conv
from jitconv.courses.cs231n._arguments import picture, real
from jitconv.courses.cs231n._conv import ConvCache, PoolCache, windows
from jitconv.errors import ParameterError, shown
from jitconv.ops import Gradients

__all__ = [
    "conv_backward_fast",
    "conv_backward_im2col",
    "conv_backward_pytorch",
    "conv_backward_strides",
    "conv_forward_fast",
    "conv_forward_im2col",
    "conv_forward_pytorch",
    "conv_forward_strides",
    "max_pool_backward_fast",
    "max_pool_backward_im2col",
    "max_pool_backward_reshape",
    "max_pool_forward_fast",
    "max_pool_forward_im2col",
    "max_pool_forward_reshape",
]

FastPoolCache = tuple[str, PoolCache]


def conv_forward_im2col(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, ConvCache]:
    """Convolve as `conv_forward_naive` does, windows unrolled into columns."""
    return _conv.convolve(x, w, b, conv_param, "im2col")


def conv_backward_im2col(dout: Any, cache: ConvCache) -> Gradients:
    """Return ``(dx, dw, db)`` as `conv_backward_naive` does, windows unrolled into columns."""
    return _conv.convolve_backward(dout, cache, "im2col")


def conv_forward_strides(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, ConvCache]:
    """Convolve as `conv_forward_im2col` does: in the course only the unrolling differs."""
    return conv_forward_im2col(x, w, b, conv_param)


def conv_backward_strides(dout: Any, cache: ConvCache) -> Gradients:
    """Return ``(dx, dw, db)`` as `conv_backward_im2col` does."""
    return conv_backward_im2col(dout, cache)


def conv_forward_fast(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, ConvCache]:
    """Convolve as `conv_forward_naive` does, by the algorithm that is fastest for these shapes."""
    return _conv.convolve(x, w, b, conv_param)


def conv_backward_fast(dout: Any, cache: ConvCache) -> Gradients:
    """Return ``(dx, dw, db)`` as `conv_backward_naive` does, by the algorithm that is fastest."""
    return _conv.convolve_backward(dout, cache)


def conv_forward_pytorch(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, ConvCache]:
    """Convolve as `conv_forward_fast` does: the name that the 2019 edition had, and still no PyTorch."""
    return conv_forward_fast(x, w, b, conv_param)


def conv_backward_pytorch(dout: Any, cache: ConvCache) -> Gradients:
    """Return ``(dx, dw, db)`` as `conv_backward_fast` does."""
    return conv_backward_fast(dout, cache)


def max_pool_forward_reshape(x: Any, pool_param: Mapping[str, Any]) -> tuple[Array, PoolCache]:
    """Return maxima as `max_pool_forward_naive` does, for square windows that tile the picture.

    Raises
    ------
    ParameterError
        When the windows are not square, overlap, leave gaps, or do not tile the picture.
    """
    (pictures,) = real(x=x)
    if not _tiles(picture("max_pool: x", pictures), pool_param):
        raise ParameterError(
            "max_pool_forward_reshape needs pool_height == pool_width == stride, which divides the height "
            f"and width of x; got {dict(pool_param)} and x {pictures.shape}: max_pool_forward_fast takes any"
        )
    return _conv.pool(x, pool_param, "reshape")


def max_pool_backward_reshape(dout: Any, cache: PoolCache) -> Array:
    """Return dx of `max_pool_forward_reshape`: equal maxima share the gradient, as in the course."""
    return _conv.pool_backward(dout, cache, "split", "reshape")


def max_pool_forward_im2col(x: Any, pool_param: Mapping[str, Any]) -> tuple[Array, PoolCache]:
    """Return maxima as `max_pool_forward_naive` does, windows unrolled into columns."""
    return _conv.pool(x, pool_param, "im2col")


def max_pool_backward_im2col(dout: Any, cache: PoolCache) -> Array:
    """Return dx of `max_pool_forward_im2col`: of equal maxima the first gets the gradient."""
    return _conv.pool_backward(dout, cache, "first", "im2col")


def max_pool_forward_fast(x: Any, pool_param: Mapping[str, Any]) -> tuple[Array, FastPoolCache]:
    """Return maxima as `max_pool_forward_naive` does, by the algorithm that is fastest for these shapes.

    Returns
    -------
    out : array (N, C, OH, OW)
    cache : tuple
        ``(method, (x, pool_param))``. The method, "reshape" where square windows tile the picture and
        else "im2col", decides about ties as in the course.
    """
    (pictures,) = real(x=x)
    method = "reshape" if _tiles(picture("max_pool: x", pictures), pool_param) else "im2col"
    out, cache = _conv.pool(x, pool_param)
    return out, (method, cache)


def max_pool_backward_fast(dout: Any, cache: FastPoolCache) -> Array:
    """Return dx of `max_pool_forward_fast`: equal maxima share it ("reshape"), or the first gets it."""
    method, inner = unpacked(cache, "(method, (x, pool_param))")
    if not isinstance(method, str) or method not in ("reshape", "im2col"):
        raise ParameterError(
            "cache must be (method, (x, pool_param)), as max_pool_forward_fast returned it, with the method "
            f"'reshape' or 'im2col'; got {shown(method)} for it: a cache of "
            "max_pool_forward_naive goes to max_pool_backward_naive"
        )
    return _conv.pool_backward(dout, inner, "split" if method == "reshape" else "first")


def _tiles(x: Array, pool_param: Mapping[str, Any]) -> bool:
    (height, width), stride = windows(pool_param)
    return bool(height == width == stride and stride > 0 and not (x.shape[2] % height or x.shape[3] % width))

"""The course's convolution and pooling calls, on jitconv's ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import jitconv
from jitconv.arrays import Array
from jitconv.courses.caches import unpacked
from jitconv.courses.cs231n._arguments import option, real
from jitconv.errors import ShapeError
from jitconv.ops import Gradients

_loops: ContextVar[bool] = ContextVar("jitconv_courses_loops", default=False)


def naive() -> str:
    """Return the algorithm of the functions that are called ``_naive``."""
    return "naive" if _loops.get() else "auto"


def use_loops(on: bool = True) -> None:
    """Have the functions that are called ``_naive`` really loop over windows in Python, or not.

    Parameters
    ----------
    on : bool
        By default they are as fast as the others. With loops the notebooks' comparisons of speed say what
        they mean to say: 0.36 s instead of 0.012 for 25 filters 3x3 on 100 pictures of 31x31x3 by steps of 2.
    """
    _loops.set(bool(on))


ConvCache = tuple[Any, Any, Any, Mapping[str, Any]]
PoolCache = tuple[Any, Mapping[str, Any]]


def convolve(
    x: Any, w: Any, b: Any, conv_param: Mapping[str, Any], algorithm: str = "auto"
) -> tuple[Array, ConvCache]:
    """Return the convolution by an algorithm of jitconv, and the course's cache."""
    pictures, filters, bias = real(x=x, w=w, b=b)
    if pictures.ndim == filters.ndim == 4 and pictures.shape[1] != filters.shape[1] == pictures.shape[3]:
        raise ShapeError(
            f"w must be (F, {pictures.shape[1]}, HH, WW) to match x {pictures.shape}; got {filters.shape}: "
            "pictures are (N, C, H, W), channels first"
        )
    out = jitconv.conv_forward(
        pictures, filters, bias, **_steps(conv_param), layout="NCHW", algorithm=algorithm
    )
    return out, (x, w, b, conv_param)


def convolve_backward(
    dout: Any, cache: ConvCache, algorithm: str = "auto", wrt: Sequence[str] = ("x", "w", "b")
) -> Gradients:
    """Return the gradients of `convolve`."""
    x, w, _, conv_param = unpacked(cache, "(x, w, b, conv_param)")
    dy, x, w = real(dout=dout, x=x, w=w)
    return jitconv.conv_backward(dy, x, w, **_steps(conv_param), layout="NCHW", wrt=wrt, algorithm=algorithm)


def _steps(conv_param: Mapping[str, Any]) -> dict[str, Any]:
    return {key: option("conv_param", conv_param, key) for key in ("stride", "pad")}


def pool(x: Any, pool_param: Mapping[str, Any], algorithm: str = "auto") -> tuple[Array, PoolCache]:
    """Return the maxima by an algorithm of jitconv, and the course's cache."""
    window, stride = windows(pool_param)
    (pictures,) = real(x=x)
    out = jitconv.max_pool_forward(pictures, window, stride=stride, layout="NCHW", algorithm=algorithm)
    return out, (x, pool_param)


def pool_backward(dout: Any, cache: PoolCache, ties: str, algorithm: str = "auto") -> Array:
    """Return the gradient of `pool`."""
    x, pool_param = unpacked(cache, "(x, pool_param)")
    window, stride = windows(pool_param)
    dy, x = real(dout=dout, x=x)
    return jitconv.max_pool_backward(
        dy, x, window, stride=stride, layout="NCHW", ties=ties, algorithm=algorithm
    )


def windows(pool_param: Mapping[str, Any]) -> tuple[tuple[int, int], int]:
    """Return the size of a window, and the stride."""
    height, width, stride = (
        option("pool_param", pool_param, key) for key in ("pool_height", "pool_width", "stride")
    )
    return (height, width), stride

"""The layers of the course: forward with a cache, backward from it.

``_naive`` names what a function computes, not how fast: these run at machine speed, unless ``use_loops()``
was called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitconv.arrays import Array
from jitconv.courses.cs231n import _conv
from jitconv.courses.cs231n._conv import ConvCache, PoolCache, use_loops
from jitconv.courses.cs231n._dense import (
    affine_backward,
    affine_forward,
    dropout_backward,
    dropout_forward,
    relu_backward,
    relu_forward,
    softmax_loss,
    svm_loss,
)
from jitconv.courses.cs231n._norm import (
    batchnorm_backward,
    batchnorm_backward_alt,
    batchnorm_forward,
    layernorm_backward,
    layernorm_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_groupnorm_backward,
    spatial_groupnorm_forward,
)
from jitconv.ops import Gradients

__all__ = [
    "affine_backward",
    "affine_forward",
    "batchnorm_backward",
    "batchnorm_backward_alt",
    "batchnorm_forward",
    "conv_backward_naive",
    "conv_forward_naive",
    "dropout_backward",
    "dropout_forward",
    "layernorm_backward",
    "layernorm_forward",
    "max_pool_backward_naive",
    "max_pool_forward_naive",
    "relu_backward",
    "relu_forward",
    "softmax_loss",
    "spatial_batchnorm_backward",
    "spatial_batchnorm_forward",
    "spatial_groupnorm_backward",
    "spatial_groupnorm_forward",
    "svm_loss",
    "use_loops",
]


def conv_forward_naive(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, ConvCache]:
    """Convolve pictures with filters.

    Parameters
    ----------
    x : array (N, C, H, W)
        Pictures.
    w : array (F, C, KH, KW)
        Filters.
    b : array (F,)
        Bias.
    conv_param : dict
        ``"stride"`` and ``"pad"``, in pixels: what `jitconv.conv_forward` takes.

    Returns
    -------
    out : array (N, F, OH, OW)
    cache : tuple
        ``(x, w, b, conv_param)``.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        When the arguments do not fit together, are no real numbers, or a key is missing.
    """
    return _conv.convolve(x, w, b, conv_param, _conv.naive())


def conv_backward_naive(dout: Any, cache: ConvCache) -> Gradients:
    """Return the gradients ``(dx, dw, db)`` of `conv_forward_naive`, shaped as its inputs.

    Parameters
    ----------
    dout : array (N, F, OH, OW)
        Gradient of the loss with respect to the result.
    cache : tuple
        As `conv_forward_naive` returned it.
    """
    return _conv.convolve_backward(dout, cache, _conv.naive())


def max_pool_forward_naive(x: Any, pool_param: Mapping[str, Any]) -> tuple[Array, PoolCache]:
    """Return the maximum of every window.

    Parameters
    ----------
    x : array (N, C, H, W)
        Pictures.
    pool_param : dict
        ``"pool_height"``, ``"pool_width"`` and ``"stride"``, in pixels.

    Returns
    -------
    out : array (N, C, OH, OW)
    cache : tuple
        ``(x, pool_param)``.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        When the window does not fit, `x` has no real numbers, or a key is missing.
    """
    return _conv.pool(x, pool_param, _conv.naive())


def max_pool_backward_naive(dout: Any, cache: PoolCache) -> Array:
    """Return dx of `max_pool_forward_naive`: of equal maxima the first gets the gradient.

    Parameters
    ----------
    dout : array (N, C, OH, OW)
        Gradient of the loss with respect to the result.
    cache : tuple
        As `max_pool_forward_naive` returned it.
    """
    return _conv.pool_backward(dout, cache, "first", _conv.naive())

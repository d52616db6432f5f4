"""Layers that often follow one another, joined; a cache is the tuple of theirs, in their order."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from jitconv.arrays import Array
from jitconv.courses.caches import unpacked
from jitconv.courses.cs231n.fast_layers import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)
from jitconv.courses.cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_forward,
    relu_backward,
    relu_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
)
from jitconv.ops import Gradients

__all__ = [
    "affine_bn_relu_backward",
    "affine_bn_relu_forward",
    "affine_relu_backward",
    "affine_relu_forward",
    "conv_bn_relu_backward",
    "conv_bn_relu_forward",
    "conv_relu_backward",
    "conv_relu_forward",
    "conv_relu_pool_backward",
    "conv_relu_pool_forward",
]

Cache = tuple[Any, ...]


def affine_relu_forward(x: Any, w: Any, b: Any) -> tuple[Array, Cache]:
    """`affine_forward`, then `relu_forward`."""
    a, affine = affine_forward(x, w, b)
    out, relu = relu_forward(a)
    return out, (affine, relu)


def affine_relu_backward(dout: Any, cache: Cache) -> tuple[Array, Array, Array]:
    """Return ``(dx, dw, db)`` of `affine_relu_forward`."""
    affine, relu = unpacked(cache, "(affine, relu)")
    return affine_backward(relu_backward(dout, relu), affine)


def affine_bn_relu_forward(
    x: Any, w: Any, b: Any, gamma: Any, beta: Any, bn_param: MutableMapping[str, Any]
) -> tuple[Array, Cache]:
    """`affine_forward`, `batchnorm_forward`, then `relu_forward`."""
    a, affine = affine_forward(x, w, b)
    normal, norm = batchnorm_forward(a, gamma, beta, bn_param)
    out, relu = relu_forward(normal)
    return out, (affine, norm, relu)


def affine_bn_relu_backward(dout: Any, cache: Cache) -> tuple[Array, Array, Array, Array, Array]:
    """Return ``(dx, dw, db, dgamma, dbeta)`` of `affine_bn_relu_forward`."""
    affine, norm, relu = unpacked(cache, "(affine, norm, relu)")
    da, dgamma, dbeta = batchnorm_backward(relu_backward(dout, relu), norm)
    return *affine_backward(da, affine), dgamma, dbeta


def conv_relu_forward(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, Cache]:
    """`conv_forward_fast`, then `relu_forward`."""
    a, conv = conv_forward_fast(x, w, b, conv_param)
    out, relu = relu_forward(a)
    return out, (conv, relu)


def conv_relu_backward(dout: Any, cache: Cache) -> Gradients:
    """Return ``(dx, dw, db)`` of `conv_relu_forward`."""
    conv, relu = unpacked(cache, "(conv, relu)")
    return conv_backward_fast(relu_backward(dout, relu), conv)


def conv_bn_relu_forward(
    x: Any,
    w: Any,
    b: Any,
    gamma: Any,
    beta: Any,
    conv_param: Mapping[str, Any],
    bn_param: MutableMapping[str, Any],
) -> tuple[Array, Cache]:
    """`conv_forward_fast`, `spatial_batchnorm_forward`, then `relu_forward`."""
    a, conv = conv_forward_fast(x, w, b, conv_param)
    normal, norm = spatial_batchnorm_forward(a, gamma, beta, bn_param)
    out, relu = relu_forward(normal)
    return out, (conv, norm, relu)


def conv_bn_relu_backward(dout: Any, cache: Cache) -> tuple[Any, Any, Any, Array, Array]:
    """Return ``(dx, dw, db, dgamma, dbeta)`` of `conv_bn_relu_forward`."""
    conv, norm, relu = unpacked(cache, "(conv, norm, relu)")
    da, dgamma, dbeta = spatial_batchnorm_backward(relu_backward(dout, relu), norm)
    return *conv_backward_fast(da, conv), dgamma, dbeta


def conv_relu_pool_forward(
    x: Any, w: Any, b: Any, conv_param: Mapping[str, Any], pool_param: Mapping[str, Any]
) -> tuple[Array, Cache]:
    """`conv_forward_fast`, `relu_forward`, then `max_pool_forward_fast`."""
    a, conv = conv_forward_fast(x, w, b, conv_param)
    s, relu = relu_forward(a)
    out, pool = max_pool_forward_fast(s, pool_param)
    return out, (conv, relu, pool)


def conv_relu_pool_backward(dout: Any, cache: Cache) -> Gradients:
    """Return ``(dx, dw, db)`` of `conv_relu_pool_forward`."""
    conv, relu, pool = unpacked(cache, "(conv, relu, pool)")
    return conv_backward_fast(relu_backward(max_pool_backward_fast(dout, pool), relu), conv)

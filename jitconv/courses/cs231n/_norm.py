"""Batch, layer and group normalisation, of vectors and of pictures."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.caches import unpacked
from jitconv.courses.cs231n import _arguments
from jitconv.courses.cs231n._arguments import picture, real
from jitconv.errors import ParameterError, ShapeError
from jitconv.nn import functions
from jitconv.nn.functions.normalisation import NormCache


def batchnorm_forward(
    x: Any, gamma: Any, beta: Any, bn_param: MutableMapping[str, Any]
) -> tuple[Array, NormCache | None]:
    """Normalise every feature over the batch.

    Parameters
    ----------
    x : array (N, D)
        Samples.
    gamma, beta : array (D,)
        Scale and shift.
    bn_param : dict
        ``"mode"``: "train" or "test"; optional ``"eps"`` (1e-5), ``"momentum"`` (0.9), ``"running_mean"``
        and ``"running_var"`` (zeros). The running statistics are put back into it, as new arrays.

    Returns
    -------
    out : array (N, D)
    cache
        For `batchnorm_backward`; None in test mode.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        When the arguments do not fit together, are no real numbers, or have no meaning.
    """
    values, scale, shift = real(x=x, gamma=gamma, beta=beta)
    if values.ndim != 2:
        raise ShapeError(f"batchnorm: x must be (N, D); got {values.shape}")
    return _batchnorm(values, scale, shift, bn_param)


def _batchnorm(
    x: Array, gamma: Array, beta: Array, bn_param: MutableMapping[str, Any]
) -> tuple[Array, NormCache | None]:
    training = _arguments.mode("bn_param", bn_param)
    mean, var = (
        np.array(bn_param.get(name, np.zeros(x.shape[1])), dtype=x.dtype)
        for name in ("running_mean", "running_var")
    )
    out, cache = functions.batchnorm_forward(
        x,
        gamma,
        beta,
        1,
        mean,
        var,
        training=training,
        momentum=bn_param.get("momentum", 0.9),
        epsilon=bn_param.get("eps", 1e-5),
    )
    bn_param["running_mean"], bn_param["running_var"] = mean, var
    return out, cache


def batchnorm_backward(dout: Any, cache: NormCache | None) -> tuple[Array, Array, Array]:
    """Return the gradients ``(dx, dgamma, dbeta)`` of `batchnorm_forward` in train mode.

    Raises
    ------
    ParameterError
        When the cache comes from test mode.
    ShapeError, DtypeError
        When `dout` is not shaped as `x`, or has no real numbers.
    """
    if cache is None:
        raise ParameterError("batchnorm: the backward pass needs a cache of mode 'train'; got that of 'test'")
    (dy,) = real(dout=dout)
    return functions.batchnorm_backward(dy, cache)


def batchnorm_backward_alt(dout: Any, cache: NormCache | None) -> tuple[Array, Array, Array]:
    """Return what `batchnorm_backward` returns: it has the closed form already."""
    return batchnorm_backward(dout, cache)


def layernorm_forward(x: Any, gamma: Any, beta: Any, ln_param: Mapping[str, Any]) -> tuple[Array, NormCache]:
    """Normalise every sample over its features.

    Parameters
    ----------
    x : array (N, D)
        Samples.
    gamma, beta : array (D,)
        Scale and shift.
    ln_param : dict
        Optional ``"eps"`` (1e-5).

    Returns
    -------
    out : array (N, D)
    cache
        For `layernorm_backward`.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        As `batchnorm_forward`.
    """
    values, scale, shift = real(x=x, gamma=gamma, beta=beta)
    if values.ndim != 2:
        raise ShapeError(f"layernorm: x must be (N, D); got {values.shape}")
    return functions.groupnorm_forward(values, scale, shift, 1, 1, epsilon=ln_param.get("eps", 1e-5))


def layernorm_backward(dout: Any, cache: NormCache) -> tuple[Array, Array, Array]:
    """Return the gradients ``(dx, dgamma, dbeta)`` of `layernorm_forward`."""
    (dy,) = real(dout=dout)
    return functions.groupnorm_backward(dy, cache)


def spatial_batchnorm_forward(
    x: Any, gamma: Any, beta: Any, bn_param: MutableMapping[str, Any]
) -> tuple[Array, NormCache | None]:
    """Normalise every channel over the pixels of the batch.

    Parameters
    ----------
    x : array (N, C, H, W)
        Pictures.
    gamma, beta : array (C,)
        Scale and shift.
    bn_param : dict
        As for `batchnorm_forward`.

    Returns
    -------
    out : array (N, C, H, W)
    cache
        For `spatial_batchnorm_backward`; None in test mode.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        As `batchnorm_forward`.
    """
    values, scale, shift = real(x=x, gamma=gamma, beta=beta)
    return _batchnorm(picture("spatial_batchnorm: x", values), scale, shift, bn_param)


def spatial_batchnorm_backward(dout: Any, cache: NormCache | None) -> tuple[Array, Array, Array]:
    """Return the gradients ``(dx, dgamma, dbeta)`` of `spatial_batchnorm_forward` in train mode."""
    return batchnorm_backward(dout, cache)


def spatial_groupnorm_forward(
    x: Any,
    gamma: Any,
    beta: Any,
    G: int,  # noqa: N803 - the course's name
    gn_param: Mapping[str, Any],
) -> tuple[Array, tuple[tuple[int, ...], NormCache]]:
    """Normalise the channels of every picture in groups.

    Parameters
    ----------
    x : array (N, C, H, W)
        Pictures.
    gamma, beta : array (C,) or (1, C, 1, 1)
        Scale and shift.
    G : int
        Groups; divides C.
    gn_param : dict
        Optional ``"eps"`` (1e-5).

    Returns
    -------
    out : array (N, C, H, W)
    cache
        For `spatial_groupnorm_backward`.

    Raises
    ------
    ShapeError, DtypeError, ParameterError
        As `batchnorm_forward`.
    """
    values, scale, shift = real(x=x, gamma=gamma, beta=beta)
    epsilon = gn_param.get("eps", 1e-5)
    out, cache = functions.groupnorm_forward(
        picture("spatial_groupnorm: x", values), scale.reshape(-1), shift.reshape(-1), G, 1, epsilon=epsilon
    )
    return out, (scale.shape, cache)


def spatial_groupnorm_backward(
    dout: Any, cache: tuple[tuple[int, ...], NormCache]
) -> tuple[Array, Array, Array]:
    """Return the gradients ``(dx, dgamma, dbeta)`` of `spatial_groupnorm_forward`; the last two as gamma."""
    (dy,) = real(dout=dout)
    shape, inner = unpacked(cache, "(shape, cache)")
    dx, dgamma, dbeta = functions.groupnorm_backward(dy, inner)
    return dx, dgamma.reshape(shape), dbeta.reshape(shape)

"""Batch and group normalisation, whatever the order of the axes.

Both take the mean away from the elements that belong together, divide by their standard deviation, and give
every channel a scale and a shift. They differ in what belongs together: for a batch all of a channel, for
groups some channels of one sample. Either is a view of x whose fixed axes tell sets apart.

Means are summed in float64: NumPy adds along a leading axis one by one, which over the 51,200 pixels of a
batch costs float32 two digits.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError, ShapeError

Axes = tuple[int, ...]


class NormCache(NamedTuple):
    """What the backward pass needs."""

    normal: Array
    """x less its mean, over its deviation: the view that the sets are told apart in."""
    inverse: Array
    """1 / deviation of every set."""
    gamma: Array
    """The scales, shaped to multiply `normal`."""
    axes: Axes
    """Axes of `normal` along which elements belong to one set."""
    channels: Axes
    """Axes of `normal` along which elements belong to one channel."""
    shape: tuple[int, ...]
    """Shape of x."""


def batchnorm_forward(
    x: Array,
    gamma: Array,
    beta: Array,
    axis: int,
    running_mean: Array,
    running_var: Array,
    *,
    training: bool,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> tuple[Array, NormCache | None]:
    """Give every channel mean `beta` and standard deviation `gamma` over the batch.

    Parameters
    ----------
    x : array
        Float32 or float64; C channels along `axis`.
    gamma, beta : array (C,)
        Scale and shift.
    axis : int
        The channels' axis: 1 of (N, D) and of NCHW, 3 of NHWC.
    running_mean, running_var : array (C,)
        Averages over the batches so far. In training they are changed in place, to momentum · running +
        (1 - momentum) · this batch's; otherwise they are used instead of the batch's.
    training : bool
        Whether to use the statistics of this batch.
    momentum : float
        Weight of the past in the running averages, 0 to 1.
    epsilon : float
        Added to the variance.

    Returns
    -------
    y : array
        Shaped as `x`.
    cache : NormCache or None
        For `batchnorm_backward`; None when not training.

    Raises
    ------
    ShapeError
        When the arguments do not fit together, or there is no element to take a mean of.
    ParameterError
        When `momentum` or `epsilon` has no meaning.

    Notes
    -----
    S. Ioffe, C. Szegedy: Batch Normalization (2015). The variance is the biased one, also the running one.
    """
    axis = _channels(x, axis)
    parameters = {"gamma": gamma, "beta": beta, "running_mean": running_mean, "running_var": running_var}
    _check(x, axis, parameters, epsilon)
    if not 0 <= momentum <= 1:
        raise ParameterError(f"batchnorm: momentum must be 0 to 1; got {momentum!r}")
    view = x.reshape(prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :]))
    gamma, beta = gamma[:, None], beta[:, None]
    if not training:
        scale = gamma / np.sqrt(running_var[:, None] + epsilon)
        return ((view - running_mean[:, None]) * scale + beta).reshape(x.shape), None
    normal, inverse, mean, var = _normalise(view, (0, 2), epsilon)
    for running, batch in ((running_mean, mean), (running_var, var)):
        running *= momentum
        running += (1 - momentum) * batch.reshape(-1)
    y = (gamma * normal + beta).reshape(x.shape)
    return y, NormCache(normal, inverse, gamma, (0, 2), (0, 2), x.shape)


def groupnorm_forward(
    x: Array, gamma: Array, beta: Array, groups: int, axis: int, *, epsilon: float = 1e-5
) -> tuple[Array, NormCache]:
    """Normalise the channels of every sample in groups, then scale and shift each channel.

    Parameters
    ----------
    x : array (N, ...)
        Float32 or float64; C channels along `axis`.
    gamma, beta : array (C,)
        Scale and shift.
    groups : int
        How many; divides C. With one it is layer normalisation.
    axis : int
        The channels' axis, not the first: 1 of (N, D) and of NCHW, 3 of NHWC.
    epsilon : float
        Added to the variance.

    Returns
    -------
    y : array
        Shaped as `x`.
    cache : NormCache
        For `groupnorm_backward`.

    Raises
    ------
    ShapeError
        When the arguments do not fit together, or there is no element to take a mean of.
    ParameterError
        When `groups` does not divide C, or `epsilon` has no meaning.

    Notes
    -----
    Y. Wu, K. He: Group Normalization (2018); J. L. Ba et al.: Layer Normalization (2016).
    """
    axis = _channels(x, axis)
    if axis == 0:
        raise ParameterError(
            f"groupnorm: the first axis of x {x.shape} tells samples apart; axis must be another"
        )
    _check(x, axis, {"gamma": gamma, "beta": beta}, epsilon)
    channels = x.shape[axis]
    if groups < 1 or channels % groups:
        raise ParameterError(f"groupnorm: groups must divide the {channels} channels of x; got {groups!r}")
    each = (groups, channels // groups, 1)
    view = x.reshape(len(x), prod(x.shape[1:axis]), *each[:2], prod(x.shape[axis + 1 :]))
    gamma, beta = gamma.reshape(each), beta.reshape(each)
    normal, inverse, _, _ = _normalise(view, (1, 3, 4), epsilon)
    y = (gamma * normal + beta).reshape(x.shape)
    return y, NormCache(normal, inverse, gamma, (1, 3, 4), (0, 1, 4), x.shape)


def batchnorm_backward(dy: Array, cache: NormCache) -> tuple[Array, Array, Array]:
    """Return the gradients of a loss with respect to the inputs of `batchnorm_forward` in training.

    Parameters
    ----------
    dy : array
        Gradient of the loss with respect to the result, shaped as `x`.
    cache : NormCache
        As `batchnorm_forward` returned it.

    Returns
    -------
    dx : array
        Shaped as `x`.
    dgamma, dbeta : array (C,)

    Raises
    ------
    ShapeError
        When `dy` is not shaped as `x`.
    """
    if dy.shape != cache.shape:
        raise ShapeError(f"normalisation: dy must be {cache.shape}, as x; got {dy.shape}")
    dy = dy.reshape(cache.normal.shape)
    dbeta = _sum(dy, cache.channels).reshape(-1)
    dgamma = _sum(dy * cache.normal, cache.channels).reshape(-1)
    dnormal = dy * cache.gamma
    size = prod(dy.shape[axis] for axis in cache.axes)
    # the mean moves with each element, and the deviation too: what dnormal has in common with either is lost
    along = _sum(dnormal * cache.normal, cache.axes) / size
    dnormal -= _sum(dnormal, cache.axes) / size
    dnormal -= cache.normal * along
    dnormal *= cache.inverse
    return dnormal.reshape(cache.shape), dgamma, dbeta


groupnorm_backward = batchnorm_backward
"""The same for groups: the cache tells what belongs together."""


def _normalise(x: Array, axes: Axes, epsilon: float) -> tuple[Array, Array, Array, Array]:
    """Return x less its mean over its deviation, 1 / deviation, mean and variance."""
    size = prod(x.shape[axis] for axis in axes)
    mean = _sum(x, axes) / size
    normal = x - mean
    var = _sum(normal * normal, axes) / size
    inverse = 1 / np.sqrt(var + epsilon)
    normal *= inverse
    return normal, inverse, mean, var


def _sum(x: Array, axes: Axes) -> Array:
    return x.sum(axes, dtype=np.float64, keepdims=True).astype(x.dtype)


def _channels(x: Array, axis: int) -> int:
    """Return the channels' axis counted from the front."""
    if not -x.ndim <= axis < x.ndim:
        raise ParameterError(f"normalisation: axis must be one of the {x.ndim} of x {x.shape}; got {axis!r}")
    return axis % x.ndim


def _check(x: Array, axis: int, parameters: dict[str, Array], epsilon: float) -> None:
    if not x.size:
        raise ShapeError(f"normalisation: x must have elements to take a mean of; got {x.shape}")
    for name, value in parameters.items():
        if value.shape != (x.shape[axis],):
            wanted = f"({x.shape[axis]},) to match the channels of x {x.shape}"
            raise ShapeError(f"normalisation: {name} must be {wanted}; got {value.shape}")
    if not epsilon >= 0:
        raise ParameterError(f"normalisation: epsilon must not be negative; got {epsilon!r}")

"""The course's update rules: ``next_w, config = rule(w, dw, config)``.

`config` holds the rule's options and what it keeps for the next step; without one it is made, and what is
missing gets its default. Neither `w` nor the arrays in `config` are changed: new ones take their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.cs231n._arguments import real
from jitconv.errors import ShapeError
from jitconv.nn.functions import adam_step, momentum_step

__all__ = ["adam", "rmsprop", "sgd", "sgd_momentum"]

Config = dict[str, Any]


def sgd(w: Any, dw: Any, config: Config | None = None) -> tuple[Array, Config]:
    """Take a step of gradient descent: w - rate · dw.

    Parameters
    ----------
    w, dw : array
        Parameters and their gradient, of one shape.
    config : dict, optional
        ``learning_rate`` (1e-2).

    Returns
    -------
    next_w : array
    config : dict

    Raises
    ------
    ShapeError, DtypeError
        When the two differ in shape, or are no real numbers.
    """
    return _anew("sgd", w, dw, config)


def sgd_momentum(w: Any, dw: Any, config: Config | None = None) -> tuple[Array, Config]:
    """Take a step with momentum: velocity ← momentum · velocity - rate · dw, which is added to w.

    Parameters, result and errors are those of `sgd`; `config` also has ``momentum`` (0.9) and ``velocity``.
    """
    return _anew("sgd_momentum", w, dw, config)


def rmsprop(w: Any, dw: Any, config: Config | None = None) -> tuple[Array, Config]:
    """Take a step over the root of the moving mean of squared gradients.

    Parameters, result and errors are those of `sgd`; `config` also has ``decay_rate`` (0.99), ``epsilon``
    (1e-8) and ``cache``.
    """
    return _anew("rmsprop", w, dw, config)


def adam(w: Any, dw: Any, config: Config | None = None) -> tuple[Array, Config]:
    """Take a step of Adam (D. P. Kingma, J. Ba, 2015).

    Parameters, result and errors are those of `sgd`; `config` has ``learning_rate`` (1e-3), ``beta1`` (0.9),
    ``beta2`` (0.999), ``epsilon`` (1e-8), ``m``, ``v`` and ``t``, the steps taken.
    """
    return _anew("adam", w, dw, config)


def _sgd(w: Array, dw: Array, config: Config) -> None:
    w -= config["learning_rate"] * dw


def _sgd_momentum(w: Array, dw: Array, config: Config) -> None:
    rate, momentum = config["learning_rate"], config["momentum"]
    momentum_step(w, dw, config["velocity"], rate=rate, momentum=momentum)


def _rmsprop(w: Array, dw: Array, config: Config) -> None:
    cache, decay = config["cache"], config["decay_rate"]
    cache *= decay
    cache += (1 - decay) * dw * dw
    w -= config["learning_rate"] * dw / (np.sqrt(cache) + config["epsilon"])


def _adam(w: Array, dw: Array, config: Config) -> None:
    config["t"] += 1
    options = {key: config[key] for key in ("beta1", "beta2", "epsilon")}
    adam_step(w, dw, config["m"], config["v"], config["t"], rate=config["learning_rate"], **options)


IN_PLACE: dict[str, Callable[[Array, Array, Config], None]] = {
    "sgd": _sgd,
    "sgd_momentum": _sgd_momentum,
    "rmsprop": _rmsprop,
    "adam": _adam,
}
"""The rules by name; each changes w and the arrays of a complete config."""

OPTIONS: dict[str, Config] = {
    "sgd": {"learning_rate": 1e-2},
    "sgd_momentum": {"learning_rate": 1e-2, "momentum": 0.9},
    "rmsprop": {"learning_rate": 1e-2, "decay_rate": 0.99, "epsilon": 1e-8},
    "adam": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "t": 0},
}

KEPT: dict[str, tuple[str, ...]] = {
    "sgd": (),
    "sgd_momentum": ("velocity",),
    "rmsprop": ("cache",),
    "adam": ("m", "v"),
}


def complete(rule: str, w: Array, config: Config) -> None:
    """Give a config what it lacks."""
    for key, value in OPTIONS[rule].items():
        config.setdefault(key, value)
    for key in KEPT[rule]:
        config[key] = np.array(config[key], w.dtype) if key in config else np.zeros_like(w)
        if config[key].shape != w.shape:
            raise ShapeError(f"{rule}: config[{key!r}] must be {w.shape}, as w; got {config[key].shape}")


def _anew(rule: str, w: Any, dw: Any, config: Config | None) -> tuple[Array, Config]:
    config = {} if config is None else config
    weights, slope = real(w=w, dw=dw)
    if weights.shape != slope.shape:
        raise ShapeError(f"{rule}: dw must be {weights.shape}, as w; got {slope.shape}")
    complete(rule, weights, config)
    weights = weights.copy()
    IN_PLACE[rule](weights, slope, config)
    return weights, config

"""Gradients by finite differences, to check the others by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import ParameterError
from jitconv.nn.model import Sequential
from jitconv.nn.optimisers import decays


def numerical_gradient(
    function: Callable[[], float], x: Array, *, h: float = 1e-5, places: Array | None = None
) -> Array:
    """Return the gradient of a function with respect to an array that it reads, by central differences.

    Parameters
    ----------
    function : callable
        Takes nothing, reads `x`, returns a number.
    x : array
        Float64; each element is moved by `h` either way, and is what it was in the end, whatever happens.
    h : float
        The step.
    places : array of int, optional
        Elements, by their places in the flattened array; by default all.

    Returns
    -------
    array
        The derivative by each of `places`; shaped as `x` without these.
    """
    if x.dtype.name != "float64":  # of either byte order
        raise ParameterError(f"finite differences need float64; got {x.dtype}")
    chosen = range(x.size) if places is None else places
    gradient = np.empty(len(chosen))
    for count, place in enumerate(chosen):
        above, below = either_side(function, x, np.unravel_index(place, x.shape), h)
        gradient[count] = (above - below) / (2 * h)
    return gradient.reshape(x.shape) if places is None else gradient


def either_side(function: Callable[[], Any], x: Array, place: tuple[Any, ...], h: float) -> tuple[Any, Any]:
    """Return what a function gives with one element of an array larger, and smaller, by `h`.

    The element is what it was in the end, whatever happens; a result that is an array is copied, as the
    function may give the same one each time.
    """
    before = x[place]
    try:
        x[place] = before + h
        above = np.copy(function())
        x[place] = before - h
        return above, np.copy(function())
    finally:
        x[place] = before


def relative_error(a: Array, b: Array) -> float:
    """Return the largest of ``|a - b| / max(1e-8, |a| + |b|)``, as the courses measure it."""
    return float(np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))))


def check_gradients(
    model: Sequential,
    x: Array,
    labels: Array,
    *,
    l2: float = 0.0,
    samples: int = 20,
    seed: int = 0,
    h: float = 1e-5,
) -> dict[str, float]:
    """Compare a network's gradients with finite differences.

    Parameters
    ----------
    model : Sequential
        Of dtype float64. It is run as in training, each time with the same random numbers.
    x, labels : array
        A batch; a small one will do.
    l2 : float
        As in `fit`.
    samples : int
        Elements of each parameter that are checked, drawn at random.
    seed : int
        Of the drawing, and of what layers such as Dropout draw.
    h : float
        The step of the differences.

    Returns
    -------
    dict
        The relative error of each parameter, by name: L2 of the difference over the sum of both L2, or
        over 1e-4 where that is larger (a bias before a BatchNorm2D has no slope at all). Below 1e-6 all is
        well; above, a ReLU or a maximum may have its kink within `h`.

    Raises
    ------
    ParameterError
        For a network of float32: its rounding hides what is looked for.
    """
    if model.dtype != np.float64:
        raise ParameterError(f'the network must be made with dtype="float64"; got {model.dtype}')
    parameters, state = model.parameters, {name: one.copy() for name, one in model.state.items()}

    def objective() -> float:
        penalty = sum(l2 / 2 * float((w * w).sum()) for name, w in parameters.items() if decays(name))
        return model.step(x, labels, np.random.default_rng(seed)).loss + penalty

    gradients = model.step(x, labels, np.random.default_rng(seed)).gradients
    rng, errors = np.random.default_rng(seed), {}
    for name, w in parameters.items():
        places = rng.choice(w.size, min(samples, w.size), replace=False)
        wanted = numerical_gradient(objective, w, h=h, places=places)
        found = (gradients[name] + (l2 * w if decays(name) else 0)).reshape(-1)[places]
        norms = np.linalg.norm(found) + np.linalg.norm(wanted)
        errors[name] = float(np.linalg.norm(found - wanted) / max(norms, 1e-4))
    for name, before in state.items():
        model.state[name][...] = before
    return errors

"""The network of the second exercise, for pictures of hand signs (64×64, 6 classes)."""

from __future__ import annotations

import math

import numpy as np

from jitconv import ops
from jitconv.courses.coursera.inputs import Array, floats
from jitconv.errors import ParameterError, ShapeError
from jitconv.nn.functions import dense_forward, relu_forward, softmax_cross_entropy
from jitconv.specs.values import integer

SHAPES = {"W1": (4, 4, 3, 8), "W2": (2, 2, 8, 16), "W3": (64, 6)}
PICTURE = (64, 64, 3)


def initialize_parameters(seed: int = 1) -> dict[str, Array]:
    """Return new parameters: Glorot uniform weights and a bias of zeros.

    Parameters
    ----------
    seed : int
        Seed of the weights, 0 or more; the same seed gives the same bits.

    Returns
    -------
    dict of array, float32
        ``W1`` (4, 4, 3, 8) and ``W2`` (2, 2, 8, 16), the filters; ``W3`` (64, 6) and ``b3`` (6,), the dense
        layer, which the course's framework created unseen in `forward_propagation`. The convolutions have
        no bias.

    Raises
    ------
    ParameterError
        When `seed` is no integer or negative.

    Examples
    --------
    >>> {name: array.shape for name, array in initialize_parameters(seed=1).items()}
    {'W1': (4, 4, 3, 8), 'W2': (2, 2, 8, 16), 'W3': (64, 6), 'b3': (6,)}
    """
    rng = np.random.default_rng(integer("seed", seed, 0))
    parameters = {name: _glorot(shape, rng) for name, shape in SHAPES.items()}
    return parameters | {"b3": np.zeros(6, np.float32)}


def _glorot(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    *taps, inputs, outputs = shape
    limit = math.sqrt(6 / (math.prod(taps) * (inputs + outputs)))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def forward_propagation(X: Array, parameters: dict[str, Array]) -> Array:  # noqa: N803 (the course's name)
    """Return the scores of pictures: CONV, RELU, MAXPOOL twice, FLATTEN and a dense layer.

    Parameters
    ----------
    X : array (m, 64, 64, 3)
        Pictures, brought to the dtype to which NumPy promotes the parameters.
    parameters : dict
        As `initialize_parameters` returns them.

    Returns
    -------
    array (m, 6)
        Z3, the scores before softmax.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When an array has another shape or is not real, or a parameter is missing.
    """
    w1, w2, w3, b3 = _unpack(parameters)
    (x,) = floats(X=X)
    if x.shape[1:] != PICTURE or x.ndim != 4:
        raise ShapeError(f"X must be (m, 64, 64, 3); got shape {x.shape}")
    z1 = ops.conv_forward(x.astype(w1.dtype, copy=False), w1, pad="same")
    p1 = ops.max_pool_forward(relu_forward(z1), 8, pad="same")
    p2 = ops.max_pool_forward(relu_forward(ops.conv_forward(p1, w2, pad="same")), 4, pad="same")
    return dense_forward(p2.reshape(len(x), -1), w3, b3)


def _unpack(parameters: dict[str, Array]) -> list[Array]:
    shapes = SHAPES | {"b3": (6,)}
    for name in shapes:
        if name not in parameters:
            raise ParameterError(f"parameters lacks the key {name!r}; it has {list(parameters)}")
    arrays = floats(**{name: parameters[name] for name in shapes})
    for (name, shape), array in zip(shapes.items(), arrays, strict=True):
        if array.shape != shape:
            raise ShapeError(f"{name} must be {shape}; got shape {array.shape}")
    return arrays


def compute_cost(Z3: Array, Y: Array) -> float:  # noqa: N803
    """Return the mean softmax cross-entropy of scores, in nats.

    Parameters
    ----------
    Z3 : array (m, classes)
        Scores, as `forward_propagation` returns them; m is at least 1.
    Y : array (m, classes)
        A row for each picture: 1 at its class, 0 elsewhere.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When the shapes differ, `Y` is not one-hot, or an array is not real.

    Examples
    --------
    >>> import numpy as np
    >>> round(compute_cost(np.zeros((2, 6)), np.eye(6)[[0, 3]]), 6)  # log 6
    1.791759
    """
    scores, y = floats(Z3=Z3, Y=Y)
    if scores.ndim != 2 or scores.shape != y.shape or not len(y):
        raise ShapeError(f"Z3 and Y must both be (m, classes); got shapes {scores.shape} and {y.shape}")
    if not (np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1)):
        raise ParameterError("Y must be one-hot: one 1 in each row, else 0 (convert_to_one_hot(labels, C).T)")
    return softmax_cross_entropy(scores, y.argmax(axis=1))[0]

"""Networks that courses and papers made well known."""

from __future__ import annotations

from typing import Any

from jitconv.nn.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from jitconv.nn.model import Sequential


def signs(
    *, shape: tuple[int, ...] = (64, 64, 3), bias: bool = True, seed: int = 0, **options: Any
) -> Sequential:
    """Return the network that tells six signs of a hand apart, in pictures of 64×64×3.

    Convolution 4×4 to 8 channels, ReLU, max pool 8×8; convolution 2×2 to 16 channels, ReLU, max pool 4×4;
    dense to 6 scores: the network of the Deep Learning Specialization's exercise (DeepLearning.AI).

    Parameters
    ----------
    shape : tuple
        (H, W, C) of a picture, as for `Sequential`.
    bias : bool
        Whether the convolutions have one (the exercise's have none).
    seed : int
        Decides the weights (Glorot uniform).
    **options
        As for `Sequential`.
    """
    layers = [
        Conv2D(8, 4, pad="same", bias=bias, init="glorot"), ReLU(), MaxPool2D(8, pad="same"),
        Conv2D(16, 2, pad="same", bias=bias, init="glorot"), ReLU(), MaxPool2D(4, pad="same"),
        Flatten(), Dense(6, init="glorot"),
    ]  # fmt: skip
    return Sequential(layers, shape, seed=seed, **options)


def three_layer(*, filters: int = 32, hidden: int = 500, seed: int = 0, **options: Any) -> Sequential:
    """Return a convolution 7×7, ReLU, max pool 2×2, dense, ReLU, dense to 10 scores, for 32×32×3.

    The three-layer network of CS231n's second assignment (Stanford).

    Parameters
    ----------
    filters, hidden : int
        Channels of the convolution, units of the first dense layer.
    seed : int
        Decides the weights (normal, of deviation 1e-3, as there).
    **options
        As for `Sequential`.
    """
    layers = [
        Conv2D(filters, 7, pad=3, init="small"), ReLU(), MaxPool2D(2),
        Flatten(), Dense(hidden, init="small"), ReLU(), Dense(10, init="small"),
    ]  # fmt: skip
    return Sequential(layers, (32, 32, 3), seed=seed, **options)


def lenet5(*, classes: int = 10, seed: int = 0, **options: Any) -> Sequential:
    """Return LeNet-5 for digits of 28×28×1, with ReLU and max pools as it is taught today.

    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86, 1998: there with scaled tanh, averages, and radial units at the end.

    Parameters
    ----------
    classes : int
        Scores.
    seed : int
        Decides the weights (normal, He).
    **options
        As for `Sequential`.
    """
    layers = [
        Conv2D(6, 5, pad=2), ReLU(), MaxPool2D(2), Conv2D(16, 5), ReLU(), MaxPool2D(2),
        Flatten(), Dense(120), ReLU(), Dense(84), ReLU(), Dense(classes, init="glorot"),
    ]  # fmt: skip
    return Sequential(layers, (28, 28, 1), seed=seed, **options)


def small(*, classes: int = 10, seed: int = 0, **options: Any) -> Sequential:
    """Return a network for the handwritten digits of 8×8×1: two convolutions, one pool, two dense layers.

    Parameters
    ----------
    classes : int
        Scores.
    seed : int
        Decides the weights (normal, He).
    **options
        As for `Sequential`.
    """
    layers = [
        Conv2D(16, 3, pad=1), ReLU(), Conv2D(32, 3, pad=1), ReLU(), MaxPool2D(2),
        Flatten(), Dense(64), ReLU(), Dense(classes, init="glorot"),
    ]  # fmt: skip
    return Sequential(layers, (8, 8, 1), seed=seed, **options)

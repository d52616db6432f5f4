"""Networks that courses and papers made well known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jitconv.nn.layers import Add, AvgPool2D, BatchNorm2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from jitconv.nn.model import Sequential


def signs(
    *,
    shape: tuple[int, ...] = (64, 64, 3),
    bias: bool = True,
    init: str = "glorot",
    seed: int = 0,
    **options: Any,
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
    init : str
        How the convolutions' weights begin, as for `Conv2D`; in the exercise Glorot uniform. Before a ReLU
        "he" leaves fewer filters without a picture that they answer to.
    seed : int
        Decides the weights.
    **options
        As for `Sequential`.
    """
    layers = [
        Conv2D(8, 4, pad="same", bias=bias, init=init), ReLU(), MaxPool2D(8, pad="same"),
        Conv2D(16, 2, pad="same", bias=bias, init=init), ReLU(), MaxPool2D(4, pad="same"),
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


def resnet(
    shape: tuple[int, int, int] = (32, 32, 3), *, classes: int = 10, blocks: int = 3,
    widths: Sequence[int] = (16, 32, 64), seed: int = 0, **options: Any,
) -> Sequential:  # fmt: skip
    """Return a residual network; that of 32×32×3 with 3 blocks of each width is known as ResNet-20.

    K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2,
    with 1×1 convolutions where a block changes the shape (there "B"; "A" fills up with zeros). A
    convolution 3×3; blocks of two, each with batch normalisation, the first of each width but the first with
    stride 2; the mean over what is left of the picture; dense to scores.

    Parameters
    ----------
    shape : tuple
        Of a picture, as for `Sequential`.
    classes : int
        Scores.
    blocks : int
        Of each width.
    widths : sequence of int
        Channels.
    seed : int
        Decides the weights (normal, He).
    **options
        As for `Sequential`.
    """
    layers = [Conv2D(widths[0], 3, pad=1, bias=False), BatchNorm2D(), ReLU()]
    channels = widths[0]
    for place, width in enumerate(widths):
        for block in range(blocks):
            layers += [_residual(width, 2 if place and not block else 1, width != channels), ReLU()]
            channels = width
    height, across = shape[:2] if options.get("layout", "NHWC") == "NHWC" else shape[1:]
    halves = 2 ** (len(widths) - 1)
    window = -(-height // halves), -(-across // halves)
    return Sequential(
        [*layers, AvgPool2D(window), Flatten(), Dense(classes, init="glorot")], shape, seed=seed, **options
    )


def _residual(width: int, stride: int, projected: bool) -> Layer:
    body = [
        Conv2D(width, 3, stride, pad=1, bias=False), BatchNorm2D(), ReLU(),
        Conv2D(width, 3, pad=1, bias=False), BatchNorm2D(),
    ]  # fmt: skip
    changes = projected or stride > 1
    return Add(body, [Conv2D(width, 1, stride, bias=False), BatchNorm2D()] if changes else [])

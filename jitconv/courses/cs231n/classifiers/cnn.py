"""The three-layer network: conv - relu - 2x2 max pool - affine - relu - affine - softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.cs231n import _conv, fast_layers, layer_utils, layers
from jitconv.courses.cs231n.classifiers._penalty import add_l2
from jitconv.courses.cs231n.fast_layers import *  # noqa: F403 - notebooks take layers from here by a star
from jitconv.courses.cs231n.fast_layers import max_pool_backward_fast
from jitconv.courses.cs231n.layer_utils import *  # noqa: F403
from jitconv.courses.cs231n.layer_utils import (
    affine_relu_backward,
    affine_relu_forward,
    conv_relu_pool_forward,
)
from jitconv.courses.cs231n.layers import *  # noqa: F403
from jitconv.courses.cs231n.layers import affine_backward, affine_forward, relu_backward, softmax_loss
from jitconv.errors import ParameterError, ShapeError

__all__ = ["ThreeLayerConvNet", *fast_layers.__all__, *layer_utils.__all__, *layers.__all__]

POOL = {"pool_height": 2, "pool_width": 2, "stride": 2}


class ThreeLayerConvNet:
    """A network of one convolution and two affine layers.

    Parameters
    ----------
    input_dim : tuple
        (C, H, W) of a picture, H and W even.
    num_filters, filter_size : int
        Filters of the convolution, and their odd height and width.
    hidden_dim, num_classes : int
        What the affine layers give.
    weight_scale : float
        Standard deviation of the first weights, drawn from ``numpy.random``; biases are 0.
    reg : float
        L2: reg / 2 times the sum of all squared weights is added to the loss.
    dtype : dtype
        Float32 or float64: of parameters, and what pictures are converted to.

    Attributes
    ----------
    params : dict
        W1 (F, C, K, K), b1, W2 (F·H·W/4, hidden), b2, W3 (hidden, classes), b3.

    Raises
    ------
    ParameterError
        When H or W is odd, or the filter's size even.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (3, 32, 32),
        num_filters: int = 32,
        filter_size: int = 7,
        hidden_dim: int = 100,
        num_classes: int = 10,
        weight_scale: float = 1e-3,
        reg: float = 0.0,
        dtype: Any = np.float32,
    ) -> None:
        channels, height, width = input_dim
        if height % 2 or width % 2 or not filter_size % 2:
            raise ParameterError(
                "ThreeLayerConvNet needs an even height and width and an odd filter_size; "
                f"got input_dim {input_dim} and filter_size {filter_size}"
            )
        self.input_dim = channels, height, width
        self.reg = reg
        self.dtype = dtype
        shapes = (
            (num_filters, channels, filter_size, filter_size),
            (num_filters * (height // 2) * (width // 2), hidden_dim),
            (hidden_dim, num_classes),
        )
        self.params: dict[str, Array] = {}
        for layer, shape in enumerate(shapes, 1):
            self.params[f"W{layer}"] = np.random.normal(0, weight_scale, shape).astype(dtype)
            self.params[f"b{layer}"] = np.zeros(shape[0] if layer == 1 else shape[1], dtype)

    def loss(self, X: Any, y: Any = None) -> Any:  # noqa: N803 - the course's name
        """Return the scores of pictures, or the loss and its gradients if labels are given.

        Parameters
        ----------
        X : array (N, C, H, W)
            Pictures.
        y : array (N,), optional
            Labels, integers.

        Returns
        -------
        scores : array (N, classes)
            Without `y`.
        loss, grads : float and dict
            With `y`; the gradients go by the names of `params`.

        Raises
        ------
        ShapeError, DtypeError, ParameterError
            When pictures or labels do not fit the network.
        """
        p = self.params
        conv = {"stride": 1, "pad": (p["W1"].shape[2] - 1) // 2}
        pictures = np.asarray(X, dtype=self.dtype)
        if pictures.shape[1:] != self.input_dim:
            size = ", ".join(map(str, self.input_dim))
            raise ShapeError(f"this network takes pictures (N, {size}); got {pictures.shape}")
        a1, cache1 = conv_relu_pool_forward(pictures, p["W1"], p["b1"], conv, POOL)
        a2, cache2 = affine_relu_forward(a1, p["W2"], p["b2"])
        scores, cache3 = affine_forward(a2, p["W3"], p["b3"])
        if y is None:
            return scores
        loss, dscores = softmax_loss(scores, y)
        grads: dict[str, Any] = {}
        da2, grads["W3"], grads["b3"] = affine_backward(dscores, cache3)
        da1, grads["W2"], grads["b2"] = affine_relu_backward(da2, cache2)
        conv_cache, relu, pool = cache1
        dconv = relu_backward(max_pool_backward_fast(da1, pool), relu)
        # nobody asks for the gradient of the pictures
        _, grads["W1"], grads["b1"] = _conv.convolve_backward(dconv, conv_cache, wrt=("w", "b"))
        return loss + add_l2(self.params, grads, self.reg), grads

"""Networks of affine layers: two of them, or any number with normalisation and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.courses.cs231n import layer_utils, layers
from jitconv.courses.cs231n.classifiers._penalty import add_l2
from jitconv.courses.cs231n.layer_utils import *  # noqa: F403 - notebooks take layers from here by a star
from jitconv.courses.cs231n.layers import *  # noqa: F403
from jitconv.courses.cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_forward,
    dropout_backward,
    dropout_forward,
    layernorm_backward,
    layernorm_forward,
    relu_backward,
    relu_forward,
    softmax_loss,
)
from jitconv.errors import ParameterError, ShapeError
from jitconv.specs.values import choice

__all__ = ["FullyConnectedNet", "TwoLayerNet", *layer_utils.__all__, *layers.__all__]

NORMALIZATIONS = (None, "batchnorm", "layernorm")


class FullyConnectedNet:
    """Affine layers, each but the last with normalisation, ReLU and dropout as wanted; softmax loss.

    Parameters
    ----------
    hidden_dims : sequence of int
        What each hidden layer gives.
    input_dim, num_classes : int
        Numbers of a sample, and scores.
    dropout_keep_ratio : float
        Probability to keep an element, in 0..1; 1 is no dropout. Until 2020 the course called it `dropout`.
    normalization : {None, "batchnorm", "layernorm"}
        Of the hidden layers.
    reg : float
        L2: reg / 2 times the sum of all squared weights is added to the loss.
    weight_scale : float
        Standard deviation of the first weights, drawn from ``numpy.random``; biases and shifts are 0, scales
        1.
    dtype : dtype
        Float32 or float64: of parameters, and what samples are converted to.
    seed : int, optional
        Seeds ``numpy.random`` before each dropout, so that gradients can be checked.
    dropout : float, optional
        Another name of `dropout_keep_ratio`.

    Attributes
    ----------
    params : dict
        W1, b1 and so on; gamma1, beta1 and so on with normalisation.
    bn_params : list of dict
        Running means of each batch normalisation.

    Raises
    ------
    ParameterError
        When a number or `normalization` has no meaning, or dropout goes by both names.
    """

    def __init__(
        self,
        hidden_dims: Sequence[int],
        input_dim: int = 3 * 32 * 32,
        num_classes: int = 10,
        dropout_keep_ratio: float = 1,
        normalization: str | None = None,
        reg: float = 0.0,
        weight_scale: float = 1e-2,
        dtype: Any = np.float32,
        seed: int | None = None,
        *,
        dropout: float | None = None,
    ) -> None:
        if dropout is not None:
            if dropout_keep_ratio != 1:
                raise ParameterError("dropout and dropout_keep_ratio are two names of one number: give one")
            dropout_keep_ratio = dropout
        if not 0 < dropout_keep_ratio <= 1:
            raise ParameterError(
                f"dropout_keep_ratio must be above 0 and at most 1 (no dropout); got {dropout_keep_ratio!r}"
            )
        if normalization is not None:
            choice("normalization", normalization, NORMALIZATIONS[1:])
        self.normalization, self.reg, self.dtype = normalization, reg, dtype
        self.use_dropout = dropout_keep_ratio != 1
        self.num_layers = 1 + len(hidden_dims)
        self.params = self._first((input_dim, *hidden_dims, num_classes), weight_scale)
        self.dropout_param: dict[str, Any] = {}
        if self.use_dropout:
            self.dropout_param = {"mode": "train", "p": dropout_keep_ratio}
            if seed is not None:
                self.dropout_param["seed"] = seed
        count = self.num_layers - 1 if normalization else 0
        self.bn_params: list[dict[str, Any]] = [
            {"mode": "train"} if normalization == "batchnorm" else {} for _ in range(count)
        ]

    def _first(self, sizes: Sequence[int], scale: float) -> dict[str, Array]:
        params: dict[str, Array] = {}
        for layer, (before, after) in enumerate(pairwise(sizes), 1):
            params[f"W{layer}"] = np.random.normal(0, scale, (before, after)).astype(self.dtype)
            params[f"b{layer}"] = np.zeros(after, self.dtype)
            if self.normalization and layer < self.num_layers:
                params[f"gamma{layer}"] = np.ones(after, self.dtype)
                params[f"beta{layer}"] = np.zeros(after, self.dtype)
        return params

    def loss(self, X: Any, y: Any = None) -> Any:  # noqa: N803 - the course's name
        """Return the scores of samples, or the loss and its gradients if labels are given.

        Parameters
        ----------
        X : array (N, d_1, ..., d_k)
            Samples of `input_dim` numbers.
        y : array (N,), optional
            Labels, integers. Without them batch normalisation uses its running means, and nothing is dropped.

        Returns
        -------
        scores : array (N, num_classes)
            Without `y`.
        loss, grads : float and dict
            With `y`; the gradients go by the names of `params`.

        Raises
        ------
        ShapeError, DtypeError, ParameterError
            When samples or labels do not fit the network.
        """
        mode = "test" if y is None else "train"
        if self.use_dropout:
            self.dropout_param["mode"] = mode
        if self.normalization == "batchnorm":
            for param in self.bn_params:
                param["mode"] = mode
        out = np.asarray(X, dtype=self.dtype)
        width = self.params["W1"].shape[0]
        if out.ndim < 2 or int(np.prod(out.shape[1:])) != width:
            raise ShapeError(f"this network takes samples of {width} numbers, (N, {width}); got {out.shape}")
        caches: list[list[Any]] = []
        for layer in range(1, self.num_layers):
            out, hidden = self._hidden(layer, out)
            caches.append(hidden)
        last = self.num_layers
        scores, cache = affine_forward(out, self.params[f"W{last}"], self.params[f"b{last}"])
        if y is None:
            return scores
        loss, dscores = softmax_loss(scores, y)
        grads: dict[str, Any] = {}
        dout, grads[f"W{last}"], grads[f"b{last}"] = affine_backward(dscores, cache)
        for layer in range(last - 1, 0, -1):
            dout = self._hidden_backward(layer, dout, caches[layer - 1], grads)
        return loss + add_l2(self.params, grads, self.reg), grads

    def _hidden(self, layer: int, x: Array) -> tuple[Array, list[Any]]:
        p, cache = self.params, None  # type: dict[str, Array], Any
        caches: list[Any] = []
        out, cache = affine_forward(x, p[f"W{layer}"], p[f"b{layer}"])
        caches.append(cache)
        if self.normalization:
            normalise: Any = batchnorm_forward if self.normalization == "batchnorm" else layernorm_forward
            out, cache = normalise(out, p[f"gamma{layer}"], p[f"beta{layer}"], self.bn_params[layer - 1])
            caches.append(cache)
        out, cache = relu_forward(out)
        caches.append(cache)
        if self.use_dropout:
            out, cache = dropout_forward(out, self.dropout_param)
            caches.append(cache)
        return out, caches

    def _hidden_backward(self, layer: int, dout: Array, caches: list[Any], grads: dict[str, Any]) -> Array:
        if self.use_dropout:
            dout = dropout_backward(dout, caches.pop())
        dout = relu_backward(dout, caches.pop())
        if self.normalization:
            normalise: Any = batchnorm_backward if self.normalization == "batchnorm" else layernorm_backward
            dout, grads[f"gamma{layer}"], grads[f"beta{layer}"] = normalise(dout, caches.pop())
        dx, grads[f"W{layer}"], grads[f"b{layer}"] = affine_backward(dout, caches.pop())
        return dx


class TwoLayerNet(FullyConnectedNet):
    """Affine, ReLU, affine, softmax: the network of the first notebooks (until 2020), in float64.

    Parameters
    ----------
    input_dim, hidden_dim, num_classes : int
        Numbers of a sample, of the hidden layer, and scores.
    weight_scale, reg : float
        As for `FullyConnectedNet`.
    """

    def __init__(
        self,
        input_dim: int = 3 * 32 * 32,
        hidden_dim: int = 100,
        num_classes: int = 10,
        weight_scale: float = 1e-3,
        reg: float = 0.0,
    ) -> None:
        super().__init__(
            [hidden_dim], input_dim, num_classes, weight_scale=weight_scale, reg=reg, dtype=np.float64
        )

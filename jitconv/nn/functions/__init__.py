"""What layers compute: forward and backward, on arrays alone."""

from jitconv.nn.functions.activation import relu_backward, relu_forward
from jitconv.nn.functions.dense import dense_backward, dense_forward
from jitconv.nn.functions.dropout import dropout_backward, dropout_forward
from jitconv.nn.functions.loss import softmax, softmax_cross_entropy
from jitconv.nn.functions.normalisation import (
    batchnorm_backward,
    batchnorm_forward,
    groupnorm_backward,
    groupnorm_forward,
)
from jitconv.nn.functions.update import adam_step, momentum_step

__all__ = [
    "adam_step",
    "batchnorm_backward",
    "batchnorm_forward",
    "dense_backward",
    "dense_forward",
    "dropout_backward",
    "dropout_forward",
    "groupnorm_backward",
    "groupnorm_forward",
    "momentum_step",
    "relu_backward",
    "relu_forward",
    "softmax",
    "softmax_cross_entropy",
]

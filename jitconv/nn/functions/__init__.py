"""What layers compute: forward and backward, on arrays alone."""

from jitconv.nn.functions.activation import relu_backward, relu_forward
from jitconv.nn.functions.dense import dense_backward, dense_forward
from jitconv.nn.functions.dropout import dropout_backward, dropout_forward
from jitconv.nn.functions.loss import (
    answers,
    cross_entropy,
    logistic_cross_entropy,
    probabilities,
    sigmoid,
    softmax,
    softmax_cross_entropy,
)
from jitconv.nn.functions.normalisation import (
    batchnorm_backward,
    batchnorm_forward,
    groupnorm_backward,
    groupnorm_forward,
)
from jitconv.nn.functions.update import adam_step, momentum_step

__all__ = [
    "adam_step",
    "answers",
    "batchnorm_backward",
    "batchnorm_forward",
    "cross_entropy",
    "dense_backward",
    "dense_forward",
    "dropout_backward",
    "dropout_forward",
    "groupnorm_backward",
    "groupnorm_forward",
    "logistic_cross_entropy",
    "momentum_step",
    "probabilities",
    "relu_backward",
    "relu_forward",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
]

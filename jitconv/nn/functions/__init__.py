"""What layers compute: forward and backward, on arrays alone."""

from jitconv.nn.functions.activation import relu_backward, relu_forward
from jitconv.nn.functions.dense import dense_backward, dense_forward
from jitconv.nn.functions.loss import softmax_cross_entropy

__all__ = [
    "dense_backward",
    "dense_forward",
    "relu_backward",
    "relu_forward",
    "softmax_cross_entropy",
]

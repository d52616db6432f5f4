"""The functions of the Deep Learning Specialization's two exercises on convolution (NHWC)."""

from jitconv.courses.coursera.convolution import conv_backward, conv_forward, conv_single_step, zero_pad
from jitconv.courses.coursera.data import (
    convert_to_one_hot,
    load_dataset,
    load_happy_dataset,
    load_signs_dataset,
    random_mini_batches,
)
from jitconv.courses.coursera.keras import convolutional_model, happyModel
from jitconv.courses.coursera.network import (
    compute_cost,
    create_placeholders,
    forward_propagation,
    initialize_parameters,
    model,
    predict,
)
from jitconv.courses.coursera.pooling import (
    create_mask_from_window,
    distribute_value,
    pool_backward,
    pool_forward,
)
from jitconv.courses.coursera.test_utils import comparator, summary

__all__ = [
    "comparator",
    "compute_cost",
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "convert_to_one_hot",
    "convolutional_model",
    "create_mask_from_window",
    "create_placeholders",
    "distribute_value",
    "forward_propagation",
    "happyModel",
    "initialize_parameters",
    "load_dataset",
    "load_happy_dataset",
    "load_signs_dataset",
    "model",
    "pool_backward",
    "pool_forward",
    "predict",
    "random_mini_batches",
    "summary",
    "zero_pad",
]

"""Convolution and pooling kernels in Python, compiled by Numba when first needed."""

from jitconv.algorithm import Algorithm
from jitconv.config import config
from jitconv.errors import (
    AlgorithmError,
    DataError,
    DivergedError,
    DtypeError,
    JitconvError,
    ParameterError,
    PluginError,
    ReplayError,
    ShapeError,
    TooLargeError,
    UnknownAlgorithmError,
    UnsupportedError,
)
from jitconv.hooks import hookimpl
from jitconv.ops import (
    ConvPlan,
    Gradients,
    avg_pool_backward,
    avg_pool_forward,
    conv_backward,
    conv_forward,
    create_mask,
    distribute_value,
    explain,
    max_pool_backward,
    max_pool_forward,
    plan_conv,
)
from jitconv.plugins import register, unregister
from jitconv.selector import Explanation, algorithms
from jitconv.specs import ConvSpec, PoolSpec, WindowSpec

__all__ = [
    "Algorithm",
    "AlgorithmError",
    "ConvPlan",
    "ConvSpec",
    "DataError",
    "DivergedError",
    "DtypeError",
    "Explanation",
    "Gradients",
    "JitconvError",
    "ParameterError",
    "PluginError",
    "PoolSpec",
    "ReplayError",
    "ShapeError",
    "TooLargeError",
    "UnknownAlgorithmError",
    "UnsupportedError",
    "WindowSpec",
    "algorithms",
    "avg_pool_backward",
    "avg_pool_forward",
    "config",
    "conv_backward",
    "conv_forward",
    "create_mask",
    "distribute_value",
    "explain",
    "hookimpl",
    "max_pool_backward",
    "max_pool_forward",
    "plan_conv",
    "register",
    "unregister",
]

"""The public functions: key, plan, run."""

from jitconv.ops.call import Call, Weights, prepare
from jitconv.ops.conv import Gradients, conv_backward, conv_forward
from jitconv.ops.explain import explain
from jitconv.ops.operation import cache_clear, cache_info
from jitconv.ops.plan import ConvPlan, plan_conv
from jitconv.ops.pool import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from jitconv.ops.window import create_mask, distribute_value

__all__ = [
    "Call",
    "ConvPlan",
    "Gradients",
    "Weights",
    "avg_pool_backward",
    "avg_pool_forward",
    "cache_clear",
    "cache_info",
    "conv_backward",
    "conv_forward",
    "create_mask",
    "distribute_value",
    "explain",
    "max_pool_backward",
    "max_pool_forward",
    "plan_conv",
    "prepare",
]

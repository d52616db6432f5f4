"""ONNX Runtime, imported when first needed: graphs of one operator, and sessions that run them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from jitconv.jit import team

Array = np.ndarray[Any, Any]

OPSET, IR_VERSION = 19, 9
"""Of May 2023: the first in which an average has a dilation."""

SESSIONS_KEPT = 64
"""Sessions of plain calls, for all problems together; a plan holds its own."""

_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


@lru_cache(maxsize=1)
def load() -> ModuleType:
    """Import ONNX Runtime, and from then on notice forks."""
    import onnxruntime

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)
    return onnxruntime


def threads() -> int:
    """Return how many threads a call may use; in a forked child the others do not exist."""
    return 1 if _forked else team()


def model(
    nodes: Sequence[Any], inputs: Mapping[str, Any], held: Mapping[str, Array], y_shape: Any, dtype: str
) -> bytes:
    """Return a graph from `inputs` (shapes by name) and constants to ``y``, serialised."""
    from onnx import helper, numpy_helper

    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        list(nodes),
        "jitconv",
        [helper.make_tensor_value_info(name, element, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", element, y_shape)],
        [numpy_helper.from_array(array, name) for name, array in held.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(made.SerializeToString())


def session(model: bytes, threads: int) -> Any:
    """Return a session with a pool of its own of so many threads, the caller's among them."""
    runtime = load()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors alone; they are raised as well
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=SESSIONS_KEPT)
def shared(model_of: Callable[[Any], bytes], spec: Any, threads: int) -> Any:
    """Return the session of a problem whose arrays all come with the call."""
    return session(model_of(spec), threads)

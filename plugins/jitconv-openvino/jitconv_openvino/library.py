"""OpenVINO, imported when first needed, and compiled graphs of one operator that it runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from jitconv import ConvSpec, PoolSpec, UnsupportedError
from jitconv.jit import team

Array = np.ndarray[Any, Any]

COMPILED_KEPT = 64
"""Graphs of plain calls, for all problems together; a plan holds its own."""

FORKED = (
    "OpenVINO ran in the process that this one was forked from, and would wait here for threads that only "
    "its parent has: start processes by spawn, or choose another algorithm"
)

_forked = False


class Graph(NamedTuple):
    """A result, and the parameters that it is made of, in their order."""

    result: Any
    parameters: Sequence[Any]


def _note_fork() -> None:
    global _forked
    _forked = _forked or _core.cache_info().currsize > 0


@lru_cache(maxsize=1)
def load() -> ModuleType:
    """Import OpenVINO, and from then on notice forks."""
    import openvino

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)
    return openvino


@lru_cache(maxsize=1)
def operators() -> ModuleType:
    """Import the operators, of the first set in which a maximum has a dilation."""
    import openvino.opset8

    return openvino.opset8


def threads() -> int:
    """Return how many threads a graph is compiled for.

    Raises
    ------
    UnsupportedError
        In a forked child whose parent has run OpenVINO: some calls hang there, whatever their threads.
    """
    if _forked:
        raise UnsupportedError(FORKED)
    return team()


def parameter(shape: Sequence[int]) -> Any:
    """Return an input of a graph."""
    return operators().parameter(list(shape), load().Type.f32)


class Compiled:
    """A graph compiled for the CPU in float32, with requests that run it."""

    def __init__(self, graph: Graph, count: int) -> None:
        runtime = load()
        hints = {
            "PERFORMANCE_HINT": "LATENCY",  # one call at a time, on all of its threads
            "INFERENCE_PRECISION_HINT": "f32",  # bfloat16 where the processor has it, otherwise
            "INFERENCE_NUM_THREADS": count,
        }
        model = runtime.Model([graph.result], list(graph.parameters))
        self._model = _core().compile_model(model, "CPU", hints)
        self._tensor = runtime.Tensor
        self._idle: list[Any] = []

    def __call__(self, arrays: Sequence[Array], y: Array) -> None:
        """Compute `y`, where it lies, from `arrays`, where they lie."""
        tensor = self._tensor
        try:
            request = self._idle.pop()
        except IndexError:  # the others run in other Python threads
            request = self._model.create_infer_request()
        for place, array in enumerate(arrays):
            # a tensor is made of memory that may be written, whoever does so
            shared = array if array.flags.writeable else array.copy()
            request.set_input_tensor(place, tensor(shared, shared_memory=True))
        request.set_output_tensor(tensor(y, shared_memory=True))
        request.infer(share_outputs=True)
        self._idle.append(request)


@lru_cache(maxsize=1)
def _core() -> Any:
    """Return OpenVINO's entrance."""
    return load().Core()


def for_each_count(graph_of: Callable[[], Graph]) -> Callable[[int], Compiled]:
    """Return what compiles a graph for a number of threads once, and compile it for that of now."""
    compiled = lru_cache(maxsize=4)(lambda count: Compiled(graph_of(), count))
    compiled(threads())
    return compiled


@lru_cache(maxsize=COMPILED_KEPT)
def shared(graph_of: Callable[[Any], Graph], spec: ConvSpec | PoolSpec, count: int) -> Compiled:
    """Return the graph of a problem whose arrays all come with the call."""
    return Compiled(graph_of(spec), count)


def turned(node: Any, *order: int) -> Any:
    """Return a node with its axes in another order."""
    made = operators()
    return made.transpose(node, made.constant(np.array(order, "i8")))


def pads(spec: ConvSpec | PoolSpec) -> tuple[list[int], list[int]]:
    """Return (top, left) and (bottom, right): the padding that the windows meet, and no more of it.

    The overhang of a pooling's ceil_mode counts as padding here.
    """
    top, _, left, _ = spec.pad
    down = (spec.oh - 1) * spec.stride[0] + spec.extent[0]
    across = (spec.ow - 1) * spec.stride[1] + spec.extent[1]
    return [top, left], [max(down - top - spec.h, 0), max(across - left - spec.w, 0)]


def why_not(spec: ConvSpec | PoolSpec) -> str | None:
    """Refuse what the CPU has no kernels for, and all in a forked child of a process that has run them."""
    if _forked:
        return FORKED
    if spec.dtype != "float32":
        return f"OpenVINO's CPU computes {spec.dtype} in float32"
    return None

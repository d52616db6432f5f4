"""ONNX knows pictures as (N, C, H, W) alone: Transpose nodes stand around the operator for NHWC."""

from __future__ import annotations

from typing import Any

from jitconv import ConvSpec, PoolSpec


def between(nodes: list[Any], spec: ConvSpec | PoolSpec) -> list[Any]:
    """Return `nodes`, which lead from ``pictures`` to ``result``, as a graph from ``x`` to ``y``."""
    from onnx import helper

    if spec.layout == "NCHW":
        for node in nodes:
            for names in (node.input, node.output):
                names[:] = [{"pictures": "x", "result": "y"}.get(name, name) for name in names]
        return nodes
    return [
        helper.make_node("Transpose", ["x"], ["pictures"], perm=[0, 3, 1, 2]),
        *nodes,
        helper.make_node("Transpose", ["result"], ["y"], perm=[0, 2, 3, 1]),
    ]


def pads(spec: ConvSpec | PoolSpec) -> list[int]:
    """Return (top, left, bottom, right): the padding that the windows meet, and no more of it.

    The overhang of a pooling's ceil_mode counts as padding here.
    """
    top, _, left, _ = spec.pad
    down = (spec.oh - 1) * spec.stride[0] + spec.extent[0]
    across = (spec.ow - 1) * spec.stride[1] + spec.extent[1]
    return [top, left, max(down - top - spec.h, 0), max(across - left - spec.w, 0)]

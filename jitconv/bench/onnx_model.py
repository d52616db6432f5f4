"""The convolutions and poolings of an ONNX model, with the shapes that ONNX's own inference finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jitconv.bench.onnx_nodes import Node, Shape, concerns, describe, merged
from jitconv.bench.suites import Layer
from jitconv.errors import ParameterError, ShapeError

Shapes = Mapping[str, Shape]

OWN_DOMAINS = "", "ai.onnx"


class LeftOut(NamedTuple):
    """A node that cannot be described, and why."""

    name: str
    operator: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.operator}: {self.reason})"


def read(file: Path, *, batch: int, layout: str, dtype: str) -> tuple[list[Layer], list[LeftOut]]:
    """Return the layers of a model, equal ones as one with their number, and the nodes that are none.

    Weights are not read, only their shapes: files of external data may be missing.

    Parameters
    ----------
    file : Path
        The model.
    batch : int
        Replaces the model's own.
    layout, dtype : str
        Of the layers, whatever the model's are.

    Raises
    ------
    ParameterError
        When the package `onnx` is not installed, or the file is no model with layers.
    """
    model = _model(file)
    layers, left_out = [], []
    own = _own_batch(model.graph)
    for node in _nodes(model.graph, {}):
        try:
            layers.append(describe(node, str(file), own=own, batch=batch, layout=layout, dtype=dtype))
        except (ParameterError, ShapeError) as error:
            left_out.append(LeftOut(node.name, node.operator, str(error)))
    if not layers:
        came = f"with {len(left_out)} others: {left_out[0]}" if left_out else "which has neither"
        raise ParameterError(
            f"--onnx must name a model with convolutions or poolings of jitconv's; got {file}, {came}"
        )
    return merged(layers), left_out


def _model(file: Path) -> Any:
    try:
        import onnx
        import onnx.inliner
        import onnx.shape_inference
    except ImportError:
        raise ParameterError("--onnx needs the package onnx: pip install 'jitconv[onnx]'") from None
    try:
        model = onnx.load(file, format="protobuf", load_external_data=False)
    except OSError as error:
        raise ParameterError(f"--onnx cannot read {file}: {error.strerror or error}") from None
    except Exception as error:  # protobuf's errors differ with its implementation
        raise ParameterError(f"--onnx must name a model in ONNX's format; got {file} ({error})") from None
    if not model.graph.node:
        raise ParameterError(f"--onnx must name a model in ONNX's format that has nodes; got {file}")
    try:
        if model.functions:  # exporters write a layer as a function of the model
            model = onnx.inliner.inline_local_functions(model)
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # its errors have no class in common
        words = f"--onnx: ONNX cannot infer the shapes of {file}: {type(error).__name__}: {error}"
        raise ParameterError(words) from None


def _own_batch(graph: Any) -> int | None:
    weights = {one.name for one in graph.initializer}
    for one in graph.input:
        shape = _shape(one.type)
        if one.name not in weights and shape:
            return shape[0]
    return None


def _nodes(graph: Any, outer: Shapes) -> Iterator[Node]:
    """Give the nodes of a graph that concern us, and those of graphs inside, which see its names."""
    shapes: dict[str, Shape] = dict(outer)
    for one in (*graph.input, *graph.output, *graph.value_info):
        if (shape := _shape(one.type)) is not None:
            shapes[one.name] = shape
    shapes |= {one.name: tuple(one.dims) for one in graph.initializer}
    for place, node in enumerate(graph.node):
        for one in node.attribute:
            if node.op_type == "Constant" and one.name == "value":
                shapes[node.output[0]] = tuple(one.t.dims)
            for inner in (*([one.g] if one.HasField("g") else []), *one.graphs):
                yield from _nodes(inner, shapes)
        if concerns(node.op_type):
            yield _node(node, shapes, place)


def _node(node: Any, shapes: Shapes, place: int) -> Node:
    import onnx

    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    attributes = {name: one.decode() if isinstance(one, bytes) else one for name, one in given.items()}
    inputs = [*node.input, "", "", ""]
    return Node(
        node.name or (node.output[0] if node.output else f"node {place}"),
        node.op_type if node.domain in OWN_DOMAINS else f"{node.domain}.{node.op_type}",
        shapes.get(inputs[0]),
        shapes.get(inputs[1]),
        bias=bool(inputs[2]),
        indices=len(node.output) > 1 and bool(node.output[1]),
        attributes=attributes,
    )


def _shape(kind: Any) -> Shape | None:
    """Return the extents that a type has, None for those that it does not know."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    return [one.dim_value if one.HasField("dim_value") else None for one in kind.tensor_type.shape.dim]

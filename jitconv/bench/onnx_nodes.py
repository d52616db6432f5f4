"""What a convolution or a pooling of an ONNX model is as a spec; needs no package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jitconv.bench.suites import Layer
from jitconv.errors import ParameterError, ShapeError
from jitconv.specs import ConvSpec, PoolSpec

Shape = Sequence[int | None]
"""Extents in ONNX's order; None where the model does not say."""


@dataclass(frozen=True, slots=True)
class Node:
    """What is read of a node: its operator, the shapes of its inputs, and what it was given."""

    name: str
    operator: str
    x: Shape | None
    w: Shape | None = None
    bias: bool = False
    indices: bool = False
    """Whether its second output, the positions of maxima, is used."""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def concerns(operator: str) -> bool:
    """Whether an operator is a convolution or a pooling of any sort, to be described or named."""
    return "Conv" in operator or "Pool" in operator


def describe(node: Node, suite: str, *, own: int | None, batch: int, layout: str, dtype: str) -> Layer:
    """Return a node as a layer.

    Parameters
    ----------
    node : Node
        A node that `concerns` us.
    suite : str
        What the layer's suite is called.
    own : int, optional
        The batch of the model's first input, if it says.
    batch : int
        Replaces it; a node whose pictures are a multiple of the model's keeps its multiple.
    layout, dtype : str
        Of the layer.

    Raises
    ------
    ParameterError, ShapeError
        With the reason why it cannot be described.
    """
    if node.operator not in READERS:
        raise ParameterError("jitconv has no such op")
    if node.x is None:
        raise ParameterError("the shape of its input is not known; give the model's inputs fixed sizes")
    if len(node.x) != 4:
        raise ParameterError(f"needs pictures, an input of 4 axes; got {len(node.x)}")
    c, h, w = node.x[1:]
    if c is None or h is None or w is None:
        raise ParameterError("C, H and W of its input are not known; give the model's inputs fixed sizes")
    n = _pictures(node.x[0], own, batch)
    x_shape = (n, h, w, c) if layout == "NHWC" else (n, c, h, w)
    return READERS[node.operator](node, suite, x_shape, (h, w), {"layout": layout, "dtype": dtype})


def merged(layers: Sequence[Layer]) -> list[Layer]:
    """Return equal layers as one, with how often it occurs, in the order of their first."""
    counts: dict[tuple[str, Any, str], float] = {}
    for one in layers:
        key = (one.suite, one.spec, one.pool)
        counts[key] = counts.get(key, 0) + one.times
    return [Layer(suite, spec, times, pool) for (suite, spec, pool), times in counts.items()]  # type: ignore[arg-type]


def _pictures(n: int | None, own: int | None, batch: int) -> int:
    if n is None or own is None:
        return batch if n is None else n * batch
    if own < 1 or n % own:
        raise ParameterError(f"its {n} pictures are no multiple of the model's {own}, which --batch replaces")
    return n // own * batch


def _convolution(
    node: Node, suite: str, x_shape: Shape, size: tuple[int, int], options: dict[str, Any]
) -> Layer:
    if node.w is None or None in node.w:
        raise ParameterError("the shape of its weights is not known")
    f, group_c, kh, kw = node.w
    said = node.attributes.get("kernel_shape", (kh, kw))
    if tuple(said) != (kh, kw):
        raise ParameterError(f"kernel_shape must be that of its weights, {(kh, kw)}; got {tuple(said)}")
    w_shape = (kh, kw, group_c, f) if options["layout"] == "NHWC" else (f, group_c, kh, kw)
    groups = node.attributes.get("group", 1)
    steps = _steps(node, size, (kh, kw))  # type: ignore[arg-type]
    spec = ConvSpec.of(
        x_shape,  # type: ignore[arg-type]
        w_shape,  # type: ignore[arg-type]
        groups=groups,
        bias=node.bias,
        **steps,
        **options,
    )
    return Layer(suite, spec)


def _pooling(node: Node, suite: str, x_shape: Shape, size: tuple[int, int], options: dict[str, Any]) -> Layer:
    maximum = "Max" in node.operator
    if node.attributes.get("storage_order", 0) and node.indices:
        raise ParameterError("its positions are counted by columns (storage_order 1)")
    window, steps = size, {}
    if not node.operator.startswith("Global"):
        window = tuple(node.attributes.get("kernel_shape", ()))
        if len(window) != 2:
            raise ParameterError(f"needs a kernel_shape of two numbers; got {window}")
        steps = _steps(node, size, window) | {"ceil_mode": bool(node.attributes.get("ceil_mode", 0))}
    if not maximum and any(map(any, steps.get("pad", ()))):  # else both are one problem
        steps["count_include_pad"] = bool(node.attributes.get("count_include_pad", 0))
    indices = maximum and node.indices
    spec = PoolSpec.of(x_shape, window, indices=indices, **steps, **options)  # type: ignore[arg-type]
    return Layer(suite, spec, pool="max" if maximum else "avg")


def _steps(node: Node, size: tuple[int, int], window: tuple[int, int]) -> dict[str, Any]:
    """Return stride, dilation and pad; ONNX's defaults are 1, 1 and 0, of poolings too."""
    said = node.attributes
    stride, dilation = (_pair(said, name) for name in ("strides", "dilations"))
    top, left, bottom, right = _four(said)
    pad: Any = ((top, bottom), (left, right))
    how = said.get("auto_pad", "NOTSET")
    if how == "VALID":
        pad = ((0, 0), (0, 0))
    elif how in ("SAME_UPPER", "SAME_LOWER"):
        both = []
        for extent, step, apart, taps in zip(size, stride, dilation, window, strict=True):
            total = max(0, (-(-extent // step) - 1) * step + apart * (taps - 1) + 1 - extent)
            less, more = total // 2, total - total // 2
            both.append((less, more) if how == "SAME_UPPER" else (more, less))
        pad = tuple(both)
    elif how != "NOTSET":
        raise ParameterError(f"auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER; got {how}")
    return {"stride": stride, "dilation": dilation, "pad": pad}


def _pair(said: Mapping[str, Any], name: str) -> tuple[int, int]:
    found = tuple(said.get(name) or (1, 1))
    if len(found) != 2:
        raise ShapeError(f"{name} must be two numbers; got {found}")
    return found


def _four(said: Mapping[str, Any]) -> tuple[int, int, int, int]:
    found = tuple(said.get("pads") or (0, 0, 0, 0))
    if len(found) != 4:
        raise ShapeError(f"pads must be four numbers; got {found}")
    return found


Reader = Callable[[Node, str, Shape, tuple[int, int], dict[str, Any]], Layer]

READERS: dict[str, Reader] = {
    "Conv": _convolution,
    "MaxPool": _pooling,
    "AveragePool": _pooling,
    "GlobalMaxPool": _pooling,
    "GlobalAveragePool": _pooling,
}
"""Operators that are an op of jitconv, with what makes a layer of them."""

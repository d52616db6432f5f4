"""The plans of products of matrices: y, dx and dw."""

from __future__ import annotations

from jitconv.algorithm import Plan
from jitconv.algorithms.direct.dense.dots import Dots
from jitconv.algorithms.direct.dense.matrix import Sizes, sizes, work
from jitconv.algorithms.direct.dense.outer import Outer
from jitconv.algorithms.direct.dense.times import Times
from jitconv.arrays import Array
from jitconv.specs import ConvSpec


def forward(spec: ConvSpec) -> Times | Dots:
    """Return the product that is y; filters are its columns, which NCHW stores as rows."""
    kind = Times if spec.layout == "NHWC" else Dots
    return kind(sizes(spec), work(spec), spec.dtype)


def dx(spec: ConvSpec) -> Times | Dots:
    """Return the product that is dx, of dy with the transposed filters."""
    rows, depth, columns = sizes(spec)
    kind = Dots if spec.layout == "NHWC" else Times
    return kind(Sizes(rows, columns, depth), work(spec), spec.dtype)


def build_dx(spec: ConvSpec) -> Plan:
    """Return ``(dy, w, dx) -> None``."""
    product, shape = dx(spec), spec.y_shape
    return lambda dy, w, dx: product(dy.reshape(shape), w, None, dx)


def build_dw(spec: ConvSpec) -> Plan:
    """Return ``(x, dy, dw, db) -> None``, which leaves db alone."""
    rows, depth, columns = sizes(spec)
    shape = spec.y_shape
    if spec.layout == "NHWC":
        outer = Outer(rows, depth, columns, work=work(spec))
        return lambda x, dy, dw, _: outer(x, dy.reshape(shape), dw)
    across = Outer(rows, columns, depth, work=work(spec))
    return lambda x, dy, dw, _: across(dy.reshape(shape), x, dw)


def build_forward(spec: ConvSpec) -> Plan:
    """Return ``(x, w, b, y) -> None``."""
    return forward(spec)


def hold_forward(spec: ConvSpec, w: Array, b: Array | None, activation: str | None) -> Plan:
    """Return ``(x, y) -> None``."""
    product, relu = forward(spec), activation == "relu"
    return lambda x, y: product(x, w, b, y, relu=relu)

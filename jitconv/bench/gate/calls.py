"""A problem as a call of a public function: what any commit of jitconv understands."""

from __future__ import annotations

from typing import Any, NamedTuple

from jitconv.specs import ConvSpec, PoolSpec, parse
from jitconv.specs.values import Operand

PLAN = "plan"
"""In the place of an op: conv_forward by a plan that holds its weights."""


PROCESS = "process"
"""In the place of an op: a new interpreter that runs the one argument, lines of Python."""


class Call(NamedTuple):
    """What a side of the gate runs: lists and dicts of what JSON has."""

    op: str
    arguments: list[Any]
    """By position; an array is a dict of its shape and dtype."""
    options: dict[str, Any]
    """By name."""
    threads: int | None
    """The most that kernels use; None for all."""
    held: bool = False
    """Whether a plan holds the weights."""
    checked: bool = False
    """Whether its error is asked for, against naive in float64."""


def call_of(op: str, problem: str, algorithm: str, threads: int | None, *, checked: bool = False) -> Call:
    """Return the call of an op, or of a plan, for a problem string.

    Parameters
    ----------
    op : str
        An op's name, or `PLAN`.
    problem : str
        As `jitconv.specs.parse` reads it.
    algorithm : str
        A name, or "auto".
    threads : int, optional
        The most that kernels use.
    checked : bool
        Whether the error is asked for.
    """
    spec, held = parse(problem), op == PLAN
    op = "conv_forward" if held else op
    arguments: list[Any] = [_array(one) for one in spec.operands(op) if one is not None]
    options: dict[str, Any] = {"algorithm": algorithm}
    if isinstance(spec, ConvSpec):
        options |= _grid(spec) | {"groups": spec.groups}
        if not held:
            options["flip_kernel"] = spec.flip_kernel
        if op == "conv_backward":
            options["wrt"] = list(spec.wrt)
    elif isinstance(spec, PoolSpec):
        if op == "avg_pool_backward":
            arguments.append(list(spec.x_shape))
        arguments.append([spec.kh, spec.kw])
        options |= _grid(spec) | {"ceil_mode": spec.ceil_mode} | _own(op, spec)
    elif op == "distribute_value":
        arguments.append([spec.h, spec.w])
    else:
        options["ties"] = spec.ties
    return Call(op, arguments, options, threads, held, checked)


def _array(operand: Operand) -> dict[str, Any]:
    return {"shape": list(operand[0]), "dtype": operand[1]}


def _grid(spec: ConvSpec | PoolSpec) -> dict[str, Any]:
    top, bottom, left, right = spec.pad
    return {
        "stride": list(spec.stride),
        "pad": [[top, bottom], [left, right]],
        "dilation": list(spec.dilation),
        "layout": spec.layout,
    }


def _own(op: str, spec: PoolSpec) -> dict[str, Any]:
    """Return the options that one pooling has and another has not."""
    if op == "max_pool_forward":
        return {"return_indices": spec.indices}
    if op == "max_pool_backward":
        assert not spec.indices, "an array of indices is no argument of a gate's call"
        return {"ties": spec.ties}
    return {"count_include_pad": spec.count_include_pad}

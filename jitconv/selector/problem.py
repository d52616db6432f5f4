"""A problem as one text: what stores, lockfiles and logs know it by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jitconv.specs import ConvSpec, PoolSpec, Spec
from jitconv.specs.values import WRT, gradients


def problem_of(op: str, spec: Spec) -> str:
    """Return the problem string of an op, the same for all specs that mean the same to it.

    Parameters
    ----------
    op : str
        Name of an op.
    spec : ConvSpec, PoolSpec or WindowSpec
        Its problem.

    Returns
    -------
    str
        `jitconv.specs.parse` makes ``of_op(op, spec)`` of it: dtype, layout and every option are in it.
    """
    return str(of_op(op, spec))


def of_op(op: str, spec: Spec) -> Spec:
    """Return the spec with the usual value of each field that does not concern the op.

    A suite's convolution may say ``bias``, which the backward op is never given; a call of that op and the
    suite's problem must be one.
    """
    wanted = _unconcerned(op, spec)
    changes = {name: value for name, value in wanted.items() if getattr(spec, name) != value}
    return replace(spec, **changes) if changes else spec


def _unconcerned(op: str, spec: Spec) -> dict[str, Any]:
    if isinstance(spec, ConvSpec):
        return {"wrt": WRT} if op == "conv_forward" else {"bias": False, "wrt": gradients(spec.wrt)}
    if isinstance(spec, PoolSpec):
        if op.startswith("avg"):
            return {"ties": "first", "indices": False}
        return {"count_include_pad": True} | ({"ties": "first"} if op == "max_pool_forward" else {})
    return {} if op == "create_mask" else {"ties": "first"}

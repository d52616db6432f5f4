"""Why `auto` chooses what it chooses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from jitconv.errors import ParameterError
from jitconv.ops import conv, pool, window
from jitconv.ops.operation import Operation
from jitconv.selector import Explanation
from jitconv.specs.values import choice, gradients, held, shape

PUBLIC: dict[str, tuple[Operation, Callable[..., Any]]] = {
    "conv_forward": (conv.FORWARD, conv.conv_forward),
    "conv_backward": (conv.BACKWARD, conv.conv_backward),
    "max_pool_forward": (pool.MAX_FORWARD, pool.max_pool_forward),
    "max_pool_backward": (pool.MAX_BACKWARD, pool.max_pool_backward),
    "avg_pool_forward": (pool.AVG_FORWARD, pool.avg_pool_forward),
    "avg_pool_backward": (pool.AVG_BACKWARD, pool.avg_pool_backward),
    "create_mask": (window.MASK, window.create_mask),
    "distribute_value": (window.VALUE, window.distribute_value),
}


def explain(op: str, *args: Any, verbose: bool = False, **kwargs: Any) -> Explanation:
    """Return the choice that a call would run, with every candidate and the reasons; nothing is run.

    Parameters
    ----------
    op : str
        Name of an op, such as "conv_forward".
    *args, **kwargs
        The op's own arguments; a shape tuple may stand for an array, and is one of the dtype of the
        arrays given, or float32.
    verbose : bool
        Whether the text says, of each algorithm with variants, why those before the one that serves do not.

    Returns
    -------
    Explanation
        ``.choice``, ``.candidates`` (verdict, reason, predicted and measured seconds, bytes of workspace,
        plugin) and ``.decided_by``; ``.variant`` is the way in which the chosen algorithm does it.
        ``.what_if(threads=1)`` explains the same call under other settings; ``str`` gives a table, Jupyter
        shows one, and ``.to_dict()`` has it for programs. Once the call has run it is the very object that
        the plan was made from (a copy if `verbose`); before, in a mode that measures, it is the choice of
        the predicted times and says so.

    Raises
    ------
    ParameterError
        When there is no such op, or the arguments are not the op's.
    JitconvError
        Whatever the op itself would raise.

    Examples
    --------
    >>> import jitconv
    >>> jitconv.explain("conv_forward", (1, 8, 8, 3), (3, 3, 3, 4), algorithm="naive").choice.name
    'naive'
    """
    op = choice("op", op, PUBLIC)
    operation, function = PUBLIC[op]
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise ParameterError(f"explain: the arguments must be those of {op}: {error}") from None
    bound.apply_defaults()
    given = bound.arguments
    arrays = {name: _array(given[name]) for name in operation.operands}
    floats = (a.dtype for name, a in arrays.items() if name != "indices" and isinstance(a, np.ndarray))
    dtype = next(floats, np.dtype(np.float32))
    stand_ins = [
        _stand_in(name, a, np.dtype(np.int64) if name == "indices" else dtype) if isinstance(a, tuple) else a
        for name, a in arrays.items()
    ]
    if "wrt" in given:
        given["wrt"] = gradients(given["wrt"])
    if "x_shape" in given:
        given["x_shape"] = shape("x_shape", given["x_shape"])
    options = [given[name] for name in operation.options]
    found = operation.explained(given["algorithm"], stand_ins, *options)
    return replace(found, verbose=True) if verbose else found


def _array(given: Any) -> Any:
    return np.asarray(given) if isinstance(given, (float, np.floating)) else given


def _stand_in(name: str, extents: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    extents = shape(name, extents)
    held(name, extents)
    return np.broadcast_to(np.zeros((), dtype), extents)

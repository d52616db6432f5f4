"""Max and average pooling, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array
from jitconv.errors import DtypeError, ShapeError
from jitconv.ops.operation import Operation
from jitconv.specs import PoolSpec
from jitconv.specs.values import Operand, held, real, shape

Pair = int | tuple[int, int]
Pad = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str


def _max_forward_spec(
    x: Operand,
    window: Any,
    stride: Any,
    pad: Any,
    dilation: Any,
    ceil_mode: bool,
    layout: str,
    return_indices: bool,
) -> PoolSpec:
    return PoolSpec.of(
        x[0],
        window,
        stride=stride,
        pad=pad,
        dilation=dilation,
        ceil_mode=ceil_mode,
        layout=layout,
        dtype=real({"x": x[1]}),
        indices=return_indices,
    )


def _max_backward_spec(
    dy: Operand,
    x: Operand,
    indices: Operand | None,
    window: Any,
    stride: Any,
    pad: Any,
    dilation: Any,
    ceil_mode: bool,
    layout: str,
    ties: str,
) -> PoolSpec:
    spec = PoolSpec.of(
        x[0],
        window,
        stride=stride,
        pad=pad,
        dilation=dilation,
        ceil_mode=ceil_mode,
        layout=layout,
        dtype=real({"x": x[1], "dy": dy[1]}),
        ties=ties,
        indices=indices is not None,
    )
    _match(dy, spec, f"x {x[0]}")
    if indices and indices[0] != spec.y_shape:
        raise ShapeError(f"pool: indices must be {spec.y_shape}, as dy; got {indices[0]}")
    if indices and np.dtype(indices[1]).newbyteorder("=") != "int64":
        raise DtypeError(
            f"indices must be int64, as max_pool_forward returns them; got {indices[1]}: "
            "convert them with indices.astype(np.int64)"
        )
    return spec


def _avg_forward_spec(
    x: Operand,
    window: Any,
    stride: Any,
    pad: Any,
    dilation: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    layout: str,
) -> PoolSpec:
    return PoolSpec.of(
        x[0],
        window,
        stride=stride,
        pad=pad,
        dilation=dilation,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        layout=layout,
        dtype=real({"x": x[1]}),
    )


def _avg_backward_spec(
    dy: Operand,
    x_shape: Any,
    window: Any,
    stride: Any,
    pad: Any,
    dilation: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    layout: str,
) -> PoolSpec:
    held("x_shape", x_shape)
    spec = PoolSpec.of(
        x_shape,
        window,
        stride=stride,
        pad=pad,
        dilation=dilation,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        layout=layout,
        dtype=real({"dy": dy[1]}),
    )
    _match(dy, spec, f"x_shape {x_shape}")
    return spec


def _match(dy: Operand, spec: PoolSpec, source: str) -> None:
    if dy[0] != spec.y_shape:
        raise ShapeError(
            f"pool: dy must be {spec.y_shape} to match {source} with {spec.options}; got {dy[0]}"
        )


MAX_FORWARD = Operation("max_pool_forward", ("x",), _max_forward_spec)
MAX_BACKWARD = Operation("max_pool_backward", ("dy", "x", "indices"), _max_backward_spec)
AVG_FORWARD = Operation("avg_pool_forward", ("x",), _avg_forward_spec)
AVG_BACKWARD = Operation("avg_pool_backward", ("dy",), _avg_backward_spec)


def max_pool_forward(
    x: Array,
    window: Pair,
    *,
    stride: Pair | None = None,
    pad: Pad = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    layout: str = "NHWC",
    return_indices: bool = False,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Any:
    """Return the maximum of every window.

    Parameters
    ----------
    x : array (N, H, W, C), or (N, C, H, W) with ``layout="NCHW"``
        Pictures, float32 or float64. N may be 0.
    window : int or pair
        Height and width of a window, KH and KW.
    stride : int or pair, optional
        Steps between windows (vertical, horizontal); by default the window's size.
    pad : int, pair, ((top, bottom), (left, right)), "valid" or "same"
        Padding, less than the dilated window; it never wins a maximum.
    dilation : int or pair
        Steps between the elements of a window.
    ceil_mode : bool
        Whether a last window may overhang the padded picture.
    layout : {"NHWC", "NCHW"}
        Order of the axes of `x` and the result.
    return_indices : bool
        Whether to return the winners' positions too.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.
    out : array, optional
        Where to put the maxima: C-contiguous, of their shape and dtype, not overlapping `x`.

    Returns
    -------
    y : array (N, OH, OW, C), or (N, C, OH, OW)
        The maxima. A NaN in a window gives NaN.
    indices : array of int64, shaped as `y`
        Only with `return_indices`: each winner's row-major position in its input plane of H·W, the
        first of several.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When the arguments do not fit together, have no meaning, or are no float arrays.
    UnknownAlgorithmError, UnsupportedError, TooLargeError
        When no plugin provides `algorithm`, it refuses this problem, or memory is too small for it.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> jitconv.max_pool_forward(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    call = MAX_FORWARD.call(algorithm, (x,), window, stride, pad, dilation, ceil_mode, layout, return_indices)
    y, indices = call.run((x,), out)
    return (y, indices) if return_indices else y


def max_pool_backward(
    dy: Array,
    x: Array,
    window: Pair,
    *,
    stride: Pair | None = None,
    pad: Pad = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    layout: str = "NHWC",
    ties: str = "first",
    indices: Array | None = None,
    algorithm: str = "auto",
) -> Array:
    """Return the gradient of a loss with respect to the input of `max_pool_forward`.

    Parameters
    ----------
    dy : array (N, OH, OW, C), or (N, C, OH, OW)
        Gradient of the loss with respect to the maxima.
    x, window, stride, pad, dilation, ceil_mode, layout
        As given to `max_pool_forward`.
    ties : {"first", "all", "split"}
        Where several elements share a maximum: the first one gets the gradient, each gets all of it
        (``x == max``, as the courses write it: not a valid subgradient), or they share it equally.
        A window with a NaN gives its gradient to the first NaN.
    indices : array of int64, optional
        As `max_pool_forward` returned them; spares the search. Only with ``ties="first"``.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.

    Returns
    -------
    array
        dx, shaped as `x`.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, UnknownAlgorithmError, UnsupportedError
        As `max_pool_forward`; also when an index lies outside the plane.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> x = np.array([[1.0, 3.0], [3.0, 0.0]]).reshape(1, 2, 2, 1)
    >>> jitconv.max_pool_backward(np.ones((1, 1, 1, 1)), x, 2, ties="split")[0, :, :, 0]
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    call = MAX_BACKWARD.call(
        algorithm, (dy, x, indices), window, stride, pad, dilation, ceil_mode, layout, ties
    )
    return call.result((dy, x, indices))


def avg_pool_forward(
    x: Array,
    window: Pair,
    *,
    stride: Pair | None = None,
    pad: Pad = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NHWC",
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Return the average of every window.

    Parameters
    ----------
    x, window, stride, pad, dilation, ceil_mode, layout, algorithm, out
        As for `max_pool_forward`.
    count_include_pad : bool
        Whether the divisor counts padding. It never counts what overhangs the padded picture.

    Returns
    -------
    array (N, OH, OW, C), or (N, C, OH, OW)
        The averages.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, UnknownAlgorithmError, UnsupportedError
        As `max_pool_forward`.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> jitconv.avg_pool_forward(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    call = AVG_FORWARD.call(
        algorithm, (x,), window, stride, pad, dilation, ceil_mode, count_include_pad, layout
    )
    return call.result((x,), out)


def avg_pool_backward(
    dy: Array,
    x_shape: Sequence[int],
    window: Pair,
    *,
    stride: Pair | None = None,
    pad: Pad = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NHWC",
    algorithm: str = "auto",
) -> Array:
    """Return the gradient of a loss with respect to the input of `avg_pool_forward`.

    Parameters
    ----------
    dy : array (N, OH, OW, C), or (N, C, OH, OW)
        Gradient of the loss with respect to the averages.
    x_shape : sequence of int
        Shape of the input of `avg_pool_forward`.
    window, stride, pad, dilation, ceil_mode, count_include_pad, layout, algorithm
        As given to `avg_pool_forward`.

    Returns
    -------
    array
        dx, of shape `x_shape`.

    Raises
    ------
    ShapeError, ParameterError, DtypeError, UnknownAlgorithmError, UnsupportedError
        As `max_pool_forward`.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> jitconv.avg_pool_backward(np.ones((1, 1, 1, 1)), (1, 2, 2, 1), 2)[0, :, :, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    call = AVG_BACKWARD.call(
        algorithm,
        (dy,),
        shape("x_shape", x_shape),
        window,
        stride,
        pad,
        dilation,
        ceil_mode,
        count_include_pad,
        layout,
    )
    return call.result((dy,))

"""Convolution, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from jitconv.arrays import Array
from jitconv.errors import ShapeError
from jitconv.ops.operation import Operation
from jitconv.specs import ConvSpec
from jitconv.specs.values import WRT, Operand, gradients, real


class Gradients(NamedTuple):
    """The gradients of a convolution; None for one that was not asked for."""

    dx: Array | None
    dw: Array | None
    db: Array | None


def _forward_spec(
    x: Operand,
    w: Operand,
    b: Operand | None,
    stride: Any,
    pad: Any,
    dilation: Any,
    groups: Any,
    layout: str,
    flip_kernel: bool,
) -> ConvSpec:
    dtypes = {"x": x[1], "w": w[1]} | ({"b": b[1]} if b else {})
    spec = ConvSpec.of(
        x[0],
        w[0],
        stride=stride,
        pad=pad,
        dilation=dilation,
        groups=groups,
        layout=layout,
        dtype=real(dtypes),
        flip_kernel=flip_kernel,
        bias=b is not None,
    )
    if b and b[0] != (spec.f,):
        raise ShapeError(f"conv: b must be ({spec.f},) to match w {w[0]}; got {b[0]}")
    return spec


def _backward_spec(
    dy: Operand,
    x: Operand,
    w: Operand,
    stride: Any,
    pad: Any,
    dilation: Any,
    groups: Any,
    layout: str,
    flip_kernel: bool,
    wrt: Sequence[str],
) -> ConvSpec:
    spec = ConvSpec.of(
        x[0],
        w[0],
        stride=stride,
        pad=pad,
        dilation=dilation,
        groups=groups,
        layout=layout,
        dtype=real({"x": x[1], "w": w[1], "dy": dy[1]}),
        flip_kernel=flip_kernel,
        wrt=wrt,
    )
    if dy[0] != spec.y_shape:
        raise ShapeError(
            f"conv: dy must be {spec.y_shape} to match x {x[0]} and w {w[0]} with {spec.options}; got {dy[0]}"
        )
    return spec


FORWARD = Operation("conv_forward", ("x", "w", "b"), _forward_spec)
BACKWARD = Operation("conv_backward", ("dy", "x", "w"), _backward_spec)


def conv_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int | tuple[int, int] = 1,
    pad: int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    layout: str = "NHWC",
    flip_kernel: bool = False,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """Convolve pictures with filters (cross-correlation, as in every deep-learning framework).

    Parameters
    ----------
    x : array (N, H, W, C), or (N, C, H, W) with ``layout="NCHW"``
        Pictures, float32 or float64. N may be 0.
    w : array (KH, KW, C/groups, F), or (F, C/groups, KH, KW)
        Filters, of the dtype of `x`.
    b : array (F,), optional
        Bias, added once to every output.
    stride, dilation : int or pair
        Steps between windows, and between the taps of a window (vertical, horizontal).
    pad : int, pair, ((top, bottom), (left, right)), "valid" or "same"
        Zeros around the pictures. "same" is TensorFlow's: OH = ceil(H / stride), the odd row or
        column at the bottom or right.
    groups : int
        Splits channels and filters into as many independent convolutions; C of them is depthwise.
    layout : {"NHWC", "NCHW"}
        Order of the axes of `x`, `w` and the result.
    flip_kernel : bool
        True for the mathematical convolution: every filter turned by 180 degrees.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, overlapping no input.

    Returns
    -------
    array (N, OH, OW, F), or (N, F, OH, OW)
        C-contiguous, of the dtype of `x`, with OH = (H + top + bottom - (KH - 1)·dilation - 1) //
        stride + 1.

    Raises
    ------
    ShapeError, ParameterError, DtypeError
        When the arguments do not fit together, have no meaning, or are no float arrays.
    UnknownAlgorithmError, UnsupportedError
        When no plugin provides `algorithm`, or it refuses this problem.
    TooLargeError
        When results and workspace are more than the memory of this machine.

    Notes
    -----
    Inputs are never changed; one that is read-only, not C-contiguous or of foreign byte order is
    copied first.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> jitconv.conv_forward(x, np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    call = FORWARD.call(algorithm, (x, w, b), stride, pad, dilation, groups, layout, flip_kernel)
    return call.result((x, w, b), out)


def conv_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    stride: int | tuple[int, int] = 1,
    pad: int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    layout: str = "NHWC",
    flip_kernel: bool = False,
    wrt: Sequence[str] = WRT,
    algorithm: str = "auto",
) -> Gradients:
    """Return the gradients of a loss with respect to the inputs of `conv_forward`.

    Parameters
    ----------
    dy : array (N, OH, OW, F), or (N, F, OH, OW)
        Gradient of the loss with respect to the result of `conv_forward`.
    x, w : array
        As given to `conv_forward`.
    stride, pad, dilation, groups, layout, flip_kernel
        As given to `conv_forward`.
    wrt : sequence of {"x", "w", "b"}
        The wanted gradients; the others cost nothing and come as None.
    algorithm : str
        "auto", or a name that `jitconv.algorithms` lists.

    Returns
    -------
    Gradients
        ``(dx, dw, db)`` with the shapes of `x`, `w` and (F,).

    Raises
    ------
    ShapeError, ParameterError, DtypeError, UnknownAlgorithmError, UnsupportedError
        As `conv_forward`.

    Examples
    --------
    >>> import numpy as np, jitconv
    >>> x, w = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> jitconv.conv_backward(np.ones((1, 2, 2, 1)), x, w).dx[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    wanted = gradients(wrt)
    call = BACKWARD.call(algorithm, (dy, x, w), stride, pad, dilation, groups, layout, flip_kernel, wanted)
    return Gradients(*call.run((dy, x, w)))

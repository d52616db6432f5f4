"""Pooling by PyTorch's ``max_pool2d_with_indices`` and ``avg_pool2d`` and their backward passes.

Where PyTorch's rules about padding are narrower than jitconv's (both sides of an axis alike, at most half
the window), the padding is put around a copy of the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from jitconv import Algorithm, PoolSpec
from jitconv.algorithm import Plan, never_refuses

from jitconv_torch.library import held, load
from jitconv_torch.views import Array, array, inside, spare, tensor

if TYPE_CHECKING:
    import torch

CALL = {
    "max_pool_forward": 13e-6,
    "max_pool_backward": 28e-6,
    "avg_pool_forward": 13e-6,
    "avg_pool_backward": 18e-6,
}
TAPS_PER_SECOND = {
    "NHWC": {
        "max_pool_forward": 7e9,
        "max_pool_backward": 3.5e9,
        "avg_pool_forward": 12e9,
        "avg_pool_backward": 10e9,
    },
    "NCHW": {
        "max_pool_forward": 0.45e9,
        "max_pool_backward": 0.43e9,
        "avg_pool_forward": 1.5e9,
        "avg_pool_backward": 1.4e9,
    },
}
"""Taps of windows, of two threads; asv_benchmarks/benchmarks/rates.py."""

INTO_OUTPUTS_FROM = 2**22
"""Bytes of a result from which the operators write into jitconv's array: NumPy takes huge pages from here
on, PyTorch 4 KiB ones. A gradient of 51 MB by avg_pool2d_backward: 3.7 ms, and 14.7 into PyTorch's own.
Below, the variants with ``out=`` cost 2 to 5 µs more and save nothing."""


def build_max_forward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_forward."""
    torch = load()
    window = Window(spec)
    forward = torch._C._nn.max_pool2d_with_indices
    large = _bytes(spec, "y") >= INTO_OUTPUTS_FROM

    def plan(x: Array, y: Array, indices: Array | None) -> tuple[Array, Array | None] | None:
        pictures = window.tensor(x, -math.inf)
        if large:
            places = np.empty(spec.y_shape, np.int64) if indices is None else indices
            out = tensor(y, spec.layout), tensor(places, spec.layout)
            forward(pictures, *window.geometry, out=out)
            if indices is not None:
                out[1].copy_(window.unframed(first_nan(*out, pictures, window)))
            return None
        maxima, winners = forward(pictures, *window.geometry)
        if indices is None:
            return array(maxima, spec.layout), None
        winners = window.unframed(first_nan(maxima, winners, pictures, window))
        return array(maxima, spec.layout), array(winners, spec.layout)

    return held(plan)


def build_max_backward(spec: PoolSpec) -> Plan:
    """Return the plan of max_pool_backward."""
    torch = load()
    window = Window(spec)
    forward = torch._C._nn.max_pool2d_with_indices
    backward = torch.ops.aten.max_pool2d_with_indices_backward
    large = not window.framed and _bytes(spec, "x") >= INTO_OUTPUTS_FROM

    def plan(dy: Array, x: Array, indices: Array | None, dx: Array) -> tuple[Array] | None:
        pictures = window.tensor(x, -math.inf)
        if indices is not None:
            winners = window.in_frame(tensor(indices, spec.layout))
        else:
            maxima, places = forward(pictures, *window.geometry)
            places = first_nan(maxima, places, pictures, window)
            winners = window.in_frame(window.unframed(places))  # out of the padding, where all is -inf
        upstream = tensor(dy, spec.layout)
        if large:
            out = tensor(dx, spec.layout)
            backward.grad_input(upstream, pictures, *window.geometry, winners, grad_input=out)
            return None
        d_pictures = backward.default(upstream, pictures, *window.geometry, winners)
        return (array(inside(d_pictures, spec) if window.framed else d_pictures, spec.layout),)

    return held(plan)


def build_avg_forward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_forward."""
    torch = load()
    window = Window(spec)
    options = (*window.averages, spec.count_include_pad, 1 if window.framed else None)
    divisors = window.divisors() if window.framed else None
    forward = torch._C._nn.avg_pool2d
    large = _bytes(spec, "y") >= INTO_OUTPUTS_FROM

    def plan(x: Array, y: Array) -> tuple[Array] | None:
        pictures = window.tensor(x, 0.0)
        if large:
            means = forward(pictures, *options, out=tensor(y, spec.layout))
        else:
            means = forward(pictures, *options)
        if divisors is not None:
            means /= divisors
        return None if large else (array(means, spec.layout),)

    return held(plan)


def build_avg_backward(spec: PoolSpec) -> Plan:
    """Return the plan of avg_pool_backward."""
    torch = load()
    window = Window(spec)
    options = (*window.averages, spec.count_include_pad, 1 if window.framed else None)
    divisors = window.divisors() if window.framed else None
    backward = torch.ops.aten.avg_pool2d_backward
    large = _bytes(spec, "x") >= INTO_OUTPUTS_FROM

    def plan(dy: Array, dx: Array) -> tuple[Array] | None:
        upstream, out = tensor(dy, spec.layout), tensor(dx, spec.layout)
        if divisors is not None:
            shaped = torch.constant_pad_nd(out, window.frame)  # of x only the shape counts
            d_pictures = backward.default(upstream / divisors, shaped, *options)
            return (array(inside(d_pictures, spec), spec.layout),)
        if large:
            backward.grad_input(upstream, out, *options, grad_input=out)
            return None
        return (array(backward.default(upstream, out, *options), spec.layout),)

    return held(plan)


class Window:
    """A spec's windows in PyTorch's terms, on pictures with a frame of padding where it needs one."""

    def __init__(self, spec: PoolSpec) -> None:
        self.spec = spec
        self.framed = not _speaks(spec)
        self.frame = spare(spec) if self.framed else (0, 0, 0, 0)
        kernel, stride = [spec.kh, spec.kw], list(spec.stride)
        pad = [0, 0] if self.framed else [spec.pad[0], spec.pad[2]]
        ceil = spec.ceil_mode and not self.framed
        self.geometry: tuple[Any, ...] = (kernel, stride, pad, list(spec.dilation), ceil)
        self.averages: tuple[Any, ...] = (kernel, stride, pad, ceil)

    def tensor(self, x: Array, value: float) -> torch.Tensor:
        """Return `x` as a tensor; a copy with `value` around it where there is a frame."""
        pictures = tensor(x, self.spec.layout)
        return load().constant_pad_nd(pictures, self.frame, value) if self.framed else pictures

    def unframed(self, places: torch.Tensor) -> torch.Tensor:
        """Return places in framed planes as places in the input.

        One in the frame stands for a window that is -inf all over: PyTorch names its first element,
        jitconv the first one in the input.
        """
        if not self.framed:
            return places
        left, right, top, _ = self.frame
        torch, spec = load(), self.spec
        width = left + spec.w + right
        ih, iw = places // width - top, places % width - left
        ih = torch.where(ih < 0, ih % spec.dilation[0], ih)
        iw = torch.where(iw < 0, iw % spec.dilation[1], iw)
        return ih * spec.w + iw

    def in_frame(self, places: torch.Tensor) -> torch.Tensor:
        """Return places in the input as places in framed planes."""
        if not self.framed:
            return places
        left, right, top, _ = self.frame
        width = left + self.spec.w + right
        return (places // self.spec.w + top) * width + places % self.spec.w + left

    def divisors(self) -> torch.Tensor:
        """Return how many elements of each window count: the window sums of ones where they do."""
        torch, spec = load(), self.spec
        left, right, top, bottom = self.frame
        counted = torch.zeros(
            (1, 1, top + spec.h + bottom, left + spec.w + right), dtype=getattr(torch, spec.dtype)
        )
        if spec.count_include_pad:
            counted[:, :, : top + spec.h + spec.pad[1], : left + spec.w + spec.pad[3]] = 1
        else:
            inside(counted, spec)[...] = 1
        return torch._C._nn.avg_pool2d(counted, *self.averages, True, 1)


def first_nan(
    maxima: torch.Tensor, winners: torch.Tensor, pictures: torch.Tensor, window: Window
) -> torch.Tensor:
    """Return the winners with the first NaN of a window in place of the last, which PyTorch names.

    A NaN, or infinities of both signs, shows in the sum: 2 to 8 % of the time of NHWC max pooling, and
    the search for which windows have one is left out nearly always.
    """
    torch = load()
    if not math.isnan(float(maxima.sum())):
        return winners
    marks = torch.isnan(pictures).to(pictures.dtype)
    firsts = torch._C._nn.max_pool2d_with_indices(marks, *window.geometry)[1]
    return torch.where(torch.isnan(maxima), firsts, winners)


def _speaks(spec: PoolSpec) -> bool:
    """Whether PyTorch can be told the padding as it is."""
    sides = (
        (spec.h, spec.kh, spec.stride[0], spec.extent[0], spec.pad[:2], spec.oh),
        (spec.w, spec.kw, spec.stride[1], spec.extent[1], spec.pad[2:], spec.ow),
    )
    for size, kernel, stride, extent, (lead, trail), windows in sides:
        if lead > kernel // 2 or (spec.ceil_mode and lead != trail):
            return False
        room = size + 2 * lead - extent + (stride - 1 if spec.ceil_mode else 0)
        count = room // stride + 1
        if spec.ceil_mode and (count - 1) * stride >= size + lead:
            count -= 1
        if count != windows:
            return False
    return True


def why_not_max_backward(spec: PoolSpec) -> str | None:
    """Refuse rules for ties that PyTorch does not have."""
    if spec.ties != "first":
        return f"PyTorch gives a maximum's gradient to the first of several, not ties={spec.ties!r}"
    return None


def why_not_average(spec: PoolSpec) -> str | None:
    """Refuse dilated windows."""
    if spec.dilation != (1, 1):
        return f"PyTorch's average pooling has no dilation, got {spec.dilation[0]}x{spec.dilation[1]}"
    return None


def _bytes(spec: PoolSpec, which: str) -> int:
    shape = spec.x_shape if which == "x" else spec.y_shape
    return math.prod(shape) * np.dtype(spec.dtype).itemsize


def _workspace(op: str, spec: PoolSpec) -> int:
    frame = 0 if _speaks(spec) else 2 * _bytes(spec, "x")
    if op.startswith("avg"):
        return frame
    maxima = _bytes(spec, "y") if op == "max_pool_backward" else 0
    places = math.prod(spec.y_shape) * 8
    return frame + (0 if spec.indices and not frame else places + maxima)


def _cost(op: str, spec: PoolSpec) -> float:
    return CALL[op] + spec.flops(op) / TAPS_PER_SECOND[spec.layout][op]


def algorithms() -> list[Algorithm]:
    """Return the four records."""
    plans: dict[str, tuple[Callable[[PoolSpec], Plan], Callable[[PoolSpec], str | None]]] = {
        "max_pool_forward": (build_max_forward, never_refuses),
        "max_pool_backward": (build_max_backward, why_not_max_backward),
        "avg_pool_forward": (build_avg_forward, why_not_average),
        "avg_pool_backward": (build_avg_backward, why_not_average),
    }
    return [
        Algorithm(
            op,
            "torch",
            why_not=why_not,
            cost=partial(_cost, op),
            workspace=partial(_workspace, op),
            build=build,
            deterministic=False,  # PyTorch promises nothing across numbers of threads
        )
        for op, (build, why_not) in plans.items()
    ]

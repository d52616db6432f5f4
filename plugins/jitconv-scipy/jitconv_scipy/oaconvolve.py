"""Convolution by ``scipy.signal.oaconvolve``: overlap-add, whose transforms are of blocks of a picture.

It knows planes alone. Every plane of a picture meets every filter in it, and the sums over channels are of
planes again: so many inverse transforms as there are products, where `scipy_fft` has one for each result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jitconv import Algorithm, ConvSpec
from jitconv.algorithm import Plan, never_refuses
from jitconv.jit import team

from jitconv_scipy.library import Array, backward_plan, channels_first, filters, forward_plan, item

CALL = 250e-6
STEPS_PER_SECOND = {"float32": 0.9e9, "float64": 0.6e9}
"""Rough, of one thread of a 2-core Zen 4: points times log2(points) of a transform, with all
that surrounds it."""

PIECE_BYTES = 16 * 2**20
"""Planes are made of so many filters at a time as fit in this, at least of one. A choice."""


def summed(one: Array, other: Array, mode: str) -> Array:
    """Return the planes of ``Σ one * other`` over their last axis but two.

    Parameters
    ----------
    one : array of shape (groups, P, 1, S, height, width)
    other : array of shape (groups, 1, Q, S, kernel height, kernel width)
    mode : {"valid", "full"}
        As of `scipy.signal.oaconvolve`.

    Returns
    -------
    array of shape (groups, P, Q, rows, columns)
    """
    from scipy.signal import oaconvolve

    step = _step(one.size, other.shape[2], one.itemsize)
    pieces = [
        oaconvolve(one, other[:, :, first : first + step], mode=mode, axes=(-2, -1)).sum(3)
        for first in range(0, other.shape[2], step)
    ]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=2)


def _step(elements: int, count: int, itemsize: int) -> int:
    return min(count, max(1, PIECE_BYTES // max(1, elements * itemsize)))


def surrounded(x: Array, spec: ConvSpec) -> Array:
    """Return pictures as (N, groups, C/groups, H, W) with their padding."""
    planes = channels_first(x, spec.layout)
    if any(spec.pad):
        top, _, left, _ = spec.pad
        framed = np.zeros((spec.n, spec.c, *spec.padded), x.dtype)
        framed[:, :, top : top + spec.h, left : left + spec.w] = planes
        planes = framed
    return planes.reshape(spec.n, spec.groups, -1, *spec.padded)


def spread(w: Array, spec: ConvSpec) -> Array:
    """Return weights as (groups, F/groups, C/groups, height, width), dilated."""
    taps = filters(w, spec)
    if spec.dilation != (1, 1):
        down, right = spec.dilation
        apart = np.zeros((spec.f, spec.c // spec.groups, *spec.extent), w.dtype)
        apart[:, :, ::down, ::right] = taps
        taps = apart
    return taps.reshape(spec.groups, spec.f // spec.groups, -1, *spec.extent)


def stretched(dy: Array, spec: ConvSpec) -> Array:
    """Return `dy` as (N, groups, F/groups, height, width), each pixel of it where its window begins."""
    planes = channels_first(dy, spec.layout)
    if spec.stride != (1, 1):
        apart = np.zeros((spec.n, spec.f, *_starts(spec)), dy.dtype)
        apart[:, :, :: spec.stride[0], :: spec.stride[1]] = planes
        planes = apart
    return planes.reshape(spec.n, spec.groups, -1, *_starts(spec))


def _starts(spec: ConvSpec) -> tuple[int, int]:
    """Return height and width from the first window's beginning to the last one's."""
    return (spec.oh - 1) * spec.stride[0] + 1, (spec.ow - 1) * spec.stride[1] + 1


def build_forward(spec: ConvSpec) -> Plan:
    """Return the plan of conv_forward."""
    down, right = spec.stride

    def correlate(x: Array, w: Array, y: Array) -> None:
        pictures = surrounded(x, spec).swapaxes(0, 1)[:, :, None]
        turned = spread(w, spec)[:, None, ..., ::-1, ::-1]
        found = summed(pictures, turned, "valid")[..., ::down, ::right]
        planes = found.swapaxes(0, 1).reshape(spec.n, spec.f, spec.oh, spec.ow)
        channels_first(y, spec.layout)[...] = planes

    return forward_plan(correlate, spec)


def build_backward(spec: ConvSpec) -> Plan:
    """Return the plan of conv_backward."""

    def gradients(dy: Array, x: Array, w: Array, dx: Array | None, dw: Array | None) -> None:
        upstream = stretched(dy, spec)
        if dx is not None:
            taps = spread(w, spec).swapaxes(1, 2)[:, None]
            _crop(summed(upstream.swapaxes(0, 1)[:, :, None], taps, "full"), dx, spec)
        if dw is not None:
            pictures = surrounded(x, spec).transpose(1, 2, 0, 3, 4)[:, :, None]
            turned = upstream.transpose(1, 2, 0, 3, 4)[:, None, ..., ::-1, ::-1]
            down, right = spec.dilation
            lags = summed(pictures, turned, "valid")[..., ::down, ::right][..., : spec.kh, : spec.kw]
            taps = lags.swapaxes(1, 2).reshape(spec.f, -1, spec.kh, spec.kw)
            filters(dw, spec)[...] = taps

    return backward_plan(gradients, spec)


def _crop(found: Array, dx: Array, spec: ConvSpec) -> None:
    """Take the picture out of the gradient of its padding; what no window meets is zero."""
    top, _, left, _ = spec.pad
    planes = found.swapaxes(0, 1).reshape(spec.n, spec.c, *found.shape[3:])
    inside = planes[:, :, top : top + spec.h, left : left + spec.w]
    target = channels_first(dx, spec.layout)
    target[...] = 0
    target[:, :, : inside.shape[2], : inside.shape[3]] = inside


class Product(NamedTuple):
    """One call of `summed`, in numbers."""

    planes: int
    kernels: int
    """How many each plane meets."""
    size: tuple[int, int]
    kernel: tuple[int, int]
    results: int
    """Numbers that come out, all planes together."""


def _products(op: str, spec: ConvSpec) -> list[Product]:
    starts, own, each = _starts(spec), spec.c // spec.groups, spec.f // spec.groups
    valid = spec.n * spec.f * math.prod(starts)
    forward = Product(spec.n * spec.c, each, spec.padded, spec.extent, valid)
    full = [extent + more - 1 for extent, more in zip(starts, spec.extent, strict=True)]
    dx = Product(spec.n * spec.f, own, starts, spec.extent, spec.n * spec.c * math.prod(full))
    lags = [extent - less + 1 for extent, less in zip(spec.padded, starts, strict=True)]
    dw = Product(spec.n * spec.c, each, spec.padded, starts, spec.f * own * math.prod(lags))
    if op == "conv_forward":
        return [forward]
    return [dx] * ("x" in spec.wrt) + [dw] * ("w" in spec.wrt)


def _blocks(size: int, kernel: int) -> tuple[int, int]:
    """Return how many blocks SciPy makes of an axis, and their length, about.

    It takes the length B that has the least B·log(B) for each new element, B - overlap, and one block where
    that is shorter; lengths that suit a transform come after that.
    """
    size, kernel = max(size, kernel), min(size, kernel)
    overlap = kernel - 1
    if overlap == 0:
        return 1, size
    below = math.log(1 / (2 * math.e * overlap))
    root = below - 1.0
    for _ in range(30):  # of root·exp(root) = -1/(2e·overlap), the lower one
        root = below - math.log(-root)
    length = math.ceil(-overlap * root)
    if length >= size + overlap or kernel >= size:
        return 1, size + overlap
    return math.ceil((size + 1) / (length - overlap)), length


def _points(product: Product) -> int:
    """Return of how many points the transforms of a plane are, over all its blocks."""
    axes = [_blocks(*pair) for pair in zip(product.size, product.kernel, strict=True)]
    return math.prod(count * length for count, length in axes)


def _workspace(op: str, spec: ConvSpec) -> int:
    """Pictures with their padding, what is stretched, and of a piece its spectra, planes and sums."""
    size, most = item(spec), 0
    framed = spec.n * spec.c * math.prod(spec.padded)
    stretched = spec.n * spec.f * math.prod(_starts(spec)) if op == "conv_backward" else 0
    for one in _products(op, spec):
        step = _step(one.planes * math.prod(one.size), one.kernels, size)
        points = _points(one)
        most = max(most, one.planes * points * (2 + 3 * step) + 2 * one.results)
    return size * (framed + stretched + most)


def _cost(op: str, spec: ConvSpec) -> float:
    """The transforms of pictures, of kernels (as long as a block), and of each product."""
    seconds = CALL
    for one in _products(op, spec):
        points = _points(one)
        steps = one.planes * (1 + one.kernels) * points * math.log2(points + 1)
        seconds += CALL + steps / STEPS_PER_SECOND[spec.dtype] / team()
    return seconds


def _record(op: str) -> Algorithm:
    return Algorithm(
        op,
        "scipy_oaconvolve",
        why_not=never_refuses,
        cost=lambda spec: _cost(op, spec),
        workspace=lambda spec: _workspace(op, spec),
        build=build_forward if op == "conv_forward" else build_backward,
        error_class="fft",
        deterministic=False,  # SciPy promises nothing across numbers of threads
    )


def algorithms() -> list[Algorithm]:
    """Return the two records."""
    return [_record("conv_forward"), _record("conv_backward")]

"""Pooling in two loops, forward and backward, over channels that lie together.

In NHWC they do. In NCHW as many planes as a vector has lanes are interleaved, a band of rows at a time
in a buffer that stays in the second-level cache: from there on they are channels too. The windows of a row
fall into runs with the same taps inside the picture: one for each window that meets an edge, and one for
all the others.
"""

from __future__ import annotations

from numba import prange

from jitconv.jit import Kernel
from jitconv.jit.loops import buffer, inlined, met
from jitconv.jit.numbers import unpacked
from jitconv.micro.interleave import deinterleave, interleave
from jitconv.micro.window_rows import FIRST, SPLIT
from jitconv.micro.windows import SMALL, maxima, means, route, route_shared, spread, winners

MAXIMA, WINNERS, MEANS = 0, 1, 2
"""What a forward loop computes."""

SPREAD = 3
"""What a backward loop does with a window's gradient, beside the three rules for ties: an average's."""


@inlined
def inside(start, taps, dilation, size):
    """Return the first tap of a window that lies in 0..size-1, and the one after the last."""
    first = 0 if start >= 0 else (dilation - 1 - start) // dilation
    return first, max(first, min(taps, (size - start + dilation - 1) // dilation))


@inlined
def whole(width, windows, taps, stride, pad, dilation):
    """Return the first window of a row with all taps in the picture, and the one after the last."""
    first = min(windows, (pad + stride - 1) // stride)
    room = width + pad - (taps - 1) * dilation - 1
    return first, max(first, min(windows, room // stride + 1 if room >= 0 else 0))


@inlined
def reduce_row(
    x, at, y, to, indices, divisors, what, oh, size, pixel, deep, counts, window, stride, pad, dilation
):
    """One row of windows of one picture.

    The picture begins at x[at], its row of results at y[to]; `deep` channels of each `pixel` are pooled.
    """
    height, width = size
    ih = oh * stride[0] - pad[0]
    top, bottom = inside(ih, window[0], dilation[0], height)
    first, last = whole(width, counts[1], window[1], stride[1], pad[1], dilation[1])
    ow = 0
    while ow < counts[1]:
        run = last - ow if ow == first and last > first else 1
        iw = ow * stride[1] - pad[1]
        left, right = inside(iw, window[1], dilation[1], width)
        place = (ih + top * dilation[0]) * width + iw + left * dilation[1]
        rows, cols = bottom - top, right - left
        down, over, step = dilation[0] * width * pixel, dilation[1] * pixel, stride[1] * pixel
        corner, target = at + place * pixel, to + ow * pixel
        if what == MAXIMA:
            maxima(x, corner, rows, cols, down, over, step, run, deep, y, target, pixel)
        elif what == WINNERS:
            winners(
                height * width > SMALL, x, corner, rows, cols, down, over, step, run, deep, y, target, pixel,
                place, dilation[0] * width, dilation[1], stride[1], indices,
            )  # fmt: skip
        else:
            part = divisors[counts[0] + counts[1]] / (divisors[oh] * divisors[counts[0] + ow])
            means(x, corner, rows, cols, down, over, step, run, deep, y, target, pixel, part)
        ow += run


def _forward(pictures, results, positions, divisors, numbers):
    """Some rows of outputs at a time, of one picture or of interleaved planes."""
    x, y, indices = pictures.ravel(), results.ravel(), positions.ravel()
    ints = unpacked(numbers, 18)
    what, lanes, band, group = ints[:4]
    batch, height, width, channels = ints[4:8]
    counts, window, stride, pad, dilation = ints[8:10], ints[10:12], ints[12:14], ints[14:16], ints[16:18]
    bands, groups = (counts[0] + band - 1) // band, (channels + group - 1) // group
    tall = min(height, (band - 1) * stride[0] + (window[0] - 1) * dilation[0] + 1)
    room_x = (tall * width + lanes) * lanes if lanes > 1 else 0
    room_y = (band * counts[1] + lanes) * lanes if lanes > 1 else 0
    room_indices = room_y if what == WINNERS else 0
    for task in prange((batch + lanes - 1) // lanes * bands * groups):
        block, begin = task // (bands * groups), task // groups % bands * band
        end = min(counts[0], begin + band)
        if lanes == 1:
            low = task % groups * group
            deep = min(group, channels - low)
            for oh in range(begin, end):
                reduce_row(
                    x, block * height * width * channels + low,
                    y, (block * counts[0] + oh) * counts[1] * channels + low, indices, divisors,
                    what, oh, (height, width), channels, deep, counts, window, stride, pad, dilation,
                )  # fmt: skip
            continue
        source, result = buffer(room_x, x), buffer(room_y, x)
        places = buffer(room_indices, indices)
        planes = min(lanes, batch - block * lanes)
        top = max(0, begin * stride[0] - pad[0])
        bottom = min(height, (end - 1) * stride[0] - pad[0] + (window[0] - 1) * dilation[0] + 1)
        at = (block * lanes * height + top) * width
        interleave(x, at, height * width, planes, (bottom - top) * width, source)
        for oh in range(begin, end):
            reduce_row(
                source, -top * width * lanes, result, (oh - begin) * counts[1] * lanes, places,
                divisors, what, oh, (height, width), lanes, lanes, counts, window, stride, pad, dilation,
            )  # fmt: skip
        to, outputs = (block * lanes * counts[0] + begin) * counts[1], counts[0] * counts[1]
        deinterleave(x, result, y, to, outputs, planes, (end - begin) * counts[1])
        if what == WINNERS:
            deinterleave(x, places, indices, to, outputs, planes, (end - begin) * counts[1])


@inlined
def give_row(
    x, at, dy, start, dx, to, divisors, what, adding, oh, some, size, pixel, deep,
    counts, window, stride, pad, dilation,
):  # fmt: skip
    """Give the gradients of one row of windows of one picture to the rows `some` of dx.

    The picture begins at x[at], its gradients would at dx[to]; those of the row of windows do at dy[start].
    """
    height, width = size
    ih = oh * stride[0] - pad[0]
    top, bottom = inside(ih, window[0], dilation[0], height)
    upper, lower = inside(ih - some[0], window[0], dilation[0], some[1] - some[0])
    if upper == lower:
        return
    first, last = whole(width, counts[1], window[1], stride[1], pad[1], dilation[1])
    large = window[0] * window[1] > SMALL
    ow = 0
    while ow < counts[1]:
        run = last - ow if ow == first and last > first else 1
        iw = ow * stride[1] - pad[1]
        left, right = inside(iw, window[1], dilation[1], width)
        cols, column = right - left, iw + left * dilation[1]
        place, gradient = (ih + top * dilation[0]) * width + column, start + ow * pixel
        down, over, step = dilation[0] * width * pixel, dilation[1] * pixel, stride[1] * pixel
        if what == SPREAD:
            part = divisors[counts[0] + counts[1]] / (divisors[oh] * divisors[counts[0] + ow])
            corner = to + ((ih + upper * dilation[0]) * width + column) * pixel
            spread(
                dx,
                corner,
                lower - upper,
                cols,
                down,
                over,
                step,
                run,
                deep,
                dy,
                gradient,
                pixel,
                part,
                adding,
            )
        elif what == FIRST:
            route(
                large, x, at + place * pixel, bottom - top, cols, down, over, step, run, deep, dy, gradient,
                pixel, dx, to + place * pixel, upper - top, lower - top, adding, 0,
            )  # fmt: skip
        else:
            route_shared(
                large, x, at + place * pixel, bottom - top, cols, down, over, step, run, deep, dy, gradient,
                pixel, dx, to + place * pixel, upper - top, lower - top, adding, what == SPLIT,
            )  # fmt: skip
        ow += run


def _backward(upstream, pictures, gradients, divisors, adding, numbers):
    """Some rows of dx at a time, from all windows that meet them, in the order of the windows."""
    dy, x, dx = upstream.ravel(), pictures.ravel(), gradients.ravel()
    ints = unpacked(numbers, 18)
    what, lanes, band, group = ints[:4]
    batch, height, width, channels = ints[4:8]
    counts, window, stride, pad, dilation = ints[8:10], ints[10:12], ints[12:14], ints[14:16], ints[16:18]
    bands, groups = (height + band - 1) // band, (channels + group - 1) // group
    extent = (window[0] - 1) * dilation[0] + 1
    wide = min(counts[0], (band + extent - 2) // stride[0] + 1)
    tall = min(height, (wide - 1) * stride[0] + extent) if what != SPREAD else 0
    room_x = (tall * width + lanes) * lanes if lanes > 1 else 0
    room_dx = (band * width + lanes) * lanes if lanes > 1 else 0
    room_dy = (wide * counts[1] + lanes) * lanes if lanes > 1 else 0
    for task in prange((batch + lanes - 1) // lanes * bands * groups):
        block, begin = task // (bands * groups), task // groups % bands * band
        end = min(height, begin + band)
        early, _ = met(begin + pad[0], window[0], stride[0], dilation[0], counts[0])
        _, late = met(end - 1 + pad[0], window[0], stride[0], dilation[0], counts[0])
        if lanes == 1:
            low = task % groups * group
            deep = min(group, channels - low)
            at = block * height * width * channels + low
            if adding:
                for pixel in range(begin * width, end * width):
                    zeroed = dx[at + pixel * channels : at + pixel * channels + deep]
                    for c in range(zeroed.size):
                        zeroed[c] = 0
            for oh in range(early, late):
                start = (block * counts[0] + oh) * counts[1] * channels + low
                give_row(
                    x, at, dy, start, dx, at, divisors, what, adding, oh, (begin, end),
                    (height, width), channels, deep, counts, window, stride, pad, dilation,
                )  # fmt: skip
            continue
        source, gradient = buffer(room_x, dy), buffer(room_dy, dy)
        target = buffer(room_dx, dy)
        planes = min(lanes, batch - block * lanes)
        if adding:
            for i in range(target.size):
                target[i] = 0
        if early < late:
            start, outputs = (block * lanes * counts[0] + early) * counts[1], counts[0] * counts[1]
            interleave(dy, start, outputs, planes, (late - early) * counts[1], gradient)
        top = max(0, early * stride[0] - pad[0])
        bottom = min(height, (late - 1) * stride[0] - pad[0] + extent)
        if what != SPREAD and early < late:
            at = (block * lanes * height + top) * width
            interleave(x, at, height * width, planes, (bottom - top) * width, source)
        for oh in range(early, late):
            give_row(
                source, -top * width * lanes, gradient, (oh - early) * counts[1] * lanes,
                target, -begin * width * lanes, divisors, what, adding, oh, (begin, end),
                (height, width), lanes, lanes, counts, window, stride, pad, dilation,
            )  # fmt: skip
        to = (block * lanes * height + begin) * width
        deinterleave(dy, target, dx, to, height * width, planes, (end - begin) * width)


def _given_backward(dy, indices, dx, group, shape, counts):
    """Add every gradient where its index says; some channels of one picture at a time."""
    batch, height, width, channels = shape
    groups = (channels + group - 1) // group
    for task in prange(batch * groups):
        n, low = task // groups, task % groups * group
        size = min(group, channels - low)
        plane = n * height * width * channels + low
        for pixel in range(height * width):
            target = dx[plane + pixel * channels : plane + pixel * channels + size]
            for c in range(size):
                target[c] = 0
        for pixel in range(counts[0] * counts[1]):
            start = (n * counts[0] * counts[1] + pixel) * channels + low
            for c in range(size):
                dx[plane + indices[start + c] * channels + c] += dy[start + c]


FORWARD, BACKWARD, GIVEN_BACKWARD = Kernel(_forward), Kernel(_backward), Kernel(_given_backward)

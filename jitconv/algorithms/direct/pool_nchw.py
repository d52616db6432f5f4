"""Pooling of NCHW pictures, a plane at a time: first down the columns of a window, where neighbours lie
together, then along its rows within a buffer that stays in the first-level cache.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.jit import Kernel
from jitconv.jit.loops import inlined, met

UNKNOWN = -1


@inlined
def maximum(best, taps):
    """Best = max(best, taps); a NaN wins."""
    for i in range(best.size):
        value = taps[i]
        best[i] = value if value > best[i] or value != value else best[i]


def _max_forward(x, y, shape, counts, window, stride, pad, dilation):
    """Padding is -inf: it changes no maximum, since every window meets the input."""
    batch, height, width, channels = shape
    reach = max((counts[1] - 1) * stride[1] + (window[1] - 1) * dilation[1] + 1, pad[1] + width)
    for plane in prange(batch * channels):
        padded = np.full(reach, -np.inf, x.dtype)
        column = padded[pad[1] : pad[1] + width]
        for oh in range(counts[0]):
            begun = False
            for kh in range(window[0]):
                ih = oh * stride[0] - pad[0] + kh * dilation[0]
                if ih < 0 or ih >= height:
                    continue
                at = (plane * height + ih) * width
                taps = x[at : at + width]
                if begun:
                    maximum(column, taps)
                else:
                    for i in range(width):
                        column[i] = taps[i]
                    begun = True
            at = (plane * counts[0] + oh) * counts[1]
            best = y[at : at + counts[1]]
            for i in range(best.size):
                best[i] = padded[i * stride[1]]
            for kw in range(1, window[1]):
                shifted = padded[kw * dilation[1] :]
                for i in range(best.size):
                    value = shifted[i * stride[1]]
                    best[i] = value if value > best[i] or value != value else best[i]


def _winners(x, y, indices, shape, counts, window, stride, pad, dilation):
    """Maxima with their positions, an output at a time."""
    batch, height, width, channels = shape
    for plane in prange(batch * channels):
        source = x[plane * height * width : (plane + 1) * height * width]
        for oh in range(counts[0]):
            for ow in range(counts[1]):
                position = UNKNOWN
                best = source[0]
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if iw < 0 or iw >= width:
                            continue
                        value = source[ih * width + iw]
                        if position < 0 or value > best or (value != value and best == best):
                            best = value
                            position = ih * width + iw
                at = (plane * counts[0] + oh) * counts[1] + ow
                y[at] = best
                indices[at] = position


def _max_backward(dy, x, dx, rule, shape, counts, window, stride, pad, dilation):
    """Rule 0 gives a window's gradient to its first maximum, 1 to all, 2 shares it."""
    batch, height, width, channels = shape
    for plane in prange(batch * channels):
        source = x[plane * height * width : (plane + 1) * height * width]
        target = dx[plane * height * width : (plane + 1) * height * width]
        for i in range(target.size):
            target[i] = 0
        for oh in range(counts[0]):
            for ow in range(counts[1]):
                gradient = dy[(plane * counts[0] + oh) * counts[1] + ow]
                position, ties = UNKNOWN, 0
                best = source[0]
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if iw < 0 or iw >= width:
                            continue
                        value = source[ih * width + iw]
                        if position < 0 or value > best or (value != value and best == best):
                            best = value
                            position, ties = ih * width + iw, 1
                        elif value == best:
                            ties += 1
                if rule == 0 or ties == 1 or best != best:
                    target[position] += gradient
                    continue
                share = gradient / ties if rule == 2 else gradient
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if 0 <= iw < width and source[ih * width + iw] == best:
                            target[ih * width + iw] += share


def _given_backward(dy, indices, dx, shape, counts):
    """Add every gradient where its index says."""
    batch, height, width, channels = shape
    outputs = counts[0] * counts[1]
    for plane in prange(batch * channels):
        target = dx[plane * height * width : (plane + 1) * height * width]
        for i in range(target.size):
            target[i] = 0
        for at in range(plane * outputs, (plane + 1) * outputs):
            target[indices[at]] += dy[at]


def _avg_forward(x, divisor, y, shape, counts, window, stride, pad, dilation):
    """Sums down, then along, over the divisors."""
    batch, height, width, channels = shape
    reach = max((counts[1] - 1) * stride[1] + (window[1] - 1) * dilation[1] + 1, pad[1] + width)
    for plane in prange(batch * channels):
        padded = np.zeros(reach, x.dtype)
        column = padded[pad[1] : pad[1] + width]
        for oh in range(counts[0]):
            for i in range(column.size):
                column[i] = 0
            for kh in range(window[0]):
                ih = oh * stride[0] - pad[0] + kh * dilation[0]
                if ih < 0 or ih >= height:
                    continue
                at = (plane * height + ih) * width
                taps = x[at : at + width]
                for i in range(column.size):
                    column[i] += taps[i]
            at = (plane * counts[0] + oh) * counts[1]
            total = y[at : at + counts[1]]
            for i in range(total.size):
                total[i] = 0
            for kw in range(window[1]):
                shifted = padded[kw * dilation[1] :]
                for i in range(total.size):
                    total[i] += shifted[i * stride[1]]
            counted = divisor[oh * counts[1] : (oh + 1) * counts[1]]
            for i in range(total.size):
                total[i] /= counted[i]


def _avg_backward(dy, divisor, dx, shape, counts, window, stride, pad, dilation):
    """Gather down the windows' columns, then spread along their rows."""
    batch, height, width, channels = shape
    reach = max((counts[1] - 1) * stride[1] + (window[1] - 1) * dilation[1] + 1, pad[1] + width)
    for plane in prange(batch * channels):
        padded = np.empty(reach, dy.dtype)
        column = np.empty(counts[1], dy.dtype)
        for ih in range(height):
            for i in range(column.size):
                column[i] = 0
            first, last = met(ih + pad[0], window[0], stride[0], dilation[0], counts[0])
            for oh in range(first, last):
                if (ih + pad[0] - oh * stride[0]) % dilation[0] != 0:
                    continue
                at = (plane * counts[0] + oh) * counts[1]
                gradient, counted = dy[at : at + counts[1]], divisor[oh * counts[1] : (oh + 1) * counts[1]]
                for i in range(column.size):
                    column[i] += gradient[i] / counted[i]
            for i in range(padded.size):
                padded[i] = 0
            for kw in range(window[1]):
                shifted = padded[kw * dilation[1] :]
                for i in range(column.size):
                    shifted[i * stride[1]] += column[i]
            at = (plane * height + ih) * width
            target = dx[at : at + width]
            for i in range(target.size):
                target[i] = padded[pad[1] + i]


MAX_FORWARD, WINNERS, MAX_BACKWARD = Kernel(_max_forward), Kernel(_winners), Kernel(_max_backward)
GIVEN_BACKWARD, AVG_FORWARD, AVG_BACKWARD = (
    Kernel(_given_backward),
    Kernel(_avg_forward),
    Kernel(_avg_backward),
)

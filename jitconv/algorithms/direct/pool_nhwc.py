"""Pooling of NHWC pictures: the channels of a pixel lie together, so they are the innermost loop.

Innermost loops run over slices, whose indices the compiler knows to be in range: only then does it
vectorise them.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from jitconv.jit import Kernel
from jitconv.jit.loops import inlined, met

CHANNELS = 32
"""Channels of a backward task where there are few pictures: whole cache lines, and windows that overlap
share no memory among tasks. Where there are pictures enough a task has all channels of one: memory is then
read as it lies."""

PICTURES = 4
"""So many pictures are enough for two threads; not swept."""


@inlined
def take_maximum(best, taps):
    """Best = max(best, taps); a NaN wins."""
    for c in range(best.size):
        value = taps[c]
        best[c] = value if value > best[c] or value != value else best[c]


@inlined
def take_winner(best, winner, taps, position):
    """As `take_maximum`, and note where it is; of several, and of NaNs, the first."""
    for c in range(best.size):
        value, before = taps[c], best[c]
        wins = value > before or (value != value and before == before)
        best[c] = value if wins else before
        winner[c] = position if wins else winner[c]


def _max_forward(x, y, indices, keep, shape, counts, window, stride, pad, dilation):
    """One row of outputs at a time."""
    batch, height, width, channels = shape
    for row in prange(batch * counts[0]):
        n, oh = row // counts[0], row % counts[0]
        for ow in range(counts[1]):
            at = (row * counts[1] + ow) * channels
            best = y[at : at + channels]
            winner = indices[at : at + channels] if keep else indices
            begun = False
            for kh in range(window[0]):
                ih = oh * stride[0] - pad[0] + kh * dilation[0]
                if ih < 0 or ih >= height:
                    continue
                for kw in range(window[1]):
                    iw = ow * stride[1] - pad[1] + kw * dilation[1]
                    if iw < 0 or iw >= width:
                        continue
                    position = ih * width + iw
                    source = (n * height * width + position) * channels
                    taps = x[source : source + channels]
                    if not begun:
                        for c in range(best.size):
                            best[c] = taps[c]
                        if keep:
                            for c in range(winner.size):
                                winner[c] = position
                        begun = True
                    elif keep:
                        take_winner(best, winner, taps, position)
                    else:
                        take_maximum(best, taps)


def _max_backward(dy, x, dx, rule, shape, counts, window, stride, pad, dilation):
    """Some channels of one picture at a time; rule 0 gives to the first, 1 to all, 2 shares."""
    batch, height, width, channels = shape
    share = CHANNELS if batch < PICTURES else channels
    groups = (channels + share - 1) // share
    for task in prange(batch * groups):
        n, low = task // groups, task % groups * share
        size = min(share, channels - low)
        best, ties = np.empty(size, x.dtype), np.empty(size, x.dtype)
        winner = np.empty(size, np.int32)
        plane = n * height * width * channels + low
        for pixel in range(height * width):
            target = dx[plane + pixel * channels : plane + pixel * channels + size]
            for c in range(size):
                target[c] = 0
        for oh in range(counts[0]):
            for ow in range(counts[1]):
                begun = False
                for kh in range(window[0]):
                    ih = oh * stride[0] - pad[0] + kh * dilation[0]
                    if ih < 0 or ih >= height:
                        continue
                    for kw in range(window[1]):
                        iw = ow * stride[1] - pad[1] + kw * dilation[1]
                        if iw < 0 or iw >= width:
                            continue
                        at = plane + (ih * width + iw) * channels
                        taps = x[at : at + size]
                        tap = np.int32(kh * window[1] + kw)
                        if begun:
                            take_winner(best, winner, taps, tap)
                        else:
                            for c in range(size):
                                best[c] = taps[c]
                                winner[c] = tap
                            begun = True
                if rule == 2:
                    for c in range(size):
                        ties[c] = 0
                start = ((n * counts[0] + oh) * counts[1] + ow) * channels + low
                gradient = dy[start : start + size]
                for sharing in range(2):
                    if sharing == 0 and rule != 2:
                        continue
                    for kh in range(window[0]):
                        ih = oh * stride[0] - pad[0] + kh * dilation[0]
                        if ih < 0 or ih >= height:
                            continue
                        for kw in range(window[1]):
                            iw = ow * stride[1] - pad[1] + kw * dilation[1]
                            if iw < 0 or iw >= width:
                                continue
                            at = plane + (ih * width + iw) * channels
                            taps, target = x[at : at + size], dx[at : at + size]
                            tap = np.int32(kh * window[1] + kw)
                            if sharing == 0:
                                for c in range(size):
                                    ties[c] += 1 if taps[c] == best[c] else 0
                            elif rule == 0:
                                for c in range(size):
                                    target[c] += gradient[c] if winner[c] == tap else 0
                            elif rule == 1:
                                for c in range(size):
                                    marked = taps[c] == best[c] or (best[c] != best[c] and winner[c] == tap)
                                    target[c] += gradient[c] if marked else 0
                            else:
                                for c in range(size):
                                    if best[c] != best[c]:
                                        target[c] += gradient[c] if winner[c] == tap else 0
                                    elif taps[c] == best[c]:
                                        target[c] += gradient[c] / ties[c]


def _tiles_backward(dy, x, dx, shape, counts, window):
    """Windows that tile the picture, the first maximum of each: a row of windows at a time, all written."""
    batch, _, width, channels = shape
    for row in prange(batch * counts[0]):
        best, winner = np.empty(channels, x.dtype), np.empty(channels, np.int32)
        for ow in range(counts[1]):
            corner = (row * window[0] * width + ow * window[1]) * channels
            for tap in range(window[0] * window[1]):
                at = corner + (tap // window[1] * width + tap % window[1]) * channels
                taps = x[at : at + channels]
                if tap == 0:
                    for c in range(best.size):
                        best[c] = taps[c]
                        winner[c] = 0
                else:
                    take_winner(best, winner, taps, np.int32(tap))
            start = (row * counts[1] + ow) * channels
            gradient = dy[start : start + channels]
            for tap in range(window[0] * window[1]):
                at = corner + (tap // window[1] * width + tap % window[1]) * channels
                target = dx[at : at + channels]
                for c in range(best.size):
                    target[c] = gradient[c] if winner[c] == np.int32(tap) else 0


def _given_backward(dy, indices, dx, shape, counts):
    """Add every gradient where its index says; some channels of one picture at a time."""
    batch, height, width, channels = shape
    groups = (channels + CHANNELS - 1) // CHANNELS
    for task in prange(batch * groups):
        n, low = task // groups, task % groups * CHANNELS
        size = min(CHANNELS, channels - low)
        plane = n * height * width * channels + low
        for pixel in range(height * width):
            target = dx[plane + pixel * channels : plane + pixel * channels + size]
            for c in range(size):
                target[c] = 0
        for pixel in range(counts[0] * counts[1]):
            start = (n * counts[0] * counts[1] + pixel) * channels + low
            for c in range(size):
                dx[plane + indices[start + c] * channels + c] += dy[start + c]


def _avg_forward(x, divisor, y, shape, counts, window, stride, pad, dilation):
    """One row of outputs at a time."""
    batch, height, width, channels = shape
    for row in prange(batch * counts[0]):
        n, oh = row // counts[0], row % counts[0]
        for ow in range(counts[1]):
            at = (row * counts[1] + ow) * channels
            total = y[at : at + channels]
            for c in range(total.size):
                total[c] = 0
            for kh in range(window[0]):
                ih = oh * stride[0] - pad[0] + kh * dilation[0]
                if ih < 0 or ih >= height:
                    continue
                for kw in range(window[1]):
                    iw = ow * stride[1] - pad[1] + kw * dilation[1]
                    if iw < 0 or iw >= width:
                        continue
                    source = ((n * height + ih) * width + iw) * channels
                    taps = x[source : source + channels]
                    for c in range(total.size):
                        total[c] += taps[c]
            count = divisor[oh * counts[1] + ow]
            for c in range(total.size):
                total[c] /= count


def _avg_backward(dy, divisor, dx, shape, counts, window, stride, pad, dilation):
    """One row of dx at a time, gathered from the windows that it lies in."""
    batch, height, width, channels = shape
    for row in prange(batch * height):
        n, ih = row // height, row % height
        first_oh, last_oh = met(ih + pad[0], window[0], stride[0], dilation[0], counts[0])
        for iw in range(width):
            at = (row * width + iw) * channels
            target = dx[at : at + channels]
            begun = False
            first_ow, last_ow = met(iw + pad[1], window[1], stride[1], dilation[1], counts[1])
            for oh in range(first_oh, last_oh):
                if (ih + pad[0] - oh * stride[0]) % dilation[0] != 0:
                    continue
                for ow in range(first_ow, last_ow):
                    if (iw + pad[1] - ow * stride[1]) % dilation[1] != 0:
                        continue
                    place = oh * counts[1] + ow
                    source = (n * counts[0] * counts[1] + place) * channels
                    gradient = dy[source : source + channels]
                    part = 1 / divisor[place]
                    if begun:
                        for c in range(target.size):
                            target[c] += gradient[c] * part
                    else:
                        for c in range(target.size):
                            target[c] = gradient[c] * part
                        begun = True
            if not begun:
                for c in range(target.size):
                    target[c] = 0


MAX_FORWARD, MAX_BACKWARD, GIVEN_BACKWARD = (
    Kernel(_max_forward),
    Kernel(_max_backward),
    Kernel(_given_backward),
)
TILES_BACKWARD = Kernel(_tiles_backward)
AVG_FORWARD, AVG_BACKWARD = Kernel(_avg_forward), Kernel(_avg_backward)

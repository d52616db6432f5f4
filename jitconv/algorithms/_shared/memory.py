"""Moves between pictures as they lie in memory and the buffers of a task."""

from jitconv.jit.loops import inlined
from jitconv.micro.transpose import pixels_to_planes, planes_to_pixels


@inlined
def copy(source, target):
    """Copy a run; from 0 on, or the compiler makes no vectors of it."""
    for i in range(source.size):
        target[i] = source[i]


@inlined
def clear(target):
    """Fill a run with zeros."""
    for i in range(target.size):
        target[i] = 0


@inlined
def fetch(source, at, strides, size, top, left, height, width, channels, scratch):
    """Copy rows of one picture into (height, width, channels), zeros where the picture ends."""
    down, right, deep = strides
    for r in range(height):
        base = r * width * channels
        if top + r < 0 or top + r >= size[0]:
            clear(scratch[base : base + width * channels])
            continue
        first, last = min(width, max(0, -left)), min(width, size[1] - left)
        clear(scratch[base : base + first * channels])
        clear(scratch[base + max(first, last) * channels : base + width * channels])
        row = at + (top + r) * down
        if deep == 1 and right == channels:
            start, count = row + (left + first) * channels, max(0, last - first) * channels
            copy(source[start : start + count], scratch[base + first * channels :])
        elif right == 1:
            to = base + first * channels
            planes_to_pixels(source, row + left + first, deep, channels, last - first, scratch, to, channels)
        else:
            for c in range(channels):
                start = row + left * right + c * deep
                for w in range(first, last):
                    scratch[base + w * channels + c] = source[start + w * right]


@inlined
def put(buffer, width, filters, rows, columns, out, at, down, right, deep):
    """Copy (rows, columns, width) from a buffer to where the strides say."""
    if right == 1 and down == columns:
        pixels_to_planes(buffer, 0, width, filters, rows * columns, out, at, deep)
        return
    for f in range(filters):
        for q in range(rows):
            start = at + q * down + f * deep
            base = q * columns * width + f
            for j in range(columns):
                out[start + j * right] = buffer[base + j * width]

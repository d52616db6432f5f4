"""Moves between pictures as they lie in memory and the buffers of a task."""

from jitconv.jit.loops import inlined
from jitconv.jit.pixels import pixels_to_planes, planes_to_pixels


@inlined
def fetch(source, at, strides, size, top, left, height, width, channels, scratch):
    """Copy rows of one picture into (height, width, channels), zeros where the picture ends."""
    down, right, deep = strides
    for r in range(height):
        base = r * width * channels
        if top + r < 0 or top + r >= size[0]:
            for i in range(base, base + width * channels):
                scratch[i] = 0
            continue
        first, last = max(0, -left), min(width, size[1] - left)
        for i in range(base, base + first * channels):
            scratch[i] = 0
        for i in range(base + max(first, last) * channels, base + width * channels):
            scratch[i] = 0
        row = at + (top + r) * down
        if deep == 1 and right == channels:
            start = row + (left + first) * channels
            count = (last - first) * channels
            for i in range(count):
                scratch[base + first * channels + i] = source[start + i]
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

"""Moves between images as they are stored and the buffers of a task."""

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
    """Copy rows of one image into (height, width, channels), zeros where the image ends.

    `strides` are those of its rows, columns and channels.
    """
    row_step, column_step, channel_step = strides
    for r in range(height):
        base = r * width * channels
        if top + r < 0 or top + r >= size[0]:
            clear(scratch[base : base + width * channels])
            continue
        first, last = min(width, max(0, -left)), min(width, size[1] - left)
        clear(scratch[base : base + first * channels])
        clear(scratch[base + max(first, last) * channels : base + width * channels])
        row = at + (top + r) * row_step
        if channel_step == 1 and column_step == channels:  # NHWC: a row is one run
            start, count = row + (left + first) * channels, max(0, last - first) * channels
            copy(source[start : start + count], scratch[base + first * channels :])
        elif column_step == 1:  # NCHW: a transpose
            start, to = row + left + first, base + first * channels
            planes_to_pixels(source, start, channel_step, channels, last - first, scratch, to, channels)
        else:
            for c in range(channels):
                start = row + left * column_step + c * channel_step
                for w in range(first, last):
                    scratch[base + w * channels + c] = source[start + w * column_step]


@inlined
def put(scratch, width, filters, rows, columns, out, at, row_step, column_step, channel_step):
    """Copy (rows, columns, width), of which `filters` are wanted, from a buffer to where the steps say."""
    if column_step == 1 and row_step == columns:  # whole planes of NCHW: a transpose
        pixels_to_planes(scratch, 0, width, filters, rows * columns, out, at, channel_step)
        return
    for f in range(filters):
        for q in range(rows):
            start = at + q * row_step + f * channel_step
            base = q * columns * width + f
            for j in range(columns):
                out[start + j * column_step] = scratch[base + j * width]

"""Sizes of blocks, and from where on a way is worth taking: what is tuned to a machine, in one table.

The scheme is that of BLIS's contexts: plans and kernels read a table, and a machine of another kind has
another: `kinds.py` says which kinds there are, and what is theirs; `tuned.py` has what was found to be faster
on this very machine. Each entry says what measured the value that is here for all, and on which machine;
asv_benchmarks/machine.py measures entries again. Rates stand with the costs, and the sizes of tiles with the
micro-kernels.
"""

from __future__ import annotations

from typing import NamedTuple

from jitconv.algorithms.direct import kinds, tuned
from jitconv.jit.vectors import VECTOR_BYTES


class Blocks(NamedTuple):
    """The table of a kind of machine; the values here are those of a kind that nobody measured."""

    tasks: int = 8
    """At least so many tasks, so that two to eight threads have equal parts, where threads pay at all.
    Not measured."""

    most_tasks: int = 16
    """Tasks that run several blocks, so that they clear their buffers once for all of them. Not measured."""

    packed_rows_bytes: int = 128 * 1024
    """Rows of the padded images that a task takes at once, with results if those are put back later: they
    stay in the second-level cache while every panel of filters comes by. 96, 128, 192 and 384 KiB reached
    0.94, 0.93, 0.88 and 0.82 of the multiply-adds' ceiling on n1h28w28c512 k1x1f256, and were within 5 % of
    one another on 14 other layers (two Zen 3 cores, a second-level cache of 512 KiB)."""

    packed_filters_bytes: int = 128 * 1024
    """Of a panel of filters that are read for all rows of a task before the next: they stay there as well.
    Not measured."""

    packed_least_columns: int = 24
    """Pixels of a row from which tiles of some 6 rows have nearly one height. A choice."""

    packed_from_madds: int = 2**22
    """Multiply-adds from which filters of one panel are packed all the same, to begin with a cache line.
    Below, a call takes less than some 100 µs, and packing 3 to 8 µs of them. A choice."""

    streamed_filters_bytes: int = 256 * 1024
    """Filters that are packed at once: 64, 128 and 256 KiB took 1820, 1721 and 1718 µs on n1h14w14c512
    k3x3f512 s2 p1, where packing all first took 2290 (two Zen 3 cores, a second-level cache of 512 KiB)."""

    streamed_most_pixels: int = 512
    """Of 45 1x1 layers of published networks those of up to 512 pixels took 0.52 to 0.98 of the time of
    filters that are packed first, those of 729 to 1024 pixels 0.75 to 1.19, of more 0.96 to 1.6 (two AMD
    cores with AVX-512: filters that one core has packed come to the other at some 100 ns a line). On two Zen
    3 cores filters of 1 MiB and more gained 4 to 55 % of up to 196 pixels, 7 % of 4 x 49, nothing of 8 x 49.
    """

    pixels_panel_bytes: int = 64 * 1024
    """A panel of pixels has at most so many products at once. On Zen 3 256, 512 and 1024 products reached
    0.83, 0.88 and 0.90 of the multiply-adds' ceiling on n1h14w14c1024 k1x1f256, 0.80, 0.84 and 0.84 on 1x1
    layers of 512 to 2048 channels: a panel may come from the second-level cache, and rows of filters want to
    be long."""

    pixels_panels: int = 4
    """Panels of pixels of a task, a part of a second-level cache of 512 KiB; 8 and 16 were slower by 1 to
    3 %."""

    pixels_filters: int = 48
    """Filters that all panels of a task meet before the next ones do; 12 and 24 were slower by 1 to 2 %."""

    pixels_tasks: int = 4
    """At least so many tasks, if there are filters enough to share: each copies for itself. Not measured."""

    pixels_least_share: int = 24
    """Filters of a task of a 1x1 kernel, where they are few. With 48, 64 were one task, and 160 were three:
    two threads took 110 and 80 µs on 14x14x384 and 7x7x576, and take 83 and 71."""

    pixels_least: int = 9
    """Pixels of a result from which they fill a tile well enough: 1x1 layers of 9, 16 and 25 pixels took
    0.70, 0.59 and 0.62 of the time of filters that are packed, one of 4 pixels 1.22 (two AMD cores with
    AVX-512)."""

    pixels_held_from: int = 64
    """Pixels of a plane up to which packed filters that are held meet pixels as rows, also in NCHW: a panel's
    width of pixels leaves much of the last of few panels empty. With 49 pixels 512 -> 2048 channels took
    585 µs instead of 662, on 16 images 8985 instead of 10290, and 2048 -> 512 9247 instead of 10604; with
    196 pixels 1 to 3 % less on one image, and 2 to 4 % more on 16 (two Zen 3 cores). Under a stride rows stay
    apart: 7 pixels are tiles of 4 and 3, which gained nothing."""

    pixels_of_filters: float = 0.5
    """Pixels of a call, over filters of a group, up to which filters of larger kernels are not packed. On one
    image 196 of 512 took 11.3 ms, packed 13.8; 169 of 256 took 5.4, packed 4.7 (two Zen 3 cores). On two AMD
    cores with AVX-512, of 38 layers those up to 0.2 took 0.54 to 1.4 times as long as packed, in the mean
    0.97; from 0.38 on 0.85 to 1.55, in the mean 1.19: see `kinds.py`."""

    rows_copied_bytes: int = 128 * 1024
    """Rows of the channels that are copied at once. Where 38 KiB hold a whole image, 24, 16 and 12 KiB took
    2, 8 and 10 % longer, though they stay in the first-level cache (25 filters 3x3, stride 2, 31x31; Zen 3).
    """

    rows_least_share: int = 12
    """Filters of a share, where there are fewer blocks than wanted and a group's filters are shared out. A
    choice."""

    rows_most_channels: int = 8
    """Of a group, if rows of results are whole vectors; else half as many, of rows from `rows_least_bytes`
    on. With 4 channels of 56x56 this took 0.80 of the time of pixels that are transposed, with 8 0.9, with 16
    1.0, with 64 1.08; with 4 of 28x28 0.93, of 14x14 1.2 (3x3, filters packed beforehand; Zen 3)."""

    rows_least_bytes: int = 64
    """Of a row of results that is not whole vectors; the figures stand with `rows_most_channels`."""

    rows_groups_most_channels: int = 48
    """Of a group that goes by rows because its filters leave lanes empty. A choice: 40 and 48 gained, 56 to
    373 fill their lanes and did not."""

    rows_groups_fuller: float = 1.15
    """The share of lanes that a row of results fills, over that which a group's filters fill, from which
    groups go by rows. With 1.4 and 1.75 (40 and 8 filters, rows of 14 to 56) rows took 0.54 to 0.87 of the
    time of groups on the register tile, with 1.17 (12, 24 and 48 filters) 0.57 to 1.07, with 1.0 (56 filters)
    1.13, with 0.88 (16 filters) 1.15 to 1.64 (20 layers, two AMD cores with AVX-512)."""

    rows_groups_of_few_fuller: float = 0.8
    """The same where a group has at most `rows_most_channels` channels, and filters for half a vector: 8
    filters and rows of 7, 9 and 10, 0.88 to 1.25, took 0.60, 0.56 and 0.56 of the time."""

    rows_dx_groups_fuller: float = 1.3
    """Of dx without a stride, the same of channels and rows of dx: with 1.4 and more (8 and 40 channels) it
    took 0.61 to 0.83, and once 1.02, with 1.17 (24 channels) 1.05 and 1.18, with 0.88 (16 channels) 1.17 to
    1.9 of the time of groups on the register tile (ten layers, two AMD cores with AVX-512)."""

    rows_dx_groups_strided_fuller: float = 0.65
    """Of dx with a stride, rows of one phase: with 0.88 and more (8, 16, 24 and 32 channels) it took 0.38 to
    0.73 of the time of pixels, with 0.44 (16 channels, rows of 7) 1.31 and 1.77 (12 layers, the same)."""

    rows_dx_copied_bytes: int = 256 * 1024
    """Rows of dy that are copied at once. 64 KiB took 2 % less to 11 % longer, 128 and 512 KiB 7 % less to
    6 % longer (six problems of 3 channels, two Zen 3 cores)."""

    rows_dw_copied_bytes: int = 128 * 1024
    """Rows of the channels that are copied at once: every tile of filters reads them from the second-level
    cache. 256 KiB made no difference of more than 2 % on four problems of 3 and 6 channels (two Zen 3
    cores)."""

    rows_dw_tile_bytes: int = 16 * 1024
    """Rows of dy of a tile, which stay in the first-level cache for all taps. 24, 32 and 64 KiB were 2 to
    12 % slower on k7x7f64 s2, 8 KiB 15 to 19 % on k3x3f64 in float64, 64 KiB 2 to 5 % faster there; on two
    other problems nothing differed by more than 4 % (two Zen 3 cores)."""

    rows_dw_parts: int = 8
    """The blocks are summed in so many parts, on every number of threads; they are added at last. A choice.
    """

    dense_rows: int = 32
    """Rows up to which a product of matrices takes filters as they lie. 16, 25 and 32 rows took 0.83, 0.85
    and 1.03 of the time of filters that are packed in the cache; their gradients of the pictures 0.68 with
    16 rows, 1.03 with 36, 0.77 to 1.02 with 49 (two AMD cores with AVX-512)."""

    dense_dw_rows: int = 512
    """The same of the gradient of the filters: with 36 to 324 rows it took 0.66 to 1.01 of the time of a
    gradient that packs dy, with 784 and more 0.9 to 1.18 (25 layers, two AMD cores with AVX-512)."""

    dense_depth: int = 128
    """Rows of filters that are read at a time, all columns of a task, before the next. With 8, 16, 32, 64,
    128 and all of them 2048 x 512 filters took 89, 84, 76, 57, 52 and 58 µs of one row, 1024 x 1000 of eight
    rows 225, 226, not tried, 132, 98 and 112 (two AMD cores with AVX-512)."""

    dense_columns: int = 16
    """Filters whose products with the rows are added to sums at a time. With 8, 16 and 32 filters 348 of 1392
    took 38, 21 and 22 µs, 512 of 2048 49, 40 and 39 (two AMD cores with AVX-512)."""

    dense_height: int = 48
    """Rows of a gradient of filters at a time. 6, 12, 24, 48 and 96 made no difference beyond the noise of 10
    to 20 % (five products of 1 to 8 rows, two AMD cores with AVX-512)."""

    groups_most_pixels: int = 2048
    """Of an image up to which the channels of a group are fetched from NHWC: with 49 to 1296 pixels this took
    0.71 to 1.0 of the time of packed filters that threads share, with 3136 and 3600 1.16 and 1.11; in NCHW
    0.51 to 0.98, of 3600 pixels too; 1x1 kernels took 1.8 and 1.45 (two AMD cores with AVX-512)."""

    groups_dw_filters: int = 16
    """At least so many filters of a group have a task, each of which fetches the channels for itself. Not
    measured."""

    groups_dw_few_channels_pixels: int = 1296
    """Pixels of dy up to which groups of at most `rows_most_channels` channels gain: with 8 channels and 196,
    324 and 1296 pixels gradients took 0.42, 0.50 and 0.84 of the time of products along rows (that of the
    pictures the same), with 16 channels of 196 pixels 0.34, with 4 of 3136 1.5 (two AMD cores with AVX-512).
    """

    grouped_least_filters: int = 4
    """Filters, and channels, of a group from which the tile is used; asv_benchmarks/benchmarks/groups.py."""

    depthwise_rows: int = 8
    """A task takes so many rows: their pixels stay in the second-level cache. Not measured."""

    depthwise_fetched_bytes: int = 8 * 2**20
    """Bytes of images from which a tile has the row after its own fetched, where the stride is 1: 16 images
    of 112x112x32, 56x56x144 and 28x28x192 took 0.82, 0.83 and 0.76 of the time; under a stride of 2 layers
    took 0.97 to 1.10, and those of 2 to 6 MiB 1.01 to 1.05 (two Zen 3 cores)."""

    depthwise_conflict_bytes: int = 1024
    """Bytes of which those from pixel to pixel are a multiple where neighbouring pixels evict one another
    from the first-level cache; the figures stand with `depthwise.conflict`."""

    depthwise_copied_bytes: int = 256
    """Of a pixel are copied at once then. By 64, 128 and 256 bytes 7x7 of 256 and 768 channels took 0.61,
    0.61, 0.60 and 0.58, 0.50, 0.54 of the time of pixels where they lie (two AMD cores with AVX-512)."""

    transposed_pixels_bytes: int = 16 * 1024
    """Pixels of a task, if they are more than a vector of channels: results beside them fit in the
    first-level cache. Not measured."""

    transposed_small_plane: int = 14 * 14
    """Elements of a plane up to which it is transposed. Of 16 images with 192 channels of 28x28 planes took
    1.9 ms, pixels 2.9; with 960 channels of 7x7 planes took 3.1 ms, pixels 0.9. Runs apart, the machine in
    use."""

    transposed_largest_plane: int = 28 * 28
    """And where there are many taps, or rows of results leave lanes empty: the time of planes over that of
    pixels was 1.10 to 1.85 with 5x5 on 15x15 to 28x28 and 0.91 to 1.03 on 32x32 (21 layers of 96 to 1152
    channels, two AMD cores with AVX-512)."""

    transposed_many_taps: int = 25
    """The figures stand with `transposed_largest_plane`."""

    transposed_full_rows: float = 0.8
    """Share of its vectors that a row of results fills, from which planes are as fast. With 3x3 and 0.5 to
    0.75 planes took 0.91 to 1.91 times as long as pixels, mostly more than 1.1, with 0.88 and more 0.60 to
    0.93 of the time, of 96 channels up to 1.63 (42 layers, the same)."""

    outputs_rows: int = 8
    """A task has so many rows of each plane where channels lie together (NHWC): the planes of all groups,
    read one after the other, then stay in the cache. Not measured."""

    planes_dw_pixels: int = 6144 // VECTOR_BYTES
    """About so many pixels at once: the inputs of a panel, 12 KiB, stay in the first-level cache.
    Not measured."""

    planes_dw_filters: int = 48
    """At least so many filters have a share, each of which transposes the inputs for itself. Not measured."""

    planes_dw_least_filters: int = 256
    """Of a group, for kernels larger than 1x1: each column is copied KH·KW times. 384, 256 and 192 filters
    took 0.81, 0.84 and 1.00 of the time of a copy of the images as pixels, 64 to 128 filters 0.88 to 1.55
    (eleven layers of one image, one Zen 3 core)."""

    planes_dw_few_pixels: int = 256
    """Pixels of a batch up to which fewer filters do, those of the next entry: with 36 to 256 pixels and 80
    to 512 filters it took 0.54 to 0.85 of the time of a copy of the images as pixels, with 48 filters 1.15;
    with 784 pixels and 52 to 60 filters 1.2 to 1.7 (16 layers of one image, two AMD cores with AVX-512)."""

    planes_dw_few_pixels_filters: int = 64
    """Of a group, where pixels are so few. A choice between the 48 and 80 of the figures above."""

    joined_copies_bytes: int = 32 * 2**20
    """Copies of NCHW gradients and images as pixels at once, for conv_backward: they stay in the last-level
    cache, and within the workspace that `auto` allows. A choice."""

    pool_band_bytes: int = 2**17
    """Bytes of the rows of x that a task works on: with those of the result they fit in a second-level cache.
    A choice, not swept."""

    pool_channels: int = 64
    """Channels of a task where they are divided. With 32 of 64 channels the average backward of one 56x56
    image by 21x21 took 47 ms, and 9 ms in one task: it is suspected that two threads then write to the same
    cache lines."""

    pool_planes_channels: int = 512
    """Channels of a task in NHWC, of means over whole planes: four tasks of one image with 2048. A choice."""

    pool_rows_filled: float = 1.0
    """Of the lanes of a vector, the share that a row of windows fills from which maxima are taken by rows.
    With 4 to 7 of 8 lanes filled this took 1.03 to 1.45 of the time of planes interleaved, and 0.3 to 0.9
    from there on, but 1.15 on 103 MB of float64 (two Zen 3 cores); with AVX-512, of 2x2 windows, 7 and 8 of
    16 lanes 0.89 to 1.19, 10 to 15 of them 0.5 to 0.97, 3 to 7 of 8 doubles 0.38 to 0.68 (two Zen 4 cores).
    """

    pool_rows_dx_filled: float = 1.0
    """The same of their gradient. With AVX-512 3 of 8 to 15 of 16 lanes took 0.26 to 0.87 (two Zen 4
    cores)."""

    pool_two_passes_from: float = 3.0
    """Taps of the window over those of both passes; asv_benchmarks/benchmarks/crossover.py."""


def of_kind(kind: kinds.Kind | None) -> Blocks:
    """Return the table of a kind of machine; None is one that nobody measured."""
    return Blocks() if kind is None else Blocks(**kind.changed)


BLOCKS = of_kind(kinds.own())._replace(**tuned.values())
"""That of this machine's kind, with what is this machine's own."""

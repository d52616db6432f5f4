"""The problems of the agreement test, as data: problem strings, and what each is for."""

from __future__ import annotations

from jitconv.specs import ConvSpec, PoolSpec, WindowSpec

CONV = """
n1h1w1c1 k1x1f1                        | the smallest
n2h5w7c3 k3x3f4 s1 p1 bias             | odd extents, with a bias
n2h8w9c5 k3x3f6 s1 p0 bias             | no padding: pictures may be moved
n1h8w8c4 k3x3f6 s1 psame               | same
n2h9w7c2 k3x2f3 s2x3 p0.1.2.0          | pad on some sides only
n1h6w5c2 k6x5f3                        | a kernel as large as the input
n1h4w4c2 k2x2f3 s2 p2 bias             | windows in padding alone
n2h7w7c3 k2x2f2 s5                     | a stride larger than the kernel
n1h11w13c5 k3x3f7 s2 p1 d2             | primes, dilated
n2h6w6c4 k3x3f4 s1 p1 g4               | depthwise
n1h7w6c4 k3x3f8 s2 p1 g2 bias          | two groups
n1h7w6c3 k3x3f9 s1 p1 g3 d2x1          | depthwise with a multiplier, dilated
n2h9w21c17 k3x3f17 s1 p1 g17 bias      | depthwise, a vector of channels and one more
n1h10w9c33 k3x3f33 s2 p1 g33 bias      | depthwise, stride 2
n1h9w12c3 k5x5f3 s1x2 p2.0.1.3 d2x1 g3 | depthwise, 5x5, pad on some sides, one stride of 2
n2h7w9c17 k1x3f17 s2x1 p0x1 d1x2 g17   | depthwise, a flat kernel, dilated
n1h8w37c2 k3x3f4 s2 p1 g2 flip bias    | depthwise with a multiplier, flipped, rows longer than a vector
n2h11w3c5 k2x4f5 s3 p1x2 g5            | depthwise, a stride larger than the kernel is high
n1h20w20c2 k3x3f2 s2x1 p1 g2           | depthwise, more rows than a tile has
n1h3w1c2 k3x1f2 s2 p1x0 g2             | depthwise, one column
n1h6w7c4 k4x4f6 s1x2 p2 g2             | groups of two channels and three filters
n2h5w6c1 k3x3f5 s1 p1                  | C = 1
n2h5w6c5 k3x3f1 s1 p1 bias             | F = 1
n3h4w4c16 k1x1f17                      | 1x1, more filters than a vector
n1h6w7c2 k1x4f3 s1x2 p0.0.3.1          | a flat kernel
n2h9w11c20 k1x1f12 s1 p0 g2 bias       | 1x1 in groups, planes of more than a panel
n1h15w19c7 k1x1f150 s2x3 p0 bias       | 1x1 with strides, more filters than a task has at once
n1h6w6c600 k1x1f50 s1 p0 flip bias     | 1x1, more channels than are summed at once
n1h8w9c300 k1x1f50 s1 p0 bias          | the same, planes of more than a panel
n2h5w6c3 k3x2f4 s1 p1 flip bias        | flipped
n2h6w5c4 k3x3f6 s2 p1 g2 flip          | flipped, in groups
n2h5w7c3 k3x3f4 s2 p1 wrt=x            | dx alone
n2h5w7c3 k3x3f4 s2 p1 wrt=wb           | dw and db alone
n2h5w7c3 k3x3f4 s2 p1 wrt=b            | db alone
n0h5w7c3 k3x3f4 s1 p1 bias             | an empty batch
n2h24w24c8 k5x5f16 s1 p2 bias          | large enough for threads
n1h40w40c3 k11x11f8 s4 p2              | a large kernel
n1h7w6c130 k3x3f140 s1 p1              | several panels of filters, few tiles
n3h5w13c37 k3x3f70 s1 p0.2.1.0 flip    | a panel and a rest, odd tiles, flipped
n4h26w30c12 k3x3f9 s1 p1 bias          | many tiles
n2h75w58c3 k3x5f5 s1 p1x2 bias         | larger than a tile of any algorithm, in odd tiles
n1h61w47c2 k5x3f33 s2x3 p2x1 d1x2      | larger than a tile, strides and dilation
n1h50w50c13 k7x7f13 s1 p3 g13          | depthwise, larger than a tile
n3h32w31c10 k7x7f3 s1 p3 bias          | columns of more than a block, of less for each image
n3h6w7c70 k3x3f70 s1 p1 g70 flip bias  | depthwise, small planes, several vectors of channels
n33h3w3c33 k3x3f33 s1 p1 g33           | depthwise, small planes, more of them than tasks
n1h6w7c11 k3x3f190 s1 p1 bias          | few pixels and many filters
n2h3w4c170 k3x3f181 s1 p1 bias         | few pixels, filters of more than 1 MiB
n1h3w4c390 k2x2f190 s2x1 p1 d1x2       | the same, with a stride, dilated
n2h3w3c400 k1x1f700                    | the same, 1x1
n5h2w2c1100 k1x1f240                   | 1x1, more channels than filters are packed of at once
n1h1w1c300 k1x1f70 bias                | one product of a matrix and a vector
n9h1w1c150 k1x1f131 bias               | a product of matrices of few rows, odd tiles
n3h4w2c17 k4x2f33 bias                 | the same, a kernel as large as the picture
n2h3w2c300 k1x1f64 bias                | the same of several pixels, in NHWC
n1h2w170c350 k1x3f48 s1 p0x1           | few rows of many pixels, filters of one panel
n1h17w3c7 k3x2f198 s3x1 p2 d2x1 flip   | few pixels and many filters, one stride, dilated, flipped
n1h4w8c90 k3x3f140 s1 p1 g2 bias       | few pixels and many filters, in groups
n2h9w67c3 k3x3f13 s2x3 p1 d1x2 flip     | few channels, rows of more than a panel, stride 3, dilated
n3h12w13c32 k3x3f176 s1 p1 g2 bias     | groups in parts of the batch, of several panels
n1h40w31c24 k3x3f36 s1 p1 g2           | groups in bands of rows
n2h24w30c160 k3x2f8 s1 p1 g2 flip      | groups of many channels, more rows than a block has
n2h9w11c88 k3x3f88 s1 p1 g11 bias      | groups of eight channels, a vector has two, the last one half
n1h19w13c48 k5x2f48 s2x1 p2.1.0.1 d1x2 g12 | groups of four, more rows than a block has
n2h7w5c32 k3x3f32 s3 p1 g4 flip        | groups of eight, flipped, a stride
n1h11w6c256 k3x3f256 s2 p1 g64 bias    | groups of four, pixels 1 KiB apart are copied
n1h19w9c256 k3x3f256 s1 p1 g256 bias   | depthwise, pixels 1 KiB apart are copied
n1h2w2c256 k2x3f256 s1x3 p0.0.1.1 g256 | the same, a stride beyond the image: taps that no phase has
n2h10w6c128 k5x4f128 s2 p2 g128 flip   | float64: the same, a stride, flipped
n1h40w38c8 k3x3f12 s1 p1 g2 bias       | groups of four channels, many pixels
n1h13w14c48 k3x3f48 s1 p1 g2 bias      | groups of 24 filters, which leave more lanes empty than rows do
n1h11w28c80 k3x3f80 s1 p1 g2           | groups of 40 channels, the same of dx
n2h9w20c48 k3x3f48 s2 p1 g2            | groups of 24 channels, the same of dx with a stride
n2h7w90c8 k2x3f8 s1x4 p0.1.2.0 g2 bias  | few channels in groups, stride 4
n1h30w33c6 k9x7f6 s3x1 p4.2.0.3 g2     | a large kernel, groups, a stride
n1h14w15c3 k13x12f4 s1 p6              | a kernel larger than 11x11
n2h19w9c3 k5x3f4 s4x2 p1               | strides of 4 and 2
n1h6w7c64 k3x3f64 s1 p1 bias           | 64 channels, 64 filters
n1h517w3c2 k3x3f3 s2x1 p1              | more than 512 rows
n1h2w519c2 k2x3f3 s1x2 p1              | more than 512 columns
n1h2w48c2 k1x16f3                      | float32: the last tap's last vector ends far beyond the row
n1h2w24c2 k1x8f3                       | float64: the same
n17h5w6c3 k3x3f4 s1 p1 bias            | more than 16 pictures
n1h20w20c128 k3x3f128 s1 p1            | 59 million multiply-adds
n3h31w37c3 k3x3f40 s2 p1               | few channels, more rows than a block has
n17h5w7c3 k3x3f4 s2 p1                 | few channels, more pictures than tasks
n1h8w8c3 k1x1f4 s256                   | a stride beyond the picture
n1h5w6c3 k3x3f4 s1 p4                  | pads larger than the kernel
n1h1w1c2 k1x3f2 s1x2 p0x3 d1x3 g2      | depthwise, one pixel, pads as large as the dilated kernel
"""

POOL = """
n1h1w1c1 k1x1                          | the smallest
n2h6w8c3 k2x2 s2                       | windows that tile
n2h6w9c3 k2x3 s2x3                     | oblong windows that tile
n1h7w7c2 k3x3 s2 p1                    | overlapping, padded
n2h5w7c3 k3x2 s1                       | stride 1
n1h6w5c4 k6x5 s1                       | global
n2h7w5c1 k2x2 s3                       | a stride larger than the window
n1h11w13c3 k3x3 s2 p1 d2               | dilated
n1h9w7c2 k3x3 s2 p0.2.1.0              | pad on some sides only
n2h6w7c3 k3x3 s2 ceil                  | ceil_mode
n1h7w8c3 k3x3 s2 p1 ceil               | ceil_mode, padded
n1h5w5c2 k2x2 s3 p1 ceil               | ceil_mode drops a window
n1h4w4c3 k2x2 s3 ceil                  | windows apart, as many taps as pixels, and some overhang
n1h2w3c2 k3x4 s2 ceil                  | a window larger than the input
n0h6w6c2 k2x2 s2                       | an empty batch
n4h40w40c32 k2x2 s2                    | large enough for threads
n2h20w20c9 k7x7 s1 p3                  | large windows
n1h19w23c5 k8x10 s1 p3.3.4.4 ceil      | large windows, even and oblong
n2h9w7c70 k3x3 s2 p1                   | several vectors of channels, and a rest
n1h16w20c21 k2x2 s2                    | planes of whole cache lines
n2h5w5c37 k5x5 s1                      | many whole planes
n1h7w7c150 k7x7 s1 p1                  | so few windows that channels are divided
n2h2w2c600 k2x2 s1                     | whole planes of more channels than a task has
n1h70w64c3 k3x3 s2 p1                  | bands of rows
n1h13w9c20 k2x3 s3x4 d2                | a stride beyond the dilated window
n17h5w6c3 k3x3 s2 p1                   | more than 16 pictures
n1h517w3c2 k2x3 s2x1                   | more than 512 rows
n1h3w519c2 k3x2 s1x2                   | more than 512 columns
n3h40w39c10 k5x5 s1 p2                 | columns of more than a block, of less for each image
n1h56w57c15 k5x5 s1 p2                 | columns of more than a block, of one image
n1h13w14c64 k12x13 s1 p1               | a window larger than 11x11, 64 channels
"""

AVERAGE_ONLY = """
n1h7w7c2 k3x3 s2 p1 nopad              | padding left out of the divisor
n1h7w8c3 k3x3 s2 p1 ceil nopad         | ceil_mode, padding left out of the divisor
n1h9w7c2 k3x3 s2 p0.2.1.0 nopad        | padding on some sides, left out of the divisor
n1h15w17c3 k9x7 s1 p4.4.3.3 ceil nopad | large windows, padding left out of the divisor
"""

MAXIMUM_ONLY = """
n2h6w8c3 k2x2 s2 indices               | windows that tile, with indices
n2h6w9c3 k2x3 s2x3 indices             | oblong windows that tile, with indices
n1h4w40c2 k2x2 s2 indices              | rows of windows that fill a vector, with indices
n2h7w7c3 k3x3 s2 p1 indices            | overlapping, with indices
n1h7w8c3 k3x3 s2 p1 ceil d2 indices    | ceil_mode, dilated, with indices
n2h7w7c70 k3x3 s2 p1 indices           | several vectors of channels, with indices
n2h5w5c37 k5x5 s1 indices              | whole planes, with indices
"""

TIES = """
n2h6w8c3 k2x2 s2 ties=all              | all of several maxima
n2h7w7c3 k3x3 s2 p1 ties=all           | all of several maxima, padded
n2h6w8c3 k2x2 s2 ties=split            | shared among several maxima
n2h7w7c3 k3x3 s2 p1 ceil ties=split    | shared among several maxima, padded
n1h7w7c70 k3x3 s2 p1 ties=all          | all of several maxima, several vectors of channels
n1h6w6c70 k2x2 s2 ties=split           | shared, several vectors of channels
n2h5w5c37 k5x5 s1 ties=split           | shared in whole planes
"""

MEMORY = {ConvSpec: "n2h6w7c3 k3x3f4 s2 p1", PoolSpec: "n2h7w7c3 k3x3 s2 p1", WindowSpec: "n5h3w4"}
"""Of which the operands lie in memory in every way."""

SPECIAL_CONVS = ("n2h6w7c3 k3x3f4 s2 p1", "n2h6w7c3 k3x3f4 s1 p1")
SPECIAL_GRADIENTS = ("n2h7w7c3 k3x3f4 s2 p0", "n2h7w7c3 k3x3f4 s1 p0")
"""Whether a zero of the padding times an infinity is NaN is left open: there is no padding."""

SPECIAL_POOLS = ("n2h7w7c3 k3x3 s2 p1", "n1h12w13c3 k7x7 s1 p3", "n2h5w5c19 k5x5 s1", "n1h6w8c70 k2x2 s2")
"""Large windows, whole planes and windows that tile hold a NaN or an infinity too."""

SPECIAL_TIES = (
    "n2h7w7c3 k3x3 s1 p1 ties=all",
    "n2h7w7c3 k3x3 s2 p1 ties=split",
    "n1h6w8c70 k2x2 s2 ties=split",
)
"""Several NaNs in a window, where several maxima count."""

SPECIAL_WINDOWS = ("n5h3w4", "n40h3w4", "n40h3w4 ties=all")

UNMET_CONVS = (
    "n2h8w8c3 k3x3f4 s2",
    "n1h8w38c2 k3x2f12 s3x4",
    "n1h8w8c20 k1x1f12 s2",
    "n1h6w7c20 k3x3f33 s2x3 d1x2",
    "n2h8w8c17 k3x3f17 s2 g17",
    "n2h8w20c2 k3x3f4 s2 g2",
    "n2h8w8c6 k2x2f4 s3 g2",
    "n1h9w10c12 k2x3f8 s1x4 g2",
)
UNMET_POOLS = "n2h8w8c3 k3x3 s2", "n1h9w10c20 k2x2 s4", "n2h6w7c3 k2x2 s2"
"""Some rows and columns of the picture are in no window."""

WINDOWS = """
n1h1w1                                 | the smallest
n6h3w5                                 | odd windows
n0h2w2                                 | no window
n900h9w11                              | large enough for threads
"""

MASKS = """
n7h3w4 ties=all                        | all of several maxima
n7h3w4 ties=split                      | marked as all
"""

"""The values of each entry of the table of blocks that are tried, and that a file may set on a machine.

`asv_benchmarks/machine.py` tries them for a kind of machine, `jitconv tune FILE --blocks` for one machine and
the problems of a program. Others were never run: a file that has one is not taken.
"""

from __future__ import annotations

from collections.abc import Mapping

KIB, MIB = 2**10, 2**20
"""By definition."""

TRIED: Mapping[str, tuple[int, ...] | tuple[float, ...]] = {
    "tasks": (2, 4, 8, 16),
    "most_tasks": (8, 16, 32),
    "packed_rows_bytes": (64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB),
    "packed_filters_bytes": (64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB),
    "packed_least_columns": (12, 24, 48),
    "packed_from_madds": (2**20, 2**22, 2**24),
    "streamed_filters_bytes": (128 * KIB, 256 * KIB, 512 * KIB),
    "streamed_most_pixels": (256, 512, 800, 1024),
    "pixels_panel_bytes": (32 * KIB, 64 * KIB, 128 * KIB),
    "pixels_panels": (2, 4, 8),
    "pixels_filters": (24, 48, 96),
    "pixels_tasks": (2, 4, 8),
    "pixels_least_share": (12, 24, 48),
    "pixels_least": (4, 9, 16, 36),
    "pixels_held_from": (36, 64, 100, 196),
    "pixels_of_filters": (0.25, 0.5, 1.0),
    "rows_copied_bytes": (64 * KIB, 128 * KIB, 256 * KIB),
    "rows_least_share": (6, 12, 24),
    "rows_most_channels": (4, 8, 16),
    "rows_least_bytes": (32, 64, 128),
    "rows_groups_most_channels": (16, 48, 96),
    "rows_groups_fuller": (0.9, 1.15, 1.5),
    "rows_groups_of_few_fuller": (0.5, 0.8, 1.2),
    "rows_dx_groups_fuller": (0.8, 1.3, 1.6),
    "rows_dx_groups_strided_fuller": (0.4, 0.65, 1.0),
    "rows_dx_copied_bytes": (128 * KIB, 256 * KIB, 512 * KIB),
    "rows_dw_copied_bytes": (64 * KIB, 128 * KIB, 256 * KIB),
    "rows_dw_tile_bytes": (8 * KIB, 16 * KIB, 32 * KIB),
    "rows_dw_parts": (4, 8, 16),
    "dense_rows": (16, 32, 64),
    "dense_dw_rows": (196, 512, 1024),
    "dense_depth": (64, 128, 256),
    "dense_columns": (8, 16, 32),
    "dense_height": (24, 48, 96),
    "groups_most_pixels": (784, 2048, 4096),
    "groups_dw_filters": (8, 16, 32),
    "groups_dw_few_channels_pixels": (400, 1296, 3136),
    "grouped_least_filters": (2, 4, 8),
    "depthwise_rows": (2, 4, 8, 16),
    "depthwise_fetched_bytes": (2 * MIB, 8 * MIB, 32 * MIB),
    "depthwise_conflict_bytes": (512, 1024, 2048),
    "depthwise_copied_bytes": (128, 256, 512),
    "transposed_pixels_bytes": (8 * KIB, 16 * KIB, 32 * KIB),
    "transposed_small_plane": (100, 196, 300),
    "transposed_largest_plane": (400, 784, 1200),
    "transposed_many_taps": (9, 25, 49),
    "transposed_full_rows": (0.6, 0.8, 0.9),
    "outputs_rows": (4, 8, 16),
    "planes_dw_pixels": (48, 96, 192),
    "planes_dw_filters": (24, 48, 96),
    "planes_dw_least_filters": (128, 256, 512),
    "planes_dw_few_pixels": (100, 256, 784),
    "planes_dw_few_pixels_filters": (48, 64, 96),
    "joined_copies_bytes": (8 * MIB, 32 * MIB, 128 * MIB),
    "pool_band_bytes": (64 * KIB, 128 * KIB, 256 * KIB),
    "pool_channels": (32, 64, 128),
    "pool_planes_channels": (256, 512, 1024),
    "pool_rows_filled": (0.3, 0.6, 1.0),
    "pool_rows_dx_filled": (0.3, 0.6, 1.0),
    "pool_two_passes_from": (2.0, 3.0, 4.5),
}
"""About the common value, by factors of two or so. A choice."""

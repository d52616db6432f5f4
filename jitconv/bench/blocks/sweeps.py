"""Of which ops each entry of the table of blocks is tried, and which values there are to try."""

from __future__ import annotations

from typing import NamedTuple

from jitconv.algorithms.direct.tried import TRIED


class Sweep(NamedTuple):
    """What of an entry is tried, and of which ops: see `OPS`."""

    ops: tuple[str, ...]
    values: tuple[float, ...]
    longest: float
    """Predicted seconds of a call, at most, of layers that are drawn: others would take all the time."""


OPS = {
    "forward": ("conv_forward", ""),
    "plan": ("plan", ""),
    "dx": ("conv_backward", "wrt=x"),
    "dw": ("conv_backward", "wrt=w"),
    "backward": ("conv_backward", ""),
    **{
        name: (name, "")
        for name in ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")
    },
}
"""An op, and a word of its problems. A plan's filters are held."""

POOLS = tuple(one for one in OPS if "pool" in one)
FORWARD, DX, DW, BOTH, ALL = ("forward",), ("dx",), ("dw",), ("forward", "dx"), ("forward", "dx", "dw")

TRIED_ON = {
    "tasks": ALL,
    "most_tasks": BOTH,
    "packed_rows_bytes": ALL,
    "packed_filters_bytes": BOTH,
    "packed_least_columns": BOTH,
    "packed_from_madds": FORWARD,
    "streamed_filters_bytes": FORWARD,
    "streamed_most_pixels": FORWARD,
    "pixels_panel_bytes": BOTH,
    "pixels_panels": BOTH,
    "pixels_filters": BOTH,
    "pixels_tasks": BOTH,
    "pixels_least_share": BOTH,
    "pixels_least": BOTH,
    "pixels_held_from": ("plan",),
    "pixels_of_filters": FORWARD,
    "rows_copied_bytes": FORWARD,
    "rows_least_share": FORWARD,
    "rows_most_channels": ALL,
    "rows_least_bytes": FORWARD,
    "rows_groups_most_channels": BOTH,
    "rows_groups_fuller": FORWARD,
    "rows_groups_of_few_fuller": FORWARD,
    "rows_dx_groups_fuller": DX,
    "rows_dx_groups_strided_fuller": DX,
    "rows_dx_copied_bytes": DX,
    "rows_dw_copied_bytes": DW,
    "rows_dw_tile_bytes": DW,
    "rows_dw_parts": DW,
    "dense_rows": BOTH,
    "dense_dw_rows": DW,
    "dense_depth": BOTH,
    "dense_columns": BOTH,
    "dense_height": DW,
    "groups_most_pixels": BOTH,
    "groups_dw_filters": DW,
    "groups_dw_few_channels_pixels": DW,
    "grouped_least_filters": ALL,
    "depthwise_rows": ALL,
    "depthwise_fetched_bytes": FORWARD,
    "depthwise_conflict_bytes": ALL,
    "depthwise_copied_bytes": ALL,
    "transposed_pixels_bytes": ALL,
    "transposed_small_plane": ALL,
    "transposed_largest_plane": ALL,
    "transposed_many_taps": ALL,
    "transposed_full_rows": ALL,
    "outputs_rows": ALL,
    "planes_dw_pixels": DW,
    "planes_dw_filters": DW,
    "planes_dw_least_filters": DW,
    "planes_dw_few_pixels": DW,
    "planes_dw_few_pixels_filters": DW,
    "joined_copies_bytes": ("backward",),
    "pool_band_bytes": POOLS,
    "pool_channels": POOLS,
    "pool_planes_channels": POOLS,
    "pool_rows_filled": ("max_pool_forward",),
    "pool_rows_dx_filled": ("max_pool_backward",),
    "pool_two_passes_from": POOLS,
}
"""What showed most of an entry; it may count in others too."""

LONGEST = 0.02
LONGEST_OF = {"joined_copies_bytes": 0.08}

SWEEPS = {entry: Sweep(ops, TRIED[entry], LONGEST_OF.get(entry, LONGEST)) for entry, ops in TRIED_ON.items()}

UNSWEPT: dict[str, str] = {}
"""Entries without a sweep, and why."""

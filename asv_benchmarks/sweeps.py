"""What `machine.py` tries of each entry of the table of blocks, and on which layers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SUITES = ("resnet50", "mobilenet_v2", "vgg16", "alexnet", "googlenet", "courses")

SHAPES = Path(__file__).with_name("shapes.txt")
"""Problems besides, each for one image."""

BATCHES = 1, 16


class Sweep(NamedTuple):
    """What of an entry is tried, and of which ops: see `OPS`."""

    ops: tuple[str, ...]
    values: tuple[float, ...]
    longest: float = 0.02
    """Predicted seconds of a call, at most: others would take all the time."""


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
KIB, MIB = 2**10, 2**20

SWEEPS = {
    "tasks": Sweep(ALL, (2, 4, 8, 16)),
    "most_tasks": Sweep(BOTH, (8, 16, 32)),
    "packed_rows_bytes": Sweep(ALL, (64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB)),
    "packed_filters_bytes": Sweep(BOTH, (64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB)),
    "packed_least_columns": Sweep(BOTH, (12, 24, 48)),
    "packed_from_madds": Sweep(FORWARD, (2**20, 2**22, 2**24)),
    "streamed_filters_bytes": Sweep(FORWARD, (128 * KIB, 256 * KIB, 512 * KIB)),
    "streamed_most_pixels": Sweep(FORWARD, (256, 512, 800, 1024)),
    "pixels_panel_bytes": Sweep(BOTH, (32 * KIB, 64 * KIB, 128 * KIB)),
    "pixels_panels": Sweep(BOTH, (2, 4, 8)),
    "pixels_filters": Sweep(BOTH, (24, 48, 96)),
    "pixels_tasks": Sweep(BOTH, (2, 4, 8)),
    "pixels_least_share": Sweep(BOTH, (12, 24, 48)),
    "pixels_least": Sweep(BOTH, (4, 9, 16, 36)),
    "pixels_held_from": Sweep(("plan",), (36, 64, 100, 196)),
    "pixels_of_filters": Sweep(FORWARD, (0.25, 0.5, 1.0)),
    "rows_copied_bytes": Sweep(FORWARD, (64 * KIB, 128 * KIB, 256 * KIB)),
    "rows_least_share": Sweep(FORWARD, (6, 12, 24)),
    "rows_most_channels": Sweep(ALL, (4, 8, 16)),
    "rows_least_bytes": Sweep(FORWARD, (32, 64, 128)),
    "rows_groups_most_channels": Sweep(BOTH, (16, 48, 96)),
    "rows_groups_fuller": Sweep(FORWARD, (0.9, 1.15, 1.5)),
    "rows_groups_of_few_fuller": Sweep(FORWARD, (0.5, 0.8, 1.2)),
    "rows_dx_groups_fuller": Sweep(DX, (0.8, 1.3, 1.6)),
    "rows_dx_groups_strided_fuller": Sweep(DX, (0.4, 0.65, 1.0)),
    "rows_dx_copied_bytes": Sweep(DX, (128 * KIB, 256 * KIB, 512 * KIB)),
    "rows_dw_copied_bytes": Sweep(DW, (64 * KIB, 128 * KIB, 256 * KIB)),
    "rows_dw_tile_bytes": Sweep(DW, (8 * KIB, 16 * KIB, 32 * KIB)),
    "rows_dw_parts": Sweep(DW, (4, 8, 16)),
    "dense_rows": Sweep(BOTH, (16, 32, 64)),
    "dense_dw_rows": Sweep(DW, (196, 512, 1024)),
    "dense_depth": Sweep(BOTH, (64, 128, 256)),
    "dense_columns": Sweep(BOTH, (8, 16, 32)),
    "dense_height": Sweep(DW, (24, 48, 96)),
    "groups_most_pixels": Sweep(BOTH, (784, 2048, 4096)),
    "groups_dw_filters": Sweep(DW, (8, 16, 32)),
    "groups_dw_few_channels_pixels": Sweep(DW, (400, 1296, 3136)),
    "grouped_least_filters": Sweep(ALL, (2, 4, 8)),
    "depthwise_rows": Sweep(ALL, (2, 4, 8, 16)),
    "depthwise_fetched_bytes": Sweep(FORWARD, (2 * MIB, 8 * MIB, 32 * MIB)),
    "depthwise_conflict_bytes": Sweep(ALL, (512, 1024, 2048)),
    "depthwise_copied_bytes": Sweep(ALL, (128, 256, 512)),
    "transposed_pixels_bytes": Sweep(ALL, (8 * KIB, 16 * KIB, 32 * KIB)),
    "transposed_small_plane": Sweep(ALL, (100, 196, 300)),
    "transposed_largest_plane": Sweep(ALL, (400, 784, 1200)),
    "transposed_many_taps": Sweep(ALL, (9, 25, 49)),
    "transposed_full_rows": Sweep(ALL, (0.6, 0.8, 0.9)),
    "outputs_rows": Sweep(ALL, (4, 8, 16)),
    "planes_dw_pixels": Sweep(DW, (48, 96, 192)),
    "planes_dw_filters": Sweep(DW, (24, 48, 96)),
    "planes_dw_least_filters": Sweep(DW, (128, 256, 512)),
    "planes_dw_few_pixels": Sweep(DW, (100, 256, 784)),
    "planes_dw_few_pixels_filters": Sweep(DW, (48, 64, 96)),
    "joined_copies_bytes": Sweep(("backward",), (8 * MIB, 32 * MIB, 128 * MIB), longest=0.08),
    "pool_band_bytes": Sweep(POOLS, (64 * KIB, 128 * KIB, 256 * KIB)),
    "pool_channels": Sweep(POOLS, (32, 64, 128)),
    "pool_planes_channels": Sweep(POOLS, (256, 512, 1024)),
    "pool_rows_filled": Sweep(("max_pool_forward",), (0.3, 0.6, 1.0)),
    "pool_rows_dx_filled": Sweep(("max_pool_backward",), (0.3, 0.6, 1.0)),
    "pool_two_passes_from": Sweep(POOLS, (2.0, 3.0, 4.5)),
}

UNSWEPT: dict[str, str] = {}
"""Entries without a sweep, and why."""


def problems(ops: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Return every (op or "plan", problem, layout) that there is for some of `OPS`, each once."""
    from jitconv.bench import suites
    from jitconv.specs import ConvSpec, parse

    lines = [line for line in SHAPES.read_text().splitlines() if not line.startswith("#")]
    found = []
    for batch in BATCHES:
        specs = [
            layer.spec
            for suite in SUITES
            for layer in suites.layers(suite, batch=batch, layout="NHWC", dtype="float32")
        ]
        specs += [parse(suites.of_batch(line, batch)) for line in lines]  # type: ignore[misc]
        for spec in dict.fromkeys(specs):
            found += [
                (OPS[op][0], f"{spec} {OPS[op][1]}".strip(), layout)
                for op in ops
                if isinstance(spec, ConvSpec) != (op in POOLS)
                for layout in ("NHWC", "NCHW")
            ]
    return list(dict.fromkeys(found))  # some layers have a batch of their own

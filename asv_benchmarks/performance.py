"""Measure every table of docs/performance.md and write the page.

``python asv_benchmarks/performance.py FOLDER`` runs each command whose figures are not in FOLDER yet, one
after the other, and writes the page from what FOLDER holds then. Delete a table's files there to have it
measured again. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from jitconv.specs import ConvSpec, Spec, parse

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

SHAPES = [f"--batch {n}{layout}" for layout in ("", " --layout NCHW") for n in (1, 16)]
AGAINST_TORCH = [
    *(f"--op {op} {shape}" for op in ("conv_forward", "conv_backward") for shape in SHAPES),
    *(f"mobilenet_v2 --op conv {shape}" for shape in SHAPES),
    "resnet50 courses --op conv --batch 16 --dtype float64",
    *(f"--op pool {shape}" for shape in SHAPES),
]
COMMANDS = [
    *(f"{options} --peer torch" for options in AGAINST_TORCH),
    *(f"--op conv_forward --algorithm direct --batch {n}" for n in (1, 16)),
    *(f"--op conv_forward --plan {shape} --peer onnxruntime" for shape in SHAPES),
]

SECONDS = "0.05"

BEYOND_CACHES = 64 * 2**20
"""Bytes read and written by a pooling from which a copy's rate is what counts."""

LARGE = 0.2e9
"""Floating-point operations from which direct's share of the multiply-adds' ceiling counts."""


@dataclass(frozen=True)
class Row:
    """A layer of a table, with what `jitconv bench` wrote of it."""

    command: str
    spec: Spec
    figures: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.figures[name]

    @property
    def plain(self) -> bool:
        """Whether it is of the usual suites against torch, in float32."""
        usual = self.suite != "mobilenet_v2" and self.spec.dtype == "float32"
        return usual and "--peer torch" in self.command

    @property
    def conv(self) -> bool:
        """Whether it is a convolution."""
        return isinstance(self.spec, ConvSpec)


@dataclass(frozen=True)
class Target:
    """A figure to reach."""

    what: str
    reach: float
    floor: float
    has: Callable[[Row], bool]
    figure: str = "ratio"
    by_layout: bool = True


def _winograds(row: Row) -> bool:
    s = row.spec
    large = row.conv and s.c >= 64 and (s.kh, s.kw, *s.stride) == (3, 3, 1, 1)
    return large and row.plain and row.op == "conv_forward" and "--batch 16" in row.command


TARGETS = [
    Target("conv_forward", 1.4, 0.85, lambda r: r.plain and r.op == "conv_forward"),
    Target("3×3 of stride 1, 64 channels or more, batch 16", 2.0, 1.2, _winograds),
    Target("plans against ONNX Runtime", 1.6, 0.9, lambda r: "--plan" in r.command),
    Target("conv_backward", 1.5, 0.85, lambda r: r.plain and r.op == "conv_backward"),
    Target("conv_backward with 4 input channels or fewer", 3, 1.2,
           lambda r: r.plain and r.op == "conv_backward" and r.spec.c <= 4),
    Target("depthwise layers of MobileNetV2, forward and backward", 1.1, 0.8,
           lambda r: r.suite == "mobilenet_v2" and r.spec.groups > 1),
    Target("pools, NHWC", 1.5, 0.9, lambda r: not r.conv and r.spec.layout == "NHWC", by_layout=False),
    Target("pools, NCHW", 5, 0.9, lambda r: not r.conv and r.spec.layout == "NCHW", by_layout=False),
    Target("conv_forward and backward in float64", 1.1, 0.8, lambda r: r.spec.dtype == "float64",
           by_layout=False),
    Target("direct, share of the multiply-adds' ceiling, layers above 0.2 GFLOP", 0.85, 0.85,
           lambda r: "--algorithm direct" in r.command and r.spec.flops(r.op) > LARGE,
           "share", by_layout=False),
    Target("pools that move more than 64 MiB, NHWC, share of a copy", 0.6, 0.6,
           lambda r: not r.conv and r.spec.layout == "NHWC" and r.spec.traffic(r.op) > BEYOND_CACHES,
           "share", by_layout=False),
    Target("pools that move more than 64 MiB, NCHW, share of a copy", 0.6, 0.6,
           lambda r: not r.conv and r.spec.layout == "NCHW" and r.spec.traffic(r.op) > BEYOND_CACHES,
           "share", by_layout=False),
]  # fmt: skip

PREFACE = """# Performance

Measured on one machine: {cores} virtual cores ({processor}), Linux, Python {python}, NumPy {numpy}, Numba
{numba}, against PyTorch {torch} (CPU, oneDNN) through `plugins/jitconv-torch` and ONNX Runtime {onnxruntime}
through `plugins/jitconv-onnxruntime`, with `THP_MEM_ALLOC_ENABLE=1` in the environment, without which
PyTorch's results above 32 MiB cost it up to twice the time. The cores are shared with other tenants: beside
the layers of these tables the rate of multiply-adds had a median of {fma[1]:.0f} GFLOP/s ({fma[0]:.0f} to
{fma[2]:.0f} in nine rows of ten), that of a copy of {copy[1]:.1f} GB/s ({copy[0]:.1f} to {copy[2]:.1f}).
Ratios within one row are taken in turns and hold better than any time; so is the ceiling that a row's share
is of. `asv_benchmarks/performance.py` measures and writes this page.

Both run in one process on the same arrays and with two threads, in alternating blocks of 30 ms whose
first call is dropped. Times are medians; "spread" is the distance of the quartiles over the median;
"ratio" is the peer's time over jitconv's, so above 1 jitconv is faster; "share" is of the machine's
rate of multiply-adds (Winograd does fewer of them, hence above 100 %) or of a copy beyond the
caches (smaller problems stay within them, hence above 100 %). float32 where nothing else is said; weights
as the public functions take them, or held by plans of both sides (`--plan`); layers of resnet50, vgg16,
alexnet and courses where no suite is named. Rows that vary by more than 15 % are marked.
"""


def main() -> None:
    """Measure what is missing, and write the page."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for command in COMMANDS:
        if not _file(folder, command, "json").exists():
            print(command, flush=True)
            _measure(folder, command)
    PAGE.write_text("\n".join(_page(folder)), encoding="utf-8")


def _file(folder: Path, command: str, kind: str) -> Path:
    return folder / f"{command.replace(' ', '_').replace('--', '')}.{kind}"


def _measure(folder: Path, command: str) -> None:
    figures = _file(folder, command, "json")
    part = figures.with_suffix(".part")
    words = ["jitconv", "bench", *shlex.split(command), "--seconds", SECONDS, "--json", str(part)]
    run = subprocess.run(
        words, env=os.environ | {"COLUMNS": "110"}, stdout=subprocess.PIPE, text=True, check=True
    )
    text = "\n".join(
        line.rstrip() for line in run.stdout.splitlines() if line.strip() and "Saved" not in line
    )
    _file(folder, command, "txt").write_text(text + "\n", encoding="utf-8")
    part.rename(figures)


def _page(folder: Path) -> Iterator[str]:
    runs = {one: json.loads(_file(folder, one, "json").read_text(encoding="utf-8")) for one in COMMANDS}
    rows = [Row(one, parse(row["problem"]), row) for one, run in runs.items() for row in run["rows"]]
    yield PREFACE.format(
        **next(iter(runs.values()))["machine"], torch=version("torch"), onnxruntime=version("onnxruntime"),
        fma=np.quantile([row.ceiling for row in rows if row.conv], (0.05, 0.5, 0.95)),
        copy=np.quantile([row.ceiling for row in rows if not row.conv], (0.05, 0.5, 0.95)),
    )  # fmt: skip
    yield (
        "## Targets\n\n| what | reach, never below | measured | worst layer | layers below |\n|"
        + " --- |" * 5
    )
    for target in TARGETS:
        yield from _target(target, [row for row in rows if target.has(row)])
    yield "\n## Commands\n"
    yield f"`jitconv bench` with these options and `--seconds {SECONDS}`.\n"
    yield "| op | options | geometric mean | worst layer |\n|" + " --- |" * 4
    for command in COMMANDS:
        yield from _summary(command, [row for row in rows if row.command == command])
    yield "\n## Layers below their floor\n"
    yield "| op | layer | options | algorithm | figure | spread, peer's | share |\n|" + " --- |" * 7
    for row, target in _below(rows):
        share, peer = f"{row.share:.0%}", "" if row.peer_spread is None else f", {row.peer_spread:.0%}"
        figure = f"{getattr(row, target.figure):.2f} of {target.floor}"
        yield (f"| {row.op} | {row.problem} | `{row.command}` | {row.algorithm} | {figure} | "
               f"{row.spread:.0%}{peer} | {share} |")  # fmt: skip
    for command in COMMANDS:
        yield f"\n## `{command}`\n\n```text\n{_file(folder, command, 'txt').read_text(encoding='utf-8')}```"
    yield ""


def _mean(found: list[float], figure: str) -> str:
    return f"median {np.median(found):.0%}" if figure == "share" else f"{np.exp(np.mean(np.log(found))):.2f}"


def _target(target: Target, rows: list[Row]) -> Iterator[str]:
    found = [getattr(row, target.figure) for row in rows]
    worst = rows[int(np.argmin(found))]
    below, least = sum(one < target.floor for one in found), getattr(worst, target.figure)
    reach = f"{target.reach:.0%}" if target.figure == "share" else f"{target.reach}, {target.floor}"
    shown = f"{least:.0%}" if target.figure == "share" else f"{least:.2f}"
    yield (f"| {target.what} | {reach} | {_mean(found, target.figure)} | "
           f"{shown} ({worst.op}, {worst.problem}) | {below} of {len(rows)} |")  # fmt: skip
    for layout in ("NHWC", "NCHW") if target.by_layout else ():
        some = [row.ratio for row in rows if row.spec.layout == layout]
        yield f"| … {layout} alone |   | {_mean(some, 'ratio')} | {min(some):.2f} | {len(some)} |"


def _summary(command: str, rows: list[Row]) -> Iterator[str]:
    for op in dict.fromkeys(row.op for row in rows):
        some = [row for row in rows if row.op == op]
        figure = "share" if rows[0].ratio is None else "ratio"
        worst = min(some, key=lambda row: getattr(row, figure))
        mean = _mean([getattr(row, figure) for row in some], figure)
        yield f"| {op} | `{command}` | {mean} | {getattr(worst, figure):.2f} ({worst.problem}) |"


def _below(rows: list[Row]) -> Iterator[tuple[Row, Target]]:
    """Yield every row below a floor of a ratio, once for each command that has it."""
    seen = set()
    for target in TARGETS:
        for row in rows:
            key = row.command, row.op, row.problem
            if target.figure == "ratio" and target.has(row) and row.ratio < target.floor and key not in seen:
                seen.add(key)
                yield row, target


if __name__ == "__main__":
    main()

"""Measure the layers of docs/performance.csv, and write docs/performance.md from them.

``python asv_benchmarks/performance.py FOLDER`` runs each command whose figures are not in FOLDER yet, one
after the other, and writes the table, the machine's facts, the page and the chart from what FOLDER holds
then. Delete a command's file there to have it measured again. Nothing else should run meanwhile.

``python asv_benchmarks/performance.py`` writes page and chart again from the table as it is.
"""

from __future__ import annotations

import csv
import datetime
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

import company
import numpy as np

from jitconv.specs import ConvSpec, Spec, parse

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
TABLE, MACHINE, CHART = (PAGE.with_suffix(ending) for ending in (".csv", ".json", ".png"))

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


FIELDS = (
    "command",
    "op",
    "problem",
    "times",
    "algorithm",
    "seconds",
    "spread",
    "rate",
    "ceiling",
    "share",
    "peer",
    "peer_seconds",
    "peer_spread",
    "ratio",
    "noisy",
)
"""Columns of the table; times in seconds, rates in GFLOP/s or GB/s. What is not known is empty."""

WIDEST_RATIO = 32
"""Beyond is a disturbance of the peer, and no speed: left out of the means, named by page and chart."""

WORST = 10
"""Rows of the page's table of the layers with the least ratio."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    command: str
    op: str
    problem: str
    spec: Spec
    algorithm: str
    share: float
    ratio: float | None
    noisy: bool

    @classmethod
    def of(cls, line: dict[str, str]) -> Row:
        """Return what a line says."""
        return cls(
            line["command"],
            line["op"],
            line["problem"],
            parse(line["problem"]),
            line["algorithm"],
            float(line["share"]),
            float(line["ratio"]) if line["ratio"] else None,
            line["noisy"] == "1",
        )

    @property
    def mobile(self) -> bool:
        """Whether it is of MobileNetV2."""
        return self.command.startswith("mobilenet_v2")

    @property
    def plain(self) -> bool:
        """Whether it is of the usual suites against torch, in float32."""
        return not self.mobile and self.spec.dtype == "float32" and "--peer torch" in self.command

    @property
    def conv(self) -> bool:
        """Whether it is a convolution."""
        return isinstance(self.spec, ConvSpec)

    @property
    def large(self) -> bool:
        """Whether its work, or what it moves, is enough to compare it with the machine's ceiling."""
        if isinstance(self.spec, ConvSpec):
            return self.spec.flops(self.op) > LARGE
        return self.spec.traffic(self.op) > BEYOND_CACHES


@dataclass(frozen=True)
class Group:
    """Layers that the page tells of together."""

    what: str
    has: Callable[[Row], bool]
    floor: float = 0.0
    """No ratio is to be below: the script lists those that are."""


def _usual(op: str, layout: str, batch: int) -> Callable[[Row], bool]:
    words = f"--batch {batch} "
    return lambda r: r.plain and (r.op, r.spec.layout) == (op, layout) and words in f"{r.command} "


def _pools(op: str, layout: str) -> Callable[[Row], bool]:
    return lambda r: (r.op, r.spec.layout) == (op, layout)


def _winograds(row: Row) -> bool:
    s = row.spec
    large = row.conv and s.c >= 64 and (s.kh, s.kw, *s.stride) == (3, 3, 1, 1)
    return large and row.plain and row.op == "conv_forward" and "--batch 16" in row.command


RATIOS = [
    *(
        Group(f"{op}, {layout}, {images}", _usual(op, layout, batch), 0.85)
        for op in ("conv_forward", "conv_backward")
        for layout in ("NHWC", "NCHW")
        for batch, images in ((1, "one image"), (16, "16 images"))
    ),
    Group("… of these: forward, 3×3, stride 1, 64 channels or more, 16 images", _winograds, 1.2),
    Group(
        "… of these: backward, 4 input channels or fewer",
        lambda r: r.plain and r.op == "conv_backward" and r.spec.c <= 4,
        1.2,
    ),
    Group(
        "depthwise layers of MobileNetV2, forward and backward", lambda r: r.mobile and r.spec.groups > 1, 0.8
    ),
    Group("conv_forward and conv_backward in float64", lambda r: r.spec.dtype == "float64", 0.8),
    *(
        Group(
            f"plans against ONNX Runtime, {layout}",
            lambda r, layout=layout: "--plan" in r.command and r.spec.layout == layout,
            0.9,
        )
        for layout in ("NHWC", "NCHW")
    ),
    *(
        Group(f"{op}, {layout}", _pools(op, layout), 0.9)
        for op in ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")
        for layout in ("NHWC", "NCHW")
    ),
]

SHARES = [
    Group(
        "`direct`, of the rate of multiply-adds; layers above 0.2 GFLOP",
        lambda r: "--algorithm direct" in r.command and r.large,
    ),
    Group(
        "poolings that move more than 64 MiB, NHWC, of a copy",
        lambda r: not r.conv and r.spec.layout == "NHWC" and r.large,
    ),
    Group(
        "poolings that move more than 64 MiB, NCHW, of a copy",
        lambda r: not r.conv and r.spec.layout == "NCHW" and r.large,
    ),
]

PREFACE = """# Performance

How jitconv's choices compare with PyTorch's and ONNX Runtime's on one machine. All {rows:,} rows are in
[performance.csv](performance.csv); this page is what a person needs of them.
`asv_benchmarks/performance.py` measures, and writes both.

## What was measured

Every layer of ResNet-50, VGG16, AlexNet and of the courses' networks, and those of MobileNetV2, forward and
backward, with one image and with 16, in both layouts: {layers:,} different problems. float32, and float64 for
a part. Layers of the courses have batches of their own in either case.

jitconv's `auto`, or a plan against ONNX Runtime's, in one process with the peer, on the same arrays, with two
threads, in alternating blocks of 30 ms whose first call is dropped. A time is a median. The **ratio** is the
peer's time over jitconv's: above 1 jitconv is faster. A **share** is of what the machine does in the same
turns: its rate of multiply-adds, or of a copy beyond the caches, whatever the size of the problem.

The machine: {cores} virtual cores ({processor}), Linux, Python {python}, NumPy {numpy}, Numba {numba},
PyTorch {torch} (CPU, oneDNN) and ONNX Runtime {onnxruntime}, through their plugins, with
`THP_MEM_ALLOC_ENABLE=1` in the environment, without which PyTorch's results above 32 MiB cost it up to twice
the time. The figures are of {date}. The cores are shared with other tenants: the rate of multiply-adds had a
median of {fma[1]:.0f} GFLOP/s ({fma[0]:.0f} to {fma[2]:.0f} in nine rows of ten), that of a copy of
{copy[1]:.1f} GB/s ({copy[0]:.1f} to {copy[2]:.1f}). {noisy} rows vary by more than 15 % (the distance of the
quartiles over the median) and are marked noisy in the table.

## What came out

![Ratios of all layers, by group](performance.png)

Each dot is a layer; the bar is the geometric mean.
"""

CONCLUSIONS = """
## What may be concluded

- On that machine, for single layers with warm caches and memory, which side is faster and by about how much.
- Where jitconv is weak: the layers above, and large layers whose share is far below 100 %.
- Ratios hold better than times: both sides had the same neighbours in the same second.

## What may not

- **Another CPU.** That machine has AVX2. With AVX-512 jitconv has other tiles, and the peers other kernels.
- **A network's time.** A mean over layers is not weighted by their times, and a network has more than these
  layers.
- **Today's code.** The figures are of one day; measure again what a change concerns, `jitconv bench` does it.
- **One row.** A noisy row says little, and a difference of less than 15 % in one row nothing.
- **More threads.** Two were used.
- **The peers at their best.** They ran beside jitconv in one process, each with threads of its own. Alone, or
  with other settings, they may be faster.

## Again

```sh
jitconv bench resnet50 --op conv_forward --batch 16 --peer torch   # a table of your own machine
python asv_benchmarks/performance.py FOLDER                       # all of it: table, page and chart
python asv_benchmarks/performance.py                              # the page and the chart from the table
```

The column `command` of the table has the options of `jitconv bench`; `--seconds {seconds}` was given as well.
Times are in seconds, rates in GFLOP/s or GB/s. An empty cell is a figure that was not kept.
"""


def main() -> None:
    """Measure what is missing if there is a folder, and write what is asked for."""
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        for command in COMMANDS:
            if not _file(folder, command).exists():
                print(command, flush=True)
                _measure(folder, command)
        _collect(folder)
    PAGE.write_text(page(), encoding="utf-8")
    _draw()
    for group in RATIOS:
        for row in filter(group.has, rows()):
            if row.ratio < group.floor:
                print(f"{row.ratio:.2f}, below {group.floor}: {row.op} {row.problem} ({group.what})")


def _file(folder: Path, command: str) -> Path:
    return folder / f"{command.replace(' ', '_').replace('--', '')}.json"


def _measure(folder: Path, command: str) -> None:
    figures = _file(folder, command)
    part = figures.with_suffix(".part")
    words = ["jitconv", "bench", *shlex.split(command), "--seconds", SECONDS, "--json", str(part)]
    subprocess.run(words, env=os.environ | {"COLUMNS": "110"}, stdout=subprocess.DEVNULL, check=True)
    part.rename(figures)


def _collect(folder: Path) -> None:
    """Write the table, and the facts of the machine, from the files of a folder."""
    runs = {one: json.loads(_file(folder, one).read_text(encoding="utf-8")) for one in COMMANDS}
    lines = [
        {name: _rounded(name, {**row, "command": one, "peer": run["peer"]}[name]) for name in FIELDS}
        for one, run in runs.items()
        for row in run["rows"]
    ]
    with TABLE.open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    ceilings = {True: [], False: []}
    for line in lines:
        ceilings[line["op"].startswith("conv")].append(float(line["ceiling"]))
    fma, copy = (np.quantile(ceilings[conv], (0.05, 0.5, 0.95)).tolist() for conv in (True, False))
    facts = next(iter(runs.values()))["machine"] | {
        "torch": version("torch"),
        "onnxruntime": version("onnxruntime"),
        "fma": fma,
        "copy": copy,
        "date": datetime.date.today().isoformat(),
    }
    MACHINE.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _rounded(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name in ("spread", "share", "peer_spread", "ratio"):
        return f"{value:.2f}"
    return int(value) if name == "noisy" else f"{value:.3g}" if isinstance(value, float) else value


def rows() -> list[Row]:
    """Return the rows of the table."""
    with TABLE.open(newline="", encoding="utf-8") as table:
        return [Row.of(line) for line in csv.DictReader(table)]


def page() -> str:
    """Return the page of the table as it is."""
    found, facts = rows(), json.loads(MACHINE.read_text(encoding="utf-8"))
    layers = len({row.problem for row in found})
    noisy = sum(row.noisy for row in found)
    text = [PREFACE.format(rows=len(found), layers=layers, noisy=noisy, **facts)]
    text += ["| layers | number | geometric mean | nine in ten | jitconv slower in |", "|" + " --- |" * 5]
    text += [_ratios(group.what, [row for row in found if group.has(row)]) for group in RATIOS]
    beyond = [row for row in found if (row.ratio or 0) > WIDEST_RATIO]
    names = "; ".join(f"{row.op} {row.problem}, {row.ratio:.0f}" for row in beyond)
    if beyond:
        text += ["", f"Left out, as a ratio beyond {WIDEST_RATIO} is a disturbance and no speed: {names}."]
    text += ["", "| shares of the machine's own rate | number | median | nine in ten |", "|" + " --- |" * 4]
    text += [_shares(group.what, [row.share for row in found if group.has(row)]) for group in SHARES]
    text += ["", f"The {WORST} layers with the least ratio:", ""]
    text += ["| op | layer | `jitconv bench` | algorithm | ratio |", "|" + " --- |" * 5, *_worst(found)]
    return "\n".join(text) + "\n" + company.section() + CONCLUSIONS.format(seconds=SECONDS, **facts)


def _ratios(what: str, some: list[Row]) -> str:
    found = [row.ratio for row in some]
    found = [one for one in found if one <= WIDEST_RATIO]
    low, high = np.quantile(found, (0.05, 0.95))
    slower = sum(one < 1 for one in found)
    mean = np.exp(np.mean(np.log(found)))
    return f"| {what} | {len(found)} | {mean:.2f} | {low:.2f} to {high:.2f} | {slower} |"


def _shares(what: str, found: list[float]) -> str:
    low, high = np.quantile(found, (0.05, 0.95))
    return f"| {what} | {len(found)} | {np.median(found):.0%} | {low:.0%} to {high:.0%} |"


def _worst(found: list[Row]) -> Iterator[str]:
    compared = [row for row in found if row.ratio is not None]
    for row in sorted(compared, key=lambda row: row.ratio)[:WORST]:
        mark = " (noisy)" if row.noisy else ""
        yield f"| {row.op} | {row.problem} | `{row.command}` | {row.algorithm} | {row.ratio:.2f}{mark} |"


def _draw() -> None:
    """Draw the ratios of each group: a dot for each layer, a bar for the mean."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print(f"{CHART.name} is as it was: Matplotlib is not installed")
        return
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    axes, found = figure.add_subplot(), rows()
    for place, group in enumerate(RATIOS):
        ratios = [row.ratio for row in found if group.has(row)]
        for one in [one for one in ratios if one > WIDEST_RATIO]:
            axes.text(WIDEST_RATIO, place, f"→ {one:.0f}", fontsize=7, ha="right", va="center")
        ratios = [one for one in ratios if one <= WIDEST_RATIO]
        # spread out evenly, so that the same table gives the same chart
        heights = place + 0.3 * np.linspace(-1, 1, len(ratios))
        axes.plot(ratios, heights, ".", color="tab:blue", markersize=4, alpha=0.6, markeredgewidth=0)
        mean = np.exp(np.mean(np.log(ratios)))
        axes.plot([mean, mean], [place - 0.38, place + 0.38], color="black", linewidth=1.5)
    axes.axvline(1, color="tab:red", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.45, WIDEST_RATIO)
    axes.set_xticks([0.5, 1, 2, 4, 8, 16], ["0.5", "1", "2", "4", "8", "16"])
    axes.set_xlabel("the peer's time over jitconv's: right of 1 jitconv is faster")
    axes.set_yticks(range(len(RATIOS)), [group.what for group in RATIOS], fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.9")
    figure.savefig(CHART, dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main()

"""What company costs: jitconv, its other team, and PyTorch beside busy processes and after matrix products.

``python asv_benchmarks/company.py [--rounds N] [--json FILE]`` measures and prints a table; a figure is the
median of those of the rounds. A FILE that is there is added to, so that rounds may be taken one by one. Each
side has a process of its own, and they take turns. ``--train digits`` times `jitconv train` instead, alone
and beside one busy process. ``--write`` measures nothing: it writes docs/company.csv and its chart from FILE.
Nothing else may run meanwhile.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.company import COMPANY, PROBLEMS, SIDES, Worker, busy

TABLE = Path(__file__).parent.parent / "docs" / "company.csv"
CHART = TABLE.with_suffix(".png")
SECONDS = 0.35
PAUSE = 0.1
"""Seconds between two sides: idle threads of the one spin for a while."""

EPOCHS = "5"
TRAINED = {
    "digits": ["digits", "--epochs", EPOCHS],
    "signs": ["signs", "--epochs", EPOCHS, "--data", os.environ.get("JITCONV_DATA", "")],
}
"""What follows `jitconv train`; signs needs its data in the folder JITCONV_DATA."""

FIELDS = ("what", "side", "company", "median", "p90", "rounds")


def main() -> None:
    """Measure, and print what has been measured so far."""
    options = _options()
    rows: list[dict[str, Any]] = []
    if options.json and options.json.exists():
        rows = json.loads(options.json.read_text(encoding="utf-8"))
    if not options.write:
        for _ in range(options.rounds):
            rows += train(options.train) if options.train else latencies()
            if options.json:
                part = options.json.with_suffix(".part")
                part.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
                part.rename(options.json)
    found = merged(rows)
    show(found)
    if options.write:
        write(found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--train", choices=TRAINED)
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def latencies() -> list[dict[str, Any]]:
    """Measure one round: every problem, in every company, of every side that is installed."""
    rows = []
    workers = {}
    try:
        for side in SIDES:
            if side.installed:
                workers[side.name] = Worker(side)
            else:
                print(f"{side.name}: not installed", file=sys.stderr)
        for company, count in COMPANY.items():
            with busy(count):
                for problem in PROBLEMS:
                    for name, worker in workers.items():
                        time.sleep(PAUSE)
                        found = worker.measure(problem, SECONDS, company == "after a product")
                        rows.append({"what": problem, "side": name, "company": company, **found})
    finally:
        for worker in workers.values():
            worker.end()
    return rows


def train(what: str) -> list[dict[str, Any]]:
    """Time a training, alone and beside one busy process, on each of jitconv's teams."""
    words, rows = TRAINED[what], []
    if "" in words:
        raise SystemExit(f"company: --train {what} needs JITCONV_DATA, the folder of its data")
    for side in SIDES[:2]:
        with tempfile.TemporaryDirectory() as folder:
            _trained([*words, "--epochs", "1", "--output", folder], side.environment)  # compiles
        for company in ("alone", "beside one"):
            with busy(COMPANY[company]), tempfile.TemporaryDirectory() as folder:
                taken = _trained([*words, "--output", folder], side.environment)
            row = {"what": f"jitconv train {what}", "side": side.name, "company": company}
            rows.append({**row, "median": taken, "p90": taken, "calls": 1})
    return rows


def _trained(words: list[str], environment: dict[str, str]) -> float:
    told = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "jitconv.cli", "train", *words],
        env=told | environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - begun


def merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the medians over rounds."""
    by_cell: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        by_cell.setdefault((row["what"], row["side"], row["company"]), []).append(row)
    return [
        dict(zip(FIELDS[:3], cell, strict=True))
        | {name: statistics.median(row[name] for row in some) for name in ("median", "p90")}
        | {"rounds": len(some)}
        for cell, some in by_cell.items()
    ]


def show(found: list[dict[str, Any]]) -> None:
    """Print a table: milliseconds of the median call, and of the one that a tenth exceed."""
    companies = list(COMPANY)
    print(f"{'milliseconds: median (90th percentile)':<50}" + "".join(f"{one:>22}" for one in companies))
    cells = {(row["what"], row["side"], row["company"]): row for row in found}
    for what, side in dict.fromkeys((row["what"], row["side"]) for row in found):
        line = f"{what:<26} {side:<23}"
        for company in companies:
            row = cells.get((what, side, company))
            told = "" if row is None else f"{_ms(row['median'])} ({_ms(row['p90'])})"
            line += f"{told:>22}"
        print(line)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def write(found: list[dict[str, Any]]) -> None:
    """Write the table of docs/ and its chart."""
    with TABLE.open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {name: f"{row[name]:.3g}" for name in ("median", "p90")} for row in found)
    draw(read())


def read() -> list[dict[str, Any]]:
    """Return the rows of the table of docs/."""
    with TABLE.open(newline="", encoding="utf-8") as table:
        return [row | {name: float(row[name]) for name in ("median", "p90")} for row in csv.DictReader(table)]


def draw(found: list[dict[str, Any]]) -> None:
    """Draw what a call takes over the least that any takes alone: from the median to the last tenth."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print(f"{CHART.name} is as it was: Matplotlib is not installed")
        return
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    sides = list(dict.fromkeys(row["side"] for row in found if row["what"] in PROBLEMS))
    for axes, what in zip(panels.flat, PROBLEMS, strict=True):
        rows = [row for row in found if row["what"] == what]
        least = min(row["median"] for row in rows if row["company"] == "alone")
        for row in rows:
            company, side = list(COMPANY).index(row["company"]), sides.index(row["side"])
            place, colour = company + 0.15 * (side - (len(sides) - 1) / 2), f"C{side}"
            axes.plot([row["median"] / least, row["p90"] / least], [place] * 2, color=colour, linewidth=2)
            name = row["side"] if company == 0 else None
            axes.plot(row["median"] / least, place, "o", color=colour, markersize=5, label=name)
        axes.set_title(what, fontsize=9, loc="left")
        axes.set_xscale("log")
        axes.set_yticks(range(len(COMPANY)), list(COMPANY), fontsize=8)
        axes.grid(axis="x", color="0.9")
    panels[0, 0].invert_yaxis()
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    told = "times the least median alone; a dot is the median, its line ends at the last tenth"
    figure.suptitle(told, fontsize=8)
    figure.savefig(CHART, dpi=80, metadata={"Software": None})


def section() -> str:
    """Return what docs/performance.md says of company."""
    found = read()
    cells = {(row["what"], row["side"], row["company"]): row for row in found}
    calls = [f"| call | side | {' | '.join(COMPANY)} |", "|" + " --- |" * (2 + len(COMPANY))]
    trained = ["", "| command | team | alone | beside one | ratio |", "|" + " --- |" * 5]
    for what, side in dict.fromkeys((row["what"], row["side"]) for row in found):
        if what.startswith("jitconv train"):
            alone, beside = (cells[what, side, company]["median"] for company in ("alone", "beside one"))
            times = f"{alone:.1f} s | {beside:.1f} s | {beside / alone:.2f}"
            trained.append(f"| `{what} --epochs {EPOCHS}` | {side} | {times} |")
            continue
        rows = [cells[what, side, company] for company in COMPANY]
        told = [f"{_ms(row['median'])} ({_ms(row['p90'])})" for row in rows]
        calls.append(f"| {what} | {side} | {' | '.join(told)} |")
    rounds = min(int(row["rounds"]) for row in found if row["what"] in PROBLEMS)
    return WORDS.format(
        rounds=rounds, calls="\n".join(calls), trained="\n".join([*trained, ""]) if len(trained) > 3 else ""
    )


WORDS = """
## In company

Machines are seldom alone. Two threads on two cores, and beside them one or two processes that do nothing but
compute; or a matrix product of NumPy (512×512), which is not timed, before each call: OpenBLAS's second
thread spins for some 28 ms after it, and what lay in the nearest caches is gone. Milliseconds of a call: the
median, and in brackets what one call in ten exceeds, medians over {rounds} rounds. Each side has a process of
its own, and they take turns. The environment says nothing of waiting, but for "passive", which has
`OMP_WAIT_POLICY=passive`. Another machine and another day than above: two virtual cores of an AMD EPYC
(Zen 4, AVX-512), Python 3.11.7, Numba 0.68.1, PyTorch 2.13.0.

![What a call takes in company, over the least that any side takes alone](company.png)

{calls}

Numba's layer and PyTorch use GNU OpenMP, where every region waits for all threads: one that has lost its
time slice delays it by some. jitconv's team waits for those tasks alone that are begun, and its workers
yield the core between two tasks, so that few are begun by one that is about to lose it. Beside a busy
process it is then about as fast as one thread that has a core for itself. The pooling, whose memory two
threads read more than twice as fast as one, takes 2.1 times its time alone beside one process and 2.6
beside two; after a matrix product, which leaves other things in the caches, 5.1. Whole commands, kernels
compiled before, the median of one or two runs:
{trained}
`python asv_benchmarks/company.py` measures this.
"""

if __name__ == "__main__":
    main()

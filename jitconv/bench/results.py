"""Result files: which command wrote each is told by what it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jitconv.errors import ParameterError

COMMANDS = {
    "compare": "jitconv compare --json",
    "bench": "jitconv bench --json",
    "sweep": "jitconv sweep --json",
    "gate": "jitconv gate --json",
}
"""The kinds of our own files, and what writes them; asv's are a kind of their own."""

NEEDED = {
    "compare": ("rows", "machine"),
    "bench": ("rows", "ops", "machine"),
    "sweep": ("points", "axes", "summary", "notes", "machine"),
    "gate": ("rows", "verdict", "base", "head", "facts"),
}

BENCHMARKS, MACHINE = "benchmarks.json", "machine.json"
"""asv's files beside those of commits: what the benchmarks are, and what the machine is."""


KEEPS = "asv run --python=same --set-commit-hash $(git rev-parse HEAD)"
"""What measures what is installed, and keeps it; without a commit's hash `--python=same` keeps nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """One file of ours, or all that asv has of one folder."""

    name: str
    kind: str
    figures: dict[str, Any]
    """As the file has them; of asv `benchmarks` and `runs`, the files of commits."""


def read(places: Sequence[Path]) -> list[Result]:
    """Return what files and folders of results hold, asv's last.

    Raises
    ------
    ParameterError
        When there is none, or one cannot be read or is of no known kind.
    """
    if not places:
        raise ParameterError(f"expected files of results, of {_known()}; got none")
    found: list[Result] = []
    asv: dict[Path, list[dict[str, Any]]] = {}
    for file in [one for place in places for one in _files(place)]:
        figures = _json(file)
        kind = kind_of(figures)
        if kind == "asv":
            asv.setdefault(_results_folder(file), []).append(figures)
        elif kind in COMMANDS:
            found.append(Result(str(file), kind, _whole(file, kind, figures)))
        elif kind is None:
            raise ParameterError(f"{file}: expected a file of {_known()}; its content is of no kind known")
    for folder, runs in asv.items():
        figures = {"benchmarks": _json(folder / BENCHMARKS), "runs": runs}
        found.append(Result(str(folder), "asv", figures))
    if not found:
        raise ParameterError(f"expected files of results, of {_known()}; got only what asv keeps beside them")
    return _shortly(found)


def _shortly(found: Sequence[Result]) -> list[Result]:
    """Return results by the last part of their place, where no two have the same."""
    last = [Path(one.name).name for one in found]
    return [
        replace(one, name=name) if last.count(name) == 1 else one
        for one, name in zip(found, last, strict=True)
    ]


def facts(result: Result) -> dict[str, Any]:
    """Return commit, time and machine of a result, as `jitconv.bench.provenance.facts` has them.

    Of asv those of the newest commit. Where jitconv came from no checkout, the commit is that of the
    repository that the command ran in.
    """
    told = result.figures
    if result.kind == "asv":
        return run_facts(max(told["runs"], key=lambda run: run["date"]))
    if result.kind == "gate":
        told = {**told["facts"], "commit": told["head"]}
    wanted = ("jitconv", "commit", "dirty", "time", "ended", "machine", "dtype", "layout")
    found = {name: told.get(name) for name in wanted}
    return found if found["commit"] else {**found, **(told.get("repository") or {})}


def run_facts(run: dict[str, Any]) -> dict[str, Any]:
    """Return the same of one commit's results of asv; the time is the commit's."""
    told = run["params"]
    date = datetime.fromtimestamp(run["date"] / 1000, timezone.utc)
    machine = {"cpu": told.get("cpu"), "cores": told.get("num_cpu"), "system": told.get("os")}
    told_versions = {"python": run["python"], **run["requirements"]}
    versions = {name: text for name, text in told_versions.items() if re.match(r"\d", text or "")}
    time = date.isoformat(timespec="seconds")
    return {"commit": run["commit_hash"], "time": time, "machine": {**machine, "plugins": versions}}


def kind_of(figures: Any) -> str | None:
    """Return the kind of a file by its content, ``aside`` for what asv keeps beside results, or None."""
    if not isinstance(figures, dict):
        return None
    if figures.get("kind") in COMMANDS:
        return str(figures["kind"])
    if {"commit_hash", "result_columns", "results"} <= figures.keys():
        return "asv"
    if "version" in figures and ("machine" in figures or _is_benchmarks(figures)):
        return "aside"
    return None


def _is_benchmarks(figures: dict[str, Any]) -> bool:
    rest = [one for name, one in figures.items() if name != "version"]
    return bool(rest) and all(isinstance(one, dict) and "param_names" in one for one in rest)


def _known() -> str:
    return ", ".join(COMMANDS.values()) + ", or the folder of asv's results"


def _files(place: Path) -> list[Path]:
    """Return a file itself, and of a folder of asv's results those of commits."""
    if not place.is_dir():
        return [place]
    if not (place / BENCHMARKS).is_file():
        inside = place / "results"
        meant = f"; did you mean {inside}?" if (inside / BENCHMARKS).is_file() else ""
        expected = f"expected a file, or a folder of asv's results with {BENCHMARKS}"
        raise ParameterError(f"{place}: {expected}{meant}")
    files = sorted(one for one in place.glob("*/*.json") if one.name != MACHINE)
    if not files:
        raise ParameterError(f"{place}: expected results of asv; no machine has a commit there: run {KEEPS}")
    return files


def _json(file: Path) -> Any:
    try:
        # asv writes NaN for a benchmark that takes no such parameters, and infinite ends of intervals
        return json.loads(file.read_text(encoding="utf-8"), parse_constant=lambda name: None)
    except OSError as error:
        raise ParameterError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{file}: expected JSON of {_known()}; it is none: {error}") from None


def _whole(file: Path, kind: str, figures: dict[str, Any]) -> dict[str, Any]:
    if absent := [name for name in NEEDED[kind] if name not in figures]:
        raise ParameterError(
            f"{file}: expected what {COMMANDS[kind]} writes; it lacks {', '.join(absent)}: make it again"
        )
    return figures


def _results_folder(file: Path) -> Path:
    """Return the folder of asv's results that a commit's file is in."""
    folder = file.resolve().parents[1]
    if not (folder / BENCHMARKS).is_file():
        raise ParameterError(
            f"{file}: expected asv's {BENCHMARKS} in {folder}, which tells units; it is not there"
        )
    return folder

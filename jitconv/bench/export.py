"""Results in the formats of other programs that track performance: `jitconv export`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jitconv.bench.histories import histories
from jitconv.bench.results import Result, facts, run_facts
from jitconv.errors import ParameterError

SMALLER = "latency", "error", "workspace", "memory"
"""The measures of which less is better; of the others more is."""


class Record(NamedTuple):
    """One figure."""

    name: str
    """Of what: it stays the same from run to run."""
    measure: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one commit, machine and time."""

    file: str
    kind: str
    facts: dict[str, Any]
    records: list[Record]


def runs(results: Sequence[Result]) -> list[Run]:
    """Return the runs of all results, the oldest first."""
    found = []
    for one in results:
        if one.kind == "asv":
            found += _asv(one)
        else:
            found.append(Run(one.name, one.kind, facts(one), list(RECORDS[one.kind](one.figures))))
    return sorted(found, key=lambda run: run.facts["time"] or "")


def _records(name: str, row: dict[str, Any], *figures: tuple[str, str, str]) -> Iterator[Record]:
    """Give measure and unit of those fields of a row that have a number."""
    for measure, unit, field in figures:
        if row.get(field) is not None:
            yield Record(name, measure, unit, row[field])


def _named(figures: dict[str, Any], *words: str) -> str:
    return " ".join([*words, *filter(None, (figures.get("layout"), figures.get("dtype")))])


COMPARED = ("latency", "s", "seconds"), ("error", "", "error"), ("workspace", "B", "workspace")


def _compare(figures: dict[str, Any]) -> Iterator[Record]:
    for row in figures["rows"]:
        if row["verdict"] == "ok" and not row["timed_on"]:
            name = _named(figures, row["op"], row["algorithm"], f"{row['problem']} ({row['label']})")
            yield from _records(name, row, *COMPARED)


def _bench(figures: dict[str, Any]) -> Iterator[Record]:
    how = [word for word in ("plan", "cold") if figures[word]]
    measures = [("latency", "s", "seconds"), ("share", "", "share"), ("error", "", "error")]
    if figures["peer"]:
        measures.append((f"ratio-to-{figures['peer']}", "", "ratio"))
    for row in figures["rows"]:
        name = _named(figures, row["op"], figures["algorithm"], *how, row["problem"])
        yield from _records(name, row, *measures)


def _sweep(figures: dict[str, Any]) -> Iterator[Record]:
    for point in figures["points"]:
        for one in point["candidates"]:
            if one["verdict"] == "ok":
                words = figures["op"], one["algorithm"], point["problem"], f"{point['threads']} threads"
                name = _named(figures, *words)
                yield Record(name, "latency", "s", one["median"], one["low"], one["high"])


def _gate(figures: dict[str, Any]) -> Iterator[Record]:
    for row in figures["rows"]:
        if row.get("head") is not None:  # one that was left out, or raised, has none
            measure, unit = _of_unit(row["unit"])
            yield Record(row["name"], measure, unit, row["head"])


RECORDS: dict[str, Callable[[dict[str, Any]], Iterator[Record]]] = {
    "compare": _compare,
    "bench": _bench,
    "sweep": _sweep,
    "gate": _gate,
}


def _of_unit(unit: str) -> tuple[str, str]:
    """Return measure and unit of a figure of which the unit is all that is told."""
    if unit in ("s", "seconds"):
        return "latency", "s"
    return ("memory", "B") if unit == "bytes" else ("value", unit)


def _asv(result: Result) -> list[Run]:
    """Return a run for each file of a commit."""
    found = []
    for run in result.figures["runs"]:
        records = []
        for one in histories({**result.figures, "runs": [run]}).found:
            measure, unit = _of_unit(one.unit)
            name = f"{one.name} ({one.parameters})" if one.parameters else one.name
            records += [Record(name, measure, unit, value, low, high) for _, value, low, high in one.points]
        found.append(Run(result.name, "asv", run_facts(run), records))
    return found


def latest(found: Sequence[Run]) -> list[Run]:
    """Return the last run of each file, where a format has one commit in a file."""
    return list({(run.kind, run.file): run for run in found}.values())


def _once(found: Iterable[Run]) -> Iterator[tuple[Run, Record]]:
    """Give every figure; one that two files have is refused."""
    seen: dict[tuple[str, str], str] = {}
    for run in found:
        for record in run.records:
            other = seen.setdefault((record.name, record.measure), run.file)
            if other != run.file:
                raise ParameterError(
                    f"{other} and {run.file} both have {record.measure} of {record.name}: give one of them"
                )
            yield run, record


def as_bmf(found: Sequence[Run]) -> str:
    """Return Bencher's metric format; its built-in `latency` is in nanoseconds."""
    told: dict[str, dict[str, dict[str, float]]] = {}
    for _, one in _once(latest(found)):
        size = 1e9 if one.measure == "latency" else 1.0
        ends = {"value": one.value, "lower_value": one.low, "upper_value": one.high}
        figure = {word: value * size for word, value in ends.items() if value is not None}
        told.setdefault(one.name, {})[one.measure] = figure
    return json.dumps(told, indent=1, allow_nan=False) + "\n"


def as_action_benchmark(found: Sequence[Run]) -> str:
    """Return what github-action-benchmark's tool `customSmallerIsBetter` reads; times are in microseconds."""
    told = []
    for run, one in _once(latest(found)):
        if one.measure not in SMALLER:
            continue
        size, unit = (1e6, "µs") if one.measure == "latency" else (1.0, one.unit)
        entry: dict[str, Any] = {"name": _title(one), "unit": unit, "value": one.value * size}
        if one.low is not None and one.high is not None:
            entry["range"] = f"{one.low * size:.4g} to {one.high * size:.4g}"
        pairs = [f"{name}: {value}" for name, value in flat(run.facts).items() if value not in (None, "")]
        told.append({**entry, "extra": "\n".join(pairs)})
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _title(one: Record) -> str:
    return one.name if one.measure == "latency" else f"{one.name} {one.measure}"


def flat(told: dict[str, Any]) -> dict[str, Any]:
    """Return facts as columns."""
    machine = told.get("machine") or {}
    load = machine.get("load") or {}
    versions = {name: machine.get(name) for name in ("python", "numba", "llvmlite", "numpy")}
    versions = {"jitconv": told.get("jitconv"), **versions, **(machine.get("plugins") or {})}
    return {
        "time": told.get("time"),
        "commit": told.get("commit"),
        "dirty": told.get("dirty"),
        "cpu": machine.get("cpu") or machine.get("processor"),
        "cores": machine.get("cores"),
        "threads": machine.get("threads"),
        "load_before": (load.get("before") or [None])[0],
        "load_after": (load.get("after") or [None])[0],
        "steal": machine.get("steal"),
        "governor": machine.get("governor"),
        "versions": "; ".join(f"{name} {version}" for name, version in versions.items() if version),
    }


def as_csv(found: Sequence[Run]) -> str:
    """Return a line for each figure, with all that is known of its run."""
    lines = [
        {"file": run.file, "kind": run.kind, **flat(run.facts), **one._asdict()}
        for run in found
        for one in run.records
    ]
    return _table(list(lines[0]) if lines else [], lines)


def as_otava(found: Sequence[Run]) -> str:
    """Return a line for each run and a column for each figure, as Apache Otava reads it.

    A figure that a run lacks is "nan": Otava takes no empty cell.
    """
    columns = list(dict.fromkeys(_column(one) for run in found for one in run.records))
    lines = []
    for run in found:
        figures = {_column(one): repr(float(one.value)) for one in run.records}
        lines.append({**flat(run.facts), **{name: figures.get(name, "nan") for name in columns}})
    return _table([*flat({}), *columns], lines)


def otava_settings(found: Sequence[Run], file: str) -> str:
    """Return Otava's YAML (as JSON, which is YAML, too) of that table: the figures that every run has."""
    all_have = [one for one in found[0].records if all(_has(run, one) for run in found)]
    if not all_have:
        raise ParameterError(
            "expected runs of the same benchmarks for Otava; no figure is in all of them: "
            "give files of one command"
        )
    test = {
        "type": "csv",
        "file": file,
        "time_column": "time",
        "attributes": ["commit"],
        "metrics": {
            _column(one): {"column": _column(one), "direction": -1 if one.measure in SMALLER else 1}
            for one in all_have
        },
    }
    return json.dumps({"tests": {"jitconv": test}}, indent=1) + "\n"


def _has(run: Run, wanted: Record) -> bool:
    return any((one.name, one.measure) == (wanted.name, wanted.measure) for one in run.records)


def _column(one: Record) -> str:
    """Return a name that needs no quotes in a table."""
    return "_".join(f"{one.name} {one.measure}".replace(",", " ").replace('"', " ").split())


def _table(columns: Sequence[str], lines: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


FORMATS: dict[str, Callable[[Sequence[Run]], str]] = {
    "bmf": as_bmf,
    "github-action-benchmark": as_action_benchmark,
    "otava": as_otava,
    "csv": as_csv,
}

"""`jitconv info`: everything that a bug report needs, on one screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from jitconv.cli.cache import mebibytes
from jitconv.cli.facts import facts
from jitconv.cli.places import STDOUT, json_writer

Fact = dict[str, Any]


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a bug report needs: versions, machine, vectors, threads, cache, plugins and variables.

    Nothing is compiled, and no thread is begun. What is broken is told in its line.
    """
    with json_writer(STDOUT if as_json else None) as write_json:
        found = facts()
        write_json(json.dumps(found, indent=1) + "\n")
    if as_json:
        return
    for name, told in found.items():
        lines = [f"not known: {told['error']}"] if _broken(told) else WORDS[name](told)
        for place, line in enumerate(lines):
            print(f"{'' if place else name:<10}{line}")


def _broken(told: Any) -> bool:
    return isinstance(told, dict) and told.keys() == {"error"}


def _jitconv(told: Fact) -> list[str]:
    return [f"{told['version']}, source {told['source'] or 'not readable'}, in {told['folder']}"]


def _python(told: Fact) -> list[str]:
    return [f"{told['version']} ({told['implementation']}), {told['executable']}"]


def _packages(told: Fact) -> list[str]:
    return [", ".join(f"{name} {found or '(no metadata)'}" for name, found in told.items())]


def _blas(told: list[Fact]) -> list[str]:
    return [
        f"{one['internal_api']} {one['version']}, {one['num_threads']} threads"
        f" ({', '.join(filter(None, (one['architecture'], one['threading_layer'])))})"
        for one in told
    ] or ["none that threadpoolctl knows"]


def _system(told: Fact) -> list[str]:
    return [f"{told['system']} {told['kernel']}, {told['machine']}, {told['libc'] or 'libc not known'}"]


def _cpu(told: Fact) -> list[str]:
    caches = ", ".join(f"{name} {size}" for name, size in told["caches"].items()) or "caches not known"
    return [f"{told['name']} ({told['target']}): {' '.join(told['features']) or 'no vectors'}; {caches}"]


def _vectors(told: Fact) -> list[str]:
    return [f"{told['bytes']} bytes: {told['why']}"]


def _blocks(told: Fact) -> list[str]:
    lines = [f"of the kind {told['kind']}: {told['values'] or 'the common values'}, {told['why']}"]
    if told["own"]:
        own = ", ".join(f"{name} {value}" for name, value in told["own"].items())
        lines.append(f"this machine's own, by jitconv tune --blocks: {own}; in {told['file']}")
    if told["wrong"]:
        lines.append(f"{told['file']} is left out: {told['wrong']}; jitconv tune --forget-blocks removes it")
    return lines


def _cores(told: Fact) -> list[str]:
    limit = "no limit" if told["cgroup"] is None else f"a limit of {told['cgroup']:g}"
    return [f"{told['seen']} seen, {told['usable']} that this process may use, {limit} by its cgroup"]


def _threads(told: Fact) -> list[str]:
    return [f"{told['count']}: {told['why']}", *filter(None, [told["hint"]])]


def _team(told: Fact) -> list[str]:
    if told["runs"] == "own":
        return [
            f"jitconv's own: {told['why']}",
            f"idle threads spin for {told['spins']:,} rounds, about 1 ms, and sleep; {told['parts']} parts "
            "of a loop for each",
        ]
    return [f"Numba's: {told['why']}", f"threading layer: {told['layer']}, chosen when it begins"]


def _cache(told: Fact) -> list[str]:
    if told["folder"] is None:
        return ["none: the home folder cannot be told; set JITCONV_CACHE_DIR"]
    read = "read" if told["distrust"] is None else f"not read: {told['distrust']}"
    written = "written" if told["writable"] else "not written: nothing can be written there"
    kept = f"{told['files']} files, {mebibytes(told['bytes'])} of at most {mebibytes(told['bound'])}"
    return [told["folder"], f"{kept}; {read}; {written}"]


def _plugins(told: list[Fact]) -> list[str]:
    return [
        f"{one['name']} {one['version']}: {one['state']}, "
        + (one["error"] or f"{one['algorithms']} algorithms")
        for one in told
    ]


def _variables(told: Fact) -> list[str]:
    return [
        f"{name}={one['value'] if one['value'].isprintable() else repr(one['value'])}"
        + (f"  ({one['wrong']})" if one["wrong"] else "")
        for name, one in told.items()
    ] or ["none that matters is set"]


WORDS: dict[str, Callable[[Any], list[str]]] = {
    "jitconv": _jitconv,
    "python": _python,
    "packages": _packages,
    "blas": _blas,
    "system": _system,
    "cpu": _cpu,
    "vectors": _vectors,
    "blocks": _blocks,
    "cores": _cores,
    "threads": _threads,
    "team": _team,
    "cache": _cache,
    "plugins": _plugins,
    "variables": _variables,
}

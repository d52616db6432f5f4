"""The file of a kind of machine: what was measured there, run by run, and what that chose."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import verdicts

FOLDER = Path(__file__).parent / "machines"


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Return what is measured: the kind, the CPU, its caches, threads."""
    from jitconv.cli.facts import facts

    told = facts()
    return {
        "kind": told["blocks"]["kind"],
        "cpu": f"{told['cpu']['name']} ({told['cpu']['target']})",
        "vector_bytes": told["vectors"]["bytes"],
        "caches": told["cpu"]["caches"],
        "threads": told["threads"]["count"],
    }


def versions() -> dict[str, Any]:
    """Return what measures."""
    from jitconv.cli.facts import facts

    told = facts()
    packages = {name: told["packages"][name] for name in ("numba", "llvmlite", "numpy")}
    return {"jitconv": told["jitconv"]["version"], "source": told["jitconv"]["source"], **packages}


def of_this_kind() -> Path:
    """Return the file of this machine's kind."""
    return FOLDER / f"{machine()['kind']}.json"


def check(file: Path) -> None:
    """Raise where a file cannot be added to: of another machine, unreadable, or not to be written."""
    from jitconv import files

    read(file)
    files.check(file)


def read(file: Path) -> dict[str, Any]:
    """Return what a file holds; what begins one where there is none.

    Raises
    ------
    ValueError
        When it is no such file, or of another machine.
    """
    if not file.exists():
        return {"machine": machine(), "entries": {}}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        whose = found["machine"]
        found["entries"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{file} must hold what machine.py wrote; give another --out") from None
    if whose != (here := machine()):
        told = ", ".join(
            f"{key} {whose.get(key)}, here {here[key]}" for key in here if whose.get(key) != here[key]
        )
        raise ValueError(f"{file} is of another machine ({told}); give another --out")
    return found


def added(file: Path, entry: str, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Add a run of an entry to the file; return all of that entry's."""
    found = read(file)
    runs = [*found["entries"].get(entry, {"runs": []})["runs"], {**run, "versions": versions()}]
    found["entries"][entry] = {"choice": verdicts.choice(runs), "runs": runs}
    write(file, found)
    return runs


def write(file: Path, found: dict[str, Any]) -> None:
    """Write the file, beside its place and renamed: a line for each run."""
    from jitconv import files

    found["entries"] = dict(sorted(found["entries"].items()))
    files.write(file, (_lines(found, 3) + "\n").encode())


def _lines(value: Any, depth: int, indent: str = "") -> str:
    """Return JSON whose outer objects and lists have a line for each part."""
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    inner = indent + " "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_lines(one, depth - 1, inner)}" for key, one in value.items()]
    else:
        parts = [_lines(one, depth - 1, inner) for one in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return f"{opened}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closed}"

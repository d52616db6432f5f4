"""Runs the mutants, and says what notices each: ``python tests/mutation/run.py [NAME ...]``.

Each mutant is applied to a copy of the tree in a temporary folder, where kernels are compiled anew. Commands
run in turn until one fails: the tests that are named beside it, then the conformance kit on the problems that
are (values, then accesses to memory), at last all that ``jitconv check`` runs of every algorithm it serves.
One that passes all has survived. Results are lines of JSON; a second run goes on where the first ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from mutants import MUTANTS, misplaced
from record import Mutant

ROOT = Path(__file__).parents[2]

COPIED = ("jitconv", "tests", "pyproject.toml")

SURVIVED, UNDECIDED = "SURVIVED", "UNDECIDED"


class Command(NamedTuple):
    """What may notice a mutant."""

    label: str
    words: tuple[str, ...]
    seconds: int
    """It may take so long; one that takes longer decides nothing."""


def commands(mutant: Mutant, *, full: bool = True) -> Iterator[Command]:
    """Give the commands of a mutant, in their order."""
    pytest = (sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "--no-header", "-p", "no:cacheprovider")
    probe = (sys.executable, "tests/mutation/probe.py")
    for test in mutant.tests:
        yield Command(test.partition("::")[2] or test, (*pytest, test), 900)
    for stage, seconds in (("quick", 600), ("memory", 600), ("full", 2400)):
        if not (full if stage == "full" else mutant.where):
            continue
        for served in mutant.serves:
            op, _, name = served.partition("/")
            yield Command(f"{stage} {served}", (*probe, stage, op, name, mutant.where), seconds)


def copied(mutant: Mutant | None, folder: Path) -> Path:
    """Copy the tree, with the mutant's change."""
    tree = folder / "tree"
    tree.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tree / name)
    if mutant is not None:
        file = tree / "jitconv" / mutant.file
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return tree


def run_command(command: Command, tree: Path) -> tuple[str, str]:
    """Run a command in a tree; return ``passed``, ``failed`` or ``late``, and what it said."""
    told = {"PYTHONPATH": str(tree), "JITCONV_CACHE_DIR": str(tree.parent / "cache"), "JITCONV_PLUGINS": ""}
    told |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "passive"}
    process = subprocess.Popen(
        command.words,
        cwd=tree,
        env=os.environ | told,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output, _ = process.communicate(timeout=command.seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "late", f"did not end within {command.seconds} s"
    return ("passed", "") if process.returncode == 0 else ("failed", summary(output, process.returncode))


def summary(output: str, code: int) -> str:
    """Return the line that says most of what failed."""
    lines = output.strip().splitlines()
    for line in lines:
        if line.startswith('{"text"'):
            found = json.loads(line)
            return f"{found['text'].splitlines()[0]} [{found['problem']}]"
    marked = [line for line in lines if line.startswith(("E  ", "FAILED", "ERROR"))]
    ended = f"ended by signal {-code}" if code < 0 else ""
    return " ".join([*marked[:1], *marked[-1:], ended, *([] if marked or ended else lines[-1:])]).strip()


def decided(mutant: Mutant) -> dict[str, Any]:
    """Run a mutant; return what noticed it."""
    begun, late = time.monotonic(), ""
    with tempfile.TemporaryDirectory(prefix="jitconv-mutant-", ignore_cleanup_errors=True) as folder:
        tree, by, text = copied(mutant, Path(folder)), SURVIVED, ""
        for command in commands(mutant):
            outcome, said = run_command(command, tree)
            if outcome == "failed":
                by, text = command.label, said
                break
            late = late or (f"{command.label}: {said}" if outcome == "late" else "")
    if by == SURVIVED and late:
        by, text = UNDECIDED, late
    seconds = round(time.monotonic() - begun)
    return {"name": mutant.name, "file": mutant.file, "by": by, "text": text, "seconds": seconds}


def baseline(chosen: Sequence[Mutant]) -> int:
    """Run all but the full checks on the tree as it is; return how many fail."""
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="jitconv-mutant-", ignore_cleanup_errors=True) as folder:
        tree = copied(None, Path(folder))
        for command in dict.fromkeys(one for mutant in chosen for one in commands(mutant, full=False)):
            outcome, said = run_command(command, tree)
            if outcome != "passed":
                wrong += 1
                print(f"{command.label} {command.words[-1]}: {outcome}: {said}", flush=True)
    return wrong


def row(found: dict[str, Any]) -> str:
    """Return a result as a line of the table."""
    return f"{found['name']:<24} {found['by'][:44]:<45} {found['seconds']:>5} s  {found['text'][:150]}"


def main() -> None:
    """Run those that have no result yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="mutants, or files; all by default")
    parser.add_argument("--results", type=Path, default=Path("mutants.jsonl"), help="lines of JSON")
    parser.add_argument("--again", action="store_true", help="run those too that have a result")
    parser.add_argument("--survivors", action="store_true", help="run those again that survived")
    parser.add_argument("--baseline", action="store_true", help="run the commands on the tree as it is")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    asked = parser.parse_args()
    if wrong := misplaced(ROOT / "jitconv"):
        raise SystemExit("\n".join(wrong))
    chosen = [one for one in MUTANTS if not asked.names or {one.name, one.file} & set(asked.names)]
    if asked.baseline:
        raise SystemExit(baseline(chosen))
    results = read(asked.results)
    again = {name for name, one in results.items() if asked.survivors and one["by"] in (SURVIVED, UNDECIDED)}
    left = [one for one in chosen if asked.again or one.name in again or one.name not in results]
    with ThreadPoolExecutor(asked.jobs) as pool, asked.results.open("a", encoding="utf-8") as file:
        for done in as_completed([pool.submit(decided, one) for one in left]):
            found = done.result()
            file.write(json.dumps(found) + "\n")
            file.flush()
            print(row(found), flush=True)
    results = read(asked.results)
    report([results[one.name] for one in chosen if one.name in results])


def read(file: Path) -> dict[str, dict[str, Any]]:
    """Return the newest result of each mutant."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {found["name"]: found for found in map(json.loads, lines)}


def report(results: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    print("\n".join(["", *map(row, results)]))
    survived = [one["name"] for one in results if one["by"] == SURVIVED]
    undecided = [one["name"] for one in results if one["by"] == UNDECIDED]
    print(f"\n{len(results)} mutants, {len(survived)} survived: {', '.join(survived) or 'none'}")
    if undecided:
        print(f"{len(undecided)} undecided: {', '.join(undecided)}")


if __name__ == "__main__":
    main()

"""Instructions of a call, counted by valgrind's callgrind: they repeat, so that a small change is told.

Counts are of code for vectors of 32 bytes, which valgrind knows, and of one thread. They say nothing of
caches and memory: a change that moves more bytes by as many instructions is seen by its time alone.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from jitconv.bench.gate.rows import Row
from jitconv.bench.gate.sides import Place, Side, amid
from jitconv.bench.gate.turns import BASE, HEAD

TIMES = 3
"""Calls that are counted. A choice: what Python does now and then is in them all or in none."""

ENVIRONMENT = {
    "JITCONV_VECTOR_BYTES": "32",
    # as valgrind tells of its CPU, so that what is compiled beforehand serves under it
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+sse4.2,+bmi,+bmi2,+popcnt,+f16c,+lzcnt",
    "NUMBA_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def why_not() -> str | None:
    """Return why instructions cannot be counted here, or None."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"instructions are counted on x86-64 alone; this is {platform.machine()}"
    missing = [one for one in ("valgrind", "setarch") if shutil.which(one) is None]
    return (
        f"instructions are counted by valgrind: {' and '.join(missing)} is not installed" if missing else None
    )


def count(
    places: Mapping[str, Place], rows: Sequence[Row], tell: Callable[[int, str], None]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Give the instructions of a call on both sides, with the row's name; both sides are counted at once.

    Raises
    ------
    SideLost
        When a side ends: valgrind may know an instruction less than the CPU.
    """
    compiled = {one: places[one]._replace(environment=_environment(places[one])) for one in (BASE, HEAD)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        able = _ready(compiled, rows, tell)
        sides = {
            one: stack.enter_context(Side(one, place._replace(under=_valgrind(folder / one))))
            for one, place in compiled.items()
        }
        for done, row in enumerate(able):
            tell(done, row.name)
            with amid(row.name):
                for asked in (_call(row), {"count": TIMES}):
                    for side in sides.values():
                        side.send(**asked)
                    for side in sides.values():
                        side.answer_again()
            base, head = (_counted(folder / one, done + 1) // TIMES for one in (BASE, HEAD))
            yield row.name, (base, head)


def _environment(place: Place) -> dict[str, str]:
    return {**place.environment, **ENVIRONMENT}


def _call(row: Row) -> dict[str, object]:
    return {"call": row.call._replace(checked=False)._asdict()}


def _ready(places: Mapping[str, Place], rows: Sequence[Row], tell: Callable[[int, str], None]) -> list[Row]:
    """Compile what the rows need before valgrind, under which it would take an hour; return the able ones."""
    able = []
    with ExitStack() as stack:
        sides = [stack.enter_context(Side(name, place)) for name, place in places.items()]
        for done, row in enumerate(rows):
            tell(done, row.name)
            with amid(row.name):
                for side in sides:
                    side.send(**_call(row))
                answers = [side.answer() for side in sides]
            if all("choice" in one for one in answers):
                able.append(row)
    return able


def _valgrind(out: Path) -> tuple[str, ...]:
    """Return the command: with all addresses the same in every run, as code may depend on them."""
    tool = "valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"
    return "setarch", "-R", *tool


def _counted(out: Path, part: int) -> int:
    """Return what the file of a request says, of which the first is numbered 1."""
    for line in out.with_name(f"{out.name}.{part}").read_text().splitlines():
        word, _, number = line.partition(": ")
        if word == "summary":
            return int(number)
    raise AssertionError(f"callgrind's file {out}.{part} has no summary")

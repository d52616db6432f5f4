"""Every tunable constant says what measured it, or that nothing did."""

import ast
import itertools
import re
from pathlib import Path

import pytest

import jitconv
from jitconv.algorithms.direct.blocks import Blocks

PACKAGE = Path(jitconv.__file__).parent
ROOMS = ("algorithms", "jit", "micro", "selector")

MEASURED = re.compile(
    r"asv_benchmarks/|\d (µs|ms|MB/s|GB/s|GFLOP/s|%|cycles)|bytes a cycle|(took|reached|was|were) [\d.]+|"
    r"[\d.]+ (times|of the time|of the multiply-adds)|test runs .* took|[Ff]itted on|measured again|"
    r"figures stand with|that gained, above"
)
SAID = re.compile(r"[Aa] choice|[Nn]ot measured|[Nn]ot swept|[Ee]stimate|[Nn]ot fitted|A limit|By definition")


def constants():
    """Give file, name and text of each numeric constant; several in a row share the text below them."""
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            body = ast.parse(path.read_text(encoding="utf-8")).body
            waiting = []
            for node in body:
                if isinstance(node, ast.Assign) and numeric(node):
                    waiting.append(node)
                    continue
                text = ""
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    text = node.value.value if isinstance(node.value.value, str) else ""
                for one in waiting:
                    yield str(path.relative_to(PACKAGE)), one.targets[0].id, text
                waiting = []


def entries():
    """Give file, name and text of each entry of the table of blocks."""
    path = PACKAGE / "algorithms" / "direct" / "blocks.py"
    (table,) = (
        one for one in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(one, ast.ClassDef)
    )
    for entry, text in itertools.pairwise(table.body):
        if isinstance(entry, ast.AnnAssign):
            told = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
            yield str(path.relative_to(PACKAGE)), entry.target.id, text.value.value if told else ""


def numeric(node):
    """Whether a module's name in capitals is given a number, or a table or an expression of numbers."""
    target = node.targets[0]
    if not isinstance(target, ast.Name) or not re.fullmatch(r"[A-Z][A-Z0-9_]+", target.id):
        return False
    parts = [one for one in ast.walk(node.value) if isinstance(one, (ast.Constant, ast.Call))]
    numbers = [one for one in parts if isinstance(one, ast.Constant) and type(one.value) in (int, float)]
    called = {one.func.id for one in parts if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    return bool(numbers) and called <= {"max", "min"}


NOT_TUNABLE = {
    "algorithms/direct/pool/pool.py": ("NO_INDICES", "NO_DIVISORS"),
    "algorithms/direct/pool/rows.py": ("MOST_TAPS",),
    "algorithms/direct/pool/windows.py": ("SPREAD",),
    "algorithms/direct/rows/copy.py": ("VECTOR_STEPS",),
    "algorithms/fft/spectra.py": ("ONE_SEGMENT",),
    "algorithms/fft/tiling.py": ("PLANES",),
    "algorithms/fft/variants.py": ("NEEDS",),
    "algorithms/winograd/backward.py": ("UNPADDED",),
    "algorithms/winograd/filters.py": ("TAPS",),
    "jit/caches.py": ("UNITS",),
    "jit/forks.py": ("FORKED_WITHOUT_EXEC",),
    "jit/regions.py": (
        "LINE",
        "TICKET",
        "ENDED",
        "WAITING",
        "BUSY",
        "NUMBER",
        "SLEEPERS",
        "WANTED",
        "STOP",
        "KEY",
        "REGION",
        "WORDS",
        "CLOSED",
        "POINTER",
    ),
    "jit/workers.py": ("FUTEX",),
    "micro/taps.py": ("FORMS",),
    "micro/taps_gradient.py": ("FORMS",),
    "micro/transpose.py": ("SIZES",),
    "micro/window_rows.py": ("COLUMNS",),
    "micro/windows.py": ("SMALL", "LARGE"),
}
"""Codes, limits of a format, and what there is of a piece: another number would be wrong, not slower."""

FOUND = [one for one in [*constants(), *entries()] if one[1] not in NOT_TUNABLE.get(one[0], ())]


def test_constants_are_found():
    assert len(FOUND) > 80
    assert ("jit/kernels.py", "THREADS_PAY_FROM") in {one[:2] for one in FOUND}
    told = {name for file, name, _ in FOUND if file == "algorithms/direct/blocks.py"}
    assert told == set(Blocks._fields)


@pytest.mark.parametrize(("file", "name", "text"), FOUND, ids=[f"{file}:{name}" for file, name, _ in FOUND])
def test_a_constant_says_what_measured_it_or_that_nothing_did(file, name, text):
    plain = " ".join(text.split())
    assert MEASURED.search(plain) or SAID.search(plain), f"{file}: {name}: {plain!r}"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Bytes at once; asv_benchmarks/benchmarks/rates.py.", True),
        ("Bytes at once: 64 KiB took 120 µs, 128 took 110.", True),
        ("Bytes at once. A choice.", True),
        ("Bytes at once. Not measured.", True),
        ("Bytes at once, which stay in the second-level cache of 512 KiB.", False),
        ("", False),
    ],
)
def test_what_counts_as_said(text, right):
    assert bool(MEASURED.search(text) or SAID.search(text)) == right

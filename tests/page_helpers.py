"""Results for the tests of pages: true ones of small runs, and the gate's table with hostile words."""

import json
from pathlib import Path

PAGES = Path(__file__).parent / "pages"
OURS = [PAGES / f"{name}.json" for name in ("bench", "compare", "sweep", "sweep2")]
"""What `jitconv compare`, `bench` and `sweep` wrote on small problems."""

ASV = PAGES / "asv"
"""What `asv run` wrote of ten commits; from the sixth on a loop of 400 rounds stands in `Operation.call`."""

HOSTILE = "</script><img src=x onerror='window.hacked=1'>"


def gate(**changed):
    """Return the gate's result: a slower row, a faster one, and two that have no figures."""

    def row(name, verdict, ratio=None, instructions=None):
        figures = {}
        if ratio is not None:
            ends = {"low": ratio * 0.97, "ratio": ratio, "high": ratio * 1.03}
            figures = {"unit": "s", "base": 1e-4, "head": ratio * 1e-4, **ends, "noise": 0.02, "limit": 1.08}
        words = {"name": name, "verdict": verdict, "worse": [], "notes": []}
        command = f"jitconv gate a b --only '{name}'"
        return {**words, **figures, "instructions": instructions, "command": command}

    counted = {"base": 1000, "head": 1290, "ratio": 1.29}
    rows = [
        row("conv_forward n1h16w16c16 k3x3f16 s1 p1 direct", "slower", 1.3, counted),
        row(f"max_pool_forward {HOSTILE}", "faster", 0.8),
        row("dispatch", "same", 1.01),
        row("import", "raises"),
        row("conv_forward n1h4w4c8 k3x3f8 p1 g8 mine 1 thread", "left out"),
    ]
    facts = {"time": "2026-11-27T12:00:00+00:00", "machine": {"cpu": HOSTILE, "numba": "0.68.1"}}
    told = {"kind": "gate", "base": "a" * 40, "head": "b" * 40, "facts": facts, "verdict": "regression"}
    return {**told, "rows": rows, **changed}


def write_gate(folder, **changed):
    """Write the gate's result into a folder, and return the file."""
    file = folder / "gate.json"
    file.write_text(json.dumps(gate(**changed)))
    return file

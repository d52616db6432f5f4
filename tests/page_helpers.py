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
    """Return the gate's result: a slower row, a faster one, and one that has no figures."""

    def row(name, ratio, verdict, instructions=None):
        base = None if ratio is None else 1e-4
        ends = {"low": ratio and ratio * 0.97, "high": ratio and ratio * 1.03}
        head = None if ratio is None else ratio * base
        about = {"noise": 0.02, "limit": 1.08, "verdict": verdict, "instructions": instructions}
        names = {"name": name, "unit": "s", "base": base, "head": head, "ratio": ratio}
        return {**names, **ends, **about, "command": f"jitconv gate a b --only '{name}'"}

    counted = {"base": 1000, "head": 1290, "ratio": 1.29}
    rows = [
        row("conv_forward n1h16w16c16 k3x3f16 s1 p1 direct", 1.3, "regression", counted),
        row(f"max_pool_forward {HOSTILE}", 0.8, "improvement"),
        row("dispatch", 1.01, "same"),
        row("import", None, "error"),
    ]
    facts = {"time": "2026-11-27T12:00:00+00:00", "machine": {"cpu": HOSTILE, "numba": "0.68.1"}}
    told = {"kind": "gate", "base": "a" * 40, "head": "b" * 40, "facts": facts, "verdict": "regression"}
    return {**told, "rows": rows, **changed}


def write_gate(folder, **changed):
    """Write the gate's result into a folder, and return the file."""
    file = folder / "gate.json"
    file.write_text(json.dumps(gate(**changed)))
    return file

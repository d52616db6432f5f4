"""Interpreters of their own, with a cache of kernels of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

FIRST_RUN = """
import json, os, sys, time
import jitconv
from jitconv.bench.ready import Problem, ready
from jitconv.jit.cache import counts
from jitconv.specs import parse

op, name, problem, threads = sys.argv[1:]
jitconv.algorithms(op)
problem = Problem.drawn(op, parse(problem))
with jitconv.config(threads=int(threads)):
    begun = time.perf_counter()
    ready(problem, name).run()
    first = time.perf_counter() - begun
folders = os.walk(os.environ["JITCONV_CACHE_DIR"])
sizes = [os.path.getsize(os.path.join(folder, name)) for folder, _, names in folders for name in names]
print(json.dumps({"seconds": first, "kernels": counts()[0], "bytes": sum(sizes)}))
"""


def first_run(row: str, threads: int = 1) -> dict[str, Any]:
    """Return what "OP ALGORITHM PROBLEM" takes in an empty cache: seconds, kernels compiled, bytes kept."""
    op, name, problem = row.split(" ", 2)
    with tempfile.TemporaryDirectory() as cache:
        told = {**os.environ, "JITCONV_CACHE_DIR": cache, "JITCONV_PLUGINS": ""}
        line = [sys.executable, "-c", FIRST_RUN, op, name, problem, str(threads)]
        done = subprocess.run(line, env=told, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{row}: exit code {done.returncode}: {done.stderr.strip()[-2000:]}")
    found = json.loads(done.stdout)
    if not found["kernels"]:
        raise RuntimeError(f"{row} must compile kernels; it compiled none")
    return found

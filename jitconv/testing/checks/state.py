"""What a call leaves behind: settings of the process, memory; and whether its thread matters."""

from __future__ import annotations

import gc
import os
import random
import tracemalloc
import warnings
from typing import Any

import numpy as np

from jitconv.config import config
from jitconv.jit import workspace
from jitconv.testing.cases import Case
from jitconv.testing.findings import raised
from jitconv.testing.subject import Arrays, Plan, Subject
from jitconv.testing.together import together

PROMISES = {
    "state": "settings of the process (NumPy's errors, threads, seeds, the environment) stay as they were",
    "anywhere": "works in another Python thread, and with one thread",
    "workspace": "the declared workspace is what a call takes, and a call keeps nothing",
}

SLACK = 192 * 1024
"""Bytes that are nobody's workspace: Python's own objects, and NumPy's buffers of a few elements."""

TRUE_WITHIN = 0.1


def run(subject: Subject) -> None:
    """Run the smallest cases for what they leave: before any other call in this process."""
    for case in subject.smallest(6):
        _leaves(subject, case)


def run_elsewhere(subject: Subject) -> None:
    """Run the smallest cases in another thread, the largest for what they take."""
    for case in subject.smallest(6):
        _anywhere(subject, case)
    for case in subject.largest(6):
        _takes(subject, case)


def _settings() -> dict[str, Any]:
    import numba

    return {
        "np.seterr": np.geterr(),
        "numba.set_num_threads": numba.get_num_threads(),
        "np.random's seed": np.random.get_state()[1].tobytes(),  # type: ignore[index]
        "random's seed": hash(random.getstate()),
        "os.environ": dict(os.environ),
        "the current folder": os.getcwd(),
        "warnings' filters": tuple(map(str, warnings.filters)),
        "NumPy's functions": tuple(
            id(getattr(np, name)) for name in ("matmul", "tensordot", "einsum", "dot", "empty")
        ),
    }


def _leaves(subject: Subject, case: Case) -> None:
    findings = subject.findings
    findings.at("state", case)
    findings.ran("state")
    before = _settings()
    try:
        subject.plan(case).call.run(case.operands(subject.op))
    except Exception as error:
        findings.fail("able", raised(error), case)
    for name, value in _settings().items():
        if value != before[name]:
            findings.fail("state", f"{name}: not as it was before the call", case)
    np.seterr(**before["np.seterr"])


def _anywhere(subject: Subject, case: Case) -> None:
    subject.findings.at("anywhere", case)
    subject.findings.ran("anywhere")
    operands, plan = case.operands(subject.op), subject.plan(case)
    got: dict[str, Any] = {}

    def work() -> None:
        try:
            with np.errstate(all="ignore"):
                got["in another Python thread"] = plan.call.run(operands)
        except Exception as error:
            subject.findings.fail("anywhere", f"in another thread: {raised(error)}", case)

    list(together(lambda _: work(), [None]))
    with np.errstate(all="ignore"), config(threads=1):
        got["with config(threads=1)"] = plan.call.run(operands)
    for where, outputs in got.items():
        wrong = subject.wrong(case.spec, outputs, operands)
        if wrong:
            subject.findings.fail("anywhere", f"{where}: {wrong}", case)


def _takes(subject: Subject, case: Case) -> None:
    """Measure by tracemalloc, which sees what NumPy and what compiled kernels allocate."""
    findings = subject.findings
    findings.at("workspace", case)
    findings.ran("workspace")
    operands, plan = case.operands(subject.op), subject.plan(case)
    outputs = subject.filled(case, 0.0)
    declared = subject.algorithm.workspace(case.spec)
    returns_arrays = plan.run(operands, outputs) is not outputs
    peak, kept = _measured(plan, operands, outputs)
    if returns_arrays:
        peak = max(
            0, peak - sum(one.nbytes for one in outputs if one is not None)
        )  # a library's own go unseen
    if peak > declared * (1 + TRUE_WITHIN) + SLACK:
        findings.fail("workspace", f"{declared} bytes are declared, {peak} were taken", case)
    elif declared > peak * (1 + TRUE_WITHIN) + SLACK:
        findings.note("workspace", f"{case}: {declared} bytes are declared, only {peak} were taken")
    if kept > SLACK:
        findings.fail("workspace", f"keeps {kept} bytes after 4 calls", case)


def _measured(plan: Plan, operands: Arrays, outputs: Arrays) -> tuple[int, int]:
    """Return the most that a call takes at a time, and what 4 calls leave."""
    kept_bytes, workspace.KEPT_BYTES = workspace.KEPT_BYTES, 0  # what is kept for later is not this call's
    workspace.clear()
    gc.collect()
    tracemalloc.start()
    try:
        plan.run(operands, outputs)
        _, peak = tracemalloc.get_traced_memory()
        workspace.clear()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(4):
            plan.run(operands, outputs)
        workspace.clear()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        workspace.KEPT_BYTES = kept_bytes
    return peak, after - before

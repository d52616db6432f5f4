"""What a process does that tries a plugin's kernel, see `jitconv.selector.trials`; and which plugins are left
out.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from jitconv.algorithm import Algorithm
from jitconv.arrays import Arrays
from jitconv.bench.jobs import Job, cropped
from jitconv.bench.trial import FAILURES, tried
from jitconv.bench.weights import with_fitted_weights
from jitconv.config import config, current
from jitconv.errors import JitconvError
from jitconv.plugins import Plugin, registry
from jitconv.plugins.patches import patched, snapshot
from jitconv.selector import judge
from jitconv.selector.trials import Asked
from jitconv.testing import draw, reference

TRIAL_SECONDS = 1.0
"""What a kernel of a plugin gives is checked on a corner that naive is predicted to compute within this. A
choice.
"""

Given = tuple[Job, Job, Arrays]
"""What is checked, what is run besides, and the right outputs of the former."""


def run(name: str, asked: Asked, threads: int | None) -> dict[str, Any]:
    """Run an algorithm in this process, which may end of it; return what came of it."""
    algorithm = registry().find(asked.op, name)
    if asked.fit:
        return _fit(algorithm, asked)
    before, (corner, timed, wanted) = snapshot(), asked.given or _drawn(asked)
    weights = timed.operands[1:] if asked.plan else None
    with config(threads=threads):
        start = time.perf_counter()
        judged = judge(
            algorithm,
            "",
            timed.spec,
            current(),
            prepared=asked.plan,
            needed=False,
            weights=weights,  # type: ignore[arg-type]
        )
        answer: dict[str, Any] = {"judged": time.perf_counter() - start}
        verdict, reason = judged.verdict, judged.reason
        if verdict not in ("refused", "failed"):
            ways = [True] if algorithm.why_not_weights else [False, True][: 1 + asked.plan]
            try:
                found = [tried(algorithm, corner, timed, wanted, plan=plan) for plan in ways]
            except (*FAILURES, JitconvError) as error:
                verdict, reason = "failed", str(error)
            else:
                worst = next((one for one in found if one.reason), found[-1])
                verdict, reason = "wrong" if worst.reason else "ok", worst.reason
                answer |= {"error": worst.error, "bound": worst.bound}
    return {**answer, "verdict": verdict, "reason": reason, "patched": patched(before)}


def _fit(algorithm: Algorithm, asked: Asked) -> dict[str, Any]:
    before = snapshot()
    operands = tuple(draw(asked.op, asked.spec, np.random.default_rng(0)))
    try:
        with_fitted_weights(algorithm, asked.spec, operands)
    except JitconvError as error:
        return {"verdict": "failed", "reason": str(error), "patched": patched(before)}
    return {"verdict": "ok", "patched": patched(before)}


def _drawn(asked: Asked) -> Given:
    """Return a problem with random operands, and its corner with what is right there."""
    operands = tuple(draw(asked.op, asked.spec, np.random.default_rng(0)))
    if asked.weights is not None:
        operands = (operands[0], *asked.weights)
    whole = Job(asked.op, "", asked.spec, operands)
    corner = cropped(whole, TRIAL_SECONDS)
    return corner, whole, reference(corner.op, corner.spec, corner.operands)


def left_out() -> list[str]:
    """Return a line for each plugin that is installed and was needed, but is not there or empty."""
    return [
        _why_left_out(one)
        for one in registry().known
        if one.state in ("failed", "incompatible", "quarantined") or one.hint
    ]


def _why_left_out(plugin: Plugin) -> str:
    if plugin.hint:
        return f"plugin {plugin.name!r} {plugin.hint}"
    lines = [line for line in (plugin.error or "").splitlines() if line.strip()]
    if plugin.state == "quarantined":
        return " ".join(lines)
    why = " ".join(lines[-1].split()) if lines else ""
    return f"plugin {plugin.name!r} is {plugin.state}: {why} (`jitconv plugins` has all)"

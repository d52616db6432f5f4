"""A process that runs one side of the gate: a commit's jitconv, by its public functions alone.

This file is run by the path it has in the jitconv that gates, and imports that of the environment, which may
be of any commit. It answers lines of JSON on stdin with one each on stdout; what others print goes to stderr.

- ``{"call": {…}}``, the fields of a `Call`, makes it ready, by running it; the answer is a dict of what was
  chosen, the seconds of a call, the bytes of its workspace, those that a call allocates and, if asked for,
  its error;
- ``{"turn": seconds}`` runs it for so long; the answer is a list of the seconds of each call but the first;
- ``{"count": n}`` runs it so many times while callgrind counts, has it write what it counted, and answers
  with the number.

An answer with ``"refused"`` or ``"raised"`` has the reason in place of all that.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import math
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, TextIO

Run = Callable[[], Any]


def serve(answers: TextIO) -> None:
    """Answer lines until there are no more."""
    run: Run = int
    limits = contextlib.ExitStack()
    answer: Any
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if "call" in asked:
                run = int  # what the one before holds is given back first
                limits.close()
                run, answer = ready(asked["call"], limits)
            elif "turn" in asked:
                answer = turn(run, asked["turn"])
            else:
                answer = counted(run, asked["count"])
        except Exception as error:
            answer = described(error)
        print(json.dumps(answer), file=answers, flush=True)


def described(error: Exception) -> dict[str, str]:
    """Return what an error says; a refusal is none."""
    words = " ".join(str(error).split())
    if type(error).__name__ == "UnsupportedError":  # "… refuses (the problem): (the reason); use …"
        return {"refused": words.partition(" refuses ")[2].partition(": ")[2].partition("; use ")[0] or words}
    if type(error).__name__ == "UnknownAlgorithmError":
        return {"refused": "has no such algorithm"}
    return {"raised": f"{type(error).__name__}: {words}"}


def ready(call: dict[str, Any], limits: contextlib.ExitStack) -> tuple[Run, dict[str, Any]]:
    """Return a call that has run twice, and what there is to say of it besides its time."""
    import jitconv

    if call["op"] == "process":
        run = process(*call["arguments"])
        return run, {"seconds": turn(run, 0.0)[0], "choice": "", "workspace": 0, "allocated": 0}
    if call["threads"] is not None:
        limits.enter_context(jitconv.config(threads=call["threads"]))
    arguments = drawn(call["arguments"])
    options = {name: paired(value) for name, value in call["options"].items()}
    if call["held"]:
        run = functools.partial(held(arguments, options), arguments[0])
        explanation = run.func.explanation  # type: ignore[attr-defined]
    else:
        run = functools.partial(getattr(jitconv, call["op"]), *arguments, **options)
        explanation = jitconv.explain(call["op"], *arguments, **options)
    told = {
        "seconds": turn(run, 0.0)[0],
        "choice": title(explanation),
        "workspace": explanation.choice.workspace,
        "allocated": allocated(run),
    }
    if call["checked"]:
        told["error"] = error(run(), reference(call["op"], arguments, options))
    return run, told


def title(explanation: Any) -> str:
    """Return what was chosen; before algorithms had variants explanations had no titles."""
    of_variants = getattr(explanation, "title", None)
    return of_variants(explanation.choice) if of_variants else explanation.choice.name


def process(lines: str) -> Run:
    """Return what runs a new interpreter."""
    return functools.partial(subprocess.run, [sys.executable, "-c", lines], check=True, stdout=2)


def held(arguments: list[Any], options: dict[str, Any]) -> Any:
    """Return a plan that holds the weights."""
    import jitconv

    x, *weights = arguments
    return jitconv.plan_conv(x.shape, *weights, **options)


def paired(value: Any) -> Any:
    """Return pairs in the place of JSON's lists."""
    return tuple(map(paired, value)) if isinstance(value, list) else value


def drawn(arguments: list[Any]) -> list[Any]:
    """Return random arrays in the place of their shapes; the same in every process."""
    import numpy as np

    rng = np.random.default_rng(0)
    return [
        np.asarray(rng.standard_normal(one["shape"]), one["dtype"]) if isinstance(one, dict) else paired(one)
        for one in arguments
    ]


def reference(op: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Return what the commit's own naive algorithm makes of the same numbers in float64."""
    import numpy as np

    import jitconv

    wide = [one.astype("float64") if isinstance(one, np.ndarray) else one for one in arguments]
    return getattr(jitconv, op)(*wide, **{**options, "algorithm": "naive"})


def error(made: Any, correct: Any) -> float:
    """Return the largest relative L2 error of the outputs."""
    import numpy as np

    pairs = [(made, correct)] if isinstance(made, np.ndarray) else zip(made, correct, strict=True)
    errors = []
    for got, wanted in pairs:
        if wanted is not None:
            distance = float(np.linalg.norm(np.subtract(got, wanted, dtype="float64").ravel()))
            errors.append(distance / (float(np.linalg.norm(wanted.ravel())) or 1.0))
    return max(errors) if all(map(math.isfinite, errors)) else math.inf


def allocated(run: Run) -> int:
    """Return the most bytes that a call has at once, its results among them."""
    gc.collect()
    tracemalloc.start()
    try:
        made = run()
        peak = tracemalloc.get_traced_memory()[1]
        del made
    finally:
        tracemalloc.stop()
    return peak


def turn(run: Run, seconds: float) -> list[float]:
    """Return the seconds of each call of a turn but the first: after another process that one is slower."""
    laps: list[float] = []
    end = time.perf_counter() + seconds
    while len(laps) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        laps.append(time.perf_counter() - start)
    return laps[1:]


ZERO, DUMP, START, STOP = 1, 0, 4, 5
"""Requests to callgrind (valgrind/callgrind.h): begin at zero, write a file, count, count no more."""


def counted(run: Run, times: int) -> int:
    """Run so many times while instructions are counted, with no garbage collected meanwhile."""
    ask = callgrind()
    gc.collect()
    gc.disable()
    ask(START)
    ask(ZERO)
    for _ in range(times):
        run()
    ask(DUMP)
    ask(STOP)
    gc.enable()
    return times


@functools.cache
def callgrind() -> Callable[[int], int]:
    """Return what makes requests to callgrind; for a CPU of x86-64.

    Valgrind takes these rotations of a register, which leave it as it was, for a request of whose number and
    arguments the address is in rax (valgrind/valgrind.h).
    """
    import ctypes
    import mmap

    words = bytes.fromhex(
        "48 89f8"  # mov rax, rdi
        "31d2"  # xor edx, edx: what is returned where nothing answers
        "48 c1c703 48 c1c70d 48 c1c73d 48 c1c733"  # rol rdi by 3, 13, 61 and 51
        "48 87db"  # xchg rbx, rbx
        "48 89d0 c3"  # mov rax, rdx; ret
    )
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(words)
    place = ctypes.addressof(ctypes.c_char.from_buffer(page))
    arguments = ctypes.c_size_t * 6
    request = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.POINTER(arguments))(place)
    tool = (ord("C") << 24) + (ord("T") << 16)
    return lambda number: request(ctypes.pointer(arguments(tool + number))) + 0 * len(page)  # keeps the page


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules are not of the side
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a plugin or a compiler prints is no answer
    serve(stdout)

"""Processes that time one problem after another, in turns: each has a source tree, or a table, of its own.

``python processes.py [ENTRY=VALUE …]`` is such a process. It answers lines of JSON:

- ``[op, problem, layout, algorithm]`` makes a problem ready, by a run; the answer names its variant;
- a number, or an empty line, is a turn of so many seconds; the answer has those of its calls but the first;
- ``{"describe": [[op, problem, layout], …]}`` runs nothing; the answer has for each what `direct` would cost,
  and a hash of the plan that it would make: where two tables make the same plan, nothing is to be measured.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, TracebackType
from typing import Any

TURN_SECONDS = 0.03

PLAN = "plan"
"""In the place of an op: conv_forward by filters that a plan holds."""


def serve(entries: Sequence[str]) -> None:
    """Answer lines until there are no more; `entries` of the table of blocks are changed first."""
    if changed := {name: json.loads(value) for name, _, value in (one.partition("=") for one in entries)}:
        from jitconv.algorithms.direct import blocks

        blocks.BLOCKS = blocks.BLOCKS._replace(**changed)

    run: Callable[[], Any] = int
    for line in sys.stdin:
        asked = json.loads(line) if line.strip() else TURN_SECONDS
        answer: Any
        if isinstance(asked, dict):
            answer = [described(*one) for one in asked["describe"]]
        elif isinstance(asked, list):
            run, answer = ready(*asked)
        else:
            answer = turn(run, asked)
        print(json.dumps(answer), flush=True)


def ready(op: str, text: str, layout: str, algorithm: str) -> tuple[Callable[[], Any], list[str]]:
    """Return a call that has run once, and the names of its algorithm and variant."""
    import numpy as np

    from jitconv.ops import prepare
    from jitconv.specs import parse

    spec, held = parse(text, layout=layout), op == PLAN
    op = "conv_forward" if held else op
    rng = np.random.default_rng(0)
    operands = [
        None if one is None else rng.standard_normal(one[0]).astype(one[1]) for one in spec.operands(op)
    ]
    if held:
        from jitconv.ops import Weights

        call = prepare(op, spec, algorithm, Weights(*operands[1:]))  # type: ignore[arg-type]
        operands = operands[:1]
    else:
        call = prepare(op, spec, algorithm)
    run = functools.partial(call.run, operands)
    run()
    choice = call.explanation.choice
    variants = getattr(choice.algorithm, "variants", None)
    return run, [choice.name, variants.title(spec, **({"held": True} if held else {})) if variants else ""]


def turn(run: Callable[[], Any], seconds: float) -> list[float]:
    """Return the seconds of each call of a turn but the first: after another process that one is slower."""
    laps: list[float] = []
    end = time.perf_counter() + seconds
    while len(laps) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        laps.append(time.perf_counter() - start)
    return laps[1:]


def described(op: str, text: str, layout: str) -> tuple[float, str] | None:
    """Return the predicted seconds of a call of `direct` and a hash of its plan; None where it refuses.

    Of a plan that holds filters the hash is that of the variant: to make it would pack them.
    """
    from jitconv.plugins import registry
    from jitconv.specs import parse

    spec, held = parse(text, layout=layout), op == PLAN
    direct = registry().find("conv_forward" if held else op, "direct")
    if direct.why_not(spec):
        return None
    assert direct.variants is not None
    digest = hashlib.sha256(direct.variants.title(spec, held=held).encode())
    if not held:
        for one in written(direct.build(spec), {}):
            digest.update(one.encode())
    return direct.cost(spec), digest.hexdigest()[:16]


def written(thing: Any, seen: dict[int, Any]) -> Iterator[str]:
    """Give the numbers that a plan is made of, also those that its kernels are compiled with.

    Of arrays those of integers count: others are buffers, with whatever memory held. `seen` holds what was
    met, by its id, which nothing else may have meanwhile.
    """
    import numpy as np

    from jitconv.jit.constants import constants

    if thing is None or isinstance(thing, (int, float, str)):
        yield repr(thing)
        return
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    parts: list[Any] = []
    if isinstance(thing, np.ndarray):
        yield str(thing.shape)
        parts = thing.tolist() if thing.dtype.kind == "i" else []
    elif isinstance(thing, dict):
        parts = list(thing.values())
    elif isinstance(thing, (list, tuple)):
        parts = list(thing)
    elif isinstance(thing, functools.partial):
        parts = [thing.func, thing.args, thing.keywords]
    elif isinstance(thing, FunctionType):
        yield thing.__qualname__
        parts = [cell.cell_contents for cell in thing.__closure__ or ()]
    elif loop := getattr(thing, "loop", None) or getattr(
        thing, "py_func", None
    ):  # of a kernel, compiled or not
        yield loop.__qualname__
        parts = [constants(loop)]
    elif type(thing).__module__.startswith("jitconv."):
        yield type(thing).__qualname__
        slots = [name for name in getattr(type(thing), "__slots__", ()) if hasattr(thing, name)]
        parts = [*getattr(thing, "__dict__", {}).values(), *(getattr(thing, name) for name in slots)]
    elif (owner := getattr(thing, "__self__", None)) is not None:  # a bound method
        yield thing.__name__
        parts = [owner]
    for one in parts:
        yield from written(one, seen)


class Tree:
    """A process that imports one source tree, with entries of its table of blocks changed."""

    def __init__(self, path: str, entries: Sequence[str] = (), **environment: str) -> None:
        own = {"PYTHONPATH": os.path.abspath(path), "JITCONV_PLUGINS": ""}
        self._name = " ".join([path, *entries])
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), *entries],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **own, **environment},
            cwd=path,
            start_new_session=True,  # Ctrl-C is for whoever asks: this one ends when nobody does any more
        )

    def __enter__(self) -> Tree:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, line: str = "") -> None:
        """Send a line; others may be sent theirs before its answer is read."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return the answer to the last line."""
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the process of {self._name} has ended, with {self._process.wait()}")
        return json.loads(line)

    def ask(self, line: str = "") -> Any:
        """Send a line, and return the answer."""
        self.send(line)
        return self.answer()

    def close(self) -> None:
        """End the process, which may be amid a turn."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


if __name__ == "__main__":
    serve(sys.argv[1:])

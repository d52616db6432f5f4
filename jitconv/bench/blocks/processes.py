"""Processes that time one problem after another, in turns: each has a source tree, or a table, of its own.

Such a process runs this file, whose folder need not be of its tree, and answers lines of JSON:

- a list, the fields of a `Problem`, makes it ready, by a run; the answer names its algorithm and variant;
- a number, or an empty line, is a turn of so many seconds; the answer has those of its calls but the first;
- ``{"describe": [problem, …]}`` runs nothing; the answer has for each what its algorithm would cost, and a
  hash of the plan that it would make: where two tables make the same plan, nothing is to be measured. With
  a ``"table"`` it has that one from then on.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, TracebackType
from typing import Any, NamedTuple

TURN_SECONDS = 0.03

PLAN = "plan"
"""In the place of an op: conv_forward by filters that a plan holds."""

OFF = ("JITCONV_PLUGINS", "JITCONV_MODE", "JITCONV_RECORD", "JITCONV_LOG")
"""Variables that are for the program which is measured for, and empty in these processes."""


TABLE_ROOM = "jitconv.algorithms.direct"


class Problem(NamedTuple):
    """What is timed."""

    op: str
    """Or `PLAN`."""
    text: str
    layout: str
    algorithm: str = "direct"
    dtype: str = "float32"
    threads: int | None = None
    """The most that kernels use; None for all."""


def serve(table: Mapping[str, Any] | None) -> None:
    """Answer lines until there are no more, with entries of the table of blocks changed; see `change`."""
    if table is not None:
        change(table)
    run: Callable[[], Any] = int
    with contextlib.ExitStack() as limits:
        for line in sys.stdin:
            asked = json.loads(line) if line.strip() else TURN_SECONDS
            answer: Any
            if isinstance(asked, dict):
                if "table" in asked:
                    change(asked["table"])
                answer = [described(Problem(*one)) for one in asked["describe"]]
            elif isinstance(asked, list):
                problem = Problem(*asked)
                limits.close()
                limits.enter_context(limited(problem.threads))
                run = int  # what the one before holds is given back first
                run, answer = ready(problem)
            else:
                answer = turn(run, asked)
            print(json.dumps(answer), flush=True)


def change(table: Mapping[str, Any]) -> None:
    """Have this process's kernels made anew, by the table of its kind of machine with some entries changed.

    Modules copy what they need of the table when they are imported, so all of them are imported again. What
    is this machine's own (`tuned.py`) counts only as far as it is among the changes.
    """
    from jitconv import plugins

    for name in [one for one in sys.modules if f"{one}.".startswith(f"{TABLE_ROOM}.")]:
        del sys.modules[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file of this machine's own that is left out
        from jitconv.algorithms.direct import blocks, kinds
    blocks.BLOCKS = blocks.of_kind(kinds.own())._replace(**table)
    plugins.replace(None)


def limited(threads: int | None) -> contextlib.AbstractContextManager[Any]:
    """Return what has kernels use so many threads at most."""
    if threads is None:
        return contextlib.nullcontext()
    from jitconv.config import config

    return config(threads=threads)


def ready(problem: Problem) -> tuple[Callable[[], Any], list[str]]:
    """Return a call that has run once, and the names of its algorithm and variant."""
    import numpy as np

    from jitconv.ops import prepare
    from jitconv.specs import parse

    op, text, layout, algorithm, dtype, _ = problem
    spec, held = parse(text, layout=layout, dtype=dtype), op == PLAN
    op = "conv_forward" if held else op
    rng = np.random.default_rng(0)
    operands = [  # any number but 0 might be no position in a plane
        None if one is None else (rng.standard_normal(one[0]) * (one[1] != "int64")).astype(one[1])
        for one in spec.operands(op)
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


def described(problem: Problem) -> tuple[float, str] | None:
    """Return the predicted seconds of a call, and a hash of its plan; None where the algorithm refuses.

    To make a plan that holds filters would pack them: in its place stands what the same variant makes
    without holding them.
    """
    from jitconv.plugins import registry
    from jitconv.specs import parse

    spec = parse(problem.text, layout=problem.layout, dtype=problem.dtype)
    held = problem.op == PLAN
    op = "conv_forward" if held else problem.op
    algorithm = registry().find(op, problem.algorithm)
    if algorithm.why_not(spec):
        return None
    assert algorithm.variants is not None
    title = algorithm.variants.title(spec, held=held)
    digest = hashlib.sha256(title.encode())
    with limited(problem.threads):
        plan = registry().find(op, f"{problem.algorithm.partition('/')[0]}/{title}") if held else algorithm
        for one in written(plan.build(spec), {}):
            digest.update(one.encode())
        return algorithm.cost(spec) or 0.0, digest.hexdigest()[:16]


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
    """A process that imports a source tree, with entries of its table of blocks changed.

    Parameters
    ----------
    path : str, optional
        The tree; without one what this process imports.
    table : mapping, optional
        What to change of the values of the machine's kind. Without one the table is left as it is.
    **environment : str
        Variables.
    """

    def __init__(
        self, path: str | None = None, table: Mapping[str, Any] | None = None, **environment: str
    ) -> None:
        own = dict.fromkeys(OFF, "")
        given: dict[str, Any] = {"table": table}
        if path is None:
            given["path"] = sys.path
        else:
            own["PYTHONPATH"] = os.path.abspath(path)
        self._name = " ".join(filter(None, [path, json.dumps(table) if table else ""]))
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), json.dumps(given)],
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
    told = json.loads(sys.argv[1])
    if "path" in told:
        sys.path[:] = told["path"]
    serve(told["table"])

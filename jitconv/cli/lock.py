"""`jitconv lock`: choices in a file that can be reviewed, compared and replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from jitconv.algorithm import OPS
from jitconv.bench.console import plain_console
from jitconv.bench.options import Batch, Dtype, Layout, Threads, names_of, ops_of, ops_option, progress
from jitconv.cli.lock_report import environment, show_again, show_difference
from jitconv.cli.places import check_places
from jitconv.errors import ParameterError
from jitconv.selector.lockfile import Lockfile, diff

DIFFERS = 1
"""The exit code of --check and of --diff with --exit-code: elsewhere 1 is a wrong result's."""


def lock(
    problems: Annotated[
        list[str] | None, typer.Argument(help='Problems as "n16h56w56c64 k3x3f64 s1 p1".', show_default=False)
    ] = None,
    suite: Annotated[list[str] | None, typer.Option(help="A suite; may be given again.")] = None,
    file: Annotated[Path | None, typer.Option(help="Problems, a line each, or a CSV; - is stdin.")] = None,
    model: Annotated[
        Path | None,
        typer.Option("--onnx", help="The layers of a model in ONNX's format (needs jitconv\\[onnx])."),
    ] = None,
    recorded: Annotated[Path | None, typer.Option(help="What a program noted in JITCONV_RECORD.")] = None,
    op: Annotated[list[str] | None, ops_option("all that a problem has")] = None,
    batch: Batch = 1,
    dtype: Dtype = "float32",
    layout: Layout = "NHWC",
    plan: Annotated[
        bool, typer.Option("--plan", help="For plans: weights given beforehand (conv_forward alone).")
    ] = False,
    threads: Threads = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="For programs with config(deterministic=True).")
    ] = False,
    accuracy: Annotated[str | None, typer.Option(help="For config(accuracy=...).")] = None,
    max_workspace: Annotated[int | None, typer.Option(help="For config(max_workspace=...), bytes.")] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="Guests that may be chosen, separated by commas or given again; replay asks no more."
        ),
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option(help="For config(deny=...), separated by commas or given again."),
    ] = None,
    mode: Annotated[
        Literal["predict", "measure"], typer.Option(help="By predicted times, or by measured ones.")
    ] = "predict",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The lockfile to write.", show_default=False)
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Keep what the file has; of a problem that it has, the new choice.")
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option(help="Say what would be chosen otherwise now than in this file; exit code 1 if any is."),
    ] = None,
    difference: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--diff", help="Say how two files differ.", show_default=False, metavar="A B"),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="With --diff: exit code 1 if choices differ.")
    ] = False,
) -> None:
    """Write which algorithm does which problem to a file, for config(mode="replay", lockfile=FILE).

    --check, and --diff with --exit-code, leave with 1 where choices differ; where something fails it is 2.
    """
    sources = {
        "problems": problems,
        "--suite": suite,
        "--file": file,
        "--onnx": model,
        "--recorded": recorded,
    }
    given = [name for name, value in sources.items() if value]
    one_task(given, {"-o": output, "--check": check, "--diff": difference}, add=add, exit_code=exit_code)
    if difference is not None:
        a, b = map(Lockfile.read, difference)
        found = diff(a, b)
        show_difference(found, plain_console())
        raise typer.Exit(DIFFERS if exit_code and found.of_choices else 0)
    if check is not None:
        _check(check, mode)
        return
    limits: dict[str, Any] = {
        "threads": threads,
        "deterministic": deterministic or None,
        "accuracy": _number_or_word(accuracy),
        "max_workspace": max_workspace,
        "allow": names_of(allow),
        "deny": names_of(deny),
    }
    assert output is not None
    _write(
        output,
        add,
        mode,
        {name: value for name, value in limits.items() if value is not None},
        _wanted(sources, op, plan, batch=batch, layout=layout, dtype=dtype),
    )


def one_task(given: Sequence[str], tasks: dict[str, Any], *, add: bool, exit_code: bool) -> None:
    """Refuse options that do not go together."""
    named = [name for name, value in tasks.items() if value is not None]
    if len(named) > 1:
        raise ParameterError(f"give one of {', '.join(tasks)}; got {' and '.join(named)}")
    if not named:
        example = "jitconv lock --suite resnet50 -o choices.json"
        raise ParameterError(f"name the file to write with -o, as in `{example}`; or give --check or --diff")
    if given and named != ["-o"]:
        raise ParameterError(f"{named[0]} takes the problems of its file; got {', '.join(given)} too")
    if not given and named == ["-o"]:
        raise ParameterError(
            "name problems: problem strings, --suite, --file, --onnx or --recorded; got none"
        )
    if add and named != ["-o"]:
        raise ParameterError("--add is for -o, whose file it adds to")
    if exit_code and named != ["--diff"]:
        raise ParameterError("--exit-code is for --diff; --check has an exit code anyway")


def _wanted(sources: dict[str, Any], op: list[str] | None, plan: bool, **how: Any) -> list[Any]:
    """Return the problems of all sources, each once."""
    from jitconv.bench import locking
    from jitconv.bench.given import Sources, gather

    ops = ops_of(op) if op else ["conv_forward"] if plan else list(OPS)
    if plan and (others := sorted({*ops} - {"conv_forward"})):
        raise ParameterError(f"--plan is for conv_forward, which alone has plans; got {', '.join(others)}")
    found = []
    suites, file, model = sources["--suite"], sources["--file"], sources["--onnx"]
    if suites or file or model:
        given = gather(Sources(suites, file, None, model), **how)
        for note in given.notes:
            plain_console().print(note, soft_wrap=True)
        found += locking.of_layers(given.layers, ops, plan)
    if sources["problems"]:
        found += locking.of_texts(sources["problems"], ops, plan, **how)
    if sources["--recorded"]:
        found += locking.of_record(sources["--recorded"], ops)
    if not found:
        raise ParameterError(f"the problems must have one of the ops of --op; got none for {', '.join(ops)}")
    return list(dict.fromkeys(found))


def _write(output: Path, add: bool, mode: str, limits: dict[str, Any], wanted: Sequence[Any]) -> None:
    from jitconv.bench.locking import choose

    check_places(("-o", output))
    before = Lockfile.read(output) if add and output.exists() else None
    console = plain_console()
    made = []
    with progress(console, len(wanted)) as tell:
        for done, one in enumerate(wanted):
            tell(done, f"{one.op} {one.spec}")
            made.append(choose(one, mode, limits))
    new = Lockfile({one.identity: one for one in made}.values(), environment(mode))
    whole = new if before is None else before.with_added(new)
    whole.write(output)
    counts = Counter(one.algorithm for one in new.choices)
    what = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    console.print(f"{_counted(new)} by {mode}: {what}", soft_wrap=True)
    if before is not None:
        show_difference(diff(before, whole), console)
    console.print(f"Saved {output}: {_counted(whole)}", soft_wrap=True)


def _counted(lockfile: Lockfile) -> str:
    count = len(lockfile.choices)
    return f"{count} choice{'s' * (count != 1)}"


def _check(file: Path, mode: str) -> None:
    from jitconv.bench.locking import again

    locked = Lockfile.read(file)
    console = plain_console()
    found = []
    with progress(console, len(locked.choices)) as tell:
        for done, one in enumerate(locked.choices):
            tell(done, f"{one.identity.op} {one.identity.problem}")
            found.append(again(one, mode))
    show_again(found, locked, environment(mode), console)
    if not all(one.same for one in found):
        raise typer.Exit(DIFFERS)


def _number_or_word(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text

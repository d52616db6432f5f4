"""`jitconv train`: real networks on real pictures."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from jitconv import files
from jitconv.bench.console import plain_console, print_whole
from jitconv.bench.options import Threads
from jitconv.cli.places import check_places

ENDINGS = (".json", "-cost.png", "-filters.png")
"""Of the files beside the checkpoint."""

if TYPE_CHECKING:
    from jitconv.nn import History, Sequential
    from jitconv.nn.data import Task


def train(
    name: Annotated[
        Literal["signs", "cifar10", "mnist", "digits"],
        typer.Argument(metavar="SET", help="signs, cifar10, mnist, or digits, which needs no data."),
    ],
    data: Annotated[Path | None, typer.Option(help="The folder that holds the set's files.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the set.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Pictures of a step.")] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate of Adam.")] = None,
    l2: Annotated[float | None, typer.Option("--l2", min=0, help="Weight of the squares of weights.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Weights and order; one seed, the same bits.")] = 0,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without a better validation cost.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in OUTPUT.")] = False,
    threads: Threads = None,
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Where the checkpoint and the pictures go.")
    ] = Path("jitconv-train"),
) -> None:
    """Train a network on real pictures; draw its cost and its first filters."""
    from jitconv import config
    from jitconv.errors import ParameterError
    from jitconv.nn import Adam, Progress, evaluate, fit
    from jitconv.nn.data import split
    from jitconv.nn.recipes import RECIPES
    from jitconv.nn.summary import table

    recipe, console = RECIPES[name], plain_console()
    if data is None and name != "digits":
        raise ParameterError(
            f"--data must name the folder of {name}'s files; `jitconv train digits` needs none"
        )
    task = recipe.load(data or Path())
    model = recipe.network(seed=seed)
    console.print(f"{name}: {_about(task)}\n", soft_wrap=True)
    batch = recipe.batch if batch is None else batch
    with config(threads=threads):
        print_whole(table(model, batch), console)
        console.print()
        training, held = split(task.train, recipe.held, seed) if recipe.held else (task.train, None)
        checkpoint = folder / f"{name}.h5"
        check_places(*(("--output", folder / f"{name}{end}") for end in (".h5", *ENDINGS)))
        try:
            history = fit(
                model,
                training,
                epochs or recipe.epochs,
                validation=held,
                batch=batch,
                optimiser=Adam(recipe.rate if rate is None else rate),
                l2=recipe.l2 if l2 is None else l2,
                seed=seed,
                patience=patience,
                checkpoint=checkpoint,
                resume=resume,
                progress=Progress(recipe.every, console),
            )
        except KeyboardInterrupt:
            again = shlex.join(["jitconv", *sys.argv[1:], *([] if resume else ["--resume"])])
            console.print(f"Interrupted. To go on from the last whole epoch: {again}", soft_wrap=True)
            raise typer.Exit(130) from None
        judged = evaluate(model, task.test)
    right = round(judged.accuracy * len(task.test))
    console.print(_speed(history), soft_wrap=True)
    answers = f"accuracy {judged.accuracy:.4f} ({right:,} of {len(task.test):,})"
    console.print(f"Test: {answers}, cost {judged.cost:.4f}", style="bold", soft_wrap=True)
    figures = history.as_dict() | {"test": judged._asdict(), "images_per_second": history.rate}
    saved = _save(folder, name, model, history, figures)
    console.print("Saved " + ", ".join(map(str, [checkpoint, *saved])), soft_wrap=True)


def _about(task: Task) -> str:
    shape = "×".join(map(str, task.train.shape))
    return (
        f"{len(task.train):,} pictures of {shape} to train on, {len(task.test):,} to test with, "
        f"{len(task.classes)} classes"
    )


def _speed(history: History) -> str:
    seconds = sum(one.seconds for one in history.epochs)
    count = len(history.epochs)
    line = f"Trained {count} epoch{'s' * (count > 1)} in {seconds:.1f} s, {history.rate:,.0f} images/s"
    if count > 1:
        line += " in the median epoch"
    peak = peak_memory()
    return line if peak is None else f"{line}, peak memory {peak / 2**20:,.0f} MiB"


def peak_memory() -> int | None:
    """Return the most bytes that this process has held at once, or None where the system does not tell."""
    if find_spec("resource") is None:
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _save(
    folder: Path, name: str, model: Sequential, history: History, figures: dict[str, object]
) -> list[Path]:
    """Write the figures, and the pictures where Matplotlib is installed; return the files."""
    from jitconv.nn.plots import cost_plot, filters_plot

    contents = {ENDINGS[0]: (json.dumps(figures, indent=1) + "\n").encode()}
    if find_spec("matplotlib") is None:
        print("jitconv: the pictures need Matplotlib: pip install 'jitconv[plot]'", file=sys.stderr)
    else:
        contents[ENDINGS[1]] = cost_plot(history, name)
        contents[ENDINGS[2]] = filters_plot(model, name)
    saved = {folder / f"{name}{ending}": content for ending, content in contents.items()}
    for file, content in saved.items():
        files.write(file, content)
    return list(saved)

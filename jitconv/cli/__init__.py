"""The `jitconv` command: each file holds a command or a family, and imports what is heavy inside."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from jitconv.cli import bench, cache, compare, edges, look, train
from jitconv.errors import JitconvError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Convolution and pooling kernels, compiled when first needed.",
)

COMMANDS = (compare.compare, edges.edges, bench.bench, bench.warmup, train.train, look.plugins, look.explain)
"""In the order of `jitconv --help`."""

for command in COMMANDS:
    app.command()(command)

app.add_typer(cache.app, name="cache")


def main() -> None:
    """Run the command; a user's mistake is one line and exit code 2."""
    try:
        app()
    except (JitconvError, OSError) as error:
        print(f"jitconv: {error}", file=sys.stderr)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def about(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Compare convolution algorithms, and see why one is chosen."""
    if show_version:
        print(f"jitconv {version('jitconv')}")
        raise typer.Exit

"""The `jitconv` command: each file holds a command or a family, and imports what is heavy inside."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from typing import Annotated

import typer

from jitconv.bench.console import substitute_characters
from jitconv.cli import (
    bench,
    cache,
    check,
    compare,
    edges,
    gate,
    info,
    lock,
    look,
    plugin,
    plugins,
    report,
    store,
    sweep,
    train,
    tune,
)
from jitconv.cli.interrupt import interruptible
from jitconv.errors import JitconvError
from jitconv.plugins import carefully

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Convolution and pooling kernels, compiled when first needed.",
)

COMMANDS = (
    compare.compare,
    sweep.sweep,
    check.check,
    edges.edges,
    bench.bench,
    bench.warmup,
    report.report,
    report.export,
    tune.tune,
    lock.lock,
    gate.gate,
    train.train,
    look.explain,
    info.info,
)
"""In the order of `jitconv --help`."""

for command in COMMANDS:
    app.command()(command)

app.add_typer(cache.app, name="cache")
app.add_typer(store.app, name="store")
app.add_typer(plugins.app, name="plugins")
app.add_typer(plugin.app, name="plugin")


WRONG, MISTAKE, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141
"""Exit codes: a result is wrong; anything else failed; Ctrl-C; nobody reads what is printed. The last two are
those by which a shell tells SIGINT and SIGPIPE."""


def main() -> None:
    """Run the command: whatever fails is one line on stderr, and an exit code that says what kind it was."""
    substitute_characters()
    with interruptible() as interruption, _warnings_in_a_line(), carefully():
        try:
            code = _run()
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            code = PIPE_CLOSED
        except KeyboardInterrupt:
            code = INTERRUPTED
    if code == PIPE_CLOSED:  # what is left to print is flushed at the end, and must find a reader
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(INTERRUPTED if interruption.came else code)


@contextlib.contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Have a warning say what it has to say, and not where in the source it comes from."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *where: f"jitconv: warning: {_in_a_line(str(message))}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _run() -> int | str | None:
    """Return the exit code of the command."""
    try:
        app()
    except SystemExit as left:
        # Typer and Rich both leave with 1, which is a wrong result's
        return PIPE_CLOSED if isinstance(left.__context__, BrokenPipeError) else left.code
    except BrokenPipeError:
        raise
    except (JitconvError, OSError) as error:
        return _failed(str(error))
    except MemoryError as error:
        return _failed(f"not enough memory: {error}")
    except Exception as error:  # a fault of ours or of a plugin, but no wrong result
        if os.environ.get("JITCONV_TRACEBACK"):
            traceback.print_exc()
        return _failed(f"{type(error).__name__}: {error} (JITCONV_TRACEBACK=1 shows where)")
    return None


def _failed(words: str) -> int:
    print(f"jitconv: {_in_a_line(words)}", file=sys.stderr)
    return MISTAKE


def _in_a_line(words: str) -> str:
    return " ".join(words.split()).removeprefix("jitconv: ")


@app.callback(invoke_without_command=True)
def about(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Compare convolution algorithms, and see why one is chosen."""
    if show_version:
        print(f"jitconv {version('jitconv')}")
        raise typer.Exit

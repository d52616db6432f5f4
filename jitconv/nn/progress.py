"""How a training goes, for a person to see."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from jitconv.nn.history import History


class Progress:
    """A bar where there is a terminal, and a line for every `every` epochs.

    Parameters
    ----------
    every : int
        Epochs from one line to the next; the first and the last have theirs in any case.
    console : rich.console.Console, optional
        Where to write; by default the terminal.
    """

    def __init__(self, every: int = 1, console: Any = None) -> None:
        from rich.console import Console

        self.every = every
        self.console = Console() if console is None else console

    @contextlib.contextmanager
    def training(self, epochs: int, examples: int, history: History) -> Iterator[None]:
        """Show the bar while the block runs."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self.epochs, self._done = epochs, len(history.epochs)
        with Bar(*columns, console=self.console, transient=True, refresh_per_second=4) as self._bar:
            total, done = epochs * examples, self._done * examples
            self._task = self._bar.add_task("kernels are compiled at first use", total=total, completed=done)
            yield

    def step(self, examples: int, cost: float, accuracy: float) -> None:
        """Take notice of a step, and of the epoch's means so far."""
        about = f"epoch {self._done + 1} of {self.epochs}: cost {cost:.4f}, accuracy {accuracy:.3f}"
        self._bar.update(self._task, advance=examples, description=about)

    def epoch(self, history: History) -> None:
        """Take notice of the end of an epoch."""
        self._done = len(history.epochs)
        last = self._done == self.epochs or history.stopped_early
        if self._done > 1 and not last and self._done % self.every:
            return
        self.console.print(self.line(history), highlight=False, soft_wrap=True)
        if history.stopped_early:
            self.console.print("No better validation cost: stopped early.", highlight=False, soft_wrap=True)

    def line(self, history: History) -> str:
        """Return the last epoch as a line."""
        one = history.epochs[-1]
        line = f"epoch {len(history.epochs):>3}  cost {one.cost:.4f}  accuracy {one.accuracy:.3f}"
        if one.validation_cost is not None:
            line += f"  validation {one.validation_cost:.4f}, {one.validation_accuracy:.3f}"
        return f"{line}  {history.examples / one.seconds:,.0f}/s"


class Silent(Progress):
    """Shows nothing."""

    def __init__(self) -> None:
        pass

    @contextlib.contextmanager
    def training(self, epochs: int, examples: int, history: History) -> Iterator[None]:
        """Run the block."""
        yield

    def step(self, examples: int, cost: float, accuracy: float) -> None:
        """Take no notice."""

    def epoch(self, history: History) -> None:
        """Take no notice."""

"""Where commands with a verdict write: files, and the summary of a job on GitHub."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from jitconv import files
from jitconv.cli.places import check_places
from jitconv.errors import ParameterError

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable in which GitHub Actions names a step's file; what is in it appears on the page of the job."""


Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write a page of Markdown here.")]
GithubSummary = Annotated[
    bool, typer.Option("--github-summary", help="Add that page to the summary of a job on GitHub.")
]


def places(json_file: Path | None, junit: Path | None, markdown: Path | None, *, github: bool) -> Path | None:
    """Raise `ParameterError` unless all can be written; return the file of the summary, if asked for."""
    summary = os.environ.get(SUMMARY) if github else None
    if github and not summary:
        raise ParameterError(
            f"--github-summary needs {SUMMARY}, which a step of GitHub Actions has; it is not set"
        )
    found = Path(summary) if summary else None
    check_places(
        ("--json", json_file), ("--junit", junit), ("--markdown", markdown), ("--github-summary", found)
    )
    return found


def write(file: Path | None, content: Callable[[], bytes]) -> None:
    """Write a file, if there is to be one."""
    if file is not None:
        files.write(file, content())


def appended(file: Path | None, page: str) -> bytes:
    """Return what a file holds, then a page: other commands of a step may have written theirs."""
    before = file.read_text(encoding="utf-8") if file is not None and file.exists() else ""
    return (before + ("" if not before or before.endswith("\n") else "\n") + page).encode()

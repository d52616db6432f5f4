"""`jitconv cache`: the compiled kernels on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from jitconv.jit import usage
from jitconv.jit.files import cache_root, tree
from jitconv.jit.trust import why_distrusted_folder

app = typer.Typer(no_args_is_help=True, help="Show or remove the compiled kernels on disk.")

NO_FOLDER = "no folder is known: the home folder cannot be told; set JITCONV_CACHE_DIR"


@app.command()
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say where compiled kernels are, how many, how large, and whether they are used."""
    found = facts()
    if as_json:
        print(json.dumps(found, indent=1))
        return
    if found["folder"] is None:
        print(f"kernels are not kept: {NO_FOLDER}")
        return
    print(f"folder    {found['folder']}")
    print(f"kept      {found['files']} files of {found['trees']} source trees or toolchains")
    print(f"size      {mebibytes(found['bytes'])} of at most {mebibytes(found['bound'])}")
    print(f"this one  {found['tree'] or 'none: the source of jitconv cannot be read'}")
    print(f"read      {'yes' if found['distrust'] is None else 'no: ' + found['distrust']}")
    print(f"written   {'yes' if found['writable'] else 'no'}")


@app.command()
def clear() -> None:
    """Remove all compiled kernels; they are compiled again when they are needed."""
    root = cache_root()
    if root is None:
        print(f"nothing to remove: {NO_FOLDER}")
        return
    count, size = usage.clear(root)
    print(f"removed {count} files, {mebibytes(size)}, from {root}")
    if left := sum(1 for _ in usage.files(root)):
        raise PermissionError(f"{left} files in {root} could not be removed: their owner can")


def facts() -> dict[str, Any]:
    """Return where compiled kernels are, how many, and whether they are used."""
    root, mine = cache_root(), tree()
    found = [] if root is None else list(usage.files(root))
    distrust = None
    if root is not None:
        distrust = why_distrusted_folder(root) or (mine and why_distrusted_folder(mine))
    return {
        "folder": None if root is None else str(root),
        "tree": mine and mine.name,
        "trees": len({os.path.dirname(file.path) for file in found}),
        "files": len(found),
        "bytes": sum(file.bytes for file in found),
        "bound": usage.MOST_BYTES,
        "distrust": distrust,
        "writable": mine is not None and distrust is None and _writable(mine),
    }


def _writable(folder: Path) -> bool:
    """Whether files can be written to a folder, or to the one in which it would be made."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def mebibytes(size: int) -> str:
    """Return a number of bytes in words."""
    return f"{size / 2**20:.1f} MiB"

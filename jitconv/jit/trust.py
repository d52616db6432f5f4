"""Whose files may be unpickled and run: the user's own, and root's.

A folder or file counts as somebody else's where its owner is neither this user nor root, or where its mode
lets the group or everybody write. Groups are not looked into: who is in one can change. The folders above
need no such check, for who can write there can put files in the place of ours, but not in our name.
"""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path

_told = False


def why_distrusted(path: Path, seen: os.stat_result) -> str | None:
    """Return what lets another user write to a file or folder, and how to mend it; None if nothing does."""
    if not hasattr(os, "geteuid"):
        return None  # a user's folders on Windows are closed to others
    if seen.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to another user ({seen.st_uid}): remove it, or have it owned by you or root"
    if not stat.S_ISLNK(seen.st_mode) and seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(seen.st_mode)
        return f"{path} can be written by others (mode {mode:o}): remove it, or `chmod go-w` it"
    return None


def why_distrusted_folder(path: Path) -> str | None:
    """Return the same for a folder, and for the link that leads to it; None also where there is none."""
    try:
        return why_distrusted(path, path.lstat()) or why_distrusted(path, path.stat())
    except OSError:
        return None


def warn_once(reason: str) -> None:
    """Say once in this process why compiled kernels are not read."""
    global _told
    if _told:
        return
    _told = True
    warnings.warn(
        f"jitconv compiles anew what another user could have put there: {reason}, or choose a folder of "
        "your own by JITCONV_CACHE_DIR",
        RuntimeWarning,
        stacklevel=2,
    )

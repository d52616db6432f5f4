"""Realistic mistakes in our own kernels, one at a time: the suite must notice each."""

from __future__ import annotations

import direct
import micro
import pooling
import rows
import spectral
from record import Mutant

MUTANTS: list[Mutant] = direct.MUTANTS + rows.MUTANTS + pooling.MUTANTS + spectral.MUTANTS + micro.MUTANTS


def misplaced(package: object) -> list[str]:
    """Say which mutants do not stand in the files of a package: each old text once, each name once."""
    from pathlib import Path

    root, told, names = Path(str(package)), [], [one.name for one in MUTANTS]
    for one in MUTANTS:
        count = (root / one.file).read_text(encoding="utf-8").count(one.old)
        if count != 1 or one.old == one.new or names.count(one.name) != 1:
            told.append(f"{one.name}: {one.file} has its text {count} times")
    return told

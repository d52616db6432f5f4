"""What this machine does in a second, by which predicted times are scaled.

Costs are fitted on one machine of a kind. On another one `jitconv tune` measures a handful of rates, and what
was fitted is scaled by the ratios; where nothing was measured the rates of the fit serve.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jitconv import files
from jitconv.jit.files import cache_root
from jitconv.jit.target import cpu, vector_bytes


class Rates(NamedTuple):
    """A handful of rates of a machine."""

    madds: float
    """Multiply-adds of float32 a second, of one thread."""
    copied: float
    """Bytes read and written a second by one thread that copies what no cache holds."""
    copied_by_all: float
    """The same of all threads."""
    call: float
    """Seconds of the smallest call of a kernel by a public function."""
    region: float
    """Seconds of a parallel region in which nothing is done."""


def machine() -> str:
    """Return a name of this machine and what kernels are compiled for on it."""
    told = repr((platform.node(), cpu(), vector_bytes()))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def place() -> Path | None:
    """Return the file of this machine's rates, which may not exist; None without a cache folder."""
    root = cache_root()
    return None if root is None else root.parent / f"rates-{machine()}.json"


def write(rates: Rates) -> Path:
    """Keep the rates of this machine for the processes to come.

    Raises
    ------
    OSError
        When they cannot be written, or nobody knows the user's home.
    """
    file = place()
    if file is None:
        raise OSError("there is no cache folder: set JITCONV_CACHE_DIR")
    files.write(file, (json.dumps(rates._asdict(), indent=1) + "\n").encode())
    tuned.cache_clear()
    return file


@lru_cache(maxsize=1)
def tuned() -> Rates | None:
    """Return what `jitconv tune` measured on this machine, or None; a damaged file is none, and one
    warning.
    """
    file = place()
    if file is None:
        return None
    try:
        return read(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        warnings.warn(
            f"{file} is left out, `jitconv tune` writes it anew: {told}", RuntimeWarning, stacklevel=2
        )
        return None


def read(told: Any) -> Rates:
    """Return the rates that JSON tells.

    Raises
    ------
    ValueError
        When one is missing or no positive number.
    """
    if not isinstance(told, dict) or set(told) != set(Rates._fields):
        raise ValueError(f"expected an object of {', '.join(Rates._fields)}")
    for name, value in told.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive number; got {value!r}")
    return Rates(**told)

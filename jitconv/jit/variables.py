"""Environment variables that have few values, read strictly."""

from __future__ import annotations

import os
from collections.abc import Sequence

from jitconv.errors import ParameterError, nearest, shown


def told(name: str, values: Sequence[str]) -> str | None:
    """Return what a variable says, or None if it is unset or empty.

    Raises
    ------
    ParameterError
        When it says none of the values.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    if value not in values:
        raise ParameterError(
            f"{name} must be one of {', '.join(values)}, or unset; got {shown(value)}{nearest(value, values)}"
        )
    return value

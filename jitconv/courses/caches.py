"""What a forward function leaves for its backward one."""

from __future__ import annotations

import re
from typing import Any

from jitconv.errors import ParameterError


def unpacked(cache: Any, form: str) -> tuple[Any, ...]:
    """Return `cache` if it is a tuple of as many things as `form` names."""
    things = re.sub(r"\([^()]*\)", "", form[1:-1]).count(",") + 1  # a cache within it is one
    if not isinstance(cache, (tuple, list)) or len(cache) != things:
        got = f"{len(cache)} things" if isinstance(cache, (tuple, list)) else f"a {type(cache).__name__}"
        raise ParameterError(f"cache must be {form}, as the forward function returned it; got {got}")
    return tuple(cache)

"""The types of arrays in signatures; every room may import them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
"""An array of any shape and dtype: specs know both, and NumPy's types know neither where kernels need it."""

Arrays = Sequence[Array | None]
"""Operands or outputs of an op, None in the place of one that it is not given or not asked for."""

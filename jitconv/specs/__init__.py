"""Frozen descriptions of one problem: all validation and all shape arithmetic."""

from jitconv.specs.conv import ConvSpec
from jitconv.specs.pool import PoolSpec
from jitconv.specs.text import parse
from jitconv.specs.window import WindowSpec

Spec = ConvSpec | PoolSpec | WindowSpec

__all__ = ["ConvSpec", "PoolSpec", "Spec", "WindowSpec", "parse"]

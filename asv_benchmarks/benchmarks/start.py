"""From nothing to the first result, in a fresh process each time."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

import jitconv

CALLS = {
    "create_mask": 'jitconv.create_mask(np.ones((4, 2, 2), "float32"))',
    "max_pool_forward": 'jitconv.max_pool_forward(np.ones((1, 8, 8, 3), "float32"), 2)',
    "conv_forward": 'jitconv.conv_forward(np.ones((1, 8, 8, 3), "f4"), np.ones((3, 3, 3, 4), "f4"))',
}

COUNTS = "\nfrom jitconv.jit.cache import counts\ncompiled, loaded = counts()"
LOADED = COUNTS + "\nassert loaded and not compiled, 'the call must load its kernels'"
COMPILED = COUNTS + "\nassert compiled and not loaded, 'the call must compile its kernels'"
"""What is told is what was measured."""

EMPTY_CACHE = """
import os, tempfile
folder = tempfile.TemporaryDirectory()
os.environ["JITCONV_CACHE_DIR"] = folder.name
import jitconv, numpy as np
"""


class Import:
    """Imports."""

    number = 1
    repeat = (1, 5, 10.0)
    warmup_time = 0
    version = "1"

    def timeraw_numba(self) -> str:
        """What jitconv cannot go below."""
        return "import numba"

    def timeraw_jitconv(self) -> str:
        """The package, without its plugins: they are loaded at the first use."""
        return "import jitconv"

    def timeraw_registry(self) -> tuple[str, str]:
        """Every plugin loaded, after the import."""
        return "jitconv.algorithms()", "import jitconv"


class FirstCall:
    """The first call of a process, after the import; on one thread."""

    params = tuple(CALLS)
    param_names = ("call",)
    number = 1
    repeat = (1, 3, 10.0)
    warmup_time = 0
    version = "1"
    env: ClassVar[dict[str, str]] = {"NUMBA_NUM_THREADS": "1"}
    timeout = 300

    def setup(self, call: str) -> None:
        """Leave the kernel in the cache."""
        exec(CALLS[call], {"jitconv": jitconv, "np": np})

    def timeraw_warm_cache(self, call: str) -> tuple[str, str]:
        """Its kernel lies in the cache on disk."""
        return CALLS[call] + LOADED, "import jitconv, numpy as np"

    def timeraw_empty_cache(self, call: str) -> tuple[str, str]:
        """Its kernel is compiled."""
        return CALLS[call] + COMPILED, EMPTY_CACHE

"""From nothing to the first result, in a fresh process each time."""

from __future__ import annotations

import numpy as np

import jitconv

FIRST_CALL = """
jitconv.conv_forward(np.ones((1, 8, 8, 3), "float32"), np.ones((3, 3, 3, 4), "float32"))
"""


class Start:
    """Imports, and a first call whose kernel lies in the cache on disk."""

    number = 1
    repeat = (1, 3, 10.0)
    warmup_time = 0

    def setup(self) -> None:
        """Leave the kernel in the cache."""
        exec(FIRST_CALL, {"jitconv": jitconv, "np": np})

    def timeraw_import_numba(self) -> str:
        """What jitconv cannot go below."""
        return "import numba"

    def timeraw_import_jitconv(self) -> str:
        """The package, without its plugins: they are loaded at the first use."""
        return "import jitconv"

    def timeraw_registry(self) -> tuple[str, str]:
        """Every plugin loaded, after the import."""
        return "jitconv.algorithms()", "import jitconv"

    def timeraw_first_call(self) -> tuple[str, str]:
        """The first call of a process, after the import."""
        return FIRST_CALL, "import jitconv, numpy as np"

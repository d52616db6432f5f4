"""What compiling takes, and what is kept of it: an empty cache each time, in an interpreter of its own."""

from __future__ import annotations

from benchmarks.fresh import first_run
from benchmarks.problems import EVERY

COMPILED = [row for row in EVERY if row.split(" ")[1] in ("direct", "winograd", "im2col", "fft")]
"""Those of EVERY that compile kernels; naive and reshape are NumPy's."""


class Compile:
    """The kernels of each algorithm: the first call of a small problem, on one thread."""

    params = COMPILED
    param_names = ("row",)
    version = "1"
    timeout = 300

    def track_seconds(self, row: str) -> float:
        """The first call, which compiles; choosing and Numba's own start are in it."""
        return first_run(row)["seconds"]

    track_seconds.unit = "seconds"

    def track_bytes(self, row: str) -> int:
        """The files in the cache afterwards."""
        return first_run(row)["bytes"]

    track_bytes.unit = "bytes"

"""`python -m jitconv.cli`."""

from __future__ import annotations

import contextlib

from jitconv.cli import main

if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()

"""`python -m jitconv.cli`."""

from __future__ import annotations

from jitconv.cli import main

if __name__ == "__main__":
    main()

"""Starts the `jitconv` command.

It stands outside the package: whoever presses Ctrl-C while that is imported sees no traceback either.
"""

import sys


def main() -> None:
    """Run the command."""
    try:
        from jitconv.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()

"""Ctrl-C ends a command, also where Python would swallow it."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

SOON = 0.005
"""Seconds until a swallowed interruption is raised again: a callback has returned by then."""


class Interruption:
    """What happens at the first Ctrl-C, and at the second.

    Python ignores an exception in a function that C calls, as LLVM does while kernels are compiled, and in a
    destructor. Such a KeyboardInterrupt is raised again a little later. A second Ctrl-C kills the process.
    """

    def __init__(self) -> None:
        self.came = False
        self.over = False
        self._again = False

    def heard(self, number: int, frame: Any) -> None:
        """Serve as the handler of SIGINT."""
        if self.over:
            return
        if self.came and not self._again:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        self.came, self._again = True, False
        raise KeyboardInterrupt

    def swallowed(self, unraisable: Any) -> None:
        """Serve as `sys.unraisablehook`."""
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
            return
        timer = threading.Timer(SOON, self._raise_again)
        timer.daemon = True
        timer.start()

    def _raise_again(self) -> None:
        if self.over:
            return
        self._again = True
        if sys.platform == "win32":
            _thread.interrupt_main()
        else:  # a true signal wakes what waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Hear Ctrl-C while the block runs; in another than the main thread Python hears none anyway."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    hook, handler = sys.unraisablehook, signal.signal(signal.SIGINT, interruption.heard)
    sys.unraisablehook = interruption.swallowed
    try:
        yield interruption
    finally:
        interruption.over = True
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, handler)

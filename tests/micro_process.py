"""The process that calls micro-kernels between guard pages, and how tests ask it to.

A call that touches a guard page ends that process alone: the test then fails and says what was touched, and
the next one begins another process. Where a system has no guard pages the calls are made in plain memory.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback

import numpy as np

from jitconv.testing import arena

SECONDS = 300
"""So long may one test take; from an empty cache it compiles all sizes of a piece."""


class Guard:
    """The end of the tests: starts the process when it is first needed, and again after a fault."""

    def __init__(self):
        self._process = None

    def run(self, module, name, dtype):
        """Have a body of `micro_helpers` run for a dtype; return what is wrong, or None."""
        if self._process is None:
            self._start()
        process = self._process
        last = {"case": f"{name}, {dtype}", "arrays": {}}
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            process.stdin.write(json.dumps([module, name, dtype]) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                told = json.loads(line)
                if "end" in told:
                    return told["end"]
                last = told
        finally:
            watch.cancel()
        return f"{last['case']}: {self._died(last['arrays'])}"

    def close(self):
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _start(self):
        self._control = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._control.truncate(arena.CONTROL_BYTES)
        guarded = arena.why_not() is None
        shared = [self._control.fileno()] if guarded else []
        self._process = subprocess.Popen(
            [sys.executable, __file__, *map(str, shared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "JITCONV_PLUGINS": ""},
            pass_fds=shared,
        )

    def _died(self, arrays):
        code = self._process.wait()
        self._control.seek(0)
        control = np.frombuffer(self._control.read(), np.int64)
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace")
        self._forget()
        if code == arena.EXIT:
            return arena.fault(control, {name: tuple(place) for name, place in arrays.items()})
        return f"the process ended with {code}\n{errors}"

    def _forget(self):
        process, self._process = self._process, None
        process.wait()
        for file in (process.stdin, process.stdout, self._control, self._errors):
            file.close()


guard = Guard()
atexit.register(guard.close)


def serve(shared):
    """Run what is asked for on standard input; say on standard output what is done."""
    memory = None
    if shared:
        memory = arena.Arena()
        memory.share(int(shared[0]))
    channel, sys.stdout = sys.stdout, sys.stderr

    def say(**what):
        channel.write(json.dumps(what) + "\n")
        channel.flush()

    from micro_helpers import run

    for line in sys.stdin:
        module, name, dtype = json.loads(line)
        try:
            importlib.import_module(module)
            run(memory, say, module, name, dtype)
            say(end=None)
        except BaseException:
            say(end=traceback.format_exc())


if __name__ == "__main__":
    serve(sys.argv[1:])

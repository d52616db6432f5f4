"""Processes that begin with all imported: forks of one that imports, and runs no kernel.

To start Python, import Numba and compile the code of an arena takes more than a second; a fork takes some
milliseconds. Servers stay idle in a process for the next that are asked for in the same environment.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jitconv.plugins.hearing import START_SECONDS

LINE = 65536
"""Bytes of a message; the longest holds the path of a folder."""

MOST_IDLE = 3
"""As many as the kit asks for in turn: two with guard pages, one without."""

_idle: list[Server] = []
"""At most `MOST_IDLE`."""


class Server:
    """A process that forks when told to; for one child at a time.

    Parameters
    ----------
    environment : dict
        Of the process, and so of all its children.
    guarded : bool
        Whether the children have an arena, see `jitconv.testing.arena`.
    """

    def __init__(self, environment: dict[str, str], *, guarded: bool) -> None:
        self.environment = environment
        self.guarded = guarded
        self.owner = os.getpid()
        self._child = 0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the rest)
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jitconv.testing.forkserver"),
                    *(str(theirs.fileno()), "guarded" if guarded else "plain"),
                ],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
            )
        atexit.register(_close)
        ours.settimeout(START_SECONDS)
        self._answer()

    def usable(self, environment: dict[str, str], *, guarded: bool) -> bool:
        """Whether it serves an environment, is this process's own, lives and has no child."""
        same = (self.environment, self.guarded, self.owner) == (environment, guarded, os.getpid())
        return same and not self._child and self._process.poll() is None

    def fork(self, files: Sequence[int]) -> None:
        """Have a child run `jitconv.testing.worker.main` with copies of open files; see there."""
        self._socket.settimeout(START_SECONDS)
        socket.send_fds(self._socket, [os.fsencode(os.getcwd())], list(files))
        self._child = int(self._answer())

    def wait(self) -> int:
        """Wait for the child's end; return its exit code, negative for a signal."""
        self._socket.settimeout(None)
        code = int(self._answer())
        self._child = 0
        return code

    def kill(self) -> None:
        """End the child, if there is one."""
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            self.wait()

    def close(self) -> None:
        """End the server, and its child."""
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _answer(self) -> Any:
        try:
            if told := self._socket.recv(LINE):
                return json.loads(told)
            why = "it ended"
        except TimeoutError:
            why = f"it said nothing for {START_SECONDS:.0f} s"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        raise OSError(f"the process that kernels are run by could not be started: {why}: {''.join(last)}")


@contextlib.contextmanager
def server(environment: dict[str, str], *, guarded: bool) -> Iterator[Server]:
    """Lend a server for an environment: one that is idle, or a new one."""
    one = _take_idle(environment, guarded=guarded) or Server(environment, guarded=guarded)
    try:
        yield one
        one.kill()
    except BaseException:
        one.close()
        raise
    _idle.append(one)
    while len(_idle) > MOST_IDLE:  # lent to more Python threads, or for another environment before
        _idle.pop(0).close()


def _take_idle(environment: dict[str, str], *, guarded: bool) -> Server | None:
    for one in list(_idle):
        if one.usable(environment, guarded=guarded):
            with contextlib.suppress(ValueError):  # another thread has taken it
                _idle.remove(one)
                return one
    return None


def serve(channel: socket.socket, run: Callable[..., None]) -> None:
    """Fork for each message, and say how each child ended, until nobody is there to tell.

    Parameters
    ----------
    channel : socket.socket
        Where messages come from: a folder, and open files.
    run : callable
        What a child runs on the numbers of these files, in that folder.
    """
    channel.send(b"0")
    while True:
        folder, files, _, _ = socket.recv_fds(channel, LINE, maxfds=8)
        if not folder:
            return
        child = os.fork()
        if child == 0:
            _run_child(run, folder, files)
        for file in files:
            os.close(file)
        channel.send(json.dumps(child).encode())
        _, status = os.waitpid(child, 0)
        channel.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())


def _run_child(run: Callable[..., None], folder: bytes, files: Sequence[int]) -> None:
    code = 1
    try:
        os.chdir(folder)
        run(*files)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # nothing of the server's is to be ended twice


def _close() -> None:
    while _idle:
        one = _idle.pop()
        if one.owner == os.getpid():
            one.close()


if __name__ == "__main__":
    from jitconv.testing import worker

    between_guards = sys.argv[2] == "guarded"
    worker.prepare(guarded=between_guards)
    serve(socket.socket(fileno=int(sys.argv[1])), functools.partial(worker.main, guarded=between_guards))

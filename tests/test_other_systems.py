"""What jitconv does where the system lacks what Linux has.

No other system is at hand here, so a process takes away, before it imports jitconv, what macOS or Windows
does not have: modules and functions, the folders in which Linux tells of itself, and the system's name. What
Numba or NumPy do there is not seen by this.
"""

import pytest

ABSENT = {
    "darwin": {"os": ["sched_getaffinity", "posix_fallocate"], "modules": []},
    "win32": {
        "os": [
            *(
                "fork",
                "register_at_fork",
                "sched_getaffinity",
                "geteuid",
                "getuid",
                "getpgid",
                "killpg",
                "mkfifo",
            ),
            *("sysconf", "getloadavg", "posix_fallocate", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "setsid"),
        ],
        "signal": ["SIGKILL", "SIGALRM", "SIGHUP", "pthread_kill", "pthread_sigmask", "valid_signals"],
        "socket": ["send_fds", "recv_fds", "SOCK_SEQPACKET"],
        "mmap": ["PROT_READ", "PROT_WRITE", "MAP_PRIVATE", "MAP_SHARED", "MAP_ANONYMOUS"],
        "modules": ["resource", "fcntl", "pwd", "grp", "termios", "pty"],
    },
}
"""Of each system what its Python lacks: names of modules' own, and whole modules."""

BEGIN = """
import asyncio, ctypes, importlib, logging, multiprocessing, os, platform, shutil, subprocess, sys, tempfile
import threading
import h5py, llvmlite, numba, numpy as np, numba.np.ufunc.parallel, PIL.Image, platformdirs, threadpoolctl
import typer.testing
import matplotlib.pyplot, rich.console

for module in ABSENT.pop("modules"):
    sys.modules[module] = None  # an import of it fails
for module, names in ABSENT.items():
    for name in names:
        vars(importlib.import_module(module)).pop(name, None)
sys.platform = SYSTEM
platform.system = lambda: {"darwin": "Darwin", "win32": "Windows"}[SYSTEM]

def told_by_linux(event, arguments):
    if event not in ("open", "os.listdir", "os.scandir"):
        return
    if not str(arguments[0]).startswith(("/proc", "/sys")):
        return
    if sys._getframe(1).f_globals.get("__name__") != "threadpoolctl":  # it knows of other systems by itself
        raise FileNotFoundError(2, "not on this system", arguments[0])

sys.addaudithook(told_by_linux)
"""

IMPORTS = """
from pathlib import Path
import jitconv
root = Path(jitconv.__file__).parent
names = [".".join(("jitconv", *file.relative_to(root).with_suffix("").parts)) for file in root.rglob("*.py")]
for name in sorted(names):
    if not name.endswith(("__main__", "test_algorithm")):
        importlib.import_module(name.removesuffix(".__init__"))
print(len(names) > 200)
"""

USES = """
import jitconv
from jitconv.cli import app
from jitconv.jit import forks, workers
x, w = np.ones((1, 6, 6, 3), np.float32), np.ones((3, 3, 3, 4), np.float32)
for threads in (1, 2):
    with jitconv.config(threads=threads, mode="measure"):
        y = jitconv.conv_forward(x, w)
    assert y.shape == (1, 4, 4, 4) and (y == 27).all()
assert "needs Linux" in workers.why_not()
run = typer.testing.CliRunner().invoke
for line in ("info", "plugins", "cache info", "store show", "explain conv_forward"):
    done = run(app, line.split() + ["n1h6w6c3 k3x3f4"] * line.startswith("explain"))
    assert done.exit_code == 0, (line, done.output, done.exception)
done = run(app, ["check", "naive", "--op", "create_mask", "--random", "1"])
assert done.exit_code == 0 and "guard pages need Linux" in done.output, (done.output, done.exception)
from jitconv.cli.train import peak_memory
from jitconv.plugins import limits
peak_memory()
with limits.memory(limits.allowance(0)):
    print(jitconv.jit.files.tree() is not None)
"""


@pytest.mark.parametrize("system", ABSENT)
@pytest.mark.parametrize("use", [IMPORTS, USES], ids=["imports", "uses"])
def test_what_linux_alone_has_is_asked_for_before_it_is_used(run_python, system, use, monkeypatch, tmp_path):
    begin = f"SYSTEM, ABSENT = {system!r}, {ABSENT[system]!r}\n{BEGIN}"
    assert run_python(begin + use) == "True"

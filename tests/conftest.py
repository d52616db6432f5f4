"""What all tests share: a kernel cache of their own, a steady hypothesis, plugins of their own."""

import gc
import itertools
import os
import subprocess
import sys
import textwrap
import time
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

import jitconv.plugins
from jitconv.plugins import quarantine
from jitconv.selector import measure

settings.register_profile(
    "steady",
    derandomize=True,
    database=None,
    deadline=None,  # the first example compiles
    max_examples=60,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.load_profile("steady")


def pytest_configure(config):
    """Keep kernels in the checkout, where all xdist workers and all subprocesses share them.

    BLAS has one thread: its others spin after each product, beside as many workers as there are cores. The
    conformance tests took 184 s so, and 227 s with two.
    """
    os.environ.setdefault("JITCONV_CACHE_DIR", str(config.rootpath / ".pytest_cache" / "jitconv"))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


_begun = itertools.count()


def pytest_runtest_setup(item):
    """Leave all that is there out of later garbage collections, now and then: compilers leave much.

    A full collection took 0.4 s, and tests of memory ask for hundreds.
    """
    if next(_begun) % 20 == 0:
        gc.collect()
        gc.freeze()


@pytest.fixture
def registry(monkeypatch):
    """Put a registry without third-party plugins in place of the process's own."""
    monkeypatch.setattr(jitconv.plugins.sources, "entry_points", lambda group: ())
    monkeypatch.delenv("JITCONV_PLUGINS", raising=False)
    monkeypatch.delenv("JITCONV_BLOCK", raising=False)
    fresh = jitconv.plugins.Registry().load()
    before = jitconv.plugins.replace(fresh)
    yield fresh
    jitconv.plugins.replace(before)


@pytest.fixture(autouse=True)
def _no_store(monkeypatch):
    """Have what modes measure kept in memory, for one test: not in the user's store, nor from another
    test.
    """
    monkeypatch.setattr(measure, "default_path", lambda: None)
    measure.stored.cache_clear()


@pytest.fixture(autouse=True)
def _no_quarantine(monkeypatch):
    """Have what is known of plugins kept in memory, for one test."""
    monkeypatch.setattr(quarantine, "path", lambda: None)
    monkeypatch.setattr(quarantine, "_in_memory", {})


@pytest.fixture
def run_python(tmp_path):
    """Return a function that runs a script in a new process, without plugins, and returns what it printed."""

    def run(script, **environment):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, "JITCONV_PLUGINS": "", **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    return run


@pytest.fixture
def locked(registry, tmp_path):
    """Return a function that writes choices to a file and returns its path."""

    def write(*choices):
        file = tmp_path / "choices.json"
        from jitconv.selector.lockfile import Lockfile

        Lockfile(choices, {"jitconv": "0.1.0"}).write(file)
        return file

    return write


class Ran(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Return a function that runs `jitconv` in this process, in a folder of its own, and returns a `Ran`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        from jitconv import cli

        monkeypatch.setattr(sys, "argv", ["jitconv", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Ran(left.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def clock(monkeypatch):
    """Have a clock that stands still but for what tests do; return its hand."""
    hand = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: hand[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return hand


@pytest.fixture
def hostile(monkeypatch, tmp_path):
    """Return a function that installs some of the plugins of `tests/hostile`, and no others."""
    from hostile import MODULES, site

    from jitconv.plugins import limits

    monkeypatch.setenv("JITCONV_PLUGIN_SECONDS", "2")
    monkeypatch.setattr(limits, "LEAST", 2**29)
    monkeypatch.setattr("jitconv.bench.compare.SECONDS_EACH", 0.01)
    monkeypatch.delenv("JITCONV_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    entry_points = jitconv.plugins.sources.entry_points
    before = jitconv.plugins.replace(None)

    def install(*names):
        site(tmp_path / "site", *names)
        found = [one for one in entry_points(group="jitconv") if one.name in names]
        monkeypatch.setattr(jitconv.plugins.sources, "entry_points", lambda group: found)
        fresh = jitconv.plugins.Registry().load()
        jitconv.plugins.replace(fresh)
        return fresh

    yield install
    jitconv.plugins.replace(before)
    for name in MODULES:
        sys.modules.pop(name, None)

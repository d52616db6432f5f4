"""The benchmark of company: busy processes end with it, and its figures are medians over rounds."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "asv_benchmarks"


@pytest.fixture
def core(monkeypatch):
    """Return the module that asv and the script share."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("benchmarks.company")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_busy_processes_are_gone_whatever_happens(core, monkeypatch, error):
    begun, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **o: begun.append(popen(*a, **o)) or begun[-1])

    def fails():
        with core.busy(2):
            assert [one.poll() for one in begun] == [None, None]
            raise error

    with pytest.raises(error):
        fails()
    assert [one.poll() is None for one in begun] == [False, False]


def test_a_busy_process_ends_when_its_parent_was_killed(core):
    script = (
        "import os, signal, subprocess, sys\n"
        f"line = [sys.executable, '-c', {core.BUSY!r}, str(os.getpid())]\n"
        "subprocess.Popen(line, stdout=sys.stdout)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # its standard output is closed when the last process that has it is gone
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == -9


def test_a_side_measures_in_a_process_of_its_own(core):
    worker = core.Worker(core.SIDES[0])
    try:
        found = worker.measure("3×3, 8×8×1", 0.01, False)
    finally:
        worker.end()
    assert 0 < found["median"] <= found["p90"]
    assert found["calls"] >= core.DROPPED


def test_figures_are_medians_over_rounds(core):
    script = import_module("company")
    row = {"what": "a", "side": "b", "company": "alone"}
    rows = [row | {"median": one, "p90": 2 * one, "calls": 1} for one in (1.0, 5.0, 2.0)]
    assert script.merged(rows) == [row | {"median": 2.0, "p90": 4.0, "rounds": 3}]

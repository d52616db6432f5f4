"""What figures carry with them: commit, time, machine, load, what the host took, versions."""

import os
import subprocess
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jitconv
from jitconv.bench import provenance, results
from jitconv.bench.provenance import Sample
from jitconv.bench.results import Result


def test_figures_carry_where_and_when_they_were_measured():
    begun = provenance.sample()
    told = provenance.facts(begun)
    assert told["time"] == begun.time
    assert datetime.fromisoformat(told["time"]) <= datetime.fromisoformat(told["ended"])
    machine = told["machine"]
    assert machine["numpy"] == np.__version__
    assert machine["load"]["before"] == begun.load
    assert machine["cores"] == os.cpu_count()


def test_the_share_that_the_host_took():
    def moment(ticks, stolen):
        return Sample("", None, ticks, stolen)

    assert provenance.steal(moment(100, 5), moment(300, 55)) == 0.25
    assert provenance.steal(moment(100, 5), moment(100, 5)) == 0
    assert provenance.steal(moment(None, None), moment(300, 55)) is None


def test_stolen_time_is_read_from_the_line_of_all_cores(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  10 1 5 100 2 0 1 7 3 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    found = provenance.sample(stat)
    assert (found.ticks, found.stolen) == (126, 7)  # a guest's time is in the user's already
    absent = provenance.sample(tmp_path / "none")
    assert (absent.ticks, absent.stolen) == (None, None)


def run_git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize("changed", [False, True])
def test_the_commit_of_a_checkout(tmp_path, changed):
    git = partial(run_git, tmp_path)
    assert provenance.commit(tmp_path) == {"commit": None, "dirty": None}
    git("init", "-q")
    assert provenance.commit(tmp_path) == {"commit": None, "dirty": None}  # nothing is committed yet
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    if changed:
        (tmp_path / "file").write_text("2")
    (tmp_path / "other").write_text("not the repository's")
    assert provenance.commit(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": changed}


def test_the_repository_of_the_working_directory_is_told_beside_jitconvs(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert provenance.facts()["repository"] is None
    run_git(tmp_path, "init", "-q")
    run_git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    head = run_git(tmp_path, "rev-parse", "HEAD")
    told = provenance.facts()
    assert told["repository"] == {"commit": head, "dirty": False}
    assert told["commit"] != head
    assert provenance.repository(Path(jitconv.__file__).parent) is None
    file = {**told, "dtype": "float32", "layout": "NHWC"}
    assert results.facts(Result("a", "bench", file))["commit"] == (told["commit"] or head)
    installed = {**file, "commit": None, "dirty": None}
    shown = results.facts(Result("a", "bench", installed))
    assert (shown["commit"], shown["dirty"]) == (head, False)

"""What figures carry with them: commit, time, machine, load, what the host took, versions."""

import os
import subprocess
from datetime import datetime

import numpy as np
import pytest

from jitconv.bench import provenance
from jitconv.bench.provenance import Sample


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


@pytest.mark.parametrize("changed", [False, True])
def test_the_commit_of_a_checkout(tmp_path, changed):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)
        return done.stdout.decode().strip()

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

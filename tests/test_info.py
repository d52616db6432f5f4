"""`jitconv info`: it tells what is, also of what is broken, and does nothing for it."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

import jitconv
from jitconv import cli
from jitconv.cli import facts, info, machine
from jitconv.errors import ParameterError
from jitconv.jit import variables, workers

RUN = """
    import sys
    from jitconv import cli
    sys.argv = ["jitconv", "info", *{}]
    cli.main()
"""


@pytest.fixture
def told(monkeypatch, capsys):
    """Return a function that runs the command here, and returns what it prints."""

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["jitconv", "info", *options])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert not left.value.code
        return capsys.readouterr().out

    return run


def line(text, label):
    """Return the line of a report that begins with a label."""
    return next(one for one in text.splitlines() if one.startswith(label))


def test_a_report_names_versions_vectors_team_cache_and_plugins(told, registry):
    text = told()
    for package in facts.PACKAGES:
        assert f"{package} {facts.version(package)}" in line(text, "packages")
    assert f"source {facts.source_digest('jitconv')[:16]}" in line(text, "jitconv")
    assert str(Path(jitconv.__file__).parent) in line(text, "jitconv")
    assert os.environ["JITCONV_CACHE_DIR"] in line(text, "cache")
    assert f"loaded, {len(registry.algorithms())} algorithms" in line(text, "plugins")
    assert ("own" in line(text, "team")) == (workers.why_not() is None)
    assert len(text.splitlines()) < 40


def test_json_has_a_value_of_every_section(told, registry):
    found = json.loads(told("--json"))
    assert found.keys() == info.WORDS.keys()
    assert [name for name, one in found.items() if "error" in one] == []
    assert found["cores"]["seen"] == os.cpu_count()
    assert found["plugins"][0]["algorithms"] == len(registry.algorithms())


def test_it_begins_no_thread_and_compiles_nothing(run_python, tmp_path):
    script = """
    import os, threading
    import numba, numpy
    from numba.core import event
    from numba.np.ufunc import parallel

    compiled = []
    class Told(event.Listener):
        def on_start(self, told):
            compiled.append(told)
        def on_end(self, told):
            pass
    event.register("numba:compile", Told())
    tasks = lambda: len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0

    from jitconv.cli.facts import facts
    before = tasks()
    found = facts()
    assert [name for name, one in found.items() if "error" in one] == [], found
    assert tasks() == before
    assert threading.active_count() == 1
    assert not parallel._is_initialized

    from jitconv.jit import workers
    assert workers.own.cache_info().currsize == 0
    numba.njit(lambda: 1)()
    print(len(compiled))  # the listener hears: the one just now, and none before
    """
    for team in ("own", "numba"):
        told = run_python(script, JITCONV_CACHE_DIR=str(tmp_path / "cache"), JITCONV_TEAM=team)
        assert told == "1"
    assert not (tmp_path / "cache").exists()


def test_what_is_broken_is_told_in_its_line(run_python, tmp_path):
    (tmp_path / "file").write_text("no folder")
    text = run_python(
        RUN.format([]),
        JITCONV_CACHE_DIR=str(tmp_path / "file"),
        JITCONV_PLUGINS="nobody",
        JITCONV_TEAM="nmba",
        NUMBA_NUM_THREADS="3",
    )
    assert "not known: ParameterError: JITCONV_TEAM must be one of own, numba" in line(text, "team")
    assert "not known: ParameterError" in line(text, "plugins")
    assert "0 files" in text
    assert "not written: nothing can be written there" in text
    assert "Traceback" not in text


def test_a_plugin_that_fails_is_named_with_the_end_of_its_traceback(told, registry):
    registry.register("broken", object())
    registry.register("broken", object())
    assert "broken : failed, a plugin of the name 'broken'" in told()


def test_numbas_team_is_told_with_the_reason(run_python):
    text = run_python(RUN.format([]), JITCONV_TEAM="numba", NUMBA_THREADING_LAYER="omp")
    assert "Numba's: JITCONV_TEAM=numba asks for Numba's" in line(text, "team")
    assert "threading layer: omp" in text


def test_variables_are_told_and_a_misspelt_one_is_marked(told, monkeypatch):
    monkeypatch.setenv("JITCONV_THREDS", "2")
    monkeypatch.setenv("JITCONV_VECTR_BYTES", "32")
    monkeypatch.setenv("JITCONV_SEED", "5")
    monkeypatch.setenv("JITCONV_MODE", "mesure")
    monkeypatch.setenv("JITCONV_LOG", "choice,runs")
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("GOMP_SPINCOUNT", "1\n2")
    text = told()
    unknown = "(unknown: jitconv reads no such variable"
    assert f"JITCONV_THREDS=2  {unknown})" in text
    assert f"JITCONV_VECTR_BYTES=32  {unknown} (did you mean 'VECTOR_BYTES'?))" in text
    assert "JITCONV_SEED=5\n" in text
    assert (
        "JITCONV_MODE=mesure  (JITCONV_MODE must be one of predict, measure, unsure, replay, or unset;"
        in text
    )
    assert "JITCONV_LOG=choice,runs  (JITCONV_LOG must be choice, run, or both" in text
    assert "OMP_WAIT_POLICY=passive\n" in text
    assert "GOMP_SPINCOUNT='1\\n2'\n" in text


def test_every_variable_that_is_read_is_known():
    package = Path(jitconv.__file__).parent
    readers = [path for path in package.rglob("*.py") if path != Path(facts.__file__)]
    text = "".join(path.read_text(encoding="utf-8") for path in readers)
    read = set(re.findall(r"\bJITCONV_[A-Z_]*[A-Z]\b", text))
    assert read | {"JITCONV_SEED"} == set(facts.VARIABLES)  # that one is for the tests


@pytest.mark.parametrize(
    ("files", "listed", "cores"),
    [
        ({}, "0::/", None),
        ({"cpu.max": "max 100000"}, "0::/", None),
        ({"a/b/cpu.max": "150000 100000", "a/cpu.max": "300000 100000"}, "0::/a/b", 1.5),
        ({"a/b/cpu.max": "300000 100000", "a/cpu.max": "50000 100000"}, "0::/a/b", 0.5),
        ({"cpu/x/cpu.cfs_quota_us": "200000", "cpu/x/cpu.cfs_period_us": "100000"}, "4:cpu:/x", 2.0),
        ({"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, "4:cpu:/x", None),
        ({"memory/cpu.max": "100000 100000"}, "3:memory:/", None),
    ],
)
def test_the_limit_of_a_cgroup_is_the_least_of_those_above(tmp_path, files, listed, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "told").write_text(listed + "\n")
    assert machine.cgroup_cores(tmp_path / "told", tmp_path) == cores


def test_more_threads_than_the_cgroup_has_cores_are_told(monkeypatch, told):
    monkeypatch.setattr(machine, "cgroup_cores", lambda: 0.5)
    assert "more than its cgroup has cores (0.5)" in told()


@pytest.mark.parametrize("value", ["nmba", "OWN", "own,numba", "1"])
def test_a_team_that_there_is_not_is_an_error_at_the_first_call(run_python, value):
    script = """
    import numpy as np
    import jitconv
    try:
        jitconv.create_mask(np.ones((2, 2)))
    except jitconv.ParameterError as error:
        print(error)
    """
    message = run_python(script, JITCONV_TEAM=value)
    assert message.startswith(f"JITCONV_TEAM must be one of own, numba, or unset; got {value!r}")


@pytest.mark.parametrize("name", ["JITCONV_TEAM", "JITCONV_VECTOR_BYTES"])
def test_the_command_leaves_with_2_and_one_line(run_python, name):
    script = """
    import sys
    from jitconv import cli
    sys.argv = ["jitconv", "explain", "create_mask", "n1h2w2"]
    sys.stderr = sys.stdout
    try:
        cli.main()
    except SystemExit as left:
        print(left.code)
    """
    words, code = run_python(script, **{name: "20"}).splitlines()
    assert words.startswith(f"jitconv: {name} must be one of ")
    assert code == "2"


@pytest.mark.parametrize(("value", "said"), [("", None), ("  ", None), (" b ", "b")])
def test_blanks_around_a_value_do_not_matter(monkeypatch, value, said):
    monkeypatch.setenv("JITCONV_TRIAL", value)
    assert variables.told("JITCONV_TRIAL", ("a", "b")) == said


def test_a_value_that_is_none_of_them_is_an_error(monkeypatch):
    monkeypatch.setenv("JITCONV_TRIAL", "aa")
    with pytest.raises(ParameterError, match=r"JITCONV_TRIAL must be one of a1, b1, or unset; got 'aa'"):
        variables.told("JITCONV_TRIAL", ("a1", "b1"))

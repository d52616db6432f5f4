"""The workflows of CI hold what they promise: what they run exists and is tried here, and versions agree.

actionlint and zizmor read them too, in `.ci/lint`.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATE = ROOT / "jitconv" / "cli" / "template" / "workflow.yml.txt"
LONGEST = 2
"""Lines of shell in a step: what is longer is a script in `.ci/`."""

SCRIPT = re.compile(r"\.ci/(\w+)\b")

NOT_BY_RUN = {
    "nightly": "whole commits are built and measured",
    "history": "it is tried below",
}
"""Scripts that `.ci/run` does not run, and why."""


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path):
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]


def test_there_are_workflows():
    assert {path.stem for path in WORKFLOWS} == {"gate", "lint", "nightly", "plugin", "release", "tests"}


@pytest.mark.parametrize("path", [*WORKFLOWS, TEMPLATE], ids=lambda path: path.stem)
def test_jobs_may_little_and_end(path):
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow or "workflow_call" in workflow[True]  # YAML reads `on` as true
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 360
        assert isinstance(job["permissions"], dict)
    for step in steps(path):
        assert re.search(r"@[0-9a-f]{40}$", step.get("uses", "@" + "0" * 40)), step
        assert len(step.get("run", "").strip().splitlines()) <= LONGEST, step


def test_actions_are_of_one_commit_everywhere():
    used = {step["uses"] for path in [*WORKFLOWS, TEMPLATE] for step in steps(path) if "uses" in step}
    assert len(used) == len({one.partition("@")[0] for one in used})


def test_scripts_of_workflows_exist_and_are_tried():
    named = {
        name for path in WORKFLOWS for step in steps(path) for name in SCRIPT.findall(step.get("run", ""))
    }
    ours = re.sub("(?m)^ *#.*", "", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert named >= {"gate", "lint", "numba"}
    assert all(os.access(ROOT / ".ci" / name, os.X_OK) for name in named)
    assert named - set(SCRIPT.findall(ours)) == NOT_BY_RUN.keys()


def test_the_versions_of_python_are_those_of_the_package():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    supported = re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    matrix = read(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == supported
    assert f'requires-python = ">={supported[0]}"' in project
    assert {one["python"] for one in matrix["include"] if not one.get("may-fail")} <= set(supported)


def test_the_template_and_the_reusable_workflow_do_the_same():
    ours = read(ROOT / ".github" / "workflows" / "plugin.yml")["jobs"]["check"]["steps"]
    text = TEMPLATE.read_text(encoding="utf-8")
    for word, variable in (("fastconv,direct", '"$ALGORITHM,$PEERS"'), ("fastconv", '"$ALGORITHM"')):
        text = text.replace(word, variable)
    theirs = yaml.safe_load(text.replace("<OP>", '"$OP"').replace("<SHAPE>", "$SHAPE"))["jobs"]["check"][
        "steps"
    ]
    assert ours == theirs


def git(folder, *arguments):
    told = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    done = subprocess.run(told, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout with the script that keeps results, and a remote."""
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    git(tmp_path, "init", "--quiet", "here")
    here = tmp_path / "here"
    (here / ".ci").mkdir()
    script = here / ".ci" / "history"
    script.write_bytes((ROOT / ".ci" / "history").read_bytes())
    script.chmod(0o755)
    git(here, "add", ".")
    git(here, "commit", "--quiet", "-m", "one")
    git(here, "remote", "add", "origin", str(tmp_path / "remote"))
    return here


def history(folder, what, **environment):
    named = {f"GIT_{who}_{of}": "a" for who in ("AUTHOR", "COMMITTER") for of in ("NAME", "EMAIL")}
    told = ["bash", str(folder / ".ci" / "history"), what]
    return subprocess.run(told, capture_output=True, text=True, env={**os.environ, **named, **environment})


@pytest.mark.skipif(os.name != "posix", reason="scripts for bash")
def test_results_outlive_the_machine(checkout):
    results = checkout / "asv_benchmarks" / "results"
    begun = history(checkout, "load")
    assert (begun.returncode, results.exists()) == (0, False), begun.stderr
    for night in ("first", "second"):
        (results / "machine").mkdir(parents=True, exist_ok=True)
        (results / "machine" / f"{night}.json").write_text(night)
        saved = history(checkout, "save")
        assert saved.returncode == 0, saved.stderr
        for file in (results / "machine").iterdir():  # another machine has none of them
            file.unlink()
        loaded = history(checkout, "load")
        assert loaded.returncode == 0, loaded.stderr
        assert (results / "machine" / f"{night}.json").read_text() == night
    assert {one.name for one in (results / "machine").iterdir()} == {"first.json", "second.json"}
    assert git(checkout, "ls-remote", "origin").count("\n") == 0  # one branch
    assert "nothing new" in history(checkout, "save").stdout
    assert git(checkout.parent / "remote", "rev-list", "--count", "benchmark-results") == "2"
    assert git(checkout, "status", "--porcelain", "--untracked-files=no") == ""


@pytest.mark.skipif(os.name != "posix", reason="scripts for bash")
def test_a_remote_that_does_not_answer_is_no_empty_history(checkout):
    for what in ("load", "save"):
        done = history(checkout, what, REMOTE=str(checkout / "nowhere"))
        assert done.returncode not in (0, 2)
        assert "nowhere" in done.stderr
    assert history(checkout, "forget").returncode == 2

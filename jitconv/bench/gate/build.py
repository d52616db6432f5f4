"""Both commits, each installed in an environment of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from jitconv.bench.gate.sides import Place
from jitconv.errors import JitconvError, ParameterError

CONFIGS = "asv.conf.json", "asv_benchmarks/asv.conf.json"
"""Where asv's configuration is looked for, from the top of the repository."""


class BuildError(JitconvError):
    """A commit could not be installed."""


def top(folder: Path) -> Path:
    """Return the top of the repository that a folder is in.

    Raises
    ------
    ParameterError
        When it is in none.
    """
    told = _git(folder, "rev-parse", "--show-toplevel")
    if told is None:
        raise ParameterError(f"gate compares commits of a git repository; {folder} is in none")
    return Path(told)


def commit(repository: Path, name: str) -> str:
    """Return the hash of a commit.

    Raises
    ------
    ParameterError
        When the repository has no such commit.
    """
    found = _git(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if found is None:
        raise ParameterError(f"{name!r} must name a commit of {repository}: git knows none of this name")
    return found


def _git(folder: Path, *words: str) -> str | None:
    told = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    return told.stdout.strip() if told.returncode == 0 else None


def uncommitted(repository: Path) -> bool:
    """Return whether files that git knows differ from the last commit."""
    return bool(_git(repository, "status", "--porcelain", "--untracked-files=no"))


def configuration(repository: Path) -> Path:
    """Return the file of asv's configuration.

    Raises
    ------
    ParameterError
        When there is none.
    """
    files = [repository / one for one in CONFIGS if (repository / one).exists()]
    if not files:
        raise ParameterError(f"gate reads asv's configuration, {' or '.join(CONFIGS)}; {repository} has none")
    return files[0]


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Have no other gate meanwhile: it would install its commits in the same environments.

    Raises
    ------
    ParameterError
        When there is one.
    """
    import fcntl  # which Windows lacks

    with file.open("rb") as held:  # until this process ends, however that may be
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ParameterError(
                f"another gate is at work with {file} and its environments: wait until it has ended"
            ) from None
        yield


def by_asv(file: Path, side: str, sha: str) -> Place:
    """Install a commit of jitconv by asv's configuration, in an environment that asv makes and keeps.

    Raises
    ------
    ParameterError
        When asv is not installed, or its configuration has it make no environment.
    BuildError
        When the commit does not install.
    """
    try:
        from asv.config import Config
        from asv.environment import get_environments
        from asv.repo import get_repo
        from asv.util import ProcessError, UserError
    except ImportError:
        raise ParameterError("gate builds commits by asv: python -m pip install 'jitconv[bench]'") from None
    with _inside(file.parent), _quietly() as said:
        try:
            conf = Config.load(file.name)
            conf.env_dir = os.path.join(conf.env_dir, "gate", side)  # each side has its own
            environment = next(iter(get_environments(conf, ())), None)
            if environment is None or environment.tool_name == "existing":
                raise ParameterError(f"{file} must have asv make environments: {_last(said.getvalue())}")
            environment.create()
            environment.install_project(conf, get_repo(conf), sha)
            return Place(Path(environment.find_executable("python")), {"PYTHONPATH": ""})
        except (ProcessError, UserError, OSError) as error:
            why = _last(error, said.getvalue())
            raise BuildError(f"{side}, {sha[:10]}, does not install: {why}") from None


def by_pip(repository: Path, folder: Path, side: str, sha: str) -> Place:
    """Install a commit of a plugin beside this environment, which has jitconv and all else that it needs.

    Raises
    ------
    BuildError
        When the commit does not install.
    """
    source, target = folder / f"{side}-source", folder / side
    clone = ["git", "clone", "--quiet", "--no-checkout", str(repository), str(source)]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    steps = [clone, ["git", "-C", str(source), "checkout", "--quiet", sha], [*install, str(source)]]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{side}, {sha[:10]}, does not install: {_last(done.stderr)}")
    path = [str(target), *filter(None, [os.environ.get("PYTHONPATH")])]
    return Place(Path(sys.executable), {"PYTHONPATH": os.pathsep.join(path)})


def _last(*told: object) -> str:
    """Return the last line of what was said, which names the error."""
    lines = [line.strip() for one in told for line in str(one).splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower()]
    return (wrong or lines or ["it says nothing"])[-1]


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Be in a folder: asv's configuration has paths from its own."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _quietly() -> Iterator[io.StringIO]:
    """Keep what asv prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said

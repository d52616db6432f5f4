"""`jitconv plugin new`: the package that it writes works, and nothing is overwritten.

.ci/run installs one in an environment of its own and runs its tests and every command: that takes a minute.
"""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

import jitconv
from jitconv.cli import app
from jitconv.testing import Case, check_agreement

ROOT = Path(__file__).parent.parent

WRITTEN = {
    ".github/workflows/check.yml",
    ".gitignore",
    "README.md",
    "asv.conf.json",
    "benchmarks/__init__.py",
    "benchmarks/forward.py",
    "jitconv_my_conv.py",
    "pyproject.toml",
    "tests/test_my_conv.py",
}


@pytest.fixture
def package(command, registry):
    """Return the folder of a new package, whose algorithm is `my_conv`."""
    done = command("plugin", "new", "my_conv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "jitconv check my_conv" in done.stdout
    return Path("jitconv-my-conv").absolute()


def files(folder):
    """Return the text of each file, by its path in the folder."""
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in found}


def load(package, monkeypatch):
    """Import the package's module."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    place = importlib.util.spec_from_file_location("jitconv_my_conv", package / "jitconv_my_conv.py")
    module = importlib.util.module_from_spec(place)
    monkeypatch.setitem(sys.modules, "jitconv_my_conv", module)
    place.loader.exec_module(module)
    return module


def test_all_files_are_written_with_the_name_in_them(package):
    written = files(package)
    assert written.keys() == WRITTEN
    assert not any(re.search("(?i:fastconv)|<[A-Z]+>", text) for text in written.values())
    assert 'jitconv-my-conv = "jitconv_my_conv"' in written["pyproject.toml"]
    assert "class TestMyConv(KernelConformance)" in written["tests/test_my_conv.py"]
    assert [path.name for path in package.parent.iterdir()] == [package.name]


def test_the_kernel_is_right_and_refuses_in_words(package, registry, monkeypatch):
    module = load(package, monkeypatch)
    assert registry.register("jitconv-my-conv", module).state == "loaded"
    for problem in ("n2h9w8c3 k3x2f5 s2x1 p1.0.2.0 d1x2 bias", "n3h24w24c8 k5x5f16 s1 p2", "n0h4w4c1 k1x1f1"):
        for words in ("", " float64"):
            check_agreement("conv_forward", "my_conv", Case.of(problem + words))
    x, w = np.ones((1, 4, 4, 2), np.float32), np.ones((3, 3, 2, 2), np.float32)
    for options, reason in (
        ({"layout": "NCHW"}, "takes pictures in NHWC alone, got NCHW"),
        ({"groups": 2}, "needs one group, got 2"),
        ({"flip_kernel": True}, "does not flip the kernel"),
    ):
        weights = w.transpose(3, 2, 0, 1) if "layout" in options else w[:, :, : 2 // options.get("groups", 1)]
        pictures = x.transpose(0, 3, 1, 2) if "layout" in options else x
        with pytest.raises(jitconv.UnsupportedError, match=reason):
            jitconv.conv_forward(pictures, weights, algorithm="my_conv", **options)


def test_its_benchmark_draws_and_compiles_once(package, registry, monkeypatch):
    registry.register("jitconv-my-conv", load(package, monkeypatch))
    place = importlib.util.spec_from_file_location("forward", package / "benchmarks" / "forward.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    problem, algorithm = "n1h4w4c1 k3x3f1 s1 p1", "my_conv"
    one = module.Forward()
    one.setup(problem, algorithm)
    call, operands = one.call, one.operands
    one.setup(problem, algorithm)  # as asv does before each call that it times
    assert (one.call is call, one.operands is operands) == (True, True)
    one.time_forward(problem, algorithm)
    with pytest.raises(NotImplementedError, match="needs one group, got 2"):
        module.Forward().setup("n1h4w4c2 k3x3f2 s1 p1 g2", algorithm)


def test_what_it_says_of_asv_keeps_results_where_report_reads_them(package):
    written = files(package)
    readme = written["README.md"]
    assert "asv run --python=same --set-commit-hash $(git rev-parse HEAD)" in readme
    assert "jitconv report jitconv-compare/figures.json .asv/results" in readme
    assert '"results_dir": ".asv/results"' in written["asv.conf.json"]
    ours = re.search(r'bench = \["(asv>=[\d.]+)"\]', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert ours[1] in written["pyproject.toml"]


def test_what_its_commands_write_is_not_committed(package):
    ignored = files(package)[".gitignore"].split()
    assert {"times.png", "bench.json", "gate.json", "report.html", "jitconv-compare/", ".asv/"} <= {*ignored}


def test_another_op_has_a_kernel_of_its_own(command, registry, monkeypatch):
    assert command("plugin", "new", "my_conv", "--op", "max_pool_forward").returncode == 0
    package = Path("jitconv-my-conv")
    assert not any(re.search("conv_forward|<[A-Z]+>", text) for text in files(package).values())
    for words in command_lines(files(package)["README.md"]):
        check_words(words)
    registry.register("jitconv-my-conv", load(package, monkeypatch))
    for problem in ("n2h9w8c3 k3x2 s2x1 p1.0.0.1 d1x2, specials", "n3h24w25c16 k3x3 s2 p1 ceil"):
        check_agreement("max_pool_forward", "my_conv", Case.of(problem))
    done = command("plugin", "new", "mine", "--op", "create_mask")
    assert done.returncode == 2
    assert "--op must be one of 'conv_forward', 'max_pool_forward'; got 'create_mask'" in done.stderr


def command_lines(text):
    """Return the lines of a text that run `jitconv`, as lists of words."""
    found = re.findall(r"^(?: {4,}|.*\brun: )(jitconv [^#\n]*)", text, re.M)
    return [shlex.split(line)[1:] for line in found]


@pytest.mark.parametrize(("file", "least"), [(".github/workflows/check.yml", 4), ("README.md", 4)])
def test_commands_that_it_names_are_commands(package, file, least):
    lines = command_lines(files(package)[file])
    assert len(lines) >= least
    for words in lines:
        check_words(words)


def check_words(words):
    """Raise unless there is such a command, with such options."""
    group = typer.main.get_command(app)
    with group.commands[words[0]].make_context(words[0], words[1:]):
        pass


def test_a_word_that_is_no_option_would_be_found():
    with pytest.raises(Exception, match="No such option"):
        check_words(["check", "direct", "--no-such-option"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fast-conv", "got 'fast-conv' (did you mean 'fast_conv'?)"),
        ("FastConv", "got 'FastConv' (did you mean 'fastconv'?)"),
        ("jitconv-mine", "got 'jitconv-mine' (did you mean 'mine'?)"),
        ("two__scores", "(did you mean 'two_scores'?)"),
        ("3x3", "beginning with a letter"),
        ("", "NAME must be lower-case letters"),
        ("../up", "(did you mean 'up'?)"),
        ("class", "no word of Python's"),
        ("auto", "nor auto; got 'auto'"),
        ("ä", "NAME must be lower-case letters"),
        ("a" * 41, "at most 40"),
        ("direct", "plugin 'jitconv' has an algorithm 'direct' for conv_forward"),
        ("reshape", "plugin 'jitconv' has an algorithm 'reshape' for max_pool_forward"),
        ("guest_two", "a plugin 'jitconv-guest-two' is installed"),
    ],
)
def test_a_name_that_cannot_be_is_one_line(command, registry, monkeypatch, name, words):
    monkeypatch.setattr("jitconv.plugins.installed", lambda: {"jitconv-guest-two"})
    done = command("plugin", "new", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("jitconv: NAME must be ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_nothing_is_overwritten(command, registry, there):
    place = Path("jitconv-mine")
    {"folder": place.mkdir, "file": place.touch, "link": lambda: place.symlink_to("nowhere")}[there]()
    done = command("plugin", "new", "mine")
    assert done.returncode == 2
    assert done.stderr == (
        "jitconv: jitconv-mine is there already, and nothing is overwritten; choose another NAME or --dir\n"
    )
    assert [path.name for path in Path().iterdir()] == ["jitconv-mine"]


def test_it_goes_where_dir_says(command, registry):
    assert command("plugin", "new", "mine", "--dir", "deep/er").returncode == 0
    assert Path("deep/er/jitconv-mine/jitconv_mine.py").exists()
    Path("file").touch()
    done = command("plugin", "new", "mine", "--dir", "file/er")
    assert done.returncode == 2
    assert done.stderr == "jitconv: --dir must be a folder; got file/er, and file is none\n"


def test_a_disk_that_fills_up_leaves_nothing(command, registry, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jitconv.cli.plugin._filled", full)
    done = command("plugin", "new", "mine")
    assert (done.returncode, done.stderr) == (2, "jitconv: [Errno 28] No space left on device\n")
    assert list(Path().iterdir()) == []

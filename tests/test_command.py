"""The command as a program: its exit codes, its encodings, its places, and Ctrl-C."""

import ctypes
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

import jitconv
import jitconv_command
from jitconv.algorithm import no_workspace
from jitconv.bench.console import plain_console, print_whole, substitute_characters
from jitconv.bench.picture import load
from jitconv.cli.interrupt import interruptible

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, modes and pipes as POSIX has them")

SMALL = ("compare", "--shape", "n1h6w5c2 k3x3f2", "--op", "conv_forward", "--algorithms", "direct")


def started(*arguments, **options):
    """Start the command as a process."""
    line = [sys.executable, "-c", "from jitconv_command import main; main()", *arguments]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    environment = {**os.environ, "JITCONV_PLUGINS": "", **options.pop("env", {})}
    return subprocess.Popen(line, env=environment, **options)


class Plugin:
    """Adds one algorithm of conv_forward."""

    def __init__(self, name, run, why_not=lambda spec: None):
        self.made = jitconv.Algorithm(
            "conv_forward", name, why_not, lambda spec: 1.0, no_workspace, lambda spec: run
        )

    @jitconv.hookimpl
    def jitconv_algorithms(self):
        """Return it."""
        return [self.made]


# what is printed


@pytest.mark.parametrize("encoding", ["ascii", "cp950", "latin-1", "utf-8"])
def test_any_encoding_prints_and_files_are_saved(command, monkeypatch, tmp_path, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    code, *_ = command(*SMALL, "--csv", "µ×漢.csv")
    assert code == 0
    assert (tmp_path / "µ×漢.csv").exists()
    assert (tmp_path / "jitconv-compare" / "figures.json").exists()
    stream.seek(0)
    printed = stream.read()
    assert "results agree with naive" in printed
    wanted = {"ascii": "ux?.csv", "cp950": "u×漢.csv", "latin-1": "µ×?.csv", "utf-8": "µ×漢.csv"}
    assert wanted[encoding] in printed


def test_training_prints_in_ascii(command, monkeypatch, tmp_path):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    code, *_ = command("train", "digits", "--epochs", "1", "-o", "t")
    assert code == 0
    assert {one.suffix for one in (tmp_path / "t").iterdir()} == {".h5", ".json", ".png"}
    stream.seek(0)
    assert "pictures of 8x8x1" in stream.read()


def test_a_name_that_no_encoding_has_is_printed_too(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    substitute_characters()
    print("caf\udce9.png")
    stream.seek(0)
    assert stream.read() == "caf?.png\n"


@pytest.mark.parametrize("columns", [20, 40, 200])
def test_a_narrow_terminal_cuts_nothing(command, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    _, listed, _ = command("plugins")
    names = {one for algorithm in jitconv.algorithms() for one in (algorithm.op, algorithm.name)}
    for name in ("plugin", "version", "state", "algorithms", "0.1.0", "loaded", *names):
        assert name in listed
    code, printed, _ = command(*SMALL)
    assert code == 0
    words = (
        "algorithm",
        "plugin",
        "median",
        "spread",
        "rate",
        "workspace",
        "error",
        "GFLOP/s",
        "MiB",
        "auto",
    )
    for word in (*words, "jitconv-compare/figures.json"):
        assert word in printed
    assert "…" not in listed + printed


def test_text_of_plugins_and_users_is_no_markup(command, registry):
    def fails(x, w, b, y):
        raise ZeroDivisionError("closed [/x], [red]red[/red], :smile:")

    registry.register("my[/b]", Plugin("odd", fails))
    refusing = Plugin("other", None, lambda spec: "needs [/y], got [z]")
    registry.register("second[i]", refusing)
    code, printed, error = command(*SMALL[:-2], "-o", "o[/red]", "--csv", "f[red].csv")
    assert code == 1
    assert error == "jitconv: wrong or failed: odd of my[/b] (conv_forward, failed)\n"
    assert "closed [/x], [red]red[/red], :smile:" in printed
    assert "other refuses: it needs [/y], got [z]" in printed
    assert "Saved o[/red]/figures.json, f[red].csv" in printed
    code, printed, _ = command("plugins")
    assert "my[/b]" in printed


def test_a_suite_of_any_name_is_measured(command, registry, monkeypatch):
    class Suite:
        @jitconv.hookimpl
        def jitconv_suites(self):
            return {"odd[/a]": ["n1h6w5c2 k2x2 s1"]}

    monkeypatch.setattr("jitconv.bench.ceiling.COPY_BYTES", 2**20)
    registry.register("suites", Suite())
    bench = ("bench", "odd[/a]", "--op", "max_pool_forward", "--seconds", "0.01")
    code, printed, _ = command(*bench, "--json", "b[x].json")
    assert code == 0
    assert "Saved b[x].json" in printed
    code, printed, error = command(*bench, "--json", "-")
    assert json.loads(printed)["rows"][0]["op"] == "max_pool_forward"
    assert "median" in error


# where it is written


def test_json_on_stdout_stands_alone_whatever_a_plugin_prints(command, registry):
    def talks(x, w, b, y):
        print("hello from a plugin")
        y[...] = jitconv.conv_forward(x, w, b, algorithm="naive")

    registry.register("talkative", Plugin("talks", talks))
    code, printed, error = command(*SMALL[:-1], "direct,talks", "--json", "-")
    assert code == 0
    assert json.loads(printed)["agree"] is True
    assert "hello from a plugin" in error
    assert "results agree with naive" in error


@POSIX
def test_json_through_a_link_into_a_device_and_with_its_mode(command, tmp_path):
    target = tmp_path / "target.json"
    target.write_text("old")
    target.chmod(0o600)
    (tmp_path / "link.json").symlink_to(target)
    assert command(*SMALL, "--json", "link.json")[0] == 0
    assert (tmp_path / "link.json").is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads(target.read_text())["agree"] is True
    assert command(*SMALL, "--json", os.devnull)[0] == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_places_are_checked_before_anything_is_measured(command, registry, tmp_path):
    def never(x, w, b, y):
        raise AssertionError("was run")

    registry.register("mine", Plugin("never", never))
    code, printed, error = command(*SMALL[:-1], "never", "--csv", "nowhere/../file/x.csv", "--json", ".")
    assert (code, printed) == (2, "")
    assert error == "jitconv: --json cannot write .: Is a directory\n"
    assert list(tmp_path.iterdir()) == []
    for arguments in (
        ("bench", "courses", "--json", "."),
        ("train", "digits", "-o", "file"),
        ("edges", "photo.png", "-o", "file/out.png"),
    ):
        Image.new("RGB", (20, 20)).save(tmp_path / "photo.png")
        (tmp_path / "file").write_text("")
        code, _, error = command(*arguments)
        assert code == 2
        assert error.count("\n") == 1
        assert "cannot write" in error
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "photo.png"]


# how it ends


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\nlines"), "ValueError: two lines (JITCONV_TRACEBACK=1 shows where)"),
        (MemoryError("Unable to allocate"), "not enough memory: Unable to allocate"),
        (OSError("disk"), "disk"),
        (jitconv.ShapeError("x must\n fit"), "x must fit"),
    ],
)
def test_whatever_fails_is_one_line_and_2(command, monkeypatch, error, words):
    def raises(*_, **__):
        raise error

    monkeypatch.setattr("jitconv.bench.jobs.problem_jobs", raises)
    code, _, printed = command(*SMALL)
    assert (code, printed) == (2, f"jitconv: {words}\n")


def test_a_problem_beyond_memory_is_one_line_and_2(command):
    code, _, error = command("compare", "--shape", "n99999999h9999w9999c3 k3x3f1")
    assert code == 2
    assert error.startswith("jitconv: ")
    assert error.count("\n") == 1


@POSIX
def test_a_closed_pipe_is_silent_and_ends_as_by_sigpipe(tmp_path):
    read, write = os.pipe()
    os.close(read)
    for arguments in (SMALL, ("plugins", "--json"), ("--version",)):
        process = started(*arguments, stdout=write, cwd=tmp_path)
        _, error = process.communicate(timeout=120)
        assert (process.returncode, error) == (128 + signal.SIGPIPE, b""), arguments
    os.close(write)


@POSIX
def test_ctrl_c_is_silent_and_130(tmp_path):
    process = started(*SMALL[:-2], cwd=tmp_path, env={"PYTHONUNBUFFERED": "1"})
    assert process.stdout.readline().startswith(b"n1h6w5c2")  # the measuring begins
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, b"")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_package_is_imported(monkeypatch):
    class Finder:
        def find_spec(self, name, path, target=None):
            if name == "jitconv.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "jitconv.cli")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(SystemExit) as left:
        jitconv_command.main()
    assert left.value.code == 130


@POSIX
@pytest.mark.parametrize("kind", ["callback", "destructor"])
def test_ctrl_c_is_heard_where_python_swallows_it(kind):
    callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))

    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def swallowed():
        with interruptible() as interruption:
            callback() if kind == "callback" else Dying()
            assert interruption.came
            time.sleep(10)

    begun = time.monotonic()
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        swallowed()
    assert time.monotonic() - begun < 10
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


@POSIX
def test_a_swallowed_ctrl_c_is_130_whatever_comes_of_it(command, registry):
    """LLVM's callback was interrupted: a kernel was not compiled, its algorithm was said to have failed."""
    callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))

    def fails(x, w, b, y):
        callback()
        raise RuntimeError("no compiled object yet")

    registry.register("mine", Plugin("fails", fails))
    assert command(*SMALL[:-1], "fails")[0] == 130


@POSIX
def test_a_second_ctrl_c_kills(run_python):
    script = """
    import os, signal
    from jitconv.cli.interrupt import interruptible
    child = os.fork()
    if child == 0:
        with interruptible():
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
        os._exit(0)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    """
    assert run_python(script) == str(int(signal.SIGINT))


def test_another_thread_hears_no_ctrl_c_and_works():
    handler, found = signal.getsignal(signal.SIGINT), []

    def body():
        with interruptible():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [handler]


# pictures of compare


def test_compare_loads_pictures_as_edges_does(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 1, 40), (20, 40))
    for name, values in {
        "deep.png": (10_000 + 40_000 * ramp).astype(np.uint16),
        "floats.tif": ramp.astype(np.float32),
        "bytes.png": np.rint(255 * ramp).astype(np.uint8),
    }.items():
        Image.fromarray(values).save(tmp_path / name)
        pixels, about = load(tmp_path / name)
        assert about == f"{name}, 40x20"
        assert pixels.shape == (1, 20, 40, 3)
        np.testing.assert_allclose(pixels[0], np.repeat(ramp[..., None], 3, axis=2), atol=0.003)
    picture = Image.new("RGBA", (20, 30), (255, 0, 0, 0))
    picture.save(tmp_path / "clear.png")
    assert (load(tmp_path / "clear.png")[0] == 1).all()  # white, as on a page
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.convert("RGB").save(tmp_path / "turned.jpg", exif=exif)
    assert load(tmp_path / "turned.jpg")[0].shape == (1, 20, 30, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("size", "shape", "said"),
    [
        ((5000, 16), (16, 512), ", cut to 512x16"),
        ((20, 5000), (512, 16), ", cut to 20x640, reduced to 16x512"),
        ((600, 300), (256, 512), ", reduced to 512x256"),
        ((512, 16), (16, 512), ""),
    ],
)
def test_a_long_picture_is_not_made_too_narrow(tmp_path, dtype, size, shape, said):
    Image.fromarray(np.ones(size[::-1], dtype)).save(tmp_path / "long.tif")
    pixels, about = load(tmp_path / "long.tif")
    assert pixels.shape == (1, *shape, 3)
    assert about == f"long.tif, {size[0]}x{size[1]}{said}"


def test_a_table_is_whole_on_any_console(capsys):
    from rich.table import Table

    console = plain_console()
    console.width = 10
    table = Table(box=None)
    for heading in ("one long heading", "another one"):
        table.add_column(heading, no_wrap=True)
    print_whole(table, console)
    assert "one long heading" in capsys.readouterr().out
    assert console.width == 10


def test_a_word_is_whole_beside_columns_that_do_not_wrap(capsys):
    from rich.table import Table

    console = plain_console()
    console.width = 10
    table = Table(box=None)
    table.add_column("problem", overflow="fold")
    table.add_column("age", no_wrap=True)
    table.add_row("n1h14w14c8 k3x3f16", "2 h 30 min ago")
    print_whole(table, console)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["n1h14w14c8", "2", "h", "30", "min", "ago"], ["k3x3f16"]]


def test_a_warning_is_one_line_that_names_no_source(tmp_path):
    line = {"op": "create_mask", "problem": "n5h2w2", "layout": "NHWC", "dtype": "float32"}
    line = json.dumps(line | {"prepared": False, "threads": 1})
    (tmp_path / "r.jsonl").write_text(f"{line}\n{line[:30]}\n")
    done = started("lock", "--recorded", "r.jsonl", "-o", "a.json", cwd=tmp_path)
    printed, errors = (stream.decode() for stream in done.communicate(timeout=60))
    assert (done.returncode, printed.splitlines()[-1]) == (0, "Saved a.json: 1 choice")
    assert errors.startswith("jitconv: warning: r.jsonl: 1 line is no record: line 2: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "options", [["--op", "conv_forward,create_mask"], ["--op", "conv_forward", "--op", " create_mask"]]
)
def test_names_are_separated_by_commas_or_given_again(command, registry, options):
    more = "--deny", "fft", "--deny", "winograd,im2col", "--threads", 1
    done = command("lock", "n1h6w5c2 k3x3f2", "n5h2w2", *options, *more, "-o", "a.json")
    assert (done.returncode, done.stderr) == (0, "")
    with open("a.json", encoding="utf-8") as file:
        made = json.load(file)["choices"]
    assert [one["op"] for one in made] == ["conv_forward", "create_mask"]
    assert {tuple(one["settings"]["deny"]) for one in made} == {("fft", "im2col", "winograd")}
    for names in (["fft,winograd"], ["fft", "winograd"]):
        words = [word for name in names for word in ("--deny", name)]
        told = command("explain", "conv_forward", "n1h6w5c2 k3x3f2", "--json", *words).stdout
        assert json.loads(told)["settings"]["deny"] == ["fft", "winograd"]
        done = command("explain", "conv_forward", "n1h6w5c2 k3x3f2", *words, "--deny", "")
        assert done.returncode == 2


def test_without_a_terminal_no_bar_leaves_an_empty_line(command, registry):
    done = command("sweep", "conv_forward", "n1h6w5c2 k3x3f2", "--vary", "h=6", "--algorithms", "direct")
    assert done.stdout.splitlines()[0].split()[:2] == ["h", "winner"]

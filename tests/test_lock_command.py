"""`jitconv lock` as a user has it: files, exit codes, what is printed."""

import json
import shlex

import numpy as np
import pytest
from plugin_helpers import masker, provider

import jitconv
from jitconv.selector.lockfile import Lockfile

CONV, POOL, WINDOWS = "n1h6w32c3 k3x3f8 s1 p1 nchw", "n1h6w6c4 k2x2 s2", "n4h2w2"


@pytest.fixture
def lock(command, monkeypatch, registry):
    """Run `jitconv lock` on a narrow terminal."""
    monkeypatch.setenv("COLUMNS", "60")

    def run(*arguments):
        done = command("lock", *arguments)
        assert done.stderr.count("\n") <= 1
        return done

    return run


def choices(file="a.json"):
    """Return the choices of a file by op and problem."""
    return {(one.identity.op, one.identity.problem): one for one in Lockfile.read(file).choices}


def rewritten(file, change):
    """Change a file as an editor would: `change` is given its first choice as JSON."""
    with open(file, encoding="utf-8") as stream:
        told = json.load(stream)
    change(told["choices"][0])
    with open(file, "w", encoding="utf-8") as stream:
        json.dump(told, stream)


def test_problems_are_locked_with_all_their_ops(lock):
    code, printed, _ = lock(CONV, POOL, WINDOWS, "-o", "a.json", "--threads", 1)
    assert code == 0
    assert printed.endswith("Saved a.json: 8 choices\n")
    assert {op for op, _ in choices()} == set(jitconv.algorithm.OPS)
    expected = jitconv.explain("conv_forward", (1, 3, 6, 32), (8, 3, 3, 3), pad=1, layout="NCHW")
    found = choices()["conv_forward", CONV]
    assert (found.algorithm, found.variant) == (expected.choice.name, expected.variant)
    assert found.identity.threads == 1
    environment = Lockfile.read("a.json").environment
    assert environment["mode"] == "predict"
    assert environment["numpy"] == np.__version__
    assert {"jitconv", "python", "numba", "llvmlite", "cpu", "vector_bytes", "kind", "threads", "date"} <= {
        *environment
    }


def test_what_was_locked_is_replayed_and_checked(lock):
    assert (
        lock("--suite", "resnet50", "--op", "forward", "--batch", 2, "-o", "a.json", "--threads", 1)[0] == 0
    )
    assert all(problem.startswith("n2h") for _, problem in choices())
    for one in list(choices().values())[:5]:
        spec = jitconv.specs.parse(one.identity.problem)
        with jitconv.config(mode="replay", lockfile="a.json", threads=1):
            found = jitconv.ops.prepare(one.identity.op, spec).explanation
        assert found.title(found.choice) == one.title
        assert found.choice.reason.endswith("a.json")
    code, printed, _ = lock("--check", "a.json")
    assert (code, printed) == (0, f"0 of {len(choices())} choices would change\n")


def test_a_suite_and_others_by_their_options(lock, tmp_path):
    noted = {"layout": "NHWC", "dtype": "float32", "threads": 1}
    (tmp_path / "p.csv").write_text(f"problem,weight\n{POOL.replace('n1', 'N1')},3\n")
    (tmp_path / "r.jsonl").write_text(
        json.dumps({"op": "create_mask", "problem": WINDOWS, **noted, "prepared": False, "more": 0})
        + "\n\n"
        + json.dumps({"op": "conv_forward", "problem": CONV, **noted, "prepared": True})
        + "\n"
    )
    options = ("--op", "conv_forward,max_pool_forward,create_mask", "--layout", "NCHW", "--dtype", "float64")
    code, printed, _ = lock(
        "--file", "p.csv", "--recorded", "r.jsonl", *options, "-o", "a.json", "--threads", 1
    )
    assert code == 0
    assert "1 layers of p.csv" in printed
    assert list(choices()) == [
        ("conv_forward", CONV),
        ("max_pool_forward", "n1h6w6c4 k2x2 s2 p0 nchw float64"),
        ("create_mask", WINDOWS),
    ]
    assert choices()["conv_forward", CONV].identity.prepared


def test_plans_and_limits_are_kept_apart(lock):
    lock(CONV, "-o", "a.json", "--op", "conv_forward", "--threads", 1)
    for options in (["--plan"], ["--deterministic"], ["--accuracy", "strict"], ["--deny", "fft,im2col"]):
        code, printed, _ = lock(
            CONV, "-o", "a.json", "--op", "conv_forward", "--add", "--threads", 1, *options
        )
        assert code == 0
        assert printed.splitlines()[1].startswith("+ conv_forward ")
    found = [one.identity for one in Lockfile.read("a.json").choices]
    assert sorted(one.prepared for one in found) == [False] * 4 + [True]
    assert sorted(name for one in found for name, _ in one.settings) == ["accuracy", "deny", "deterministic"]
    assert lock("--check", "a.json")[0] == 0


def test_the_command_that_replay_names_adds_the_choice(lock):
    lock(WINDOWS, "-o", "a.json", "--threads", 1)
    with jitconv.config(mode="replay", lockfile="a.json", threads=1, deterministic=True):
        with pytest.raises(jitconv.ReplayError) as error:
            jitconv.explain("conv_forward", (1, 3, 6, 32), (8, 3, 3, 3), pad=1, layout="NCHW")
        command = shlex.split(str(error.value).rpartition("; add one: ")[2])
        assert command[:2] == ["jitconv", "lock"]
        assert lock(*command[2:])[0] == 0
        found = jitconv.explain("conv_forward", (1, 3, 6, 32), (8, 3, 3, 3), pad=1, layout="NCHW")
    assert found.choice.reason.startswith("pinned by ")
    assert len(choices()) == 3


def test_the_command_that_a_mismatch_names_mends_it(lock):
    lock(CONV, "-o", "a.json", "--op", "conv_forward", "--threads", 1)
    rewritten("a.json", lambda one: one.update(revision=999))
    with jitconv.config(mode="replay", lockfile="a.json", threads=1):
        with pytest.raises(jitconv.ReplayError) as error:
            jitconv.explain("conv_forward", (1, 3, 6, 32), (8, 3, 3, 3), pad=1, layout="NCHW")
        code, printed, _ = lock(*shlex.split(str(error.value).rpartition("; lock it anew: ")[2])[2:])
        assert code == 0
        assert printed.splitlines()[1].startswith(f"~ conv_forward {CONV} (1 thread): ")
        assert " r999 (" in printed
        jitconv.explain("conv_forward", (1, 3, 6, 32), (8, 3, 3, 3), pad=1, layout="NCHW")


CHANGES = {
    "another": (
        {"algorithm": "naive", "variant": None, "revision": 1},
        "naive r1 ",
        ": the least predicted time",
    ),
    "revision": ({"revision": 999}, " r999 ", "replay refuses it: its revision is "),
    "plugin": ({"plugin": "torch"}, " of torch ", "replay refuses it: it was plugin 'torch' that"),
    "gone": ({"algorithm": "cudnn", "variant": None}, "cudnn r", "nobody provides 'cudnn' now"),
    "no variant": ({"algorithm": "direct", "variant": "cols"}, "direct/cols r", "its variants are "),
}


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES)
def test_check_says_what_would_change(lock, case):
    changes, *words = case
    lock(CONV, WINDOWS, "-o", "a.json", "--threads", 1)
    now = choices()["conv_forward", CONV]
    rewritten("a.json", lambda one: one.update(changes))
    code, printed, errors = lock("--check", "a.json")
    assert (code, errors) == (1, "")
    first, *_, last = printed.splitlines()
    assert first.startswith(f"~ conv_forward {CONV} (1 thread): ")
    for word in (*words, f" -> {now.title} r{now.revision} "):
        assert word in first
    assert last == "1 of 4 choices would change"


def test_check_tells_another_environment_and_is_content(lock, tmp_path):
    lock(WINDOWS, "-o", "a.json", "--threads", 1)
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text.replace(f'"numpy": "{np.__version__}"', '"numpy": "1.9"'))
    code, printed, _ = lock("--check", "a.json")
    assert code == 0
    assert f"  numpy: 1.9 -> {np.__version__}\n" in printed


def test_check_with_a_guest_that_is_gone(lock, registry):
    registry.add("guest", provider(masker(revision=3)), "1.2")
    code, printed, _ = lock(
        WINDOWS, "--op", "create_mask", "--allow", "guest", "-o", "a.json", "--threads", 1
    )
    assert code == 0
    assert printed.startswith("1 choice by predict: blind 1")
    assert choices()["create_mask", WINDOWS].allow == ("guest",)
    assert lock("--check", "a.json")[0] == 0
    registry.remove("guest")
    code, printed, _ = lock("--check", "a.json")
    assert code == 1
    assert "blind r3 of guest (predicted 0 µs) -> " in printed
    assert "; replay refuses it: nobody provides 'blind' now\n" in printed


def test_measured_choices_have_their_mode(lock, registry):
    ran = []

    def mark(spec, x, marked):
        ran.append(spec)
        marked[...] = False

    registry.add("guest", provider(masker(run=mark), masker("blind2", run=mark, deterministic=False)))
    options = ("--op", "create_mask", "--allow", "guest", "--deny", "direct,naive", "--mode", "measure")
    code, printed, _ = lock(WINDOWS, *options, "-o", "a.json", "--threads", 1)
    assert code == 0
    assert printed.startswith("1 choice by measure: blind")
    assert ran
    assert Lockfile.read("a.json").environment["mode"] == "measure"
    code, printed, _ = lock(WINDOWS, *options, "-o", "a.json", "--threads", 1, "--deterministic")
    assert code == 0
    assert printed.startswith("1 choice by measure: blind 1")  # the other one's bits may differ
    assert choices()["create_mask", WINDOWS].identity.settings == (
        ("deterministic", True),
        ("deny", ("direct", "naive")),
    )


def test_two_files_are_compared(lock):
    lock(CONV, WINDOWS, "-o", "a.json", "--threads", 1)
    lock(CONV, WINDOWS, "-o", "b.json", "--threads", 1)
    assert lock("--diff", "a.json", "b.json", "--exit-code") == (0, "the choices are the same\n", "")
    before = choices()["conv_forward", CONV]
    rewritten("b.json", lambda one: one.update(algorithm="naive", variant=None, revision=1))
    lock(POOL, "--op", "max_pool_forward", "-o", "b.json", "--threads", 1, "--add")
    code, printed, _ = lock("--diff", "a.json", "b.json")
    assert code == 0
    added, changed = printed.splitlines()
    assert added.startswith("+ max_pool_forward n1h6w6c4 k2x2 s2 p0 (1 thread): ")
    assert changed.startswith(f"~ conv_forward {CONV} (1 thread): {before.title} r{before.revision} (")
    assert " -> naive r1 (" in changed
    assert lock("--diff", "a.json", "b.json", "--exit-code")[0] == 1


MISTAKES = {
    "nothing": ((), "name the file to write with -o"),
    "no problem": (("-o", "a.json"), "name problems: problem strings, --suite, --file, --onnx"),
    "two tasks": (
        ("-o", "a.json", "--check", "b.json"),
        "give one of -o, --check, --diff; got -o and --check",
    ),
    "problems to check": (
        (CONV, "--check", "b.json"),
        "--check takes the problems of its file; got problems too",
    ),
    "add to nothing": (("--check", "b.json", "--add"), "--add is for -o"),
    "exit code of nothing": (("--check", "b.json", "--exit-code"), "--exit-code is for --diff"),
    "no such file": (("--check", "b.json"), "there is no lockfile b.json"),
    "no such files": (("--diff", "a.json", "b.json"), "there is no lockfile a.json"),
    "a problem's mistake": (("n1h6", "-o", "a.json"), "a problem begins with its sizes"),
    "another op": ((POOL, "--op", "conv", "-o", "a.json"), "--op must be among max_pool_forward"),
    "an op of no layer": (
        ("--suite", "vgg16", "--op", "create_mask", "-o", "a.json"),
        "must have one of the ops",
    ),
    "plans of pools": ((CONV, "--plan", "--op", "conv", "-o", "a.json"), "--plan is for conv_forward"),
    "a guest that is not there": (
        (CONV, "--allow", "torhc", "-o", "a.json"),
        "config: allow and deny must name",
    ),
    "an accuracy": ((CONV, "--accuracy", "best", "-o", "a.json"), "accuracy must be "),
    "a place": ((CONV, "-o", "."), "-o cannot write ."),
    "records that are none": (
        (CONV, "--recorded", "r.jsonl", "-o", "a.json"),
        "records must be a file; got r.jsonl: No such file",
    ),
    "too many threads": ((CONV, "-o", "a.json", "--threads", 9999), "choices for 9999 threads need as many"),
}


@pytest.mark.parametrize("case", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(lock, tmp_path, case):
    arguments, words = case
    code, printed, errors = lock(*arguments)
    assert (code, printed) == (2, "")
    assert errors.startswith("jitconv: ")
    assert words in errors
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_read_as_tune_reads_it(lock, tmp_path):
    noted = {"op": "create_mask", "problem": WINDOWS, "layout": "NHWC", "dtype": "float32"}
    line = json.dumps({**noted, "prepared": False, "threads": 1})
    (tmp_path / "r.jsonl").write_text(f"{line}\n{line[:40]}")  # its program was killed
    with pytest.warns(RuntimeWarning, match=r"r\.jsonl: 1 line is no record: line 2: "):
        code, printed, _ = lock("--recorded", "r.jsonl", "-o", "a.json")
    assert code == 0
    assert printed.endswith("Saved a.json: 1 choice\n")
    (tmp_path / "r.jsonl").write_text("[]")
    code, _, errors = lock("--recorded", "r.jsonl", "-o", "b.json")
    assert code == 2
    assert "r.jsonl must be a file that JITCONV_RECORD has written; got line 1: " in errors


def test_a_file_that_is_no_lockfile_is_not_added_to(lock, tmp_path):
    (tmp_path / "a.json").write_text("{}")
    code, _, errors = lock(WINDOWS, "--add", "-o", "a.json")
    assert code == 2
    assert "a.json is no lockfile of this version of jitconv" in errors
    assert (tmp_path / "a.json").read_text() == "{}"


def test_check_needs_the_threads_of_the_file(lock):
    lock(WINDOWS, "-o", "a.json", "--threads", 1)
    rewritten("a.json", lambda one: one.update(threads=9999))
    code, _, errors = lock("--check", "a.json")
    assert code == 2
    assert "set NUMBA_NUM_THREADS=9999" in errors

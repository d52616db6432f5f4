"""A record of the problems that a program has."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import jitconv
from jitconv.ops import cache_clear
from jitconv.selector import record
from jitconv.selector.problem import of_op, problem_of
from jitconv.testing import cases

pytestmark = pytest.mark.usefixtures("registry")

MASK = b'{"op": "create_mask", "problem": "n5h2w2", "layout": "NHWC", "dtype": "float32", "prepared": false, '


@pytest.fixture(autouse=True)
def begun(monkeypatch):
    """Have a process that has recorded nothing yet, and no calls."""
    monkeypatch.setattr(record, "_files", {})
    cache_clear()


def ones(*shape):
    """Return ones."""
    return np.ones(shape, np.float32)


def test_each_new_problem_is_a_line_and_a_repeated_one_is_none(tmp_path):
    file = tmp_path / "problems.jsonl"
    with jitconv.config(record=file, threads=1):
        for _ in range(3):
            jitconv.create_mask(ones(5, 2, 2))
            jitconv.avg_pool_forward(ones(1, 3, 4, 4).astype(np.float64), 2, layout="NCHW", ceil_mode=True)
        cache_clear()  # a new call of a known problem
        jitconv.create_mask(ones(5, 2, 2), algorithm="naive")
    first, second = file.read_bytes().splitlines()
    assert first == MASK + b'"threads": 1}'
    assert json.loads(second) == {
        "op": "avg_pool_forward",
        "problem": "n1h4w4c3 k2x2 s2 p0 nchw float64 ceil",
        "layout": "NCHW",
        "dtype": "float64",
        "prepared": False,
        "threads": 1,
    }


def test_what_is_read_is_what_was_called(tmp_path):
    file = tmp_path / "problems.jsonl"
    x, w, b = ones(1, 6, 6, 3), ones(3, 3, 3, 2), ones(2)
    with jitconv.config(record=file, threads=1):
        y = jitconv.conv_forward(x, w, b, pad=1)
        jitconv.conv_backward(y, x, w, pad=1, wrt=["w"])
        jitconv.plan_conv(x.shape, w, b, activation="relu")
    specs = [
        jitconv.explain("conv_forward", x, w, b, pad=1).spec,
        jitconv.explain("conv_backward", y, x, w, pad=1, wrt=["w"]).spec,
        jitconv.plan_conv(x.shape, w, b).spec,
    ]
    ops = "conv_forward", "conv_backward", "conv_forward"
    assert record.read(file) == [
        (op, spec, prepared, 1) for op, spec, prepared in zip(ops, specs, (False, False, True), strict=True)
    ]


@pytest.mark.parametrize("op", ["conv_backward", "max_pool_backward", "avg_pool_forward", "distribute_value"])
def test_every_problem_is_read_back(op, tmp_path):
    specs = list({one: None for one in (of_op(op, case.spec) for case in cases(op)) if one.n})
    said = [
        {"op": op, "problem": problem_of(op, one), "layout": "NHWC", "dtype": "float32"}
        | {"prepared": False, "threads": 2}
        for one in specs
    ]
    file = tmp_path / "problems.jsonl"
    file.write_text("\n".join(map(json.dumps, said)))
    found = [str(one.spec) for one in record.read(file)]
    assert len(found) > 5
    assert found == list(dict.fromkeys(map(str, specs)))  # windows' leading axes are one number


def test_nothing_is_noted_that_does_not_run(tmp_path):
    file = tmp_path / "problems.jsonl"
    with jitconv.config(record=file):
        jitconv.create_mask(ones(0, 2, 2))  # nothing to measure
        jitconv.explain("create_mask", (5, 2, 2))
        for bad in (lambda: jitconv.create_mask(ones(5, 2, 2), ties="x"), lambda: jitconv.create_mask([1])):
            with pytest.raises(jitconv.JitconvError):
                bad()
    jitconv.create_mask(ones(7, 2, 2))
    assert not file.exists()


def test_a_program_that_runs_again_adds_nothing(tmp_path, monkeypatch):
    file = tmp_path / "problems.jsonl"
    for _ in range(2):
        with jitconv.config(record=file):
            jitconv.create_mask(ones(5, 2, 2))
        monkeypatch.setattr(record, "_files", {})  # as another process has it
        cache_clear()
    assert len(file.read_bytes().splitlines()) == 1


def test_the_variable_does_it_for_several_processes_at_once(tmp_path):
    script = """
    import sys
    import numpy as np
    import jitconv
    for width in range(1, 40):
        jitconv.create_mask(np.ones((int(sys.argv[1]), 2, width), np.float32), algorithm="naive")
    """
    file = tmp_path / "problems.jsonl"
    environment = {**os.environ, "JITCONV_RECORD": "problems.jsonl", "JITCONV_PLUGINS": ""}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(place)], env=environment, cwd=tmp_path
        )
        for place in (1, 2)
    ]
    assert [one.wait(60) for one in running] == [0, 0]
    found = {(one.op, one.spec.n, one.spec.w) for one in record.read(file)}
    assert found == {("create_mask", n, width) for n in (1, 2) for width in range(1, 40)}
    assert file.read_bytes().count(b"\n") == 2 * 39


@pytest.mark.parametrize("place", ["", "nowhere/file", "plain/file"])
def test_a_file_that_cannot_be_written_is_one_warning(tmp_path, place):
    (tmp_path / "plain").write_text("")
    with jitconv.config(record=tmp_path / place):
        with pytest.warns(
            RuntimeWarning, match=r"no longer recorded: cannot write to .*JITCONV_RECORD"
        ) as told:
            assert jitconv.create_mask(ones(5, 2, 2)).sum() == 5
        assert len(told) == 1
        jitconv.create_mask(ones(6, 2, 2))
    assert (tmp_path / "plain").read_text() == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with jitconv.config(record=tmp_path / "pipe"), pytest.warns(RuntimeWarning, match="cannot write to"):
        jitconv.create_mask(ones(5, 2, 2))


def test_a_file_grows_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "MOST_BYTES", 300)
    file = tmp_path / "problems.jsonl"
    with jitconv.config(record=file, threads=1):
        jitconv.create_mask(ones(5, 2, 2))
        jitconv.create_mask(ones(6, 2, 2))
        with pytest.warns(RuntimeWarning, match="is full"):
            jitconv.create_mask(ones(7, 2, 2))
        jitconv.create_mask(ones(8, 2, 2))
    assert [one.spec.n for one in record.read(file)] == [5, 6]


def test_a_line_that_was_cut_off_is_left_out_with_a_word(tmp_path):
    file = tmp_path / "problems.jsonl"
    file.write_bytes(MASK + b'"threads": 1}\n\n' + MASK + b'"threads": 1}\n' + MASK[:40])
    with pytest.warns(RuntimeWarning, match=r"1 line is no record: line 4: a record must be a JSON object"):
        found = record.read(file)
    assert [(one.op, str(one.spec), one.prepared, one.threads) for one in found] == [
        ("create_mask", "n5h2w2", False, 1)
    ]


WRONG = {
    "op": "conv",
    "problem": "n5h2w2 k9",
    "layout": "HWCN",
    "dtype": ["float32"],
    "prepared": 1,
    "threads": 0,
}


@pytest.mark.parametrize("field", WRONG)
@pytest.mark.parametrize("missing", [False, True])
def test_a_record_of_no_meaning_is_named(tmp_path, field, missing):
    said = json.loads(MASK + b'"threads": 1}')
    said[field] = WRONG[field]
    if missing:
        del said[field]
    file = tmp_path / "problems.jsonl"
    file.write_text(json.dumps(said))
    with pytest.raises(
        jitconv.ParameterError, match=r"must be a file that JITCONV_RECORD has written; got line 1"
    ):
        record.read(file)


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xff\xfe\x00", b"[1]\n", b"n5h2w2\n"])
def test_a_file_without_records_is_refused(tmp_path, text):
    file = tmp_path / "problems.jsonl"
    with pytest.raises(jitconv.ParameterError, match="No such file"):
        record.read(file)
    file.write_bytes(text)
    with pytest.raises(jitconv.ParameterError, match="must be a file that JITCONV_RECORD has written"):
        record.read(file)

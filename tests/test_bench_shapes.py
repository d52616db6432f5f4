"""`jitconv bench --file`: problems from a file, their weights, and what is said of a bad line; `--sample`."""

import io
import json
import sys

import numpy as np
import pytest

import jitconv
from jitconv.bench import ceiling, shapes
from jitconv.bench.given import Given, Sources, gather, having, sampled
from jitconv.bench.suites import Layer, layers
from jitconv.errors import ParameterError
from jitconv.specs import parse

A, B = "n1h14w14c256 k3x3f256 s1 p1", "n1h8w8c16 k2x2 s2 p0"


def read(tmp_path, text, *, weights=None, batch=1, layout="NHWC", dtype="float32"):
    """Read a file with a text."""
    file = tmp_path / "shapes.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return shapes.read(file, weights=weights, batch=batch, layout=layout, dtype=dtype)


def test_a_line_each(tmp_path):
    found, said = read(tmp_path, f"# a network\n\n{A}\n  {B}  \r\n{A}")
    assert [(str(one.spec), one.times) for one in found] == [(A, 1), (B, 1), (A, 1)]
    assert said.endswith("shapes.csv; no weights: each layer counts once")


@pytest.mark.parametrize(
    ("header", "weights", "taken"),
    [
        ("problem,layers,weight", None, "layers"),
        ("problem,times,weight", None, "weight"),
        ("problem,models,times", None, "times"),
        ("Problem, layers, Models", "MODELS", "models"),
    ],
)
def test_the_column_of_the_weights_is_told(tmp_path, header, weights, taken):
    place = [name.strip().lower() for name in header.split(",")].index(taken)
    found, said = read(tmp_path, f'{header}\n{A},3,0.5\n"{B}",4,2e3\n', weights=weights)
    assert said.endswith(f"weights: column {taken!r}")
    assert [one.times for one in found] == [[3, 4], [0.5, 2000]][place - 1]
    assert all(isinstance(one.times, int) for one in found if one.times != 0.5)


def test_without_such_a_column_each_counts_once(tmp_path):
    found, said = read(tmp_path, f"models,problem\n7,{A}\n")
    assert [one.times for one in found] == [1]
    assert "each layer counts once" in said


def test_a_record_is_a_list_of_layers_in_their_own_layout(tmp_path):
    record = tmp_path / "record.jsonl"
    x, w = np.ones((1, 4, 6, 6), np.float32), np.ones((2, 4, 3, 3), np.float32)
    with jitconv.config(record=record):
        y = jitconv.conv_forward(x, w, np.ones(2, np.float32), layout="NCHW", algorithm="naive")
        jitconv.conv_backward(y, x, w, layout="NCHW", wrt="x", algorithm="naive")  # the same layer
        jitconv.avg_pool_forward(x.astype(np.float64), 2, algorithm="naive")
        jitconv.max_pool_forward(np.ones((3, 4, 4, 1), np.float32), 2, algorithm="naive")
        jitconv.create_mask(x, algorithm="naive")  # no layer
    found, said = read(tmp_path, record.read_text(), batch=8)
    assert [(str(one.spec), one.pool, one.times) for one in found] == [
        ("n8h6w6c4 k3x3f2 s1 p0 nchw", "", 1),
        ("n8h4w6c6 k2x2 s2 p0 float64", "avg", 1),
        ("n3h4w4c1 k2x2 s2 p0", "max", 1),
    ]
    assert said.startswith("3 layers of ")
    with pytest.raises(ParameterError, match=r"--weights names a column, and .* is a record"):
        read(tmp_path, record.read_text(), weights="times")
    with pytest.raises(ParameterError, match="must hold convolutions or poolings; got none"):
        read(tmp_path, record.read_text().splitlines()[-1])


def test_layout_dtype_and_batch_are_those_asked_for_unless_a_line_has_its_own(tmp_path):
    text = f"\ufeffproblem\n{A}\n{A.upper()} nhwc float32\nn5h8w8c16 k2x2\n"
    found, _ = read(tmp_path, text, batch=4, layout="NCHW", dtype="float64")
    assert [(one.spec.n, one.spec.layout, one.spec.dtype) for one in found] == [
        (4, "NCHW", "float64"),
        (4, "NHWC", "float32"),
        (5, "NCHW", "float64"),
    ]


@pytest.mark.parametrize(
    ("text", "weights", "said"),
    [
        (f"{A}\nn1h8\n", None, "line 2: a problem begins with its sizes, as in 'n16h56w56c64 k3x3f64 s1 p1'"),
        (f"{A} q3\n", None, "line 1: unknown word 'q3' in the problem"),
        ("n1h2w2c1 k3x3f1\n", None, "line 1: conv: "),
        ("n196h2w2\n", None, "line 1: expected a convolution or a pooling"),
        (f"{A},3\n", None, "line 1: expected one problem (several columns need a header line with a column"),
        (f"problem,layers\n{A},3\n# no\n{B}\n", None, "line 4: expected the 2 columns of the header; got 1"),
        (f"problem,layers\n{A},0\n", None, "line 2: the column 'layers' must hold a number above 0"),
        (f"problem,layers\n{A},many\n", None, "a number above 0, at most 1e+15; got 'many'"),
        (f"problem,layers\n{A},nan\n", None, "got 'nan'"),
        (f"problem,layers\n{A},3\n", "layer", "got 'layer' (did you mean 'layers'?)"),
        (f"problem\n{A}\n", "layers", "--weights must be a column beside 'problem', which is not there, in "),
        (f"{A}\n", "layers", "--weights names a column, and "),
        (f"problem,layers,layers\n{A},1,2\n", None, "must name each column once; got 'layers' again"),
        (f'"{A}\n', None, "line 1: a line must be a row of CSV"),
        ("# nothing\n", None, "must hold problems, as in"),
        ("problem,layers\n", None, "must hold problems below its header"),
        (b"\xff\xfe\n", None, "--file must be text in UTF-8"),
    ],
)
def test_a_bad_line_is_named_with_what_was_expected(tmp_path, text, weights, said):
    with pytest.raises(ParameterError) as error:
        read(tmp_path, text, weights=weights)
    message = str(error.value)
    assert said in message
    assert "shapes.csv" in message
    assert len(message) < 600


@pytest.mark.parametrize("line", ["n1h4w4c1 k2x2f1 q3", "n1h4w4c6 k2x2f1 g4", "n1h2w2c1 k3x3f1", "x" * 5000])
def test_what_is_said_of_a_line_has_an_example_and_what_came(tmp_path, line):
    with pytest.raises(ParameterError) as error:
        read(tmp_path, f"{line}\n")
    assert "as in 'n16h56w56c64 k3x3f64 s1 p1' (conv)" in str(error.value)
    assert line[:40] in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ParameterError, match=r"--file cannot read .*none\.csv: No such file"):
        shapes.read(tmp_path / "none.csv", weights=None, batch=1, layout="NHWC", dtype="float32")


# samples


def many(count):
    """Return some layers that differ."""
    return Given([Layer("s", parse(f"n1h{4 + i}w4c1 k2x2f1"), i + 1) for i in range(count)])


def test_a_sample_is_the_same_everywhere():
    found = sampled(many(10), 4, 7)
    # by the generator's first numbers for this seed: 0.324, 0.151, 0.651, 0.072, 0.536, 0.366, 0.058 …
    assert [one.spec.h - 4 for one in found.layers] == [1, 3, 6, 8]
    assert found.notes == ["4 of 10 layers, drawn with --seed 7"]
    assert found.facts == {"sample": {"count": 4, "of": 10, "seed": 7}}


def test_a_sample_has_no_layer_twice_and_draws_all_alike():
    counts = dict.fromkeys(range(4, 10), 0)
    for seed in range(600):
        drawn = [one.spec.h for one in sampled(many(6), 2, seed).layers]
        assert drawn == sorted(set(drawn))
        for one in drawn:
            counts[one] += 1
    assert all(150 < count < 250 for count in counts.values())  # 200 of 600, with a deviation of 12


def test_a_sample_is_drawn_of_the_layers_that_have_the_op():
    given = having(Given([*many(3).layers, Layer("s", parse(B))]), ["conv_forward"])
    assert len(sampled(given, 3, 0).layers) == 3
    with pytest.raises(ParameterError, match=r"at most the 3 layers there are .* got 4"):
        sampled(given, 4, 0)


def test_sources_are_taken_together(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(A)
    alone = gather(Sources(file=file), 2, "NHWC", "float32").layers
    assert [one.spec.n for one in alone] == [2]
    both = gather(Sources(suites=["vgg16"], file=file), 2, "NHWC", "float32").layers
    assert both == [*layers("vgg16", batch=2, layout="NHWC", dtype="float32"), *alone]


# the command


@pytest.fixture
def bench(command, registry, monkeypatch):
    """Run `jitconv bench` on small memory."""
    monkeypatch.setattr(ceiling, "COPY_BYTES", 2**20)
    ceiling.copy.cache_clear()
    yield lambda *arguments: command("bench", *arguments, "--seconds", "0.01")
    ceiling.copy.cache_clear()


def test_stdin_is_measured_and_told(bench, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("problem,times\nn1h6w6c1 k2x2f1,2.5\nn1h4w4c1 k2x2,2\n"))
    code, printed, error = bench("--file", "-", "--sample", "1", "--seed", "3", "--json", "-")
    assert code == 0
    figures = json.loads(printed)
    assert [(row["suite"], row["problem"], row["times"], row["kind"]) for row in figures["rows"]] == [
        ("stdin", "n1h6w6c1 k2x2f1 s1 p0", 2.5, "common")
    ]
    assert figures["given"]["sample"] == {"count": 1, "of": 1, "seed": 3}
    assert "2 layers of stdin; weights: column 'times'" in error
    assert "1 of 1 layers, drawn with --seed 3" in error
    assert "×2.5" in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--file", "none.csv"], "--file cannot read none.csv: No such file or directory"),
        (["--weights", "layers"], "--weights names a column of --file: give that too"),
        (["--seed", "1"], "--seed is that of --sample: give a number of layers to draw too"),
        (["--by", "kind"], "--by kind tells means of ratios to a peer: give --peer too"),
        (["vgg16", "--sample", "99"], "--sample must be at most the 9 layers there are for --op; got 99"),
    ],
)
def test_a_mistake_is_one_line(bench, options, said):
    code, _, error = bench(*options)
    assert (code, error) == (2, f"jitconv: {said}\n")

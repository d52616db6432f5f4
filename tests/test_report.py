"""`jitconv report` and `jitconv export`: which files they take, what they make of them, what they refuse."""

import csv
import io
import json
import re

import pytest
from page_helpers import ASV, HOSTILE, OURS, PAGES, gate, write_gate
from sweep_helpers import read_back

from jitconv import ParameterError
from jitconv.bench import histories as module
from jitconv.bench.export import FORMATS, runs
from jitconv.bench.histories import History, detector, histories
from jitconv.bench.results import COMMANDS, facts, read


def figures(name):
    return json.loads((PAGES / f"{name}.json").read_text())


def test_a_file_tells_its_kind_whatever_its_name(tmp_path):
    places = []
    for number, file in enumerate([*OURS, write_gate(tmp_path)]):
        places.append(tmp_path / f"{number}")
        places[-1].write_bytes(file.read_bytes())
    found = read([*places, ASV])
    assert [one.kind for one in found] == ["bench", "compare", "sweep", "sweep", "gate", "asv"]
    assert {one.kind for one in found} == {*COMMANDS, "asv"}
    assert len(found[-1].figures["runs"]) == 10


def test_files_of_asv_are_those_of_their_folder():
    one = next(ASV.glob("*/f95376c6-*.json"))
    (found,) = read([ASV / "benchmarks.json", ASV / "two-cores" / "machine.json", one])
    assert (found.kind, len(found.figures["runs"])) == ("asv", 1)
    assert facts(found)["commit"] == json.loads(one.read_text())["commit_hash"]


def test_results_of_one_name_are_told_by_their_places(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "figures.json").write_bytes(OURS[1].read_bytes())
    same = [tmp_path / folder / "figures.json" for folder in "ab"]
    assert [one.name for one in read([*same, OURS[0]])] == [*map(str, same), "bench.json"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "expected JSON of .*; it is none"),
        ("[]", "its content is of no kind known"),
        ('{"kind": "mine"}', "its content is of no kind known"),
        ('{"kind": "gate", "rows": []}', "expected what jitconv gate --json writes; it lacks verdict, base"),
        ('{"commit_hash": "", "result_columns": [], "results": {}}', "expected asv's benchmarks.json in"),
        ('{"version": 1, "machine": "m"}', "got only what asv keeps beside"),
    ],
)
@pytest.mark.parametrize("name", ["report", "export"])
def test_another_file_is_one_line_and_2(command, tmp_path, name, content, words):
    (tmp_path / "odd.json").write_text(content)
    done = command(name, "odd.json", *(("--format", "csv") if name == "export" else ()))
    assert done.returncode == 2
    assert re.search(words, done.stderr)
    assert done.stderr.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["odd.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "expected files of results, of jitconv compare --json, .*; got none"),
        (("none.json",), "none.json: cannot be read: No such file"),
        ((".",), r"\.: expected a file, or a folder of asv's results"),
        ((ASV, "--history", "("), "--history must be a regular expression"),
        ((ASV, "--history", "nothing"), "there is none"),
        ((OURS[0], "-o", "."), "--output cannot write"),
    ],
)
def test_mistakes_are_one_line_and_2(command, arguments, words):
    done = command("report", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert re.search(words, done.stderr)


def test_where_asv_keeps_results_and_that_it_kept_none_are_told(command, tmp_path):
    (tmp_path / ".asv" / "results").mkdir(parents=True)
    (tmp_path / ".asv" / "results" / "benchmarks.json").write_bytes((ASV / "benchmarks.json").read_bytes())
    assert "did you mean .asv/results?" in command("report", ".asv").stderr
    done = command("report", ".asv/results")
    assert done.returncode == 2
    assert "asv run --python=same --set-commit-hash $(git rev-parse HEAD)" in done.stderr


def test_the_page_holds_all_figures_and_needs_nothing_else(command, tmp_path):
    done = command("report", *OURS, ASV, write_gate(tmp_path), "-o", "page.html", "--title", "<b>")
    assert (done.returncode, done.stdout) == (0, "Saved page.html\n"), done.stderr
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    held = read_back(text)
    assert [one["kind"] for one in held["sections"]] == ["bench", "compare", "sweep", "sweep", "gate", "asv"]
    assert held["sections"][0]["rows"] == figures("bench")["rows"]
    assert held["sections"][2]["points"] == figures("sweep")["points"]
    assert held["sections"][4]["rows"] == gate()["rows"]
    assert "<title>&lt;b&gt;</title>" in text
    assert HOSTILE not in text
    assert re.findall(r"(?:src|href)=[\"'](?!data:|#)|url\((?!#|\$)|@import|fetch\(|XMLHttp", text) == []
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}  # a name, no place


def test_histories_are_sorted_and_chosen_by_a_pattern():
    (result,) = read([ASV])
    found = histories(result.figures, r"repeated_call.*plan_conv")
    assert [(one.name, one.parameters, one.unit) for one in found.found] == [
        ("dispatch.Dispatch.time_repeated_call", "plan_conv", "seconds")
    ]
    assert [place for place, *_ in found.found[0].points] == list(range(10))
    dates = [one["date"] for one in found.commits]
    assert dates == sorted(dates)
    for _, value, low, high in found.found[0].points:
        assert low <= value <= high


def test_results_of_an_older_version_of_a_benchmark_are_left_out():
    (result,) = read([ASV])
    name = "dispatch.Dispatch.time_repeated_call"
    newer = {**result.figures["benchmarks"], name: {**result.figures["benchmarks"][name], "version": "2"}}
    with pytest.raises(ParameterError, match="there is none"):
        histories({**result.figures, "benchmarks": newer})


def test_steps_are_those_of_asv():
    pytest.importorskip("asv", reason="steps are asv's: pip install 'jitconv[bench]'")
    values = [1.0, 1.01, 0.99, 1.0, 1.01, 2.0, 2.01, 1.99, 2.0, 2.0]
    points = [(place, value, value - 0.01, value + 0.01) for place, value in enumerate(values)]
    steps = detector()(History("a", "", "seconds", "m", points))
    assert [step[:2] for step in steps] == [(0, 5), (5, 10)]
    assert [step[2] for step in steps] == pytest.approx([1, 2], abs=0.02)
    (result,) = read([ASV])
    planted = [one for one in histories(result.figures).found if one.parameters == "max_pool_forward"]
    assert 5 in [left for left, *_ in detector()(planted[0])]  # where the loop was put in


def test_without_asv_no_step_is_told(command, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "detector", lambda: None)
    assert command("report", ASV, "-o", "page.html").returncode == 0
    (section,) = read_back((tmp_path / "page.html").read_text(encoding="utf-8"))["sections"]
    assert section["detector"] is None
    assert {one["steps"] for one in section["benchmarks"]} == {None}


@pytest.fixture
def exported(command, tmp_path):
    """Return a function that exports true results and the gate's."""

    def run(wanted, *files):
        done = command("export", *(files or (*OURS, ASV, write_gate(tmp_path))), "--format", wanted)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_bencher_has_nanoseconds_and_the_ends_of_intervals(exported):
    told = json.loads(exported("bmf"))
    (row,) = [one for one in figures("compare")["rows"] if one["op"] == "conv_forward" and one["auto"]]
    name = f"conv_forward direct {row['problem']} ({row['label']}) NHWC float32"
    assert told[name]["latency"] == {"value": row["seconds"] * 1e9}
    assert told[name]["error"] == {"value": row["error"]}
    newest = told["dispatch.Dispatch.time_repeated_call (plan_conv)"]["latency"]
    assert newest["lower_value"] <= newest["value"] <= newest["upper_value"]
    numbers = {"value", "lower_value", "upper_value"}
    for measures in told.values():
        for figure in measures.values():
            assert "value" in figure
            assert figure.keys() <= numbers
            assert all(isinstance(one, float) for one in figure.values())


def test_the_action_has_what_is_better_when_smaller(exported):
    told = json.loads(exported("github-action-benchmark"))
    assert {one["unit"] for one in told} == {"µs", "", "B"}
    assert not [one for one in told if "ratio" in one["name"] or "share" in one["name"]]
    (row,) = [one for one in told if one["name"] == "conv_forward n1h16w16c16 k3x3f16 s1 p1 direct"]
    assert row["value"] == pytest.approx(130)
    (bench,) = [one for one in told if one["name"].startswith("conv_forward auto n50h32w32c3 k7x7f32 s1 p3")][
        :1
    ]
    about = figures("bench")
    for word in (about["commit"], about["time"], "load_before: ", "steal: ", "numba 0."):
        assert word in bench["extra"]


def test_rows_of_the_gate_without_figures_are_left_out_and_the_commit_is_heads(exported, tmp_path):
    lines = list(csv.DictReader(io.StringIO(exported("csv", write_gate(tmp_path)))))
    assert [line["name"] for line in lines] == [row["name"] for row in gate()["rows"][:3]]
    assert {line["commit"] for line in lines} == {"b" * 40}


def test_otava_has_a_line_for_each_commit_and_its_settings(command, exported, tmp_path):
    lines = list(csv.DictReader(io.StringIO(exported("otava", ASV))))
    assert [one["time"] for one in lines] == sorted(one["time"] for one in lines)
    assert len({one["commit"] for one in lines}) == 10
    assert command("export", ASV, "--format", "otava", "-o", "h.csv").stdout == "Saved h.csv, h.yaml\n"
    test = json.loads((tmp_path / "h.yaml").read_text())["tests"]["jitconv"]
    assert (test["type"], test["file"], test["time_column"]) == ("csv", "h.csv", "time")
    assert len(test["metrics"]) == 9
    for one in test["metrics"].values():
        assert one["direction"] == -1
        assert all(float(line[one["column"]]) > 0 for line in lines)


def test_otava_needs_runs_of_the_same(command, tmp_path):
    done = command("export", *OURS, "--format", "otava", "-o", "h.csv")
    assert done.returncode == 2
    assert "no figure is in all of them: give files of one command" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_table_has_a_line_for_each_figure_with_its_circumstances(exported):
    lines = list(csv.DictReader(io.StringIO(exported("csv", *OURS, ASV))))
    found = runs(read([*OURS, ASV]))
    assert len(lines) == sum(len(run.records) for run in found)
    about = figures("bench")
    (line,) = [one for one in lines if one["kind"] == "bench" and one["measure"] == "ratio-to-torch"][:1]
    assert line["commit"] == about["commit"]
    assert float(line["steal"]) == about["machine"]["steal"]
    assert float(line["load_before"]) == about["machine"]["load"]["before"][0]
    assert f"numpy {about['machine']['numpy']}" in line["versions"]


def test_a_figure_of_two_files_is_refused_where_there_is_room_for_one(command, tmp_path):
    (tmp_path / "again.json").write_bytes(OURS[0].read_bytes())
    done = command("export", OURS[0], "again.json", "--format", "bmf")
    assert done.returncode == 2
    assert re.search("bench.json and again.json both have latency of", done.stderr)
    assert command("export", OURS[0], "again.json", "--format", "csv").returncode == 0


def test_every_format_takes_every_kind(command):
    for wanted in FORMATS:
        for file in (*OURS, ASV):
            assert command("export", file, "--format", wanted).stdout

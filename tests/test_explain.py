"""What `explain` says, as objects and as texts; that it runs and writes nothing."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from plugin_helpers import masker, provider

import jitconv
from jitconv.ops import cache_clear, cache_info
from jitconv.selector.explanation import DECIDED_BY
from jitconv.selector.rendering import HEADINGS, LEAST, WIDTH
from jitconv.specs import parse

pytestmark = pytest.mark.usefixtures("registry")

X, W = (1, 12, 12, 3), (3, 3, 3, 8)


def arrays():
    """Return x and w."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(X).astype(np.float32), rng.standard_normal(W).astype(np.float32)


def explained(**options):
    """Return the explanation of a small convolution."""
    return jitconv.explain("conv_forward", X, W, **options)


# What it says


def test_a_table_has_a_line_for_each_candidate():
    with jitconv.config(deny="fft"):
        found = explained()
    title, headings, *rows = str(found).splitlines()
    assert title == "conv_forward  n1h12w12c3 k3x3f8 s1 p0"
    assert headings.split() == [one for one in HEADINGS if one != "measured"]
    begun = [row for row in rows if row[2] != " " and "kernels run" not in row]
    assert [row.split()[0] for row in begun] == [one.verdict for one in found.candidates]
    assert [row.split()[1] for row in begun] == [found.title(one) for one in found.candidates]
    assert re.search(r"^  chosen +\w+/\w+ +jitconv +[\d.]+ ms( ±\d+%)? +[\d.]+ MiB +2\.5e-06 +same", begun[0])
    assert re.search(r"^  excluded +fft/\w+ .* 3\.7e-05 +same  denied by", "\n".join(begun), re.M)
    assert any(re.match(r"  able +im2col.* vary$", row) for row in begun)
    assert max(map(len, rows)) <= WIDTH


def test_a_long_reason_goes_on_in_the_next_line_below_itself():
    with jitconv.config(deny=["winograd", "fft", "im2col"], max_workspace=0):
        rows = str(jitconv.explain("conv_backward", (1, 10, 10, 8), X, W)).splitlines()[1:]
    place = rows[0].index("why")
    assert max(map(len, rows)) <= max(WIDTH, place + LEAST)
    assert any(row.startswith(" " * place) and row[place] != " " for row in rows[1:])
    words = " ".join(row[place:] for row in rows[1:])
    assert "needs the least workspace, and none fits: config(max_workspace=...) gives 0.0 MiB" in words


def test_measured_times_have_a_column_where_there_are_some():
    found = explained()
    choice = replace(found.choice, measured=2e-5, measured_age=7300.0, cost_error=0.125)
    row = str(replace(found, choice=choice)).splitlines()[2]
    assert re.search(r"chosen .* ms ±12% +0\.02 ms, 2 h ago ", row)
    assert "measured" not in str(found)
    for age, said in ((0.2, "0 s"), (-5, "0 s"), (59, "59 s"), (120, "2 min"), (3e6, "35 d")):
        aged = replace(found, choice=replace(choice, measured_age=age))
        assert f", {said} ago " in str(aged)


def test_it_is_plain_values_for_programs():
    found = jitconv.explain("max_pool_forward", X, 3, stride=2, layout="NHWC")
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told == found.to_dict()
    assert told["op"] == "max_pool_forward"
    assert parse(told["problem"]) == found.spec
    assert told["prepared"] is False
    assert told["threads"] == jitconv.jit.team()
    assert told["chosen"] == found.title(found.choice)
    assert told["decided_by"] == found.decided_by == "predicted"
    assert told["settings"]["mode"] == "predict"
    assert told["settings"]["deny"] == []
    assert len(told["candidates"]) == len(found.candidates)
    first, *_, last = told["candidates"]
    choice = found.choice
    assert first == {
        "algorithm": choice.name,
        "variant": found.variant,
        "plugin": "jitconv",
        "revision": choice.algorithm.revision,
        "verdict": "chosen",
        "reason": "the least predicted time",
        "cost": choice.cost,
        "cost_error": None,
        "measured": None,
        "measured_age": None,
        "workspace": choice.workspace,
        "error_class": "direct",
        "error_bound": found.error_bound(choice),
        "deterministic": True,
        "passed_over": [{"variant": title, "reason": reason} for title, reason in found.passed_over(choice)],
    }
    assert (last["algorithm"], last["verdict"]) == ("reshape", "refused")
    assert last["cost"] is last["workspace"] is last["error_bound"] is None
    assert (last["variant"], last["passed_over"]) == ("", [])


def decisions():
    """Return explanations that were decided in every way that needs no file."""
    small = jitconv.explain("conv_forward", X, W, algorithm="naive"), explained()
    with jitconv.config(max_workspace=0, deny=["naive", "direct"]):
        needy = explained()
    with jitconv.config(mode="measure"):
        jitconv.conv_forward(*arrays())
        measured = explained()
    return [*small, needy, measured]


def test_it_says_what_decided(registry):
    assert [one.decided_by for one in decisions()] == ["named", "predicted", "least workspace", "measured"]
    registry.register("chooser", provider(jitconv_select=lambda candidates: candidates[-1]))
    with jitconv.config(allow="chooser"):
        assert explained().decided_by == "plugin"
    assert {"named", "predicted", "least workspace", "measured", "plugin", "replayed"} == set(DECIDED_BY)
    assert {one.decided_by for one in explained().candidates[1:]} == {""}


class Cells(HTMLParser):
    """Collects the cells of a table."""

    def __init__(self):
        super().__init__()
        self.tags, self.rows = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_jupyter_shows_a_table_in_which_plugins_write_no_html(registry):
    reason = "<script>alert('&amp;')</script>"
    registry.register("guest", provider(masker("odd", why_not=lambda spec: reason)))
    found = jitconv.explain("create_mask", (5, 2, 2))
    text = found._repr_html_()
    assert "<script" not in text
    cells = Cells()
    cells.feed(text)
    assert set(cells.tags) <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
    headings, *rows = cells.rows
    assert "measured" not in headings
    assert [row[0] for row in rows] == [one.verdict for one in found.candidates]
    assert {len(row) for row in rows} == {len(headings)}
    assert rows[-1][-1].startswith(reason) or reason in [row[-1] for row in rows]


# What if


def test_what_if_is_what_config_would_give():
    found = explained()
    for changes in (
        {"threads": 1},
        {"deterministic": True},
        {"max_workspace": 0},
        {"accuracy": "strict"},
        {"accuracy": 1e-5},
        {"deny": ["direct", "winograd"]},
    ):
        with jitconv.config(**changes):
            wanted = explained().to_dict()
        other = found.what_if(**changes)
        assert other.to_dict() == wanted, changes
        assert other.what_if().to_dict() == wanted
    assert found.to_dict() == explained().to_dict()


def test_what_if_goes_on_from_the_settings_of_the_explanation():
    with jitconv.config(deny="direct", threads=1):
        found = explained(algorithm="auto", verbose=True)
    other = found.what_if(deterministic=True)
    assert (other.settings.deny, other.settings.threads, other.verbose) == (("direct",), 1, True)
    assert other.to_dict()["threads"] == 1
    assert explained(algorithm="naive").what_if(deny="naive").decided_by == "named"
    plan = jitconv.plan_conv(X, np.ones(W, np.float32))
    assert plan.explanation.what_if(threads=1).prepared


def test_what_if_allows_a_plugin(registry):
    registry.register("guest", provider(masker("odd", cost=0.0)))
    found = jitconv.explain("create_mask", (5, 2, 2))
    assert found.choice.name != "odd"
    assert found.what_if(allow="odd").choice.name == "odd"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"threads": 0}, jitconv.ParameterError),
        ({"accuracy": 2}, jitconv.ParameterError),
        ({"deny": "nobody"}, jitconv.UnknownAlgorithmError),
        ({"accuracy": 1e-12}, jitconv.UnsupportedError),
    ],
    ids=str,
)
def test_what_if_refuses_what_config_refuses(changes, error):
    with pytest.raises(error):
        explained().what_if(**changes)


def test_predicted_times_are_those_of_the_threads_there_were(registry):
    seen = []

    def cost(spec):
        seen.append(jitconv.jit.team())
        return 1.0

    registry.register("guest", provider(replace(masker("odd"), cost=cost)))
    with jitconv.config(threads=1):
        found = jitconv.explain("create_mask", (5, 2, 2))
    assert "odd" in [one.name for one in found.candidates]
    assert seen == [1]


# It runs nothing, and writes nothing


def test_explaining_runs_nothing_and_makes_no_call(registry, tmp_path):
    def build(spec):
        raise AssertionError("was built")

    registry.register("guest", provider(masker("odd", build=build)))
    for mode in ("predict", "measure", "unsure"):
        cache_clear()
        settings = jitconv.config(mode=mode, allow="odd", record=tmp_path / "record", deny="naive")
        with settings:
            found = jitconv.explain("create_mask", (5, 2, 2))
            assert (found.choice.name, found.decided_by) == ("odd", "predicted")
            found.what_if(threads=1)
            str(found)
        assert cache_info().currsize == 0
        assert ("will measure" in found.choice.reason) == (mode != "predict")
    assert list(tmp_path.iterdir()) == []


def test_a_choice_that_was_only_explained_is_still_measured():
    cache_clear()
    with jitconv.config(mode="measure"):
        assert explained().decided_by == "predicted"
        jitconv.conv_forward(*arrays())
        assert explained().decided_by == "measured"


def test_explaining_arguments_that_no_look_up_takes_makes_no_call():
    cache_clear()
    assert jitconv.explain("conv_forward", X, W, stride=np.int64(2)).spec.stride == (2, 2)
    assert cache_info().currsize == 0

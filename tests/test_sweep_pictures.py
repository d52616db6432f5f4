"""What is said and drawn of a sweep, of made-up figures."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from sweep_helpers import read_back

from jitconv.bench.console import plain_console
from jitconv.bench.measure import Timing
from jitconv.bench.sweep_axes import Axis
from jitconv.bench.sweep_page import sweep_page
from jitconv.bench.sweep_plot import plot
from jitconv.bench.sweep_points import Entry, Point, Sweep
from jitconv.bench.sweep_report import as_dict, show, summary
from jitconv.bench.sweep_style import styles
from jitconv.specs import parse

CONV = "n1h6w5c2 k3x3f4 s1 p1"


def entry(algorithm, seconds, predicted, spread=0.1, **facts):
    """Return a candidate; without seconds one that was not run."""
    if seconds is None:
        return Entry(algorithm, "p", "skipped", "not run", predicted, eligible=True)
    timing = Timing(seconds, seconds * (1 - spread), seconds * (1 + spread), 9)
    return Entry(algorithm, "p", "ok", "", predicted, 0, timing, eligible=True, **facts)


def made_up(*axes, names=("direct", "fft", "naive")):
    """Return a sweep in which the second algorithm wins from kernel 5 on, and is predicted to from 7 on."""
    grid = np.stack(np.meshgrid(*(axis.values for axis in axes), indexing="ij"), -1).reshape(-1, len(axes))
    found = Sweep("conv_forward", parse(CONV), axes)
    for values in grid.tolist():
        at = {axis.name: value for axis, value in zip(axes, values, strict=True)}
        kernel = at["kernel"]
        direct = entry(names[0], kernel**2 * 1e-6, kernel**2 * 1e-6, auto=kernel < 7)
        fft = entry(names[1], 16e-6, 40e-6, auto=kernel >= 7)
        found.points.append(
            Point(at, CONV, 2, names[0 if kernel < 7 else 1], [direct, fft, entry(names[2], None, 1.0)])
        )
    return found


KERNELS, CHANNELS = Axis("kernel", (1, 3, 4, 5, 7)), Axis("channels", (4, 8))


def test_figures_of_a_point():
    point = made_up(KERNELS).points[3]
    assert [one.algorithm for one in point.measured] == ["fft", "direct"]
    assert [one.algorithm for one in point.expected] == ["direct", "fft", "naive"]
    assert point.lead == point.regret == pytest.approx(25 / 16)
    assert point.expected_lead == pytest.approx(40 / 25)
    assert point.clear
    assert not made_up(KERNELS).points[2].clear
    empty = Point({"kernel": 1}, reason="no such problem")
    assert (empty.lead, empty.expected_lead, empty.regret, empty.auto, empty.clear) == (None,) * 4 + (False,)


def test_the_summary_says_where_the_winner_changes():
    assert summary(made_up(KERNELS)) == [
        "Fastest at 5 points: direct 3, fft 2.",
        "By kernel: direct at 1 to 4; fft at 5 to 7.",
        "The least predicted time is the winner's at 4 of 5.",
        "Regret of auto: 1.09 in the mean, 1.56 at worst (kernel 5).",
    ]


def test_the_table_has_a_row_for_each_point(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    found = made_up(KERNELS, CHANNELS)
    found.points.append(Point({"kernel": 9, "channels": 4}, reason="too large"))
    show(found, plain_console())
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0].startswith("kernel channels winner time lead second")
    assert "5 8 fft 16 µs 1.56 direct 25 µs direct 1.60 direct 1.56" in lines
    assert "4 4 direct 16 µs ~1.00 fft 16 µs direct 2.50 direct 1.00" in lines
    assert "9 4 not measured" in lines


def test_a_long_table_shows_where_auto_costs_most(capsys):
    found = made_up(Axis("kernel", (5, *range(100, 180))))
    show(found, plain_console())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "60 of 81 points, the greatest regret first; --json has all."
    assert lines[2].split()[0] == "5"


@pytest.mark.parametrize("axes", [(KERNELS,), (KERNELS, CHANNELS)])
def test_the_page_holds_all_figures_and_needs_nothing_else(axes):
    found = made_up(*axes, names=("direct", "</script><b>", "naive"))
    found.points.append(Point(dict.fromkeys((axis.name for axis in axes), 9), reason="<i>"))
    figures = as_dict(found, {"dtype": "float32", "layout": "NHWC"})
    text = sweep_page(figures)
    held = read_back(text)
    assert held.pop("styles").keys() == {"direct", "</script><b>", "naive"}
    assert held == json.loads(json.dumps(figures))
    assert "{{" not in text
    assert re.findall(r"(?:src|href)=[\"'](?!data:)|url\((?!#)|@import|fetch\(|XMLHttp", text) == []
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {
        "http://www.w3.org/2000/svg"
    }  # a name, not a place


def pixels(data):
    """Return the colours of a picture and how many pixels each has."""
    with Image.open(io.BytesIO(data)) as picture:
        return {colour: count for count, colour in picture.convert("RGB").getcolors(2**24)}


def test_a_plot_of_one_dimension_draws_every_line():
    colours = pixels(plot(made_up(KERNELS), "png"))
    for style in styles(["direct", "fft", "naive"]).values():
        assert colours.get(rgb(style.colour), 0) > 50


def test_a_plot_of_two_dimensions_colours_each_cell_by_its_winner():
    found = made_up(KERNELS, CHANNELS)
    found.points[-1].entries.clear()  # a hole
    colours = pixels(plot(found, "png"))
    direct, fft = (colours[rgb(style.colour)] for style in styles(["direct", "fft"]).values())
    assert colours.get(rgb(styles(["naive"])["naive"].colour), 0) < 50  # it wins nowhere; letters have greys
    # 6 + 8 cells of 20 are direct's, 3 + 1 fft's: a cell that lacks some pixels for its text, and a legend
    assert 2 < direct / fft < 5
    assert plot(found, "svg").startswith(b"<?xml")


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


def test_styles_tell_candidates_apart():
    names = ["direct/rows", "direct", "fft", "winograd", *(f"n{count}" for count in range(12))]
    found = styles(names)
    assert list(found) == names
    assert found["direct"].colour == styles(["direct"])["direct"].colour
    plain = [style.colour for style in found.values() if not style.hatch]
    assert len(plain) == len(set(plain)) == 8
    assert len({(style.colour, style.marker) for style in found.values()}) == len(names)
    variants = styles(["fft/whole", *(f"direct/v{count}" for count in range(8))])
    assert variants["fft/whole"].colour == styles(["fft"])["fft"].colour
    assert variants["direct/v7"].colour == variants["direct/v0"].colour == found["direct"].colour
    assert len({(style.colour, style.hatch) for style in variants.values()}) == 9

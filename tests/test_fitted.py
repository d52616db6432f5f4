"""Predicted times: fits as data, scaled by rates, of every way, on as many threads as there are."""

import json
import math
import random
from importlib import resources

import pytest

import jitconv
from jitconv.algorithms import _shared
from jitconv.algorithms._shared import fitted
from jitconv.algorithms._shared.fitted import Priced, fits, price
from jitconv.algorithms._shared.work import conv_work, held_work, inside
from jitconv.jit import rates
from jitconv.jit.rates import Rates
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.plugins import BUILTIN, registry
from jitconv.specs import parse

FILES = [
    one for one in resources.files(_shared).joinpath(fitted.FOLDER).iterdir() if one.name.endswith(".json")
]
RATES = Rates(madds=1e9, copied=1e9, copied_by_all=2e9, call=1e-6, region=1e-6)
CONV = ("conv_forward", "conv_backward")


@pytest.fixture
def _scaled(monkeypatch):
    """Have fits of a machine of round numbers, and forget them afterwards."""
    way = fitted.Fit(
        {"calls": 1e-6, "regions": 2e-6, "madds": 1e-9, "x": 1e-9}, 0.1, {"1x1": {"madds": 5e-9}}
    )
    monkeypatch.setattr(fitted, "fits", lambda: fitted.Fits(RATES, {"op way": way}, VECTOR_BYTES))
    fitted._seconds.cache_clear()
    yield
    fitted._seconds.cache_clear()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_says_where_it_comes_from(file):
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told["machine"]
    assert told["date"]
    assert told["problems"] > 100
    found = fitted.parsed(told)
    for name, way in found.ways.items():
        assert name.split()[0] in CONV
        assert all(math.isfinite(unit) and unit > 0 for unit in way.seconds.values())
        assert 0 < way.error < 1.2, name


def ways():
    """Give every way of a convolution that predicts its time."""
    for op in CONV:
        for one in jitconv.algorithms(op):
            if registry().provider(one) == BUILTIN:
                costs = [(one.name, one.cost)] if one.variants is None else []
                for variant in one.variants.listed if one.variants else ():
                    costs += [(f"{one.name}/{variant.title}", variant.cost)]
                    costs += [(f"{one.name}/{variant.title}", variant.held_cost)] * (
                        variant.held_cost is not None
                    )
                yield from ((op, name, cost) for name, cost in costs)


@pytest.mark.parametrize(
    ("op", "name", "cost"), list(ways()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_way_of_a_convolution_is_fitted_and_more_work_is_never_less(op, name, cost):
    assert isinstance(cost, Priced)
    algorithm, _, variant = name.partition("/")
    part = variant.partition(":")[0]
    assert cost.name in (f"{op} {name}", f"{op} {algorithm}", f"{op} {algorithm}/{part}")
    assert cost.error > 0
    small, large = (parse(f"n{batch}h12w12c16 k3x3f16 s1 p1 wrt=xw") for batch in (1, 64))
    assert 0 < cost(small, 1) <= cost(large, 1)
    assert cost(large, 4) <= cost(large, 1)


@pytest.mark.usefixtures("_scaled")
def test_a_price_is_the_sum_of_amounts_and_unknown_ones_cost_nothing():
    assert price("op way", {"calls": 1, "madds": 1000, "unheard": 9}) == pytest.approx(2e-6)


@pytest.mark.usefixtures("_scaled")
def test_kinds_that_were_fitted_apart_have_prices_of_their_own():
    windows, one = (fitted.kinds(parse(f"n1h8w8c4 k{taps}x1f4")) for taps in (2, 1))
    assert price("op way", {"madds": 1000}, windows) == pytest.approx(1e-6)
    assert price("op way", {"madds": 1000}, one) == pytest.approx(5e-6)
    assert fitted.kinds(parse("n1h8w8c4 k1x3f4 s2 nchw")) == ("strides", "NCHW")


@pytest.mark.usefixtures("_scaled")
def test_rates_of_this_machine_scale_what_was_fitted(monkeypatch):
    own = Rates(madds=2e9, copied=4e9, copied_by_all=4e9, call=5e-6, region=3e-6)
    monkeypatch.setattr(fitted, "tuned", lambda: own)
    work = {"calls": 1, "regions": 1, "madds": 1000, "x": 1000}
    assert price("op way", work) == pytest.approx(5e-6 + 6e-6 + 0.5e-6 + 0.25e-6)


def test_a_way_that_was_rarely_met_is_priced_as_its_algorithm():
    assert fitted._fit("conv_forward direct/nosuch") == fits().ways["conv_forward direct"]


@pytest.mark.parametrize("part", ["y", "dx", "dw"])
def test_threads_share_work_that_is_worth_it(part):
    large, small = parse("n1h56w56c64 k3x3f64 s1 p1"), parse("n1h4w4c1 k3x3f1")
    one, four = (conv_work(part, large, threads) for threads in (1, 4))
    assert four["madds"] == one["madds"] / 4
    assert (one["regions"], four["regions"]) == (0, 1)
    assert conv_work(part, small, 4) == conv_work(part, small, 1)


def test_empty_lanes_are_counted_beyond_the_multiply_adds():
    lanes = VECTOR_BYTES // 4
    work = conv_work("y", parse(f"n1h8w{lanes // 2}c{lanes} k1x1f{4 * lanes}"), 1)
    assert work["lanes"] == work["depths"] == 0
    assert work["across"] == work["madds"]  # rows of half a vector
    narrow = conv_work("y", parse(f"n1h8w{lanes}c3 k1x1f1"), 1)
    assert narrow["lanes"] == (lanes - 1) * narrow["madds"]
    assert narrow["across"] == 0


@pytest.mark.parametrize("seed", range(4))
def test_taps_inside_of_the_image_are_counted_as_one_by_one(seed):
    rng, found = random.Random(seed), 0
    while found < 50:
        h, k, pad, stride, dilation = (
            rng.randint(*span) for span in ((1, 9), (1, 5), (0, 6), (1, 4), (1, 3))
        )
        if h + 2 * pad < (k - 1) * dilation + 1:
            continue
        spec, found = parse(f"n1h{h}w1c1 k{k}x1f1 s{stride} p{pad}x0 d{dilation}"), found + 1
        met = [0 <= o * spec.stride[0] + tap * dilation - pad < h for o in range(spec.oh) for tap in range(k)]
        assert inside(spec, 0) == pytest.approx(sum(met) / len(met)), spec
        assert inside(spec, 1) == 1


def test_held_filters_are_not_packed():
    spec = parse("n1h8w8c16 k3x3f64 p1")
    assert held_work(spec, 1)["filters"] == 0 < conv_work("y", spec, 1)["filters"]


def test_deterministic_choices_do_not_depend_on_the_threads():
    shapes = (1, 14, 14, 128), (3, 3, 128, 128)
    with jitconv.config(deterministic=True):
        found = [
            jitconv.explain("conv_forward", *shapes, pad=1).what_if(threads=threads) for threads in (1, 2)
        ]
    costs = [{one.name: one.cost for one in each.candidates if one.cost} for each in found]
    assert costs[0] == costs[1]


def test_threads_change_predicted_times():
    found = jitconv.explain("conv_forward", (1, 56, 56, 64), (3, 3, 64, 64), pad=1)
    one = found.what_if(threads=1)
    direct = [next(c.cost for c in each.candidates if c.name == "direct") for each in (found, one)]
    assert direct[0] < direct[1] or rates_are_of_one_thread()


def rates_are_of_one_thread():
    """Whether this process has no second thread to predict for."""
    from jitconv.jit import team

    return team() == 1


# the rates of a machine


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path))
    rates.tuned.cache_clear()
    yield tmp_path
    rates.tuned.cache_clear()


def test_rates_are_kept_for_the_processes_to_come(folder):
    assert rates.tuned() is None
    file = rates.write(RATES)
    assert file.parent == folder
    assert rates.tuned() == RATES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"madds": 1}',
        json.dumps(RATES._asdict() | {"call": -1}),
        json.dumps(RATES._asdict() | {"call": True}),
    ],
)
def test_damaged_rates_are_none_and_one_warning(folder, text):
    rates.place().write_text(text)
    with pytest.warns(RuntimeWarning, match="jitconv tune"):
        assert rates.tuned() is None

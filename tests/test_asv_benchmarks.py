"""Every benchmark of asv_benchmarks/ runs once, with its cheapest parameters, and measures something."""

import contextvars
import math
import re
import sys
from itertools import product
from pathlib import Path

import pytest
from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name

import jitconv
from jitconv.algorithm import Algorithm, no_workspace, unprepared
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.plugins import BUILTIN
from jitconv.specs import parse

ROOT = Path(__file__).parents[1] / "asv_benchmarks" / "benchmarks"
sys.path.insert(0, str(ROOT.parent))

EVERY = {one.name: one for one in disc_benchmarks(str(ROOT))}

from benchmarks import (  # noqa: E402
    ceilings,
    choices,
    company,
    crossover,
    groups,
    plugins,
    problems,
    quick,
    training,
)
from benchmarks.timed import Timed  # noqa: E402

ONCE = {"number": 1, "repeat": 1, "warmup_time": 0, "rounds": 1}
"""What `asv run --quick` asks."""


MAY_BE_0 = ("choices", "errors", "memory", "crossover", "groups")
"""No choice has changed, no element is off, no byte is taken; threads, or the tile, win nowhere."""


@pytest.fixture
def hasty(monkeypatch):
    """Have what measures for a while measure a moment."""
    for module in (ceilings, company, training):
        monkeypatch.setattr(module, "SECONDS", 0.01)
    monkeypatch.setattr(company, "COMPANY", {"alone": 0})
    monkeypatch.setattr(choices, "TURNS", 1)
    monkeypatch.setattr(groups, "SIZES", (32,))
    monkeypatch.setattr(crossover, "SIDES", (64,))


def run(name):
    """Run a benchmark with its first parameters, as asv does, and return the figure."""
    benchmark = get_benchmark_from_name(str(ROOT), f"{name}-0" if EVERY[name].params else name, ONCE)
    benchmark.set_cache(_once(benchmark.setup_cache_key, benchmark.do_setup_cache))
    assert not benchmark.do_setup(), "it was skipped"
    try:
        found = benchmark.do_run()
    finally:
        benchmark.do_teardown()
    return found["samples"][0] if isinstance(found, dict) else found


def _once(key, setup_cache, found={}):  # noqa: B006 (asv, too, keeps it)
    if key not in found:
        found[key] = setup_cache()
    return found[key]


@pytest.mark.parametrize("name", EVERY)
def test_a_benchmark_measures_something(name, hasty, registry):
    figure = contextvars.copy_context().run(run, name)
    assert math.isfinite(figure)
    assert figure > 0 or (figure == 0 and name.partition(".")[0] in MAY_BE_0)


@pytest.mark.parametrize("name", EVERY)
def test_parameters_are_strings_and_the_version_is_said(name):
    assert all(one[0] == one[-1] in "'\"" for axis in EVERY[name].params for one in axis)
    assert not re.fullmatch(r"[0-9a-f]{64}", EVERY[name].version), "asv has made it of the source"


TIMED = [one for one in Timed.__subclasses__() if one.algorithm != "auto"]


def test_every_algorithm_and_variant_has_a_row_and_takes_it(registry):
    """A new one adds its own row, and the rows of the others keep their history."""
    timed, compared = set(), {tuple(row.split(" ")[:2]) for row in problems.EVERY}
    for one in TIMED:
        for problem, _ in product(*one.params):
            text, name = one().wanted(problem)
            timed |= {(one.op, name), (one.op, one.algorithm)}
            refused = registry.find(one.op, name).why_not(parse(text))
            assert refused is None or ("/" in name and VECTOR_BYTES < 64), f"{one.op} {name} {text} {refused}"
    for row in problems.EVERY:
        op, name, text = row.split(" ", 2)
        assert registry.find(op, name).why_not(parse(text)) is None
    for one in (one for one in registry.algorithms() if registry.provider(one) == BUILTIN):
        assert (one.op, one.name) in timed & compared
        for variant in one.variants.listed if one.variants else ():
            assert (one.op, f"{one.name}/{variant.title}") in timed


@pytest.mark.parametrize(("suite", "layer"), [(suite, layer) for layer, suite in problems.SUITES.items()])
def test_layers_are_those_of_the_suites(suite, layer):
    from jitconv.bench.suites import layers

    assert parse(layer) in [one.spec for one in layers(suite, batch=None, layout="NHWC", dtype="float32")]


class Refused(Timed):
    """Winograd takes no kernel of 1x1."""

    op, algorithm = "conv_forward", "winograd"
    problems = ("n1h4w4c1 k1x1f1",)


class PartlyRefused(Refused):
    """But one of 3x3."""

    problems = ("n1h4w4c1 k1x1f1", "n1h8w8c8 k3x3f8 p1")


def test_a_class_of_which_nothing_can_be_measured_fails():
    with pytest.raises(RuntimeError, match=r"nothing of Refused can be measured: .*winograd"):
        Refused().setup("n1h4w4c1 k1x1f1", "1")


def test_a_problem_that_is_refused_is_skipped_with_the_reason():
    with pytest.raises(NotImplementedError, match="winograd"):
        PartlyRefused().setup("n1h4w4c1 k1x1f1", "1")


def test_an_algorithm_that_an_older_jitconv_has_not_is_skipped(monkeypatch):
    monkeypatch.setattr(Refused, "algorithm", "newer")
    with pytest.raises(NotImplementedError, match="newer"):
        Refused().setup("n1h4w4c1 k1x1f1", "1")
    assert problems.version("conv_forward", "newer") == "1"


def test_a_revision_is_part_of_the_version(registry):
    revision = registry.find("conv_forward", "winograd").revision
    assert Refused.version == f"1, revision {revision}"
    assert problems.version("conv_forward", "auto") == "1"


def test_more_threads_than_there_are_are_a_reason_to_skip():
    with pytest.raises(NotImplementedError, match="needs 4096 threads"):
        problems.threads(4096)


def test_calls_keep_their_number_of_threads():
    from jitconv.jit import team

    one = problems.threads(1).bound(team)
    before = team()
    assert one() == 1
    assert team() == before


def test_no_choices_are_no_unchanged_choices():
    with pytest.raises(RuntimeError, match="must have choices"):
        choices.changed([])


def test_choices_of_another_variant_are_changed_and_those_of_another_revision_are_not(registry):
    from dataclasses import replace

    one = next(one for one in choices.Lockfile.read(choices.LOCKED).choices if one.variant == "packed")
    assert choices.changed([replace(one, revision=0)]) == 0
    assert choices.changed([replace(one, variant="streamed"), replace(one, algorithm="naive")]) == 2


def test_a_plugin_that_is_asked_for_has_rows_of_its_own(registry, monkeypatch):
    def spread(spec, dz, windows):
        windows[...] = dz[..., None, None] / (spec.h * spec.w)

    def why_not(spec):
        return "takes windows of 4x4" if spec.h != 4 else None

    toy = Algorithm("distribute_value", "toy", why_not, lambda _: 1e-6, no_workspace, unprepared(spread))
    jitconv.register(toy, name="toys")
    monkeypatch.setattr(plugins, "NAMES", ["toys"])
    assert plugins.rows(plugins.COMPARED) == ["distribute_value toy n256h4w4"]
    assert plugins.rows(plugins.RATED) == ["distribute_value toy n65536h4w4"]
    assert plugins._Error().track_error("distribute_value toy n256h4w4") == 0
    benchmark = plugins._Time()
    benchmark.setup("distribute_value toy n256h4w4")
    benchmark.time_call("distribute_value toy n256h4w4")


def test_a_plugin_of_which_nothing_can_be_measured_fails(monkeypatch):
    monkeypatch.setattr(plugins, "NAMES", ["nobody"])
    assert plugins.rows(plugins.TIMED) == ["nobody"]
    with pytest.raises(RuntimeError, match=r"JITCONV_BENCH_PLUGINS must name installed plugins.*'nobody'"):
        plugins._Time().setup("nobody")


def test_the_quick_rows_are_some_twenty_and_of_every_op(registry):
    names = [name for name, _ in quick.rows()]
    assert len(set(names)) == len(names)
    assert 15 <= len(names) <= 30
    ops = {one.partition(" ")[0].partition("/")[0] for one in quick.PROBLEMS.values()}
    assert ops == {one.op for one in registry.algorithms()}

"""The variants of algorithms: one list decides, explain names the choice, and a name forces one."""

import json
import re
from collections import Counter

import numpy as np
import pytest
from typer.testing import CliRunner

import jitconv
from jitconv.algorithm import OPS
from jitconv.algorithms._shared.fitted import Priced
from jitconv.algorithms.direct import variants as direct_variants
from jitconv.algorithms.direct.variants import BACKWARD, FORWARD
from jitconv.cli import app
from jitconv.jit.vectors import VECTOR_BYTES
from jitconv.micro.taps_groups import GROUPS
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.testing import cases, check_algorithm, draw, failed
from jitconv.variants import Variant, Variants

WITH_VARIANTS = [one for op in OPS for one in jitconv.algorithms(op) if one.variants is not None]


@pytest.mark.parametrize("algorithm", WITH_VARIANTS, ids=lambda one: f"{one.op}-{one.name}")
def test_every_variant_is_reached_by_cases_in_both_dtypes(algorithm):
    found = Counter()
    for case in cases(algorithm.op):
        if case.spec.n and algorithm.why_not(case.spec) is None:
            for one in algorithm.variants.chosen(case.spec).values():
                found[one.title, case.spec.dtype] += 1
    dtypes = "float32", "float64"
    wanted = {(one.title, dtype) for one in algorithm.variants.listed for dtype in dtypes}
    # a vector that no two groups can share
    unshared = {dtype for dtype in dtypes if VECTOR_BYTES // np.dtype(dtype).itemsize <= min(GROUPS)}
    wanted -= {(title, dtype) for title in ("shared", "dx:shared", "dw:shared") for dtype in unshared}
    assert wanted - set(found) == set()


@pytest.mark.parametrize("algorithm", WITH_VARIANTS, ids=lambda one: f"{one.op}-{one.name}")
def test_the_chosen_one_is_the_first_that_serves_unless_predictions_overrule_it(algorithm):
    variants, overruled = algorithm.variants, 0
    for case in cases(algorithm.op):
        chosen = variants.chosen(case.spec)
        passed = dict(variants.passed_over(case.spec))
        for part, one in chosen.items():
            earlier = [other for other in variants.listed if other.part == part]
            for other in earlier[: earlier.index(one)]:
                reason = other.serves(case.spec)
                if reason is None:
                    reason, overruled = f"is predicted to take longer than {one.name} does", overruled + 1
                if part in variants._wanted(case.spec) and other.title in passed:
                    assert passed[other.title] == reason
                assert (one.able or one.serves)(case.spec) is None
        assert chosen.keys() == set(variants.parts)
    assert overruled == 0 or variants.overrule is not None


def test_what_overrules_is_asked_once_and_takes_what_it_names():
    asked = []

    def overrule(spec, taken, others):
        asked.append((spec.h, taken.name, [one.name for one in others]))
        return next(one for one in others if one.name == "b") if spec.h > 2 else None

    variants = Variants(*(Variant(name, lambda spec: None, None, None) for name in "abc"), overrule=overrule)
    small, large = parse("n1h2w1c1 k1x1f1"), parse("n1h3w1c1 k1x1f1")
    assert variants.title(small) == "a"
    assert [variants.title(large) for _ in range(3)] == ["b"] * 3
    assert asked == [(2, "a", ["b", "c"]), (3, "a", ["b", "c"])]
    assert variants.passed_over(large) == [("a", "is predicted to take longer than b does")]
    assert variants.only("a").title(large) == "a"


@pytest.mark.parametrize(
    ("predicted", "taken"),
    [
        ({"packed": 1.0, "rows": 0.8, "outputs": 0.9}, "packed"),  # not by enough
        ({"packed": 1.0, "rows": 0.6, "outputs": 0.5}, "outputs"),
        ({"packed": 1.0, "rows": 0.6, "pixels": 0.1}, "rows"),  # which is not able
        ({"packed": 1.0, "rows": 0.6, "streamed": 0.1}, "rows"),  # which has no fit of its own
    ],
)
def test_direct_takes_what_is_predicted_to_be_clearly_faster_if_it_is_able(predicted, taken, monkeypatch):
    def able(name):
        return lambda spec: "cannot" if name == "pixels" else None

    def price(name, work, of):
        assert work["madds"] > 0
        return predicted[name]

    monkeypatch.setattr(direct_variants, "price", price)
    monkeypatch.setattr(direct_variants, "known", lambda name: name != "streamed")
    monkeypatch.setattr(direct_variants, "of_this_kind", lambda: True)
    ones = {
        name: Variant(name, lambda spec: None, None, None, able=able(name), cost=Priced(name, None))
        for name in predicted
    }
    packed = ones.pop("packed")
    problem, others = parse("n1h8w8c4 k3x3f4"), list(ones.values())
    found = direct_variants.clearly_faster(problem, packed, others)
    assert (found or packed).name == taken
    monkeypatch.setattr(direct_variants, "of_this_kind", lambda: False)
    found = direct_variants.clearly_faster(problem, packed, others)
    assert (found or packed).name == (taken if predicted[taken] < 1 / 1.8 else "packed")


def forced():
    """Give (op, name, problem) of each variant, with a problem that it serves."""
    for algorithm in WITH_VARIANTS:
        for one in algorithm.variants.listed:
            for case in cases(algorithm.op):
                spec = case.spec
                plain = spec.n and case.values == "normal" and case.memory == "plain"
                if plain and (algorithm.why_not(spec) or one.serves(spec)) is None:
                    if not {"dx": "x", "dw": "w"}.get(one.part, "") or spec.wrt == ("x", "w", "b"):
                        yield pytest.param(
                            algorithm.op, f"{algorithm.name}/{one.title}", spec,
                            id=f"{algorithm.op}-{algorithm.name}/{one.title}",
                        )  # fmt: skip
                        break


@pytest.mark.parametrize(("op", "name", "spec"), list(forced()))
def test_a_forced_variant_runs_and_is_named(op, name, spec):
    operands = draw(op, spec, np.random.default_rng(0))
    call = jitconv.ops.prepare(op, spec, name)
    assert call.explanation.choice.name == name
    variant = name.partition("/")[2]
    assert variant in call.explanation.variant
    got, wanted = call.run(operands), jitconv.ops.prepare(op, spec, "naive").run(operands)
    for one, other in zip(got, wanted, strict=True):
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)


def test_the_kit_checks_a_variant_as_an_algorithm():
    problems = [one for one in cases("conv_forward") if FORWARD.only("rows").why_not(one.spec) is None]
    results = list(check_algorithm("conv_forward", "direct/rows", problems=problems[:5], random=20))
    assert len(results) > 8
    assert failed(results) == []


OTHERS = [
    pytest.param(one.op, f"{one.name}/{variant.title}", id=f"{one.op}-{one.name}/{variant.title}")
    for one in WITH_VARIANTS
    for variant in one.variants.listed
    if one.name != "direct" or one.variants.overrule
]


OF_A_VARIANT = {"able", "written", "inputs", "agreement", "memory", "bits", "hangs", "workspace"}
"""What one variant can break and another keep: the rest is the algorithm's, see test_conformance."""


@pytest.mark.parametrize(("op", "name"), OTHERS)
def test_the_kit_checks_a_variant_where_another_would_be_taken(op, name):
    algorithm, variant = name.split("/")
    variants = registry().find(op, algorithm).variants
    found = [
        one
        for one in cases(op)
        if one.spec.n and registry().find(op, name).why_not(one.spec) is None
        if variant not in variants.title(one.spec).split("+")
    ]
    found.sort(key=lambda one: one.spec.flops(op))
    some = found[:2] if algorithm != "direct" else [*found[:2], *found[len(found) // 2 :][:2]]
    results = list(check_algorithm(op, name, problems=some, random=0, only=OF_A_VARIANT))
    assert {result.check for result in results} >= OF_A_VARIANT
    assert failed(results) == []


def test_a_forced_variant_has_a_cost_of_its_own():
    spec = parse("n1h14w14c64 k3x3f64 p1")
    for op in spec.ops:
        for name in ("winograd", "fft"):
            ways = ("f4x4", "f2x2") if name == "winograd" else ("whole", "tiles")
            costs = [registry().find(op, f"{name}/{way}").cost(spec) for way in ways]
            whole = registry().find(op, name)
            assert len(set(costs)) == 2
            if op == "conv_forward":  # of the other op each part may go another way
                assert whole.cost(spec) == costs[ways.index(whole.variants.title(spec))]


def test_reasons_tell_by_how_much_another_is_cheaper():
    text = str(
        jitconv.explain(
            "conv_backward", (1, 14, 14, 64), (1, 14, 14, 64), (3, 3, 64, 64), pad=1, algorithm="winograd",
            verbose=True,
        )
    )  # fmt: skip
    assert re.search(r"not winograd/dw:pixels: it is predicted to take 0\.\d+ ms more than f\dx\d", text)
    columns = str(
        jitconv.explain("max_pool_forward", (1, 80, 80, 64), 5, stride=1, algorithm="im2col", verbose=True)
    )
    assert "not im2col/whole: it needs at most 4 MiB of columns, has" in columns
    assert "not im2col/images: it needs at most 4 MiB of columns of an image, has" in columns


def test_a_variant_that_does_not_serve_is_refused_with_its_reason():
    x, w = np.zeros((1, 8, 8, 64), np.float32), np.zeros((3, 3, 64, 4), np.float32)
    with pytest.raises(jitconv.UnsupportedError, match=r"'direct/rows' refuses .*: needs NCHW"):
        jitconv.conv_forward(x, w, algorithm="direct/rows")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("direct/row", "a variant of 'direct' must be one of 'depthwise'"),
        ("direct/row", "did you mean 'rows'?"),
        ("direct/", "must be one of"),
        ("naive/rows", "'naive' has no variants; got 'naive/rows'"),
        ("nobody/rows", "algorithm must be 'auto' or one of"),
    ],
)
def test_an_unknown_variant_is_named_with_those_there_are(name, words):
    with pytest.raises(jitconv.UnknownAlgorithmError) as caught:
        jitconv.conv_forward(np.zeros((1, 4, 4, 1)), np.zeros((3, 3, 1, 1)), algorithm=name)
    assert words in str(caught.value)


def test_explain_names_the_variant_and_why_others_were_passed_over():
    found = jitconv.explain(
        "conv_forward", (1, 3, 32, 32), (8, 3, 3, 3), pad=1, layout="NCHW", algorithm="direct", verbose=True
    )
    assert found.variant == "rows"
    assert "chosen    direct/rows" in str(found)
    assert "not direct/depthwise: it needs groups of fewer than" in str(found)
    assert "not direct/pixels: it needs a 1x1 kernel" in str(found)
    plain = jitconv.explain("conv_forward", (1, 3, 32, 32), (8, 3, 3, 3), pad=1, layout="NCHW")
    assert "direct/rows" in str(plain)
    assert "not direct/" not in str(plain)
    assert not plain.verbose


@pytest.mark.parametrize(("options", "told"), [((), False), (("--verbose",), True)])
def test_the_command_says_so_too(options, told):
    done = CliRunner().invoke(app, ["explain", "conv_forward", "n1h32w32c3 k3x3f8 p1 nchw", *options])
    assert done.exit_code == 0
    assert "direct/rows" in done.output
    assert ("not direct/depthwise: it needs" in done.output) == told


def test_compare_runs_the_variants_that_serve(tmp_path):
    words = ["compare", "--shape", "n1h32w32c3 k3x3f4 p1 nchw", "-o", str(tmp_path), "--op", "conv_forward"]

    def rows(*options):
        done = CliRunner().invoke(app, [*words, *options])
        assert done.exit_code == 0, done.output
        found = json.loads((tmp_path / "figures.json").read_text())["rows"]
        return {row["algorithm"]: row for row in found}

    found = rows("--algorithms", "direct", "--variants")
    able = {"direct/outputs", "direct/pixels", "direct/rows", "direct/packed"}  # the first two gain nothing
    assert found.keys() == {"direct", *able}
    assert found["direct"]["auto"]
    assert rows("--algorithms", "direct/pixels,direct/packed").keys() == {"direct/pixels", "direct/packed"}
    done = CliRunner().invoke(app, [*words, "--algorithms", "direct/packd"])
    assert "did you mean 'packed'?" in str(done.exception)


def test_explain_names_the_variant_of_each_gradient():
    arrays = (1, 8, 32, 32), (1, 3, 32, 32), (8, 3, 3, 3)
    found = jitconv.explain("conv_backward", *arrays, pad=1, layout="NCHW", algorithm="direct")
    assert found.variant == "dx:rows+dw:rows"
    alone = jitconv.explain(
        "conv_backward", *arrays, pad=1, layout="NCHW", wrt="x", algorithm="direct/dx:phases"
    )
    assert alone.variant == "dx:phases"


def test_a_plan_is_made_by_the_first_that_holds_weights():
    w = np.zeros((3, 3, 256, 256), np.float32)
    assert (
        jitconv.explain("conv_forward", (1, 14, 14, 256), w, pad=1, algorithm="direct").variant == "streamed"
    )
    plan = jitconv.plan_conv((1, 14, 14, 256), w, pad=1, algorithm="direct")
    assert plan.explanation.variant == "packed"
    forced = jitconv.plan_conv((1, 14, 14, 256), w, pad=1, algorithm="direct/streamed")  # which holds none
    assert forced.explanation.choice.name == "direct/streamed"
    x = np.random.default_rng(0).standard_normal((1, 14, 14, 256)).astype(np.float32)
    np.testing.assert_array_equal(forced(x), np.zeros((1, 14, 14, 256)))


def test_workspace_and_revision_of_a_forced_variant_are_its_own():
    direct = next(one for one in jitconv.algorithms("conv_forward") if one.name == "direct")
    spec, only = parse("n1h32w32c3 k3x3f8 p1 nchw"), direct.only("packed")
    assert only.workspace(spec) == FORWARD.only("packed").workspace(spec) != direct.workspace(spec)
    assert (only.revision, only.error_class) == (direct.revision, direct.error_class)
    with pytest.raises(LookupError):
        only.only("rows")


def test_a_name_of_several_parts_forces_each():
    spec = parse("n1h32w32c3 k3x3f8 p1 nchw")
    assert BACKWARD.only("dx:phases").title(spec) == "dx:phases+dw:rows"
    assert BACKWARD.only("rows").title(spec) == "dx:rows+dw:rows"
    assert BACKWARD.only("rows").why_not(parse("n1h32w32c64 k3x3f8 p1")) is not None
    assert BACKWARD.only("phases").why_not(parse("n1h32w32c64 k3x3f8 p1")) is None


def test_a_list_asks_in_order_and_tells_reasons():
    def serves(most):
        return lambda spec: None if spec.h <= most else f"needs at most {most} rows"

    small, large = (Variant(f"to_{most}", serves(most), lambda spec: None, lambda spec: 0) for most in (4, 8))
    both = Variants(small, large)
    assert both.names == ["to_4", "to_8"]
    assert both.title(parse("n1h4w4c1 k1x1f1")) == "to_4"
    assert both.passed_over(parse("n1h8w4c1 k1x1f1")) == [("to_4", "needs at most 4 rows")]
    assert both.why_not(parse("n1h9w4c1 k1x1f1")) == "needs at most 4 rows; needs at most 8 rows"
    assert both.why_not(parse("n1h8w4c1 k1x1f1")) is None

"""The pieces of the conformance kit: guard pages, random problems, what is said of a wrong result."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitconv.algorithm import OPS
from jitconv.plugins import registry
from jitconv.specs import parse
from jitconv.testing import Case, arena, cases, random_problems, reference
from jitconv.testing.agreement import disagreement
from jitconv.testing.common import in_common
from jitconv.testing.diagnosis import diagnosis
from jitconv.testing.difference import first_difference, where_wrong
from jitconv.testing.strategies import problems

GUARDED = pytest.mark.skipif(arena.why_not() is not None, reason=str(arena.why_not()))

TOUCH = """
    import numpy as np
    from numpy.lib.stride_tricks import as_strided
    from jitconv.testing.arena import Arena, fault

    here = Arena()
    with open({control!r}, "r+b") as file:
        here.share(file.fileno())
    x = here.place([np.arange(6, dtype=np.float32)], {lie!r})[0]
    with open({places!r}, "w") as told:
        told.write(f"{{x.ctypes.data}} {{x.nbytes}}")
    {act}
"""


def touch(tmp_path, lie, act):
    """Have a process touch what it may not; return what is said of that."""
    control, places = tmp_path / "control", tmp_path / "places"
    control.write_bytes(bytes(arena.CONTROL_BYTES))
    script = textwrap.dedent(TOUCH).format(control=str(control), places=str(places), lie=lie, act=act)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == arena.EXIT, done.stderr
    address, size = map(int, places.read_text().split())
    return arena.fault(np.fromfile(control, np.int64), {"x": (address, size)})


@GUARDED
@pytest.mark.parametrize(
    ("lie", "act", "told"),
    [
        ("end", "as_strided(x, (7,), (4,))[6]", "reads beyond the end of `x`: at byte 24, where it has 24"),
        (
            "end",
            "as_strided(x, (7,), (4,))[6] = 1",
            "writes beyond the end of `x`: at byte 24, where it has 24",
        ),
        ("beginning", "as_strided(x, (7,), (-4,))[1]", "reads 4 bytes before the beginning of `x`"),
        (
            "end",
            "here.protect([x], written=False); x[2] = 1",
            "writes to `x`, byte 8 of 24: an input may only be read",
        ),
        ("end", "here.reset(); x[1]", "reads `x`, byte 4 of 24, after its life"),
    ],
)
def test_an_access_beyond_an_array_is_told(tmp_path, lie, act, told):
    assert touch(tmp_path, lie, act) == told


@GUARDED
def test_an_array_that_a_kernel_made_is_told_by_its_size(tmp_path):
    act = "\n".join(
        ["with here.armed('end'):", "    own = np.empty(400, np.uint8)", "as_strided(own, (401,), (1,))[400]"]
    )
    told = "reads beyond the end of an array of its own, of 400 bytes: at byte 400, where it has 400"
    assert touch(tmp_path, "end", act) == told


@GUARDED
def test_what_is_allocated_while_an_arena_is_armed_holds_no_zeros(run_python):
    script = """
        import numba, numpy as np
        from jitconv.testing.arena import Arena

        @numba.njit
        def empty(size):
            return np.empty(size, np.float32)

        here = Arena()  # before anything is compiled
        empty(3)
        with here.armed("end"):
            made = np.empty(300, np.float32), empty(300)
            told = [bool(np.isnan(one).all()) for one in made] + [bool((np.zeros(300) == 0).all())]
        with here.armed("beginning"):
            told += [bool((np.empty(300, np.float32) > 1e7).all())]
        print(told, np.empty(300).size)
    """
    assert run_python(script) == "[True, True, True, True] 300"


def _kinds(op):
    """Return which of the kinds of problems that are promised occur among some hundred."""
    found = set()
    for spec in random_problems(op, 300, seed=5):
        found |= {spec.dtype, f"n={min(spec.n, 5)}"}
        if not hasattr(spec, "kh"):
            continue
        found |= {spec.layout} | ({"one pixel"} if spec.h == spec.w == 1 else set())
        found |= {"one channel"} if spec.c == 1 else {"longer than a vector"} if spec.c > 32 else set()
        for axis, size in enumerate((spec.h, spec.w)):
            before, after = spec.pad[2 * axis : 2 * axis + 2]
            found |= {"pad beyond the kernel"} if max(before, after) > spec.extent[axis] else set()
            found |= {"lopsided pad"} if before != after else set()
            found |= {"stride beyond the picture"} if spec.stride[axis] > size else set()
            found |= {"dilation beyond the picture"} if spec.dilation[axis] > size else set()
        if hasattr(spec, "wrt"):
            found |= {spec.wrt, spec.flip_kernel, f"bias={spec.bias}"} | (
                {"groups"} if spec.groups > 1 else set()
            )
        else:
            found |= {spec.ties, f"indices={spec.indices}", f"ceil={spec.ceil_mode}"}
    return found


SHARED = {"float32", "float64", *(f"n={n}" for n in range(6))}
PICTURES = {
    "NHWC",
    "NCHW",
    "one pixel",
    "one channel",
    "longer than a vector",
    "lopsided pad",
    "stride beyond the picture",
    "dilation beyond the picture",
}
POOLS = {"first", "ceil=True", "ceil=False"}
WANTED = {
    "conv_forward": PICTURES | {"pad beyond the kernel", True, False, "bias=True", "bias=False", "groups"},
    "conv_backward": PICTURES
    | {("x",), ("w",), ("b",), ("x", "w"), ("x", "b"), ("w", "b"), ("x", "w", "b"), "pad beyond the kernel"},
    "max_pool_backward": PICTURES | POOLS | {"all", "split", "indices=True", "indices=False"},
    "avg_pool_forward": PICTURES | POOLS,
}


@pytest.mark.parametrize("op", OPS)
def test_every_kind_of_problem_is_drawn(op):
    wanted = SHARED - (set() if op in WANTED or "pool" in op else {f"n={n}" for n in range(6)})
    assert (wanted | WANTED.get(op, set())) - _kinds(op) == set()


@pytest.mark.parametrize("op", OPS)
def test_a_seed_gives_the_same_problems_again(op):
    assert random_problems(op, 20, seed=3) == random_problems(op, 20, seed=3)
    assert random_problems(op, 20, seed=3) != random_problems(op, 20, seed=4)


@given(st.sampled_from(OPS).flatmap(lambda op: st.tuples(st.just(op), problems(op))))
def test_strategies_draw_problems_that_read_back(drawn):
    op, spec = drawn
    assert op in spec.ops
    assert parse(str(spec)) == spec


@pytest.mark.parametrize("op", OPS)
def test_a_case_reads_back_from_its_words(op):
    for case in cases(op):
        assert (Case.of(str(case)).spec, str(Case.of(str(case)))) == (case.spec, str(case))


def test_indices_that_are_given_are_not_those_of_x():
    case = next(case for case in cases("max_pool_backward") if case.spec.indices)
    dy, x, indices = case.operands("max_pool_backward")
    assert not np.array_equal(
        reference("max_pool_backward", case.spec, [dy, x, indices])[0],
        reference("max_pool_backward", parse(str(case.spec).replace(" indices", "")), [dy, x, None])[0],
    )


def test_a_difference_is_told_by_its_place_and_its_values():
    wanted = np.arange(60.0).reshape(3, 4, 5)
    got = wanted.copy()
    got[1, 3, 2] = -7
    assert first_difference(got, wanted) == "[1, 3, 2]: 37 expected, -7 got"
    told = where_wrong(got, wanted)
    assert "1 of 60 elements are wrong, only where index 0 is 1 of 0..2 and index 1 is 3 of 0..3" in told
    got = wanted.copy()
    got[:, 0] = got[:, :, -1] = 99
    assert where_wrong(got, wanted).endswith("only at the first and the last of index 1 or index 2")
    got = wanted + 1e-9
    assert "all a little, none far" in where_wrong(got, wanted, 1e-9)


def test_a_nan_is_a_difference_and_two_are_none():
    wanted = np.array([1.0, np.nan, np.inf])
    assert first_difference(np.array([1.0, 2.0, np.inf]), wanted) == "[1]: nan expected, 2 got"
    assert "1 of 3 elements" in where_wrong(np.array([np.nan, np.nan, np.inf]), wanted)


PLAIN = "n2h9w9c3 k3x3f4 s1 p1"


@pytest.mark.parametrize(
    ("problem", "mistake", "told"),
    [
        (PLAIN, lambda y: 0 * y, "; it is all zeros"),
        (PLAIN, lambda y: 3 * y, "; it is 3 times what is expected"),
        (PLAIN, lambda y: np.roll(y, 1, 2), "; most of it stands one place too far along axis 2"),
        (PLAIN, lambda y: y[:, ::-1, ::-1], "; it holds the right numbers in other places"),
        (PLAIN + " float64", lambda y: y.astype(np.float32), "; such an error is that of float32"),
        (PLAIN, lambda y: np.maximum(y, 0), "; it would be right with the relu"),
        (PLAIN, np.sin, ""),
    ],
)
def test_likely_mistakes_are_recognised(problem, mistake, told):
    case = Case(parse(problem), "")
    y = reference("conv_forward", case.spec, case.operands("conv_forward"))[0]
    got = np.ascontiguousarray(mistake(y)).astype(case.spec.dtype)
    assert diagnosis("conv_forward", case, [got])[: len(told) or None] == told


def test_what_problems_that_fail_have_in_common_is_told():
    specs = [parse(f"n1h6w6c{c} k3x3f{f} {more}") for c, f, more in COMMON]
    wide = [spec for spec in specs if spec.c > 5]
    assert in_common(wide, [spec for spec in specs if spec not in wide]) == (
        "2 of 5 problems fail: those with channels 6 and more, as no other has"
    )
    odd = [spec for spec in specs if spec.stride[0] == 2]
    told = in_common(odd, [spec for spec in specs if spec not in odd])
    assert told == "2 of 5 problems fail: those with stride (2, 2), as no other has"
    some = [specs[0], specs[3]]
    assert in_common(some, [specs[1], specs[2], specs[4]]) == (
        "2 of 5 problems fail, all of them with filters 4 and layout NCHW, as some others have"
    )
    assert in_common(wide * 2, specs[:3]).startswith("4 of 7 problems fail: those with channels 6 and more")
    assert "channels 1 or 6, as no" in in_common([specs[0], specs[3]] * 2, [specs[1], specs[2], specs[4]])
    assert in_common(specs, []) == "5 of 5 problems fail, all that there are"
    assert not in_common(specs[:1], [])


COMMON = [(1, 4, "nchw"), (2, 4, ""), (3, 5, "s2"), (6, 4, "nchw s2"), (8, 5, "nchw s1x3")]


def test_a_sum_that_cancels_may_be_off_by_its_rounding_and_no_more():
    spec = parse("n1h1w1c2 k1x1f1")
    x, w = np.array([1, -1 + 2**-20], np.float32).reshape(spec.x_shape), np.ones(spec.w_shape, np.float32)
    operands, direct = [x, w, None], registry().find("conv_forward", "direct")
    wanted = reference("conv_forward", spec, operands)
    for off, right in ((2**-23, True), (2**-21, False)):
        got = [(wanted[0] + off).astype(np.float32)]
        assert off / wanted[0].item() > 0.1
        assert disagreement("conv_forward", spec, direct, got, wanted)[1]
        assert (
            disagreement("conv_forward", spec, direct, got, wanted, operands=operands)[1] is None
        ) is right


def test_a_maximum_cancels_nothing():
    spec = parse("n1h1w2c1 k1x2")
    x = np.array([-1, 2**-20], np.float32).reshape(spec.x_shape)
    wanted = reference("max_pool_forward", spec, [x])
    got = [(wanted[0] + 2**-24).astype(np.float32), None]
    told = disagreement(
        "max_pool_forward", spec, registry().find("max_pool_forward", "direct"), got, wanted, operands=[x]
    )
    assert "y is off by" in told[1]

"""Words for emitted code: operators on integers and conditions, and loops over whole vectors and the rest."""

from typing import NamedTuple

import numpy as np
import pytest
from numba.core.errors import TypingError

from jitconv.jit import Kernel
from jitconv.jit.integers import Flag, Int
from jitconv.jit.vectors import VECTOR_BYTES, emitted


def emitted_words(v, a, b):
    """Return every operator's result for two integers."""
    return [
        a + b, a + 3, 3 + a, a - b, a - 3, 3 - a, a * b, a * 3, 3 * a, -a, a // b, a // 3, a % b, a % 3,
        a & b, a & 12, a >> 1, a >> 2, v.known(7) - a,
    ]  # fmt: skip


def emitted_conditions(a, b):
    """Return every comparison and what joins them."""
    return [
        a < b, a <= b, a > b, a >= b, a == b, a != b, a < 3, a < 3, (a < b) & (b < 3), (a < b) | (b < 3),
        ~(a < b),
    ]  # fmt: skip


@emitted()
def words(v, out, a, b):
    results = [*emitted_words(v, a, b), *(one.choose(1, 0) for one in emitted_conditions(a, b))]
    for place, one in enumerate(results):
        v.build.store(one, v.at(out, place))


@emitted()
def counted(v, out, first, last):
    """Put how often a loop ran, the last number it saw, and the sum of all to out."""
    for place in range(3):
        v.build.store(v.known(0), v.at(out, place))
    with v.range(first, last, 2) as i:
        v.build.store(v.entry(out) + 1, v.at(out, 0))
        v.build.store(i, v.at(out, 1))
    (total,) = v.loop(
        first, last, 1, [v.known(0).value], lambda i, carried: [v.build.add(carried[0], i.value)]
    )
    v.build.store(total, v.at(out, 2))


@emitted()
def doubled(v, x, y, count):
    """Double `count` elements: whole vectors, then a masked rest."""

    def body(i, mask):
        value = v.load(v.at(x, i), mask)
        v.store(v.build.fadd(value, value), v.at(y, i), mask)

    v.each(count, body)


@emitted()
def branched(v, out, a):
    (value,) = v.either(a > 3, lambda: [(a * 2).value], lambda: [(a - 1).value])
    v.build.store(value, v.at(out, 0))


def _words(out, a, b):
    words(out, a, b)


def _counted(out, first, last):
    counted(out, first, last)


def _doubled(x, y, count):
    doubled(x, y, count)


def _branched(out, a):
    branched(out, a)


WORDS, COUNTED, DOUBLED, BRANCHED = map(Kernel, (_words, _counted, _doubled, _branched))


def quotient(a, b):
    """Divide as C does: to zero."""
    return int(a / b)


@pytest.mark.parametrize(("a", "b"), [(7, 2), (-7, 2), (7, -2), (-7, -2), (0, 5), (2, 2), (2, 3), (13, 4)])
def test_operators_are_pythons_but_for_quotients_which_round_to_zero(a, b):
    out = np.full(40, 99, np.int64)
    WORDS(1, out, a, b)
    wanted = [
        a + b, a + 3, 3 + a, a - b, a - 3, 3 - a, a * b, a * 3, 3 * a, -a, quotient(a, b), quotient(a, 3),
        a - quotient(a, b) * b, a - quotient(a, 3) * 3, a & b, a & 12, a >> 1, a >> 2, 7 - a,
    ]  # fmt: skip
    conditions = [
        a < b, a <= b, a > b, a >= b, a == b, a != b, a < 3, a < 3, a < b and b < 3, a < b or b < 3, not a < b
    ]  # fmt: skip
    wanted += [int(one) for one in conditions]
    assert out[: len(wanted)].tolist() == wanted
    assert (out[len(wanted) :] == 99).all()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (0, 5), (3, 9), (5, 2)])
def test_loops_are_those_of_range(first, last):
    out = np.full(4, 99, np.int64)
    COUNTED(1, out, first, last)
    numbers = range(first, last, 2)
    assert out.tolist() == [len(numbers), numbers[-1] if numbers else 0, sum(range(first, last)), 99]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_has_whole_vectors_and_a_masked_rest(dtype):
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    for count in (0, 1, lanes - 1, lanes, lanes + 1, 3 * lanes - 1, 3 * lanes):
        x, y = np.arange(count + 3, dtype=dtype), np.full(count + 3, -7, dtype)
        DOUBLED(1, x, y, count)
        np.testing.assert_array_equal(y, np.where(np.arange(count + 3) < count, 2 * x, -7))


@pytest.mark.parametrize("a", [3, 4])
def test_either_gives_what_its_branch_gives(a):
    out = np.zeros(1, np.int64)
    BRANCHED(1, out, a)
    assert out[0] == (2 * a if a > 3 else a - 1)


@pytest.mark.parametrize("kind", [Flag, Int])
def test_a_value_is_not_known_while_code_is_written(kind):
    with pytest.raises(TypeError, match="not known yet"):
        bool(kind(None, None))


@emitted()
def scaled(v, x, factor):
    v.store(v.build.fmul(v.load(x), v.splat(factor)), x)


def _scaled(x, factor):
    scaled(x, factor)


def test_a_number_of_another_type_than_the_arrays_is_refused():
    kernel, x = Kernel(_scaled), np.ones(16, np.float32)
    kernel(1, x, np.float32(3))
    assert x[0] == 3
    with pytest.raises(TypingError, match="scaled takes numbers of its arrays' type; got float64"):
        kernel(1, x, 3.0)


class Place(NamedTuple):
    """Where something begins, how many there are, and whether they are negated."""

    at: int
    count: int
    negated: bool


@emitted(sizes=[(2,), (3,)])
def gathered(v, factor, x, source, y, target):
    """y[target.at + i] = ± factor · x[source.at + i]."""
    with v.range(target.count) as i:
        value = v.entry(x, source.at + i) * factor
        v.build.store((target.negated != 0).choose(-value, value), v.at(y, target.at, i))


def _gathered(factor, x, y, at):
    source = Place(at=at, count=y.size, negated=False)
    gathered(factor, x, source, y, Place(negated=at > 1, count=x.size - at, at=1))


@emitted()
def placed(v, x, place):
    v.store(v.load(v.at(x, place.at)), x)


class Real(NamedTuple):
    """What no piece takes."""

    at: float


def _placed(x, place):
    placed(x, place)


@pytest.mark.parametrize("at", [0, 2])
def test_a_piece_takes_named_tuples_of_integers(at):
    x, y = np.arange(5), np.zeros(7, np.int64)
    Kernel(_gathered)(1, 3, x, y, at)
    wanted = 3 * x[at:] if at < 2 else -3 * x[at:]
    assert y.tolist() == [0, *wanted, *[0] * (6 - len(wanted))]


@pytest.mark.parametrize("place", [Real(1.0), (1, 2)])
def test_other_tuples_are_refused(place):
    with pytest.raises(TypingError, match="placed takes NamedTuples of integers; got"):
        Kernel(_placed)(1, np.ones(16, np.float32), place)

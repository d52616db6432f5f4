"""How micro-kernels are tested alone: between guard pages, with a look at every element they may write.

A test gives the arrays of one call and states the outcome as a formula. It is run for every size that the
piece has and for all choices of its own, twice each: with the arrays at the end of their pages and a margin
before them, and at the beginning with a margin behind.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from micro_arrays import ANYTHING, POISON, UNTOUCHED, bits, is_marked, laid, lanes_of, marked
from micro_process import guard

from jitconv.jit.kernels import FLAGS

FLOATS = ("float32", "float64")

LIES = ("end", "beginning")
"""How the arrays of a call lie: there the first element beyond an array cannot be touched. Beyond the other
end is a margin, so that arrays begin at a place of their own, and what is written there is seen."""

BODIES: dict[tuple[str, str], Body] = {}
"""What tests run, by module and name."""


class Body(NamedTuple):
    """One test: the piece, which of its sizes, the choices, and the function that makes one call."""

    piece: Any
    when: Callable[..., bool]
    choices: dict[str, Any]
    check: Callable[..., None]


def guarded(piece, dtypes=FLOATS, when=lambda lanes, *size: True, **choices):
    """Make a test of a function that makes one call of a piece: ``check(case, **chosen)``.

    It is run for all combinations of `choices`: lists, or functions that make one of the number of lanes and
    the size of the piece. So is `when`, which tells the sizes that are tested; all, if it is not given.
    """

    def decorate(check):
        module, name = check.__module__, check.__name__
        BODIES[module, name] = Body(piece, when, choices, check)

        @pytest.mark.parametrize("dtype", dtypes)
        def test(dtype):
            wrong = guard.run(module, name, dtype)
            if wrong is not None:
                pytest.fail(wrong, pytrace=False)

        test.__name__ = test.__qualname__ = name
        test.__module__, test.__doc__ = module, check.__doc__
        return test

    return decorate


def run(arena, say, module, name, dtype):
    """Run all cases of a test in this process."""
    piece, when, choices, check = BODIES[module, name]
    lanes = lanes_of(dtype)
    for size in (one for one in getattr(piece, "sizes", [()]) if when(lanes, *one)):
        values = [one(lanes, *size) if callable(one) else one for one in choices.values()]
        for chosen in itertools.product(*values):
            named = dict(zip(choices, chosen, strict=True))
            told = ", ".join([f"size {size}", *(f"{key}={value}" for key, value in named.items()), dtype])
            for lie in LIES:
                case = Case(arena, say, piece, size, dtype, lie, f"{name} [{told}, {lie}]")
                try:
                    check(case, **named)
                    case.finish()
                except Exception as wrong:
                    wrong.args = (f"{case.told}: {wrong}",)
                    raise
                if arena is not None:
                    arena.reset()


@lru_cache
def _caller(piece):
    def call(*arguments):
        piece(*arguments)

    return numba.njit(_nrt=False, **FLAGS)(call)


class Case:
    """One call: its arrays, and what they must hold when it is made.

    Attributes
    ----------
    size : tuple
        The size of the piece, if it has sizes: `call` passes it on.
    dtype, lanes
        Of the call.
    rng : numpy.random.Generator
        The same numbers for each way the arrays may lie.
    """

    def __init__(self, arena, say, piece, size, dtype, lie, told):
        self.size, self.dtype, self.lanes, self.told = size, np.dtype(dtype), lanes_of(dtype), told
        self.rng = np.random.default_rng(zlib.crc32(told.rpartition(",")[0].encode()))
        self._arena, self._say, self._piece, self._lie = arena, say, piece, lie
        self._placed, self._outputs, self._called = [], [], False

    def integers(self, *shape):
        """Return small whole numbers, whose sums are exact in any order."""
        return self.rng.integers(-4, 5, shape).astype(self.dtype)

    def distinct(self, *shape):
        """Return numbers of both signs that differ in their bits."""
        numbers = np.arange(int(np.prod(shape)), dtype=self.dtype)
        return np.where(numbers % 2 == 0, -numbers, numbers).reshape(shape)

    def untouched(self, *shape):
        """Return what is expected where nothing may be written."""
        return marked(UNTOUCHED, shape, self.dtype)

    def anything(self, *shape):
        """Return what is expected where anything may be."""
        return marked(ANYTHING, shape, self.dtype)

    def poison(self, *shape):
        """Return what must not count."""
        return marked(POISON, shape, self.dtype)

    def given(self, name, values, steps=None, room=0, shift=0):
        """Return an input.

        `room` is how many elements can be read beyond the last value; `shift` is how many there are between
        the array and the end of the pages that it lies at, so that it begins within a vector.
        """
        values = np.asarray(values)
        flat = np.concatenate([laid(values, steps, POISON), marked(POISON, room, values.dtype)])
        return self._place(Place(name, flat.size), flat, POISON, shift)

    def table(self, name, numbers):
        """Return an input of whole numbers, to be passed without a place."""
        return self.given(name, np.asarray(numbers, np.int64)).part

    def met(self, name, where, numbers=None):
        """Return an input of which only the elements at some places count, and these elements."""
        numbers = numbers or self.integers
        flat, counts = self.poison(int(where.max(initial=-1)) + 1), np.unique(where)
        flat[counts] = numbers(counts.size)
        return self.given(name, flat), flat[where]

    def output(self, name, shape, steps=None, before=None, dtype=None, shift=0):
        """Return an output, which holds `before`, or nothing of use."""
        dtype = np.dtype(dtype or self.dtype)
        before = marked(UNTOUCHED, shape, dtype) if before is None else np.asarray(before, dtype)
        flat = laid(before, steps, UNTOUCHED)
        one = self._place(Output(name, flat.size, before.shape, steps), flat, UNTOUCHED, shift)
        self._outputs.append(one)
        return one

    def call(self, *arguments):
        """Call the piece; inputs can only be read meanwhile."""
        outputs = {id(one) for one in self._outputs}
        inputs = [one for one in self._placed if id(one) not in outputs]
        before = [one.array.copy() for one in inputs]
        if self._arena is not None:
            self._arena.protect([one.array for one in inputs], written=False)
        arrays = {one.name: (one.part.ctypes.data, one.part.nbytes) for one in self._placed}
        self._say(case=self.told, arrays=arrays)
        _caller(self._piece)(*self.size, *arguments)
        for one, held in zip(inputs, before, strict=True):
            if (bits(one.array) != bits(held)).any():
                raise AssertionError(f"the input `{one.name}` was written")
        self._called = True

    def finish(self):
        """See that the test has seen to all it should."""
        if not self._called:
            raise AssertionError("the test calls nothing")
        if unseen := [one.name for one in self._outputs if not one.seen]:
            raise AssertionError(f"the test says nothing of {unseen}")

    def _place(self, one, flat, mark, shift):
        beside = [marked(mark, size, flat.dtype) for size in (4 * self.lanes + 3, shift)]
        before, behind = beside if self._lie == "end" else beside[::-1]
        whole, one.at = np.concatenate([before, flat, behind]), before.size
        one.array = whole if self._arena is None else self._arena.place([whole], self._lie)[0]
        self._placed.append(one)
        return one


class Place:
    """An array of a call, and where in it the first element lies: ``*place`` passes both."""

    array: np.ndarray
    at: int

    def __init__(self, name, size):
        self.name, self.size = name, size

    def __iter__(self):
        return iter((self.array, self.at))

    @property
    def part(self):
        """The array without margins, for pieces that take it from its first element on."""
        return self.array[self.at : self.at + self.size]


class Output(Place):
    """An array that a call writes."""

    def __init__(self, name, size, shape, steps):
        super().__init__(name, size)
        self._shape, self._steps, self.seen = shape, steps, False

    def must_be(self, expected):
        """See that it holds exactly this, and that nothing else was written."""
        self._compare(expected, lambda found, wanted: bits(found) == bits(wanted))

    def must_sum_to(self, expected, error=0.0):
        """See that it holds these sums, which may be so far off; a zero may have either sign."""
        expected = np.asarray(expected)
        bound = laid(np.broadcast_to(np.asarray(error, np.float64), self._shape), self._steps, POISON)
        self._compare(expected, lambda found, wanted: (found == wanted) | (abs(found - wanted) <= bound))

    def _compare(self, expected, alike):
        self.seen = True
        expected = np.broadcast_to(np.asarray(expected), self._shape).astype(self.array.dtype)
        wanted, found = laid(expected, self._steps, UNTOUCHED), self.part
        kept = is_marked(UNTOUCHED, wanted)
        beside = np.ones(self.array.size, bool)
        beside[self.at : self.at + self.size] = kept
        written = np.flatnonzero(beside & ~is_marked(UNTOUCHED, self.array)) - self.at
        if written.size:
            raise AssertionError(f"`{self.name}` of {self.size}: writes {written[:9]}, which are not its own")
        with np.errstate(all="ignore"):
            good = kept | is_marked(ANYTHING, wanted) | alike(found, wanted)
        if wanted.dtype.kind == "f":  # any NaN will do, but not one that stood there before
            marks = is_marked(UNTOUCHED, found) | is_marked(POISON, found)
            good |= np.isnan(wanted) & np.isnan(found) & ~marks
        if not good.all():
            bad = np.flatnonzero(~good)[:9]
            raise AssertionError(f"`{self.name}`: elements {bad} are {found[bad]}, not {wanted[bad]}")

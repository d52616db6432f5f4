"""The cases of the agreement test: the problems of the catalogue, and what is special about the arrays."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from jitconv.algorithm import OPS
from jitconv.arrays import Array
from jitconv.specs import ConvSpec, PoolSpec, Spec, WindowSpec, parse
from jitconv.specs.values import choice
from jitconv.testing import catalogue
from jitconv.testing.operands import OPERANDS, draw

MEMORIES = ("plain", "fortran", "reversed", "readonly", "swapped", "unaligned", "strided")
VALUES = ("normal", "integers", "specials", "sinking", "unmet", "zeros", "denormals")

SPECIALS = np.nan, np.inf, -np.inf, np.nan


@dataclass(frozen=True)
class Case:
    """One problem and its arrays.

    Parameters
    ----------
    spec : ConvSpec, PoolSpec or WindowSpec
        The problem.
    note : str
        What is special.
    memory : {"plain", "fortran", "reversed", "readonly", "swapped", "unaligned", "strided"}
        How the operands lie in memory.
    values : {"normal", "integers", "specials", "sinking", "unmet", "zeros", "denormals"}
        Normal values; small whole numbers; normal ones with NaN and infinities among them; a plane
        that is -inf for the most part; NaN and infinities where no window is; 0, -0 and 1 alone, which
        tie; numbers near the smallest ones.
    """

    spec: Spec
    note: str
    memory: str = "plain"
    values: str = "normal"

    def __str__(self) -> str:
        extra = [word for word in (self.memory, self.values) if word not in ("plain", "normal")]
        return ", ".join([str(self.spec), *extra])

    @classmethod
    def of(cls, text: str) -> Case:
        """Return the case that ``str(case)`` describes: a problem string, then words on its operands.

        Raises
        ------
        ParameterError, ShapeError
            When the problem string, or a word, means nothing.
        """
        problem, *words = [word.strip() for word in text.split(",")]
        kinds = {**dict.fromkeys(MEMORIES, "memory"), **dict.fromkeys(VALUES, "values")}
        chosen = {kinds[choice("a word after the problem", word, tuple(kinds))]: word for word in words}
        return cls(parse(problem), "given", **chosen)

    @property
    def integers(self) -> bool:
        """Whether sums are exact."""
        return self.values == "integers"

    @property
    def spreads(self) -> bool:
        """Whether an operand holds what only a plain sum keeps within its window."""
        return self.values in ("specials", "sinking", "unmet")

    def operands(self, op: str) -> list[Array | None]:
        """Return the operands, the same ones each time."""
        rng = np.random.default_rng(zlib.crc32(f"{op} {self}".encode()))
        operands = draw(op, self.spec, rng, values=self.values)
        if self.values == "unmet":
            x = operands[OPERANDS[op].index("x")]
            assert x is not None
            outside = np.broadcast_to(~_met(self.spec), x.shape)
            x[outside] = np.resize(SPECIALS, np.count_nonzero(outside))
        elif self.spreads:
            places = (0, 1) if op == "max_pool_backward" else (0,)  # dy and x
            for place in places:
                special = operands[place]
                assert special is not None
                _put_specials(special, rng, self.values, 1 if op in ConvSpec.ops else special.size // 40)
        return operands

    def disguise(self, array: Array) -> Array:
        """Return equal values that lie in memory as the case says."""
        if self.memory == "fortran":
            return np.asfortranarray(array)
        if self.memory == "reversed":
            return np.flip(np.flip(array).copy())
        if self.memory == "strided":
            return np.repeat(array, 2, axis=-1)[..., ::2]
        if self.memory == "unaligned":
            off = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
            off[...] = array
            return off
        if self.memory == "swapped":
            return array.astype(array.dtype.newbyteorder("S"))
        copy = array.copy()
        copy.flags.writeable = self.memory != "readonly"
        return copy


def _put_specials(array: Array, rng: np.random.Generator, values: str, count: int) -> None:
    """Put `count` of each special value, at least one: several in a window, where sums do not lose all."""
    flat = array.reshape(-1)
    if values == "sinking":
        flat[rng.random(flat.size) < 0.8] = -np.inf
    else:
        for special in SPECIALS:
            flat[rng.integers(flat.size, size=max(1, count))] = special


def _met(spec: Spec) -> Array:
    """Return which pixels lie in a window, in the axes of x."""
    assert not isinstance(spec, WindowSpec)
    sides = zip(
        (spec.h, spec.w),
        (spec.oh, spec.ow),
        (spec.kh, spec.kw),
        spec.stride,
        spec.dilation,
        (spec.pad[0], spec.pad[2]),
        strict=True,
    )
    met = []
    for size, outputs, taps, stride, dilation, before in sides:
        places = np.add.outer(np.arange(outputs) * stride - before, np.arange(taps) * dilation)
        met.append(np.isin(np.arange(size), places))
    pixels = np.logical_and.outer(*met)
    return pixels[None, :, :, None] if spec.layout == "NHWC" else pixels[None, None]


def cases(op: str) -> list[Case]:
    """Return the cases of an op: every problem in both dtypes and layouts, then special arrays."""
    if op not in OPS:
        raise ValueError(f"op must be one of {', '.join(OPS)}; got {op!r}")
    lines = _lines(op)
    found = [
        Case(parse(problem, layout=layout, dtype=dtype), note)
        for problem, note in lines
        for dtype in ("float32", "float64")
        for layout in _layouts(op)
    ]
    found += [
        Case(parse(problem), note, values="integers") for problem, note in lines if _sums_exactly(op, problem)
    ]
    found += [Case(parse(problem), note, values="zeros") for problem, note in lines if "ties=" in problem]
    for memory in MEMORIES[1:]:
        for dtype in ("float32", "float64"):
            found.append(Case(parse(catalogue.MEMORY[_kind(op)], dtype=dtype), "memory", memory=memory))
    return found + _special(op)


SPECIAL_NOTES = {
    "specials": "NaN and infinities",
    "sinking": "-inf almost everywhere",
    "zeros": "0, -0 and 1: they tie",
    "denormals": "the smallest numbers",
}


def _special(op: str) -> list[Case]:
    """Return the cases of special values."""
    problems = {ConvSpec: catalogue.SPECIAL_CONVS, PoolSpec: catalogue.SPECIAL_POOLS}
    found = problems.get(_kind(op), catalogue.SPECIAL_WINDOWS)
    if op == "conv_backward":
        found = catalogue.SPECIAL_GRADIENTS
    if op == "max_pool_backward":
        found += catalogue.SPECIAL_TIES
    unmet = {ConvSpec: catalogue.UNMET_CONVS, PoolSpec: catalogue.UNMET_POOLS}.get(_kind(op), ())
    if "x" not in OPERANDS[op]:
        unmet = ()
    pairs = [(problem, values, note) for problem in found for values, note in SPECIAL_NOTES.items()]
    pairs += [(problem, "unmet", "NaN and infinities where no window is") for problem in unmet]
    return [
        Case(parse(problem, layout=layout), note, values=values)
        for layout in _layouts(op)
        for problem, values, note in pairs
    ]


def _layouts(op: str) -> tuple[str, ...]:
    return ("NHWC",) if op in WindowSpec.ops else ("NHWC", "NCHW")


def _kind(op: str) -> type[ConvSpec] | type[PoolSpec] | type[WindowSpec]:
    return next(kind for kind in (ConvSpec, PoolSpec, WindowSpec) if op in kind.ops)


def _lines(op: str) -> list[tuple[str, str]]:
    text = {ConvSpec: catalogue.CONV, PoolSpec: catalogue.POOL, WindowSpec: catalogue.WINDOWS}[_kind(op)]
    text += catalogue.AVERAGE_ONLY if op.startswith("avg_pool") else ""
    text += catalogue.MAXIMUM_ONLY if op.startswith("max_pool") else ""
    text += catalogue.TIES if op == "max_pool_backward" else ""
    text += catalogue.MASKS if op == "create_mask" else ""
    if op == "conv_forward":
        text = "\n".join(line for line in text.splitlines() if "wrt=" not in line)
    pairs = (line.partition("|") for line in text.strip().splitlines())
    return [(problem.strip(), note.strip()) for problem, _, note in pairs if problem.strip()]


def _sums_exactly(op: str, problem: str) -> bool:
    """Whether whole numbers stay whole: an average or a share does not."""
    return (
        op.startswith("conv")
        or op in ("max_pool_forward", "create_mask")
        or (op == "max_pool_backward" and "split" not in problem)
    )

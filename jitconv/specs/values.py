"""Checks of single values; each error names the argument, what was expected and what came."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Sequence, Set
from numbers import Real
from typing import Any

import numpy as np

from jitconv.errors import DtypeError, ParameterError, ShapeError, nearest, shown

DTYPES = ("float32", "float64")
LAYOUTS = ("NHWC", "NCHW")
TIES = ("first", "all", "split")
WRT = ("x", "w", "b")

Operand = tuple[tuple[int, ...], str]
"""Shape and dtype of an operand or an output."""


MOST = 2**31 - 1
"""What no option may exceed: kernels compute positions in 64 bits."""

MOST_AXES = 32
"""Of a shape: those of every NumPy."""

MOST_NUMBERS = 2**44
"""Of one array, or of one with its padding: 128 TiB of float64 is what a process can address."""

MOST_STEPS = 2**60
"""Multiply-adds, comparisons or additions of a problem: at 10**12 a second they take 13 days."""


def integer(name: str, value: Any, least: int, most: int = MOST) -> int:
    """Return `value` as an int of at least `least` and at most `most`; a bool or a float is no integer."""
    number: int = value
    if type(value) is not int:
        try:
            if isinstance(value, (bool, np.bool_)):
                raise TypeError
            number = int.__index__(operator.index(value))  # a subclass's own arithmetic goes no further
        except TypeError:
            raise ParameterError(f"{name} must be an integer; got {shown(value)}") from None
    if not least <= number <= most:
        bounds = f"at least {least}" if number < least else f"at most {most}"
        raise ParameterError(f"{name} must be {bounds}; got {shown(value)}")
    return number


def finite(name: str, value: Any) -> float:
    """Return `value` if it is a finite number."""
    try:
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise TypeError
        return float(value)
    except (TypeError, OverflowError):  # an integer may lie beyond all floats
        raise ParameterError(f"{name} must be a finite number; got {shown(value)}") from None


def items(value: Any) -> Sequence[Any] | None:
    """Return the items of a tuple, a list or an array (of a long one the first few), or None of one value."""
    if isinstance(value, np.ndarray) and value.ndim:
        return list(value[:9])
    return value if isinstance(value, (tuple, list)) else None


def pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """Return an int or a pair (vertical, horizontal) as a pair."""
    both = items(value)
    if both is None:
        number = integer(name, value, least)
        return number, number
    if len(both) != 2:
        raise ParameterError(f"{name} must be an int or a pair (vertical, horizontal); got {shown(value)}")
    return integer(name, both[0], least), integer(name, both[1], least)


def padding(
    pad: Any, size: tuple[int, int], extent: tuple[int, int], stride: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return `pad` as (top, bottom, left, right).

    "same" is TensorFlow's: OH = ceil(H / stride), the odd row or column at the bottom or right.
    """
    if isinstance(pad, str):
        if pad == "valid":
            return 0, 0, 0, 0
        if pad != "same":
            raise ParameterError(f"pad must be 'valid', 'same', or numbers; got {shown(pad)}")
        (top, bottom), (left, right) = map(_same, size, extent, stride)
        return top, bottom, left, right
    sides = items(pad)
    if sides is not None and any(items(side) is not None for side in sides):
        if len(sides) != 2:
            raise ParameterError(f"pad must be ((top, bottom), (left, right)); got {shown(pad)}")
        (top, bottom), (left, right) = pair("pad", sides[0], 0), pair("pad", sides[1], 0)
        return top, bottom, left, right
    vertical, horizontal = pair("pad", pad, 0)
    return vertical, vertical, horizontal, horizontal


def _same(size: int, extent: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def choice(name: str, value: Any, known: Collection[str]) -> str:
    """Return `value` if it is one of `known`."""
    # a subclass may compare and hash as it likes: it is asked for its characters alone
    plain = str.__str__(value) if isinstance(value, str) else None
    if plain is None or plain not in known:
        listed = ", ".join(map(repr, known))
        raise ParameterError(f"{name} must be one of {listed}; got {shown(value)}{nearest(plain, known)}")
    return plain


def flag(name: str, value: Any) -> bool:
    """Return `value` as a bool; only a bool is one."""
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(f"{name} must be True or False; got {shown(value)}")
    return bool(value)


def names(value: Any) -> list[str] | None:
    """Return the texts in a sequence or a set of them (of a text its letters), or None of anything else."""
    if isinstance(value, (bytes, bytearray, memoryview)) or not isinstance(value, (Sequence, Set)):
        return None
    plain = [str.__str__(item) for item in value if isinstance(item, str)]
    return plain if len(plain) == len(value) else None


def gradients(wrt: Any) -> tuple[str, ...]:
    """Return the wanted gradients in the order x, w, b."""
    wanted = names(wrt)
    if not wanted or not all(name in WRT for name in wanted):
        raise ParameterError(f"wrt must name one or more of 'x', 'w', 'b'; got {shown(wrt)}")
    return tuple(name for name in WRT if name in wanted)


def real(dtypes: dict[str, Any]) -> str:
    """Return the one float dtype that all named arguments share."""
    names: dict[str, str] = {}
    for argument, dtype in dtypes.items():
        names[argument] = name = np.dtype(dtype).name
        if name not in DTYPES:
            mend = f"convert it with {argument}.astype(np.float32)"
            if name.startswith("complex"):
                mend = f"convert its parts, {argument}.real and {argument}.imag, one by one"
            raise DtypeError(f"{argument} must be float32 or float64; got {name}: {mend}")
    if len(set(names.values())) > 1:
        first, *others = names
        other = next(argument for argument in others if names[argument] != names[first])
        raise DtypeError(
            f"{other} must have the dtype of {first}, {names[first]}; got {names[other]}: "
            f"convert one with {other}.astype(np.{names[first]})"
        )
    return next(iter(names.values()))


def rank(op: str, argument: str, shape: Sequence[int], axes: str) -> None:
    """Raise unless `shape` has the axes of a string such as ``"(N, H, W, C)"``."""
    if len(shape) != axes.count(",") + 1:
        raise ShapeError(f"{op}: {argument} must be {axes}; got shape {tuple(shape)}")


def extents(op: str, named: dict[str, int], given: str = "") -> None:
    """Raise unless every extent is a positive int (N may be 0); `given` ends the message."""
    for name, extent in named.items():
        least = 0 if name == "N" else 1
        if type(extent) is not int:
            raise ShapeError(f"{op}: {name} must be an int; got {shown(extent)}{given}")
        if extent < least:
            raise ShapeError(f"{op}: {name} must be at least {least}; got {extent}{given}")


def shape(name: str, given: Any) -> tuple[int, ...]:
    """Return a shape as a tuple of ints that are not negative."""
    if not isinstance(given, (tuple, list)):  # asked first: a class of `collections.abc` takes longer
        several = isinstance(given, Sequence) and not isinstance(given, (str, bytes, bytearray, memoryview))
        if not several and not (isinstance(given, np.ndarray) and given.ndim == 1):
            raise ShapeError(f"{name} must be a tuple of ints; got {shown(given)}")
    if len(given) > MOST_AXES:
        raise ShapeError(f"{name} must have at most {MOST_AXES} axes; got {len(given)}: {shown(given)}")
    try:
        return tuple([integer(name, extent, 0, MOST_NUMBERS) for extent in given])
    except ParameterError as error:
        raise ShapeError(f"{error} in {shown(given)}") from None


def held(what: str, shape: Sequence[int], source: str = "") -> None:
    """Raise where an array of this shape would hold more numbers than any machine does."""
    count = math.prod(max(1, extent) for extent in shape)  # NumPy too minds large extents beside a 0
    if count > MOST_NUMBERS:
        raise ShapeError(
            f"{what} must hold at most {MOST_NUMBERS} numbers; got {tuple(shape)}{source}: {count} numbers"
        )


def served(what: str, steps: int, source: str) -> None:
    """Raise where a problem takes more steps than any machine gets through."""
    if steps > MOST_STEPS:
        raise ShapeError(f"{what} must be at most {MOST_STEPS}; got {steps}{source}")


def geometry(stride: Any, pad: Any, dilation: Any) -> None:
    """Raise unless a spec's stride and dilation are pairs of positive ints, its pad four ints."""
    for name, numbers, count, least in (
        ("stride", stride, 2, 1),
        ("pad", pad, 4, 0),
        ("dilation", dilation, 2, 1),
    ):
        if not isinstance(numbers, tuple) or len(numbers) != count:
            raise ParameterError(f"{name} of a spec must be a tuple of {count} ints; got {shown(numbers)}")
        for number in numbers:
            integer(name, number, least)


def no_longer(stride: tuple[int, int], padded: tuple[int, int], extent: tuple[int, int]) -> tuple[int, int]:
    """Return strides of at most the padded picture, or the dilated window: beyond it there is no second one.

    Kernels have a phase, or room, for each step of a stride.
    """
    down, across = map(max, padded, extent)
    return min(stride[0], down), min(stride[1], across)


def nbytes(operands: Iterable[Operand | None]) -> int:
    """Return the bytes of all operands together."""
    total = 0
    for operand in operands:
        if operand is not None:
            shape, dtype = operand
            size = np.dtype(dtype).itemsize
            for extent in shape:
                size *= extent
            total += size
    return total


def geometry_words(
    stride: tuple[int, int], pad: tuple[int, int, int, int], dilation: tuple[int, int]
) -> list[str]:
    """Return the words of a problem string for stride, pad and dilation."""
    top, bottom, left, right = pad
    symmetric = top == bottom and left == right
    padded = _joined((top, left)) if symmetric else f"{top}.{bottom}.{left}.{right}"
    words = [f"s{_joined(stride)}", f"p{padded}"]
    return words if dilation == (1, 1) else [*words, f"d{_joined(dilation)}"]


def _joined(numbers: tuple[int, int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]}x{numbers[1]}"

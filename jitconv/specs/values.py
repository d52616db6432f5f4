"""Checks of single values; each error names the argument, what was expected and what came."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from jitconv.errors import DtypeError, ParameterError, ShapeError, nearest

DTYPES = ("float32", "float64")
LAYOUTS = ("NHWC", "NCHW")
TIES = ("first", "all", "split")
WRT = ("x", "w", "b")

Operand = tuple[tuple[int, ...], str]
"""Shape and dtype of an operand or an output."""


MOST = 2**31 - 1
"""What no option may exceed: kernels compute positions in 64 bits."""


def integer(name: str, value: Any, least: int) -> int:
    """Return `value` as an int of at least `least`; a bool or a float is no integer."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ParameterError(f"{name} must be an integer; got {value!r}") from None
    if not least <= number <= MOST:
        bounds = f"at least {least}" if number < least else f"at most {MOST}"
        raise ParameterError(f"{name} must be {bounds}; got {value!r}")
    return number


def finite(name: str, value: Any) -> float:
    """Return `value` if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ParameterError(f"{name} must be a finite number; got {value!r}")
    return float(value)


def pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """Return an int or a pair (vertical, horizontal) as a pair."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ParameterError(f"{name} must be an int or a pair (vertical, horizontal); got {value!r}")
        return integer(name, value[0], least), integer(name, value[1], least)
    number = integer(name, value, least)
    return number, number


def padding(
    pad: Any, size: tuple[int, int], extent: tuple[int, int], stride: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return `pad` as (top, bottom, left, right).

    "same" is TensorFlow's: OH = ceil(H / stride), the odd row or column at the bottom or right.
    """
    if pad == "valid":
        return 0, 0, 0, 0
    if pad == "same":
        (top, bottom), (left, right) = map(_same, size, extent, stride)
        return top, bottom, left, right
    if isinstance(pad, str):
        raise ParameterError(f"pad must be 'valid', 'same', or numbers; got {pad!r}")
    if isinstance(pad, (tuple, list)) and any(isinstance(side, (tuple, list)) for side in pad):
        if len(pad) != 2:
            raise ParameterError(f"pad must be ((top, bottom), (left, right)); got {pad!r}")
        (top, bottom), (left, right) = pair("pad", pad[0], 0), pair("pad", pad[1], 0)
        return top, bottom, left, right
    vertical, horizontal = pair("pad", pad, 0)
    return vertical, vertical, horizontal, horizontal


def _same(size: int, extent: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def choice(name: str, value: Any, known: Collection[str]) -> str:
    """Return `value` if it is one of `known`."""
    if not isinstance(value, str) or value not in known:
        listed = ", ".join(map(repr, known))
        raise ParameterError(f"{name} must be one of {listed}; got {value!r}{nearest(value, known)}")
    return value


def flag(name: str, value: Any) -> bool:
    """Return `value` as a bool; only a bool is one."""
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(f"{name} must be True or False; got {value!r}")
    return bool(value)


def gradients(wrt: Any) -> tuple[str, ...]:
    """Return the wanted gradients in the order x, w, b."""
    wanted = tuple(wrt) if isinstance(wrt, Iterable) else ()
    if not wanted or any(name not in WRT for name in wanted):
        raise ParameterError(f"wrt must name one or more of 'x', 'w', 'b'; got {wrt!r}")
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


def extents(op: str, named: dict[str, int]) -> None:
    """Raise unless every extent is a positive int (N may be 0)."""
    for name, extent in named.items():
        least = 0 if name == "N" else 1
        if type(extent) is not int:
            raise ShapeError(f"{op}: {name} must be an int; got {extent!r}")
        if extent < least:
            raise ShapeError(f"{op}: {name} must be at least {least}; got {extent}")


def shape(name: str, given: Any) -> tuple[int, ...]:
    """Return a shape as a tuple of ints that are not negative."""
    try:
        if isinstance(given, str):
            raise TypeError
        return tuple(integer(name, extent, 0) for extent in given)
    except TypeError:
        raise ShapeError(f"{name} must be a tuple of ints; got {given!r}") from None
    except ParameterError as error:
        raise ShapeError(f"{error} in {given!r}") from None


def geometry(stride: Any, pad: Any, dilation: Any) -> None:
    """Raise unless a spec's stride and dilation are pairs of positive ints, its pad four ints."""
    for name, numbers, count, least in (
        ("stride", stride, 2, 1),
        ("pad", pad, 4, 0),
        ("dilation", dilation, 2, 1),
    ):
        if not isinstance(numbers, tuple) or len(numbers) != count:
            raise ParameterError(f"{name} of a spec must be a tuple of {count} ints; got {numbers!r}")
        for number in numbers:
            integer(name, number, least)


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

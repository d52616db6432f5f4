"""Integers and conditions of the code that is written, under Python's operators.

``at + row_step * r`` writes a multiplication and an addition. Either operand may be a Python integer, which
is known when the code is written. llvmlite takes an `Int` or a `Flag` as a value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

I64, I32 = ir.IntType(64), ir.IntType(32)


def known(value: Any) -> Any:
    """Return a Python integer as a constant of 64 bits, and anything else as it is."""
    return I64(value) if isinstance(value, int) else value


@dataclass(frozen=True, eq=False)
class Value:
    """A value of the code that `build` writes."""

    build: Any
    value: Any

    @property
    def type(self) -> Any:
        return self.value.type

    def get_reference(self) -> str:
        return str(self.value.get_reference())

    def __bool__(self) -> bool:
        raise TypeError("a value of the code that is written is not known yet: Python can not choose by it")


@dataclass(frozen=True, eq=False)
class Flag(Value):
    """A condition: one bit, or one for each lane of a vector."""

    def __and__(self, other: Any) -> Flag:
        return Flag(self.build, self.build.and_(self, other))

    def __or__(self, other: Any) -> Flag:
        return Flag(self.build, self.build.or_(self, other))

    def __invert__(self) -> Flag:
        return Flag(self.build, self.build.not_(self))

    def choose(self, one: Any, other: Any) -> Any:
        """Return ``one if flag else other``; both are computed."""
        chosen = self.build.select(self, known(one), known(other))
        if chosen.type == I64:
            return Int(self.build, chosen)
        return Flag(self.build, chosen) if isinstance(one, Flag) else chosen


def _operator(instruction: str) -> Callable[[Int, Any], Int]:
    def write(self: Int, other: Any) -> Int:
        return Int(self.build, getattr(self.build, instruction)(self, known(other)))

    return write


def _reflected(instruction: str) -> Callable[[Int, Any], Int]:
    def write(self: Int, other: Any) -> Int:
        return Int(self.build, getattr(self.build, instruction)(known(other), self))

    return write


def _comparison(sign: str) -> Callable[[Int, Any], Any]:
    def write(self: Int, other: Any) -> Flag:
        return Flag(self.build, self.build.icmp_signed(sign, self, known(other)))

    return write


@dataclass(frozen=True, eq=False)
class Int(Value):
    """A signed integer of 64 bits. Quotients and remainders are C's: those of negative ones round to zero."""

    __add__, __radd__ = _operator("add"), _reflected("add")
    __sub__, __rsub__ = _operator("sub"), _reflected("sub")
    __mul__, __rmul__ = _operator("mul"), _reflected("mul")
    __floordiv__, __mod__ = _operator("sdiv"), _operator("srem")
    __and__, __rshift__ = _operator("and_"), _operator("ashr")
    __lt__, __le__, __gt__, __ge__ = map(_comparison, ("<", "<=", ">", ">="))
    __eq__, __ne__ = map(_comparison, ("==", "!="))
    __hash__ = object.__hash__

    def __neg__(self) -> Int:
        return Int(self.build, self.build.neg(self))

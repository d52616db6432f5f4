"""Values of every kind that somebody may pass by mistake, and the arguments that they are good for."""

import array
import collections
import datetime
import decimal
import enum
import fractions

import numpy as np


class Colour(enum.Enum):
    """A member of no use."""

    RED = 1


class Name(str):
    """A subclass of str."""


class Number(int):
    """A subclass of int."""


class Sized:
    """Looks like a sequence, and registers as none."""

    def __len__(self):
        return 2

    def __getitem__(self, place):
        return (1, 1)[place]


class Triple(np.ndarray):
    """A subclass of an array."""


def zeros(*shape, dtype=np.float32):
    """Return zeros."""
    return np.zeros(shape, dtype)


def masked(*values):
    """Return a masked array whose first value is masked."""
    return np.ma.MaskedArray(values, [True, *[False] * (len(values) - 1)])


VALUES = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "np.True_": lambda: np.True_,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "object": object,
    "a type": lambda: int,
    "a function": lambda: len,
    "a lambda": lambda: lambda: 1,
    "a module": lambda: np,
    "an error": lambda: ValueError("stride must be 1"),
    "an enum": lambda: Colour.RED,
    "a slice": lambda: slice(1, 2),
    "a date": lambda: datetime.date(2020, 1, 1),
    "a dtype": lambda: np.dtype("float32"),
    # numbers
    "0": lambda: 0,
    "1": lambda: 1,
    "-1": lambda: -1,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "10**30": lambda: 10**30,
    "10**5000": lambda: 10**5000,
    "1.0": lambda: 1.0,
    "1.5": lambda: 1.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "1j": lambda: 1j,
    "Decimal": lambda: decimal.Decimal(1),
    "Fraction": lambda: fractions.Fraction(1, 2),
    "Number": lambda: Number(1),
    "np.int8": lambda: np.int8(1),
    "np.int64(-1)": lambda: np.int64(-1),
    "np.uint64 of 2**63": lambda: np.uint64(2**63),
    "np.float32": lambda: np.float32(1),
    "np.float64": lambda: np.float64(1.5),
    "np.complex64": lambda: np.complex64(1),
    "np.datetime64": lambda: np.datetime64("2020-01-01"),
    "np.timedelta64": lambda: np.timedelta64(1, "s"),
    "np.void": lambda: np.void(b"1234"),
    # text
    "''": lambda: "",
    "'1'": lambda: "1",
    "'auto '": lambda: "auto ",
    "a long text": lambda: "valid" * 10**5,
    "np.str_": lambda: np.str_("1"),
    "Name": lambda: Name("1"),
    "bytes": lambda: b"\x02\x05\x06\x04",
    "bytearray": lambda: bytearray(b"\x01\x01"),
    "memoryview": lambda: memoryview(b"\x01\x01"),
    # collections
    "()": lambda: (),
    "[]": list,
    "{}": dict,
    "a dict": lambda: {1: 1, 2: 2},
    "a set": lambda: {1, 2},
    "a frozenset": lambda: frozenset((1, 2)),
    "a range": lambda: range(1, 3),
    "a deque": lambda: collections.deque((1, 1)),
    "an array.array": lambda: array.array("i", (1, 1)),
    "a generator": lambda: (i for i in (1, 1)),
    "an iterator": lambda: iter((1, 1)),
    "sized": Sized,
    "(1,)": lambda: (1,),
    "(1, 1)": lambda: (1, 1),
    "[1, 1]": lambda: [1, 1],
    "(0, 1)": lambda: (0, 1),
    "(1, -1)": lambda: (1, -1),
    "(1, 2**31)": lambda: (1, 2**31),
    "(1, 1.0)": lambda: (1, 1.0),
    "(1, True)": lambda: (1, True),
    "(1, None)": lambda: (1, None),
    "('1', '1')": lambda: ("1", "1"),
    "(1, 1, 1)": lambda: (1, 1, 1),
    "(1, 1, 1, 1)": lambda: (1, 1, 1, 1),
    "five": lambda: (1, 1, 1, 1, 1),
    "a long list": lambda: [1] * 10**5,
    "a list in itself": lambda: (lambda own: own.append(own) or own)([]),
    "((1, 1), (1, 1))": lambda: ((1, 1), (1, 1)),
    "(1, (0, 1))": lambda: (1, (0, 1)),
    "((1,), (1,))": lambda: ((1,), (1,)),
    "((1, 1), 'same')": lambda: ((1, 1), "same"),
    "((1, 1), (1, -1))": lambda: ((1, 1), (1, -1)),
    "((1, 1, 1),) * 2": lambda: ((1, 1, 1), (1, 1, 1)),
    "three pairs": lambda: ((1, 1), (1, 1), (1, 1)),
    "(((1,),),)": lambda: (((1,),),),
    "a shape of floats": lambda: (2.0, 5.0, 6.0, 4.0),
    "a shape below 0": lambda: (2, -5, 6, 4),
    "a shape without rows": lambda: (2, 0, 6, 4),
    "a shape of 10**20": lambda: (10**5, 10**5, 10**5, 10**5),
    "a shape beyond 2**63": lambda: (2**31, 2**31, 2**31, 2**31),
    # arrays
    "0-d int": lambda: np.array(1),
    "0-d float": lambda: np.array(1.5),
    "0-d float32": lambda: zeros(),
    "0-d bool": lambda: np.array(True),
    "0-d text": lambda: np.array("1"),
    "0-d object": lambda: np.array(None),
    "[1, 1] as ints": lambda: np.array([1, 1]),
    "[[1, 1], [1, 1]] as ints": lambda: np.array([[1, 1], [1, 1]]),
    "[1, 1] as objects": lambda: np.array([1, 1], object),
    "[1] as ints": lambda: np.array([1]),
    "[1, -1] as ints": lambda: np.array([1, -1]),
    "[1, 1] as floats": lambda: np.array([1.0, 1.0]),
    "[1, 1] as bools": lambda: np.array([True, True]),
    "texts": lambda: np.array(["1", "1"]),
    "objects": lambda: np.array([None, object()]),
    "dates": lambda: np.array(["2020-01-01"] * 2, "datetime64[D]"),
    "structured": lambda: zeros(2, dtype=[("a", "i4"), ("b", "f4")]),
    "masked ints": lambda: masked(1, 1),
    "masked floats": lambda: masked(1.0, 1.0).astype(np.float32),
    "np.ma.masked": lambda: np.ma.masked,
    "no numbers": lambda: zeros(0),
    "no numbers, int": lambda: zeros(0, dtype=int),
    "many ints": lambda: np.ones(10**5, int),
    "three axes of ints": lambda: np.ones((2, 2, 2), int),
    "3 axes": lambda: zeros(5, 6, 4),
    "5 axes": lambda: zeros(1, 2, 5, 6, 4),
    "float16": lambda: zeros(2, 5, 6, 4, dtype=np.float16),
    "longdouble": lambda: zeros(2, 5, 6, 4, dtype=np.longdouble),
    "int32": lambda: zeros(2, 5, 6, 4, dtype=np.int32),
    "bool": lambda: zeros(2, 5, 6, 4, dtype=bool),
    "complex64": lambda: zeros(2, 5, 6, 4, dtype=np.complex64),
    "object array": lambda: zeros(2, 5, 6, 4, dtype=object),
    "a masked picture": lambda: np.ma.MaskedArray(zeros(2, 5, 6, 4), False),
    "a picture of records": lambda: zeros(2, 5, 6, 4, dtype=[("a", "f4")]),
    "nested lists": lambda: zeros(2, 5, 6, 4).tolist(),
    "a subclass of no rows": lambda: zeros(2, 0, 6, 4).view(Triple),
    "other channels": lambda: zeros(2, 5, 6, 3),
    "no channels": lambda: zeros(2, 5, 6, 0),
    "a memoryview of a picture": lambda: memoryview(zeros(2, 5, 6, 4)),
}

ONES = {"1", "Number", "np.int8", "0-d int"}
PAIRS = ONES | {"(1, 1)", "[1, 1]", "[1, 1] as ints", "[1, 1] as objects"}
PADDINGS = {"0", "(0, 1)", "((1, 1), (1, 1))", "(1, (0, 1))", "[[1, 1], [1, 1]] as ints"}
FLAGS = {"True", "False", "np.True_"}
WINDOWS = {"3 axes", "5 axes", "other channels"}

SHAPES = {"()", "(1,)", "(1, 1)", "(0, 1)", "(1, 2**31)", "(1, 1, 1)", "(1, 1, 1, 1)", "five"}
VALUED = WINDOWS | {"0-d float", "0-d float32", "no numbers", "no channels", "a subclass of no rows"}
VALUED |= {"1.0", "1.5", "nan", "inf", "np.float32", "np.float64", "[1, 1] as floats"}

ACCEPTED = {
    "array": set(),
    "windows": WINDOWS | {"a subclass of no rows"},
    "values": VALUED,
    "values or shapes": VALUED | SHAPES | {"a shape without rows"},
    "pictures": {"other channels"},
    "picture": {"other channels"},
    "optional array": {"None"},
    "pair": PAIRS,
    "optional pair": PAIRS | {"None"},
    "pad": PAIRS | PADDINGS,
    "groups": ONES,
    "choice": set(),
    "flag": FLAGS,
    "wrt": set(),
    "x_shape": set(),
    "optional choice": {"None"},
    "optional flag": FLAGS | {"None"},
    "threads": ONES | {"None"},
    "max_workspace": ONES | {"None", "0", "2**31"},
    "accuracy": {"None", "Fraction"},
    "measure_budget": {"None", "Fraction", "1", "2**31", "2**63", "10**30", "1.0", "1.5", "Number", "np.int8"}
    | {"np.uint64 of 2**63", "np.float32", "np.float64"},
    "optional path": {"None", "'1'", "'auto '", "np.str_", "Name", "a long text"},
    "names": {"None", "()", "[]", "''", "'1'", "'auto '", "np.str_", "Name", "a long text", "('1', '1')"},
}
"""Of each kind of argument, the values that have a meaning. (Names are looked up when a call is made.)"""

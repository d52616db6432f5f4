"""Layers from a file: problem strings, one a line, the column `problem` of a CSV, or a record of problems."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from jitconv.bench.suites import Layer, of_batch
from jitconv.errors import LONGEST, ParameterError, ShapeError, nearest, shown
from jitconv.selector.problem import of_op
from jitconv.selector.record import parsed
from jitconv.specs import ConvSpec, PoolSpec, WindowSpec, parse
from jitconv.specs.values import WRT

EXAMPLES = "'n16h56w56c64 k3x3f64 s1 p1' (conv) or 'n16h56w56c64 k2x2 s2' (pool)"

PROBLEM = "problem"
"""The column of the problem strings."""

WEIGHTS = ("layers", "weight", "times")
"""Columns that are taken for the weights where none is named; the first that there is."""

MOST = 1e15
"""The largest weight: sums of weights stay exact enough."""

STDIN = Path("-")


def read(
    file: Path, *, weights: str | None, batch: int | None, layout: str, dtype: str
) -> tuple[list[Layer], str]:
    """Return the layers of a file in its order, and a sentence on their weights.

    Lines that are empty or begin with ``#`` are passed over. Of a record (`jitconv.selector.record`) each
    layer counts once, whatever was done with it, in its own layout and dtype.

    Parameters
    ----------
    file : Path
        ``-`` is stdin.
    weights : str, optional
        The column that holds how much each layer weighs; by default the first of `WEIGHTS` that there is.
    batch, layout, dtype
        As for `jitconv.bench.suites.layers`.

    Raises
    ------
    ParameterError
        When the file cannot be read, or a line of it is no problem: with the line's number.
    """
    name = "stdin" if file == STDIN else str(file)
    text = _text(file)
    if text.lstrip().startswith("{"):
        return _recorded(text, name, weights, batch)
    lines = list(_cells(text, name))
    if not lines:
        raise ParameterError(f"{name} must hold problems, as in {EXAMPLES}; got none")
    header = [cell.lower() for cell in lines[0][1]]
    if PROBLEM not in header:
        if weights is not None:
            raise ParameterError(
                f"--weights names a column, and {name} must begin with a header that has it and "
                f"{PROBLEM!r}; got {_quoted(lines[0][1])}"
            )
        header, column = [PROBLEM], None
    else:
        lines = lines[1:]
        column = _weight_column(header, weights, name)
    found = []
    for line, cells in lines:
        try:
            found.append(_layer(name, header, cells, column, (batch, layout, dtype)))
        except (ParameterError, ShapeError) as error:
            raise ParameterError(f"{name}, line {line}: {error}") from None
    if not found:
        raise ParameterError(f"{name} must hold problems below its header, as in {EXAMPLES}; got none")
    told = "no weights: each layer counts once" if column is None else f"weights: column {column!r}"
    return found, f"{len(found)} layers of {name}; {told}"


def _recorded(text: str, name: str, weights: str | None, batch: int | None) -> tuple[list[Layer], str]:
    """Return the convolutions and poolings that a program had."""
    if weights is not None:
        raise ParameterError(
            f"--weights names a column, and {name} is a record, which has none; got {weights!r}"
        )
    found: dict[Layer, None] = {}
    for op, spec, _, _ in parsed(text, name):
        if isinstance(spec, WindowSpec):
            continue
        kind = spec if batch is None or spec.n != 1 else replace(spec, n=batch)
        if isinstance(kind, ConvSpec):
            found[Layer(name, of_op("conv_backward", replace(kind, wrt=WRT)))] = None  # type: ignore[arg-type]
        else:
            found[Layer(name, kind, pool="max" if op.startswith("max") else "avg")] = None
    if not found:
        raise ParameterError(f"{name} must hold convolutions or poolings; got none")
    return list(found), f"{len(found)} layers of {name}; no weights: each layer counts once"


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        model = " (--onnx takes a model)" if file.suffix == ".onnx" else ""
        raise ParameterError(f"--file must be text in UTF-8; got {file}, in which {error}{model}") from None
    except OSError as error:
        raise ParameterError(f"--file cannot read {file}: {error.strerror or error}") from None


def _cells(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Give the number and the cells of each line that has some."""
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            (cells,) = csv.reader([line.strip()], skipinitialspace=True, strict=True)
        except csv.Error as error:
            raise ParameterError(
                f"{name}, line {number}: a line must be a row of CSV; got {shown(line.strip())} ({error})"
            ) from None
        yield number, [cell.strip() for cell in cells]


def _weight_column(header: Sequence[str], wanted: str | None, name: str) -> str | None:
    if twice := sorted({one for one in header if header.count(one) > 1}):
        raise ParameterError(f"the header of {name} must name each column once; got {_quoted(twice)} again")
    if wanted is None:
        return next((one for one in WEIGHTS if one in header), None)
    column = wanted.strip().lower()
    if column not in header or column == PROBLEM:
        others = [one for one in header if one != PROBLEM]
        known = f"one of {_quoted(others)}" if others else f"a column beside {PROBLEM!r}, which is not there,"
        raise ParameterError(f"--weights must be {known} in {name}; got {wanted!r}{nearest(column, others)}")
    return column


def _layer(
    name: str,
    header: Sequence[str],
    cells: Sequence[str],
    column: str | None,
    options: tuple[int | None, str, str],
) -> Layer:
    """Return the layer of a line; `options` are batch, layout and dtype."""
    if len(cells) != len(header):
        wanted = (
            f"the {len(header)} columns of the header"
            if len(header) > 1
            else f"one problem (several columns need a header line with a column {PROBLEM!r})"
        )
        raise ParameterError(f"expected {wanted}; got {len(cells)}: {_quoted(cells)}")
    batch, layout, dtype = options
    problem = cells[header.index(PROBLEM)]
    try:
        spec = parse(of_batch(problem, batch), layout=layout, dtype=dtype)
    except (ParameterError, ShapeError) as error:
        expected = "" if "as in" in str(error) else f"; expected a problem as in {EXAMPLES}"
        came = "" if repr(problem) in str(error) else f"; got {shown(problem)}"
        raise ParameterError(f"{error}{came}{expected}") from None
    if not isinstance(spec, (ConvSpec, PoolSpec)):
        raise ParameterError(f"expected a convolution or a pooling, as in {EXAMPLES}; got {problem!r}")
    return Layer(name, spec, 1 if column is None else _weight(cells[header.index(column)], column))


def _weight(text: str, column: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= MOST:
        raise ParameterError(
            f"the column {column!r} must hold a number above 0, at most {MOST:g}; got {shown(text)}"
        )
    return int(number) if number.is_integer() else number


def _quoted(names: Sequence[str]) -> str:
    text = ", ".join(map(repr, names))
    return text if len(text) <= 2 * LONGEST else f"{text[: 2 * LONGEST]} ..."

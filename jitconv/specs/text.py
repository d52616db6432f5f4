"""The problem string: one notation for logs, benchmarks, errors and the command line.

``n16h56w56c64 k3x3f64 s1 p1`` is a convolution, ``n16h56w56c64 k2x2 s2`` a pooling and
``n196h2w2`` a set of windows, which ``n4x49h2w2`` gives two axes of and ``h2w2`` none. Further words, in any
order:

======================== ===================================================================
``s2``, ``s2x1``         stride (vertical x horizontal); a pooling's is its window by default
``p1``, ``p1x2``         pad on both sides (vertical x horizontal)
``p0.1.2.3``             pad at the top, bottom, left and right
``psame``, ``pvalid``    as the option `pad`
``d2``, ``d2x1``         dilation
``g4``                   groups
``nchw``, ``nhwc``       layout
``float32``, ``float64`` dtype
``flip``, ``bias``       flipped kernel; with a bias
``wrt=xw``               the wanted gradients
``ceil``, ``nopad``      ceil_mode; padding left out of the average's divisor
``ties=all``             ties of a maximum
``indices``              the positions of the maxima too
======================== ===================================================================

Each is said once.
"""

from __future__ import annotations

import re
from typing import Any

from jitconv.errors import ParameterError, shown
from jitconv.specs import values
from jitconv.specs.conv import ConvSpec
from jitconv.specs.pool import PoolSpec
from jitconv.specs.window import WindowSpec

EXAMPLES = "'n16h56w56c64 k3x3f64 s1 p1' (conv), 'n16h56w56c64 k2x2 s2' (pool) or 'n196h2w2' (windows)"

LONGEST = 1000
"""Characters; a number of more than 4,300 digits Python does not read."""

_SIZE = re.compile(r"(?:n(\d+(?:x\d+)*))?h(\d+)w(\d+)(?:c(\d+))?")
_KERNEL = re.compile(r"k(\d+)(?:x(\d+))?(?:f(\d+))?")
_FLAGS: dict[str, dict[str, Any]] = {
    "nchw": {"layout": "NCHW"},
    "nhwc": {"layout": "NHWC"},
    "float32": {"dtype": "float32"},
    "float64": {"dtype": "float64"},
    "flip": {"flip_kernel": True},
    "bias": {"bias": True},
    "ceil": {"ceil_mode": True},
    "nopad": {"count_include_pad": False},
    "indices": {"indices": True},
}


def parse(problem: str, *, layout: str = "NHWC", dtype: str = "float32") -> ConvSpec | PoolSpec | WindowSpec:
    """Return the spec that a problem string describes.

    Parameters
    ----------
    problem : str
        See `jitconv.specs.text`.
    layout, dtype : str
        What holds where the string does not say.

    Raises
    ------
    ParameterError, ShapeError
        When a word is unknown or the numbers do not fit together.
    """
    if not isinstance(problem, str) or len(problem) > LONGEST:
        raise ParameterError(f"a problem must be a text such as {EXAMPLES}; got {shown(problem)}")
    words = problem.lower().split()
    size = _SIZE.fullmatch(words[0]) if words else None
    if size is None:
        raise ParameterError(f"a problem begins with its sizes, as in {EXAMPLES}; got {problem!r}")
    lead = tuple(int(extent) for extent in size[1].split("x")) if size[1] else ()
    h, w = int(size[2]), int(size[3])
    kernel = _KERNEL.fullmatch(words[1]) if len(words) > 1 else None
    options = {"layout": layout, "dtype": dtype, **_options(words[2:] if kernel else words[1:], problem)}
    try:
        if kernel is None:
            if size[4] is not None:
                raise ParameterError(
                    f"a problem with channels needs a kernel, as in {EXAMPLES}; got {problem!r}"
                )
            del options["layout"]
            return WindowSpec(values.shape("windows", lead), h, w, **options)
        if size[4] is None:
            raise ParameterError(f"a problem with a kernel needs channels, as in {EXAMPLES}; got {problem!r}")
        if len(lead) != 1:
            raise ParameterError(
                f"a problem with a kernel begins with one number of pictures, as in {EXAMPLES}; "
                f"got {problem!r}"
            )
        (n,), c, kh = lead, int(size[4]), int(kernel[1])
        kw = int(kernel[2] or kh)
        x_shape = (n, h, w, c) if options["layout"] == "NHWC" else (n, c, h, w)
        if kernel[3] is None:
            return PoolSpec.of(x_shape, (kh, kw), **options)
        f, group_c = int(kernel[3]), c // max(options.get("groups", 1), 1)
        w_shape = (kh, kw, group_c, f) if options["layout"] == "NHWC" else (f, group_c, kh, kw)
        return ConvSpec.of(x_shape, w_shape, **options)
    except TypeError:
        raise ParameterError(f"a word of {problem!r} does not apply to this kind of problem") from None


def _options(words: list[str], problem: str) -> dict[str, Any]:
    """Return what some words say; two that say the same, or contradict each other, are a mistake."""
    options: dict[str, Any] = {}
    said_by: dict[str, str] = {}
    for word in words:
        for name, value in _option(word, problem).items():
            if name in said_by:
                raise ParameterError(
                    f"a problem must give {name} once; got {said_by[name]!r} and {word!r} in {problem!r}"
                )
            options[name], said_by[name] = value, word
    return options


def _option(word: str, problem: str) -> dict[str, Any]:
    if word in _FLAGS:
        return _FLAGS[word]
    if word in ("psame", "pvalid"):
        return {"pad": word[1:]}
    if match := re.fullmatch(r"([spd])(\d+)(?:x(\d+))?", word):
        name = {"s": "stride", "p": "pad", "d": "dilation"}[match[1]]
        return {name: (int(match[2]), int(match[3] or match[2]))}
    if match := re.fullmatch(r"p(\d+)\.(\d+)\.(\d+)\.(\d+)", word):
        return {"pad": ((int(match[1]), int(match[2])), (int(match[3]), int(match[4])))}
    if match := re.fullmatch(r"g(\d+)", word):
        return {"groups": int(match[1])}
    if match := re.fullmatch(r"wrt=([xwb]+)", word):
        return {"wrt": tuple(match[1])}
    if match := re.fullmatch(r"ties=(\w+)", word):
        return {"ties": match[1]}
    raise ParameterError(f"unknown word {word!r} in the problem {problem!r}")

"""Colours and marks of algorithms in pictures of a sweep, which the colour-blind tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

OWN = {
    "direct": "#0072B2",
    "winograd": "#D55E00",
    "fft": "#009E73",
    "im2col": "#E69F00",
    "reshape": "#CC79A7",
    "naive": "#999999",
}
"""Of the built-in algorithms, the same in every picture: colours of Okabe and Ito, and a grey in the place of
their black, which is not seen on a dark page."""

OTHERS = ("#56B4E9", "#F0E442")
MARKERS = "osD^vPX*"
"""Matplotlib's; one for each candidate in turn, so that lines differ by more than colour."""


class Style(NamedTuple):
    """How a candidate is drawn."""

    colour: str
    marker: str
    striped: bool
    """Whether its colour has been taken already: its cells are striped."""
    ink: str
    """The colour of text on it."""


def styles(names: Sequence[str]) -> dict[str, Style]:
    """Return a style for each candidate; a variant has its algorithm's colour where that is free."""
    free = [*OWN.values(), *OTHERS]
    taken: set[str] = set()
    colours: dict[str, str] = {}
    own = [name for name in names if name in OWN]  # they keep theirs, whoever came first
    for name in [*own, *(name for name in names if name not in own)]:
        rest = [one for one in reversed(free) if one not in taken] or free
        wanted = OWN.get(name.partition("/")[0], rest[0])
        colours[name] = wanted if wanted not in taken else rest[0]
        if len(taken) == len(free):
            colours[name] = free[len(colours) % len(free)]
        taken.add(colours[name])
    seen: set[str] = set()
    found = {}
    for number, name in enumerate(names):
        colour = colours[name]
        found[name] = Style(colour, MARKERS[number % len(MARKERS)], colour in seen, ink(colour))
        seen.add(colour)
    return found


def ink(colour: str) -> str:
    """Return black or white, whichever has the greater contrast (WCAG) with a colour ``#rrggbb``."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    luminance = sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"

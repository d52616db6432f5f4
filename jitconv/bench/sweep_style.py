"""Colours and marks of algorithms in pictures of a sweep, which the colour-blind tell apart."""

from __future__ import annotations

import itertools
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
    hatch: int
    """0 for plain cells; what shares a colour with an earlier one has cells hatched at another angle each."""
    ink: str
    """The colour of text on it."""


def styles(names: Sequence[str]) -> dict[str, Style]:
    """Return a style for each candidate.

    An algorithm, or the first of its variants, has the algorithm's colour. Others have colours that no
    algorithm among the names has as its own, and when these are used up that of their algorithm again.
    """
    first: dict[str, str] = {}
    for name in sorted(names, key=lambda one: "/" in one):
        first.setdefault(_algorithm(name), name)
    kept = {OWN[own]: name for own, name in first.items() if own in OWN}
    free = iter([one for one in reversed((*OWN.values(), *OTHERS)) if one not in kept])
    again = itertools.cycle((*OWN.values(), *OTHERS))
    used: dict[str, str] = {}  # the markers, by colour
    found = {}
    for number, name in enumerate(names):
        own = OWN.get(_algorithm(name))
        colour = own if own and kept[own] == name else next(free, None) or own or next(again)
        begun = number % len(MARKERS)
        in_turn, taken = MARKERS[begun:] + MARKERS[:begun], used.get(colour, "")
        marker = next((one for one in in_turn if one not in taken), in_turn[0])
        found[name] = Style(colour, marker, len(taken), ink(colour))
        used[colour] = taken + marker
    return found


def _algorithm(name: str) -> str:
    return name.partition("/")[0]


def ink(colour: str) -> str:
    """Return black or white, whichever has the greater contrast (WCAG) with a colour ``#rrggbb``."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    luminance = sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"

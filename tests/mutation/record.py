"""What a mutant is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One realistic mistake in one file.

    Parameters
    ----------
    name : str
        By which it is run and reported.
    file : str
        Below ``jitconv/``.
    old, new : str
        The text that is replaced, which stands in the file once, and what takes its place.
    broken : str
        What is wrong then.
    serves : tuple of str
        The algorithms that reach the line, each as ``op/name``: the likeliest first.
    where : str
        A regular expression: problem strings that reach the line are tried before all others.
    tests : tuple of str
        Tests of the suite that reach it, as pytest is given them: run before the kit.
    """

    name: str
    file: str
    old: str
    new: str
    broken: str
    serves: tuple[str, ...]
    where: str = ""
    tests: tuple[str, ...] = ()


FORWARD, BACKWARD = "conv_forward/direct", "conv_backward/direct"
POOLS = tuple(
    f"{op}/direct"
    for op in ("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward")
)
WINOGRAD = "conv_forward/winograd", "conv_backward/winograd"
FFT = "conv_forward/fft", "conv_backward/fft"

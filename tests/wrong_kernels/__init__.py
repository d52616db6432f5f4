"""Kernels that are wrong on purpose, each in one way, and the check that must name them."""

from wrong_kernels import claims, geometry, gradients, memory, numbers, plans, pooling, results
from wrong_kernels.record import MUTANTS, Mutant, Wrong

__all__ = [
    "MUTANTS",
    "Mutant",
    "Wrong",
    "claims",
    "geometry",
    "gradients",
    "memory",
    "numbers",
    "plans",
    "pooling",
    "results",
]

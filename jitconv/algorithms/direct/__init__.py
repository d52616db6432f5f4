"""Threaded loops, compiled by Numba."""

"""What jitconv knows of Numba: compiler flags, the cache of kernels, threads."""

from jitconv.jit.kernels import Kernel
from jitconv.jit.threads import blas_threads, team

__all__ = ["Kernel", "blas_threads", "team"]

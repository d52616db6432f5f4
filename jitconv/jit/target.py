"""What machine code is made for: the toolchain, and what Numba was told."""

from __future__ import annotations

import sys
from functools import lru_cache

from jitconv.jit.variables import told

SWITCHES = (
    "OPT",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_PASS",
    "LLVM_REFPRUNE_FLAGS",
    "USE_LEGACY_TYPE_SYSTEM",
    "USING_SVML",
)
"""Those of Numba's settings that change its code, beside the CPU's name and features; read from
`numba.config`, as a program may set them there, or in a file, and in no environment."""

LEVELS = ("sse", "sse2", "sse3", "ssse3", "sse4.1", "sse4.2", "avx", "avx2", "avx512f")
"""Features of x86, each of which implies those before it."""


@lru_cache(maxsize=1)
def cpu() -> tuple[str, str]:
    """Return name and features of the CPU that Numba compiles for; it is told once for a process."""
    import llvmlite.binding
    from numba.core import config
    from numba.core.codegen import get_host_cpu_features

    name, features = config.CPU_NAME, config.CPU_FEATURES
    return (
        llvmlite.binding.get_host_cpu_name() if name is None else str(name),
        get_host_cpu_features() if features is None else str(features),
    )


@lru_cache(maxsize=1)
def vector_bytes() -> int:
    """Return the bytes of the vectors that kernels are written for: the target's, or fewer if told.

    `JITCONV_VECTOR_BYTES` (16, 32 or 64) lowers them, so that one machine can prove the code of others.

    Raises
    ------
    ParameterError
        When it is set to anything else.
    """
    widest, asked = target_vector_bytes(), told("JITCONV_VECTOR_BYTES", ("16", "32", "64"))
    return widest if asked is None else min(widest, int(asked))


def target_vector_bytes() -> int:
    """Return the bytes of the widest vectors of the target."""
    import llvmlite.binding

    name, features = cpu()
    host = llvmlite.binding.get_host_cpu_features().flatten()
    return widest_vector(f"{host},{features}" if name == llvmlite.binding.get_host_cpu_name() else features)


def widest_vector(features: str) -> int:
    """Return the bytes of the widest vectors under LLVM's list of features, such as ``+avx2,-avx512f``.

    A later word overrules an earlier one. What a CPU's name implies is not looked up, so that a name told
    without features counts as 16: vectors narrower than they might be are right all the same.
    """
    level = 0
    for word in features.split(","):
        if (name := word.strip()[1:]) in LEVELS:
            place = LEVELS.index(name)
            level = max(level, place) if word.strip()[0] == "+" else min(level, place - 1)
    return 64 if level == LEVELS.index("avx512f") else 32 if level == LEVELS.index("avx2") else 16


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    import llvmlite
    import numba
    import numpy

    return sys.version, numba.__version__, llvmlite.__version__, numpy.__version__


def toolchain() -> str:
    """Return all that the same source may be compiled to different code by."""
    from numba.core import config

    switches = [(name, getattr(config, name, None)) for name in SWITCHES]
    return repr((_versions(), cpu(), vector_bytes(), switches))

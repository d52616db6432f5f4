"""Machine code that kernels call and do not contain.

Numba compiles all that a kernel calls anew with each kernel, and three times over where it is threaded. With
the 22 sizes of the register tile in it the kernel of a convolution took 40 s to compile.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from jitconv.jit.files import read, source_digest, write

_libraries: dict[str, Any] = {}


def symbol(library: str, function: str) -> str:
    """Return what a function of a library is called in machine code."""
    return f"{library}.{function}"


def provide(library: str, context: Any, functions: Callable[[Any], None]) -> None:
    """Have a library at hand: compiled, with what ``functions(module)`` writes, if it never was.

    Its name begins with that of the module that writes it: see `source_digest`. The compiler's lock is held.
    """
    if at_hand(library, context):
        return
    made = context.codegen().create_library(library)
    made.enable_object_caching()
    module = made.create_ir_module(library)
    functions(module)
    made.add_ir_module(module)
    made.finalize()
    _libraries[library] = made
    if (file := _file(library)) is not None:
        write(file, pickle.dumps(made.serialize_using_object_code()))


def at_hand(library: str, context: Any) -> bool:
    """Return whether a library was made by this process or could be loaded from disk."""
    if library not in _libraries:
        file = _file(library)
        stored = None if file is None else read(file)
        if stored is None:
            return False
        _libraries[library] = context.codegen().unserialize_library(pickle.loads(stored))
    return True


def address(library: str, function: str) -> int:
    """Return where a function of a library at hand begins."""
    return int(_libraries[library].get_pointer_to_function(function))


def needed(module: Any) -> list[str]:
    """Return the libraries whose functions a compiled module calls."""
    declared = {function.name.rpartition(".")[0] for function in module.functions if function.is_declaration}
    return sorted(declared & _libraries.keys())


def assembly(prefix: str) -> list[str]:
    """Return the assembly of the libraries at hand whose names begin so."""
    found = [made for library, made in _libraries.items() if library.startswith(prefix)]
    return [made._codegen._tm.emit_assembly(made._get_module_for_linking()) for made in found]


def _file(library: str) -> str | None:
    source = source_digest(library.rpartition(".")[0])
    return None if source is None else f"{library}-{source[:24]}.library"

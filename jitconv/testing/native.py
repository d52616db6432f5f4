"""The machine code of an arena: how it gives out arrays, and what happens at a guard page.

None of it may run Python: kernels allocate on threads that hold no lock of the interpreter, and a process
that touched a guard page is beyond help.
"""

from __future__ import annotations

import ctypes
import mmap
import signal
from typing import Any, NamedTuple

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.runtime import _nrt_python, nrt
from numba.extending import intrinsic

PAGE = mmap.PAGESIZE
I64 = ir.IntType(64)

ALLOCATORS = ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_alloc_safe_aligned")
"""What compiled kernels call for the memory of an array."""


@intrinsic
def load(typing: Any, address: Any) -> Any:
    """Return the int64 at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], I64.as_pointer()))

    return types.int64(types.int64), generate


@intrinsic
def store(typing: Any, address: Any, value: Any) -> Any:
    """Put an int64 at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], builder.inttoptr(arguments[0], I64.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def add(typing: Any, address: Any, value: Any) -> Any:
    """Add to the int64 at an address in one step; return what was there before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], I64.as_pointer())
        return builder.atomic_rmw("add", place, arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


class Native(NamedTuple):
    """What `Arena` calls."""

    carve: Any
    """``carve(bytes) -> address``, 0 if there is no room."""
    install: Any
    take_numpy: Any
    give_numpy: Any


def native(control: int, start: int) -> Native:
    """Compile the machine code for a control block (see `jitconv.testing.arena`) and an arena at `start`."""
    from jitconv.testing import arena

    cursor, limit, mode, count, fault, error, first = (control + 8 * i for i in range(arena.FIRST + 1))
    most, end = arena.MOST_ARRAYS, start + arena.SIZE
    libc = ctypes.CDLL(None)
    mprotect, memset, memcpy = (
        _function(libc.mprotect, 3),
        _function(libc.memset, 3),
        _function(libc.memcpy, 3),
    )
    malloc, realloc = _function(libc.malloc, 1), _function(libc.realloc, 2)
    free, leave = _function(libc.free, 1), _function(libc._exit, 1)
    manage, allocate = _manage_memory(), _function_at(_nrt_python.c_helpers["MemInfo_alloc_aligned"], 2)
    at_end = arena.PATTERNS["end"]

    @numba.njit
    def carve(size):
        pages = (size + PAGE - 1) // PAGE * PAGE
        place = add(cursor, pages + PAGE)
        if place + pages + PAGE > load(limit):
            return 0
        if pages:
            mprotect(place, pages, mmap.PROT_READ | mmap.PROT_WRITE)
            memset(place, load(mode), pages)
        address = place + pages - size if load(mode) == at_end else place
        entry = add(count, 1)
        if entry < most:
            store(first + 16 * entry, address)
            store(first + 16 * entry + 8, size)
        return address

    @numba.njit
    def full():
        return load(count) >= most

    @numba.njit
    def length(address):
        for entry in range(min(load(count), most)):
            if load(first + 16 * entry) == address:
                return load(first + 16 * entry + 8)
        return 0

    @numba.cfunc(types.void(types.int64))
    def keep(address):
        pass

    kept = keep.address

    @numba.cfunc(types.int64(types.int64, types.uint32))
    def numba_array(size, align):
        if not load(mode) or full():
            return allocate(size, align)
        address = carve(size)
        return manage(address, kept) if address else 0

    @numba.cfunc(types.int64(types.int64, types.int64))
    def numpy_malloc(context, size):
        return malloc(size) if full() else carve(size)

    @numba.cfunc(types.int64(types.int64, types.int64, types.int64))
    def numpy_calloc(context, number, size):
        address = malloc(number * size) if full() else carve(number * size)
        if address:
            memset(address, 0, number * size)
        return address

    @numba.cfunc(types.int64(types.int64, types.int64, types.int64))
    def numpy_realloc(context, address, size):
        if not start <= address < end:
            return realloc(address, size) if address else malloc(size)
        moved = malloc(size) if full() else carve(size)
        if moved:
            memcpy(moved, address, min(size, length(address)))
        return moved

    @numba.cfunc(types.void(types.int64, types.int64, types.int64))
    def numpy_free(context, address, size):
        if not start <= address < end:
            free(address)

    @numba.cfunc(types.void(types.int32, types.int64, types.int64))
    def on_fault(number, info, context):
        store(fault, load(info + 16))  # siginfo_t.si_addr
        store(error, load(context + 40 + 8 * 19))  # ucontext_t.uc_mcontext.gregs[REG_ERR]: bit 1 for a write
        leave(arena.EXIT)

    numpy_functions = numpy_malloc, numpy_calloc, numpy_realloc, numpy_free
    handler = _NumpyHandler([one.address for one in numpy_functions])

    def install() -> None:
        for name in ALLOCATORS:
            llvmlite.binding.add_symbol(name, numba_array.address)
        _catch(libc, on_fault.address)
        install.kept = keep, numba_array, numpy_functions, on_fault  # type: ignore[attr-defined]

    return Native(carve, install, handler.take, handler.give)


def _function(symbol: Any, arguments: int) -> Any:
    """Return a C function of integers and addresses, which kernels may call."""
    return _function_at(ctypes.cast(symbol, ctypes.c_void_p).value, arguments)


def _function_at(address: int | None, arguments: int) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * arguments)(address or 0)


def _manage_memory() -> Any:
    """Return ``manage(address, destructor) -> MemInfo*`` of Numba's runtime."""
    nrt.rtsys.initialize(numba.core.registry.cpu_target.target_context)
    table = ctypes.CFUNCTYPE(ctypes.c_void_p)(_nrt_python.c_helpers["get_api"])()
    functions = (ctypes.c_void_p * 6).from_address(table)
    return _function_at(functions[2], 2)


class _SigAction(ctypes.Structure):
    _fields_ = [
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    ]


def _catch(libc: Any, handler: int) -> None:
    sa_siginfo = 4
    action = _SigAction(handler=handler, flags=sa_siginfo)
    for number in (signal.SIGSEGV, signal.SIGBUS):
        libc.sigaction(int(number), ctypes.byref(action), None)


class _Allocator(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")]


class _Handler(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("allocator", _Allocator)]


class _NumpyHandler:
    """NumPy's own way to have another allocator (NEP 49), reached through its table of C functions."""

    SET_HANDLER = 304
    NAME = b"mem_handler"

    def __init__(self, functions: list[int]) -> None:
        python = ctypes.pythonapi
        python.PyCapsule_New.restype = ctypes.py_object
        python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        python.PyCapsule_GetPointer.restype = ctypes.c_void_p
        python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        self._handler = _Handler(b"jitconv_arena", 1, _Allocator(None, *functions))
        self._capsule = python.PyCapsule_New(ctypes.addressof(self._handler), self.NAME, None)
        api = python.PyCapsule_GetPointer(np._core._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]
        table = (ctypes.c_void_p * (self.SET_HANDLER + 1)).from_address(api)
        self._set = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[self.SET_HANDLER] or 0)

    def take(self) -> Any:
        """Have NumPy allocate from the arena; return the handler before."""
        return self._set(self._capsule)

    def give(self, before: Any) -> None:
        """Put a handler back."""
        self._set(before)

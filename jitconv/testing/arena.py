"""Arrays between guard pages: any access beyond one is caught, and none finds what it hopes for.

An arena is a range of addresses that nobody may touch. Each array is given pages of its own in it, at the
end of them or at their beginning, so that the first byte beyond it is one that no process may read or write.
Its elements are filled with a pattern that is no likely number. While the arena is *armed* all that NumPy
allocates (by a handler, NEP 49) and all that a compiled kernel allocates (by another function in the place of
Numba's) comes from it too.

For one process alone that does nothing else: see `jitconv.testing.worker`. Linux on x86-64.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import platform
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jitconv.arrays import Array

SIZE = 8 * 2**30
"""Addresses of an arena; only touched pages take memory."""

PATTERNS = {"end": 0xFF, "beginning": 0x4B}
"""How arrays lie in their pages, and the bytes they are filled with: NaN and -1; 1.3e7 and 8.0e54."""

MOST_ARRAYS = 12_000
"""Of a call: each needs two mappings, of which Linux gives a process 65,530. Further ones are plain."""

EXIT = 86
"""What a process that touched a guard page exits with."""

CURSOR, LIMIT, MODE, COUNT, FAULT, ERROR, FIRST = range(7)
"""Places of the control block, of int64; behind it lie address and bytes of each array."""

MAP_FIXED, MAP_NORESERVE = 0x10, 0x4000
MADV_DONTNEED = 4
"""Linux's; `mmap` names some of them on some systems only."""

CONTROL_BYTES = 8 * (FIRST + 2 * MOST_ARRAYS)


def why_not() -> str | None:
    """Return why this system has no arenas, or None."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"guard pages need Linux on x86-64; this is {sys.platform} on {platform.machine()}"
    return None


class Arena:
    """The arena of this process, to be made before any kernel is compiled."""

    def __init__(self) -> None:
        from jitconv.testing.native import native

        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        no_access, reserve = 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        self.start: int = self._libc.mmap(None, SIZE, no_access, reserve, -1, 0)
        if self.start == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), f"cannot reserve {SIZE} bytes of addresses")
        self._control = np.frombuffer(mmap.mmap(-1, CONTROL_BYTES), np.int64)
        self._begin()
        self._native = native(self._control.ctypes.data, self.start)
        self._native.install()

    def share(self, file: int) -> None:
        """Keep the control block in a file of `CONTROL_BYTES`: what a watching process finds there outlives
        this one.
        """
        access, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | MAP_FIXED
        address: int = self._control.ctypes.data  # which the machine code knows: the file takes its place
        if self._libc.mmap(address, CONTROL_BYTES, access, kind, file, 0) != address:
            raise OSError(ctypes.get_errno(), "cannot share the control block")
        self._begin()

    def _begin(self) -> None:
        self._control[:FIRST] = 0
        self._control[CURSOR] = self.start + mmap.PAGESIZE
        self._control[LIMIT] = self.start + SIZE

    def place(self, arrays: Sequence[Array | None], lie: str) -> list[Array | None]:
        """Return copies of arrays, each between guard pages; `lie` is one of `PATTERNS`."""
        return [None if one is None else self._copy(one, lie) for one in arrays]

    def empty(self, shape: Sequence[int], dtype: Any, lie: str) -> Array:
        """Return an array full of the pattern."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self._control[MODE] = PATTERNS[lie]
        address = self._native.carve(size)
        self._control[MODE] = 0
        if not address:
            raise MemoryError(f"the arena has no room for {size} bytes more")
        memory = (ctypes.c_char * size).from_address(address)
        return np.frombuffer(memory, dtype).reshape(shape)

    def protect(self, arrays: Sequence[Array | None], *, written: bool) -> None:
        """Allow, or forbid, that arrays of the arena are written."""
        for one in arrays:
            if one is not None and one.nbytes:
                first = one.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
                bytes_ = one.ctypes.data + one.nbytes - first
                access = mmap.PROT_READ | (mmap.PROT_WRITE if written else 0)
                self._libc.mprotect(first, -(-bytes_ // mmap.PAGESIZE) * mmap.PAGESIZE, access)

    @contextlib.contextmanager
    def armed(self, lie: str) -> Iterator[None]:
        """Have everything that is allocated inside the ``with`` come from the arena."""
        self._control[MODE] = PATTERNS[lie]
        before = self._native.take_numpy()
        try:
            yield
        finally:
            self._native.give_numpy(before)
            self._control[MODE] = 0

    def reset(self) -> None:
        """Take all arrays back: whoever touches one from now on touches a guard page."""
        used = min(int(self._control[CURSOR]), self.start + SIZE) - self.start
        self._libc.mprotect(self.start, used, 0)
        self._libc.madvise(self.start, used, MADV_DONTNEED)
        self._control[CURSOR] = self.start + mmap.PAGESIZE
        self._control[COUNT] = 0

    def _copy(self, array: Array, lie: str) -> Array:
        copy = self.empty(array.shape, array.dtype, lie)
        copy[...] = array
        return copy


def fault(control: Array, named: dict[str, tuple[int, int]]) -> str:
    """Say in words what a dead process touched.

    Parameters
    ----------
    control : array of int64
        The control block it left.
    named : dict
        Address and bytes of each operand and output, by name.
    """
    address, error = int(control[FAULT]), int(control[ERROR])
    did = "writes" if error & 2 else "reads"
    arrays = [(f"`{name}`", *place) for name, place in named.items()]
    known = set(named.values())
    for i in range(min(int(control[COUNT]), MOST_ARRAYS)):
        place = int(control[FIRST + 2 * i]), int(control[FIRST + 2 * i + 1])
        if place not in known:
            arrays.append((f"an array of its own, of {place[1]} bytes", *place))
    near = [one for one in arrays if -_reach(one) <= address - one[1] < one[2] + _reach(one)]
    if not near:
        return f"{did} at {address:#x}, which is part of no array that it was given or made"
    name, start, size = min(near, key=lambda one: max(one[1] - address, address - one[1] - one[2] + 1, 0))
    if start <= address < start + size:
        if did == "writes" and name.startswith("`"):
            return f"writes to {name}, byte {address - start} of {size}: an input may only be read"
        return f"{did} {name}, byte {address - start} of {size}, after its life"
    if address < start:
        return f"{did} {start - address} bytes before the beginning of {name}"
    return f"{did} beyond the end of {name}: at byte {address - start}, where it has {size}"


def _reach(array: tuple[str, int, int]) -> int:
    """How far from an array an access still counts as one that was meant for it."""
    return max(mmap.PAGESIZE, 4 * array[2])

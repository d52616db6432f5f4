"""ncnn, imported when first needed, and networks of one layer that it runs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from jitconv import ConvSpec, PoolSpec
from jitconv.jit import team

Array = np.ndarray[Any, Any]

MAGIC = 7767517
"""The first line of a network's text."""

SHAPE_HINT = -23330
"""The parameter that tells the shape of a layer's result, as ncnn's own tools write it. From it ncnn chooses
the Winograd tile: without it 512 channels on 7×7 take 2.1 ms, with it 1.4 (2-core Zen 4)."""

FLOAT32 = np.zeros(1, "u4")
"""The tag before a layer's first weights that says how they are stored."""

_forks = 0


class Setting(NamedTuple):
    """What a network is made for."""

    threads: int
    forks: int


class Layer(NamedTuple):
    """A layer of a network: its type, parameters by ncnn's numbers, C-contiguous weights in their order."""

    kind: str
    parameters: Mapping[int, int]
    weights: Sequence[Array]
    taken: tuple[int, int, int]
    """(C, H, W) of a picture."""
    given: tuple[int, int, int]
    """(C, H, W) of a result."""


def _note_fork() -> None:
    global _forks
    _forks += 1


@lru_cache(maxsize=1)
def load() -> ModuleType:
    """Import ncnn, and from then on notice forks."""
    import ncnn

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)
    return ncnn


def setting() -> Setting:
    """Return how many threads a call may use; in a forked child the others do not exist."""
    return Setting(1 if _forks else team(), _forks)


def for_each_setting(layer: Layer) -> Callable[[Setting], Network]:
    """Return what makes a layer's network for a setting once, and make that of now."""
    network_of = lru_cache(maxsize=4)(lambda wanted: Network(layer, wanted))
    network_of(setting())
    return network_of


class Network:
    """A network of one layer in float32, from ``x`` to ``y``."""

    def __init__(self, layer: Layer, wanted: Setting) -> None:
        runtime = load()
        self._mat = runtime.Mat
        self._net = runtime.Net()
        options = self._net.opt
        options.num_threads = wanted.threads
        options.use_vulkan_compute = False
        for name in dir(options):  # some are on by default where the processor has the instructions
            if name.startswith(("use_fp16", "use_bf16", "use_int8")):
                setattr(options, name, False)
        options.blob_allocator, options.workspace_allocator = _allocators(wanted.forks)
        if self._net.load_param_mem(_text(layer)):
            raise RuntimeError(f"ncnn does not take the network {_text(layer)!r}")
        # load_model_mem would keep the address of a copy that its binding frees
        if self._net.load_model(_reader(layer.weights)):
            raise RuntimeError(f"ncnn does not take the weights of {_text(layer)!r}")

    def __call__(self, x: Array, y: Array) -> Array:
        """Return the results of pictures (N, C, H, W): in `y`, or in memory of ncnn's without a copy.

        ncnn knows one picture at a time, and puts each plane of a result at a multiple of 16 bytes.
        """
        if len(x) == 1:
            result = self._one(x[0])
            if result.flags.c_contiguous:
                return result[np.newaxis]
            np.copyto(y[0], result)
            return y
        for picture, place in zip(x, y, strict=True):
            np.copyto(place, self._one(picture))
        return y

    def _one(self, picture: Array) -> Array:
        extractor = self._net.create_extractor()
        extractor.input("x", self._mat(picture))
        made = self._mat()
        if status := extractor.extract("y", made):
            raise MemoryError if status == -100 else RuntimeError(f"ncnn's extract returned {status}")
        return np.asarray(made)


@lru_cache(maxsize=1)
def _allocators(forks: int) -> tuple[Any, Any]:
    """Return pools of memory for results and workspaces, as ncnn's benchmark has them.

    They live as long as the process, since results lie in them. A forked child has others: another thread of
    its parent may have held their locks.
    """
    pools = load().PoolAllocator(), load().PoolAllocator()
    for pool in pools:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(pool))
    return pools


def _text(layer: Layer) -> str:
    """Return a network in ncnn's text: its version, counts of layers and blobs, a line for each layer."""
    c, h, w = layer.taken
    parameters = " ".join(f"{number}={value}" for number, value in layer.parameters.items())
    lines = (
        f"{MAGIC}",
        "2 2",
        f"Input input 0 1 x 0={w} 1={h} 2={c} {_hint(layer.taken)}",
        f"{layer.kind} layer 1 1 x y {parameters} {_hint(layer.given)}",
    )
    return "\n".join(lines) + "\n"


def _hint(shape: tuple[int, int, int]) -> str:
    c, h, w = shape
    return f"{SHAPE_HINT}=4,3,{w},{h},{c}"


def _reader(weights: Sequence[Array]) -> Any:
    """Return what ncnn reads weights from, into memory of its own: one array at each read."""
    left = iter(weights)

    class Reader(load().DataReader):  # type: ignore[misc]
        def read(self, buffer: Any, size: int) -> int:
            piece = next(left, None)
            if piece is None or piece.nbytes != size:
                return 0  # which ncnn reports as an error
            ctypes.memmove(_address(buffer, None), piece.ctypes.data, size)
            return size

    return Reader()


_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
"""What a capsule, in which ncnn's binding wraps an address, holds."""


def pads(spec: ConvSpec | PoolSpec) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right): the padding that the windows meet, and no more of it.

    The overhang of a pooling's ceil_mode counts as padding here.
    """
    top, _, left, _ = spec.pad
    down = (spec.oh - 1) * spec.stride[0] + spec.extent[0]
    across = (spec.ow - 1) * spec.stride[1] + spec.extent[1]
    return top, left, max(down - top - spec.h, 0), max(across - left - spec.w, 0)


def axes(name: str, down: int, across: int) -> dict[str, int]:
    """Return a parameter of both axes, by its names."""
    return {f"{name} down": down, f"{name} across": across}


def why_not(spec: ConvSpec | PoolSpec) -> str | None:
    """Refuse what no layer of ncnn's does."""
    if spec.dtype != "float32":
        return f"ncnn computes in float32, not in {spec.dtype}"
    if spec.layout != "NCHW":
        return f"ncnn's pictures are (C, H, W): layout must be NCHW, got {spec.layout}"
    return None

"""Numba's parallel loops on jitconv's own team of threads: a name is changed where their code is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import cgutils
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeParforLowering
from numba.np.ufunc import parallel
from numba.parfors import parfor, parfor_lowering

from jitconv.jit.regions import DIVISIONS, PARALLEL_FOR, THREADS

SCHEDULING = (
    "allocate_sched",
    "deallocate_sched",
    "do_scheduling_signed",
    "do_scheduling_unsigned",
    "get_parallel_chunksize",
    "get_sched_size",
    "set_parallel_chunksize",
)
"""What parallel loops call of each of Numba's threading layers beside the one that runs them."""

OURS = {
    parallel: {"numba_parallel_for": PARALLEL_FOR, "get_num_threads": THREADS},
    parfor_lowering: {**{name: f"jitconv_{name}" for name in SCHEDULING}, "get_num_threads": DIVISIONS},
}
"""What modules of Numba call, and what is called instead."""


class _Renamed:
    """Numba's `cgutils`, but for some functions of other names."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        return getattr(cgutils, name)

    def get_or_insert_function(self, module: Any, kind: Any, name: str) -> Any:
        return cgutils.get_or_insert_function(module, kind, self._names.get(name, name))


@contextmanager
def _renamed() -> Iterator[None]:
    """Change the names, and have no layer of Numba's begin its threads; the compiler's lock is held."""
    launch, parallel._launch_threads = parallel._launch_threads, lambda: None
    for module, names in OURS.items():
        module.cgutils = _Renamed(names)
    try:
        yield
    finally:
        parallel._launch_threads = launch
        for module in OURS:
            module.cgutils = cgutils


class _Lower(parfor_lowering.ParforLower):  # type: ignore[misc]
    def lower_inst(self, inst: Any) -> None:
        if isinstance(inst, parfor.Parfor):
            with _renamed():
                super().lower_inst(inst)
        else:
            super().lower_inst(inst)


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeParforLowering):  # type: ignore[misc]
    _name = "jitconv_parfor_lowering"

    @property
    def lowering_class(self) -> Any:
        return _Lower


class TeamCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler of parallel loops, for jitconv's team."""

    def define_pipelines(self) -> list[Any]:
        """Return Numba's own, with another last step."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes = [_Lowering if one[0] is NativeParforLowering else one[0] for one in manager.passes]
        manager.passes = [(new, one[1]) for new, one in zip(passes, manager.passes, strict=True)]
        manager.finalize()
        return [manager]

"""The cache of compiled kernels on disk, seen from processes that share it."""

import os
import re
from pathlib import Path

import pytest

import jitconv
from jitconv.jit.cache import KernelCache
from jitconv.jit.files import KERNEL_ROOMS, source_digest

PACKAGE = Path(jitconv.__file__).parent

SCRIPT = """
    import numpy as np
    import jitconv
    from jitconv.algorithms.direct.pool.mask import MASK

    mask = jitconv.create_mask(np.array([[1, 3], [3, 0]], np.float32), algorithm="direct")
    assert mask.tolist() == [[False, True], [False, False]]
    (twin,) = MASK._compiled.values()
    print(sum(twin._cache_hits.values()), sum(twin._cache_misses.values()))
"""
COMPILED, LOADED = "0 1", "1 0"


@pytest.fixture
def create_mask(run_python, tmp_path):
    """Return a function that runs one small kernel in a new process, with a cache that began empty."""
    return lambda: run_python(SCRIPT, JITCONV_CACHE_DIR=str(tmp_path / "cache"))


def kernels(folder):
    """Return the files of compiled kernels."""
    return sorted(folder.rglob("*.kernel"))


def test_a_second_process_loads_what_the_first_compiled(create_mask, tmp_path):
    assert create_mask() == COMPILED
    (file,) = kernels(tmp_path)
    assert file.name.startswith("_mask-serial-")
    assert file.parent.parent == tmp_path / "cache" / "kernels"
    written = file.read_bytes()
    assert create_mask() == LOADED
    assert kernels(tmp_path) == [file]
    assert file.read_bytes() == written


def cut_short(payload):
    """Return the first half."""
    return payload[: len(payload) // 2]


def flip_a_bit(payload):
    """Return the same length with one other byte."""
    return payload[:-1] + bytes([payload[-1] ^ 1])


def empty(payload):
    """Return nothing."""
    return b""


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, empty], ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_compiled_anew(create_mask, tmp_path, damage):
    assert create_mask() == COMPILED
    (file,) = kernels(tmp_path)
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    assert create_mask() == COMPILED
    assert kernels(tmp_path) == [file]
    assert file.read_bytes() != damaged
    assert create_mask() == LOADED


def test_the_users_cache_folder_is_the_default(run_python, tmp_path):
    script = """
    import os
    del os.environ["JITCONV_CACHE_DIR"]
    from jitconv.jit.files import cache_root
    print(cache_root())
    """
    assert run_python(script, JITCONV_CACHE_DIR=str(tmp_path)).endswith(os.path.join("jitconv", "kernels"))


def test_kernels_that_capture_other_values_are_not_mixed_up(run_python, tmp_path):
    (tmp_path / "captured.py").write_text(
        "from jitconv.jit import Kernel\n"
        "def filler(value):\n"
        "    def fill(y):\n"
        "        y[0] = value\n"
        "    return Kernel(fill)\n"
    )
    script = """
    import numpy as np
    from captured import filler
    y = np.zeros(2)
    filler(3.0)(1, y[:1])
    filler(4.0)(1, y[1:])
    print(y)
    """
    for _ in range(2):
        assert run_python(script, JITCONV_CACHE_DIR=str(tmp_path / "cache")) == "[3. 4.]"


CLOSURES = """
import numba
from jitconv.jit import Kernel


def filler(value):
    def fill(y):
        y[0] = value

    return Kernel(fill)


def adder(value):
    @numba.njit
    def add(y, count):
        for i in range(y.size):
            for _ in range(count):
                y[i] = value + (y[i] if i % 3 else y[i] ** 2) / 2
            for _ in range(count):
                y[-1 - i] = value - (y[i] if i % 5 else y[i] ** 2) / 2

    return add


less, more = adder(1), adder(2)


def _less(y):
    less(y, 1)
    less(y, y.size)


def _more(y):
    more(y, 1)
    more(y, y.size)


KERNELS = {"3": filler(3.0), "4": filler(4.0), "less": Kernel(_less), "more": Kernel(_more)}
"""


@pytest.mark.parametrize("names", [("3", "4"), ("less", "more")], ids=["kernels", "what they call"])
def test_closures_of_one_function_that_two_processes_compiled_are_not_mixed_up(run_python, tmp_path, names):
    (tmp_path / "closures.py").write_text(CLOSURES)
    script = """
    import numpy as np
    from closures import KERNELS
    for name in {names}:
        y = np.zeros(2)
        KERNELS[name](1, y)
        print(*y, end=" ")
    """

    def printed(*names, cache="cache"):
        # the flags that are a part of a function's name are in the order of a set
        places = {"JITCONV_CACHE_DIR": str(tmp_path / cache), "PYTHONHASHSEED": "0"}
        return run_python(script.format(names=names), **places)

    wanted = [printed(name, cache="of one process") for name in names]
    assert wanted[0] != wanted[1]
    assert [printed(name) for name in names] == wanted
    assert printed(*names) == " ".join(wanted)


def test_what_kernels_call_is_kept_apart_from_them_and_made_anew_if_it_is_gone(run_python, tmp_path):
    (tmp_path / "doubling.py").write_text(
        "from jitconv.jit import Kernel\n"
        "from jitconv.jit.vectors import emitted\n"
        "@emitted()\n"
        "def doubled(v, x, y):\n"
        "    v.store(v.build.fadd(v.load(x), v.load(x)), y)\n"
        "def double(x, y):\n"
        "    doubled(x, y)\n"
        "DOUBLE = Kernel(double)\n"
    )
    script = """
    import numpy as np, doubling
    from jitconv.jit.cache import counts
    x, y = np.arange(16.0), np.zeros(16)
    doubling.DOUBLE(1, x, y)
    print(y[1:3], *counts())
    """

    def run():
        return run_python(script, JITCONV_CACHE_DIR=str(tmp_path / "cache"))

    assert run() == "[2. 4.] 1 0"
    (library,) = tmp_path.rglob("*.library")
    assert library.name.startswith("doubling.doubled_double_double-")
    assert run() == "[2. 4.] 0 1"
    (kernel,) = tmp_path.rglob("*.kernel")
    kernel.unlink()
    written = library.stat().st_ino
    assert run() == "[2. 4.] 1 0"
    assert library.stat().st_ino == written, "a library that is whole is not made anew with a kernel"
    for damaged in (b"", cut_short(library.read_bytes())):
        library.write_bytes(damaged)
        assert run() == "[2. 4.] 1 0"
        assert run() == "[2. 4.] 0 1"
    library.unlink()
    assert run() == "[2. 4.] 1 0"


def test_a_kernel_of_a_changed_file_is_compiled_anew(run_python, tmp_path):
    for value in (3.0, 4.0):
        (tmp_path / "changing.py").write_text(
            f"from jitconv.jit import Kernel\nVALUE = {value}\n"
            "def fill(y):\n    y[0] = VALUE\nFILL = Kernel(fill)\n"
        )
        script = "import numpy as np, changing; y = np.zeros(1); changing.FILL(1, y); print(y)"
        environment = {"JITCONV_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        assert run_python(script, **environment) == f"[{value:.0f}.]"


def test_a_layer_or_a_command_is_no_part_of_the_kernels():
    rooms = {file.relative_to(PACKAGE).parts[0] for file in PACKAGE.rglob("*.py")}
    assert set(KERNEL_ROOMS) <= rooms
    kernels = [
        file.relative_to(PACKAGE)
        for file in PACKAGE.rglob("*.py")
        if re.search(r"\b(njit|Kernel)\(|@inlined", file.read_text(encoding="utf-8"))
    ]
    assert kernels
    for outside in (file for file in kernels if file.parts[0] not in KERNEL_ROOMS):
        module = ".".join(["jitconv", *outside.with_suffix("").parts])
        assert source_digest(module) != source_digest("jitconv")


def test_a_library_written_outside_depends_on_the_file_that_writes_it(run_python, tmp_path):
    script = """
    import hashlib
    from jitconv.jit import files, libraries
    import jitconv.nn.functions.sparse as sparse
    library = f"{sparse.__name__}.add_patch_float_float"
    before = libraries._file(library)
    files.source_digest.cache_clear()
    read = type(files.Path()).read_bytes
    own = files.Path(sparse.__file__)
    changed = lambda file: read(file) + b"#" * (file == own)
    type(files.Path()).read_bytes = changed
    print(before != libraries._file(library), libraries._file("jitconv.micro.tile.x")[:10])
    """
    assert run_python(script, JITCONV_CACHE_DIR=str(tmp_path)) == "True jitconv.mi"


def test_a_kernel_without_a_file_is_not_mistaken_for_an_older_one(run_python, tmp_path):
    for value in (3.0, 4.0):
        script = f"""
        import numpy as np
        from jitconv.jit import Kernel
        VALUE = {value}
        def fill(y):
            y[0] = VALUE
        y = np.zeros(1)
        Kernel(fill)(1, y)
        print(y)
        """
        assert run_python(script, JITCONV_CACHE_DIR=str(tmp_path / "cache")) == f"[{value:.0f}.]"


def test_the_name_of_a_file_does_not_depend_on_who_looks_at_the_code(tmp_path, monkeypatch):
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path))
    before = KernelCache(_accumulate, "serial", "source")._file("signature")
    code = _accumulate.__code__
    held = [code.co_consts, *code.co_consts, *code.co_names, *code.co_varnames] * 3
    assert KernelCache(_accumulate, "serial", "source")._file("signature") == before
    assert len(held) > 3


def _accumulate(values, total):
    """Hold a constant or two."""
    for index in range(12345):
        total[0] += values[index] * 1.2345

"""What Numba is told: code for another target is another file, and switches that forbid kernels say so."""

import pytest

from jitconv.jit import target

HOST = "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+avx512f,-amx-bf16"

MASK = """
    import numpy as np
    import jitconv
    from jitconv.jit.cache import counts
    from jitconv.jit.target import vector_bytes
    mask = jitconv.create_mask(np.array([[1, 3], [3, 0]], np.float32), algorithm="direct")
    assert mask.tolist() == [[False, True], [False, False]]
    print(*counts())
"""


@pytest.mark.parametrize(
    ("features", "width"),
    [
        ("", 16),
        (HOST, 64),
        (f"{HOST},-avx512f", 32),
        (f"{HOST},-avx", 16),
        (f"{HOST},-sse4.2", 16),
        (f"{HOST},+avx2, +fma", 64),
        ("+avx2,+fma", 32),
        ("+avx512f", 64),
        ("+avx512vl", 16),
        ("+neon", 16),
    ],
)
def test_vectors_are_as_wide_as_the_target_has_them(features, width):
    assert target.widest_vector(features) == width


@pytest.mark.parametrize(
    "switch",
    [
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_CPU_FEATURES": "-avx512f"},
        {"NUMBA_OPT": "1"},
        {"NUMBA_OPT": "max"},
        {"NUMBA_LOOP_VECTORIZE": "0"},
        {"NUMBA_SLP_VECTORIZE": "1"},
        {"NUMBA_BOUNDSCHECK": "1"},
        {"JITCONV_VECTOR_BYTES": "16"},
    ],
    ids=lambda switch: "=".join(*switch.items()),
)
def test_code_for_another_target_is_kept_apart(run_python, switch):
    script = "from jitconv.jit.files import tree; print(tree().name)"
    plain = run_python(script)
    if "JITCONV_VECTOR_BYTES" in switch and target.vector_bytes() == 16:
        assert run_python(script, **switch) == plain
    else:
        assert run_python(script, **switch) != plain
    assert run_python(script) == plain


def test_avx_switched_off_is_another_target(run_python):
    script = "from jitconv.jit.target import cpu; import json; print(json.dumps(cpu()))"
    told = run_python(script, NUMBA_ENABLE_AVX="0")
    assert "+avx" not in told


def test_settings_of_the_program_itself_count(run_python):
    script = """
    import numba
    from jitconv.jit.files import tree
    before = tree()
    numba.config.OPT = numba.core.config._OptLevel(1)
    print(tree() == before)
    """
    assert run_python(script) == "False"


def test_each_target_loads_its_own_code(run_python, tmp_path):
    def run(**switches):
        return run_python(MASK, JITCONV_CACHE_DIR=str(tmp_path), **switches)

    assert run(NUMBA_CPU_NAME="generic") == "1 0"
    assert run() == "1 0"
    assert run(NUMBA_CPU_NAME="generic") == "0 1"
    assert run() == "0 1"


def test_a_generic_target_gets_narrow_vectors(run_python):
    script = "from jitconv.jit.vectors import VECTOR_BYTES; print(VECTOR_BYTES)"
    assert run_python(script, NUMBA_CPU_NAME="generic") == "16"


def test_libraries_for_a_generic_target_have_no_wide_registers(run_python, tmp_path):
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
    from jitconv.jit.libraries import assembly
    x, y = np.arange(16.0), np.zeros(16)
    doubling.DOUBLE(1, x, y)
    (text,) = assembly("doubling")
    print(y[1], "zmm" in text, "ymm" in text)
    """
    run_python(script, JITCONV_CACHE_DIR=str(tmp_path / "cache"))
    told = run_python(script, JITCONV_CACHE_DIR=str(tmp_path / "cache"), NUMBA_CPU_NAME="generic")
    assert told == "2.0 False False"


def test_a_compiler_that_is_switched_off_is_named(run_python):
    script = """
    import numpy as np
    import jitconv
    x, w = np.ones((2, 8, 8, 3), np.float32), np.ones((3, 3, 3, 4), np.float32)
    for run in (jitconv.conv_forward, jitconv.plan_conv):
        try:
            run(x if run is jitconv.conv_forward else x.shape, w, algorithm="direct")
        except jitconv.UnsupportedError as error:
            print(error)
    print(jitconv.conv_forward(x, w, algorithm="naive").sum() == 2 * 36 * 4 * 27)
    """
    first, second, right = run_python(script, NUMBA_DISABLE_JIT="1").splitlines()
    assert first == second
    assert first.startswith("conv_forward: NUMBA_DISABLE_JIT switches Numba's compiler off")
    assert "algorithm='naive'" in first
    assert right == "True"


@pytest.mark.parametrize("layer", ["tbb", "nonsense"])
def test_a_threading_layer_that_is_not_there_leaves_serial_kernels(run_python, layer):
    script = """
    import sys
    import numpy as np
    sys.modules["numba.np.ufunc.tbbpool"] = None  # as where TBB is not installed
    import jitconv
    x = np.random.default_rng(0).standard_normal((900, 9, 11))
    mask = jitconv.create_mask(x, algorithm="direct")
    print(np.array_equal(mask, jitconv.create_mask(x, algorithm="naive")))
    print(str(jitconv.explain("create_mask", x)).splitlines()[-1])
    """
    right, told = run_python(
        script, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2", JITCONV_TEAM="numba"
    ).splitlines()
    assert right == "True"
    reason = f"Numba cannot load a threading layer (NUMBA_THREADING_LAYER={layer})"
    assert f"kernels run on one thread: {reason}" in told


def test_the_command_explains_without_a_threading_layer(run_python):
    script = """
    import sys
    sys.modules["numba.np.ufunc.tbbpool"] = None
    from jitconv import cli
    sys.argv = ["jitconv", "explain", "conv_forward", "n1h8w8c3 k3x3f4"]
    cli.main()
    """
    told = run_python(script, NUMBA_THREADING_LAYER="tbb", JITCONV_TEAM="numba")
    assert "chosen" in told
    assert "one thread: Numba cannot load a threading layer (NUMBA_THREADING_LAYER=tbb)" in told

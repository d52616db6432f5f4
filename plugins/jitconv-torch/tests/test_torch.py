"""The plugin agrees with jitconv's reference, copies no picture, and stays out of the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import jitconv
import numpy as np
import pytest
import torch
from jitconv.ops import prepare
from jitconv.specs import parse
from jitconv.testing import Case, KernelConformance, bound, cases, draw, relative_error

OPS = (
    "conv_forward",
    "conv_backward",
    "max_pool_forward",
    "max_pool_backward",
    "avg_pool_forward",
    "avg_pool_backward",
)

MORE = {
    "conv": """
n2h9w8c1 k3x3f6 s1 p1                  | one channel, many filters
n2h9w8c3 k3x3f4 s2 p1.0.0.2            | other pads on either side, an odd stride
n1h9w9c2 k3x3f4 s2 p0.1.0.1            | a pad that no window meets
n2h9w8c4 k3x3f4 s2 p1.0.2.1 d2 g2 flip | all at once
n1h7w6c512 k1x1f4100 s1 p0             | weights that are put in order by a copy
""",
    "pool": """
n1h7w7c2 k2x2 s1 p1                    | a pad of half the window
n1h9w7c2 k3x3 s2 p2.0.0.2              | a pad of more than half the window
n1h9w7c2 k3x3 s1 p2.2.2.2 d2           | dilated, padded
n1h8w7c3 k3x3 s2 p0.1.2.0 ceil         | ceil_mode, padded on some sides
n1h7w7c2 k2x2 s3 p0.1.0.1 ceil         | ceil_mode drops a window in the trailing pad
n8h80w80c24 k2x2 s2                    | large enough for huge pages
""",
}


def more(op: str) -> list[Case]:
    """Return problems that only this plugin's branches need."""
    text = MORE["conv" if op.startswith("conv") else "pool"]
    lines = [line.partition("|") for line in text.strip().splitlines()]
    words = [""] if op.startswith("conv") else ["", " nopad"] if op.startswith("avg") else ["", " indices"]
    values = ["normal"] if op.startswith("conv") else ["normal", "specials", "sinking"]
    return [
        Case(parse(problem.strip() + word, layout=layout), note.strip(), values=value)
        for problem, _, note in lines
        for word in words
        for layout in ("NHWC", "NCHW")
        for value in values
    ]


def conformance(op: str) -> type[KernelConformance]:
    """Return the tests of an op: every check of jitconv's conformance kit."""
    fields = {"op": op, "algorithm": "torch", "problems": cases(op) + more(op), "random": 50}
    return type(f"Test_{op}", (KernelConformance,), {**fields, "__module__": __name__})


globals().update({f"Test_{op}": conformance(op) for op in OPS})


@pytest.mark.parametrize("op", OPS)
def test_refuses_few(op: str) -> None:
    algorithm = prepare(op, cases(op)[0].spec, "torch").explanation.choice.algorithm
    reasons = {algorithm.why_not(case.spec) for case in cases(op)} - {None}
    assert all("PyTorch" in str(reason) for reason in reasons)
    assert len(reasons) <= 2


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_the_first_of_several_nans_wins(layout: str) -> None:
    x = np.zeros((1, 6, 6, 1), "float32")
    x[0, 1:4, 1:4, 0] = np.nan
    x = x.reshape(1, 1, 6, 6) if layout == "NCHW" else x
    for pad in (0, 1, ((2, 0), (1, 0))):
        options = {"window": 3, "stride": 2, "pad": pad, "layout": layout}
        y, indices = jitconv.max_pool_forward(x, return_indices=True, algorithm="torch", **options)
        wanted = jitconv.max_pool_forward(x, return_indices=True, algorithm="naive", **options)
        np.testing.assert_array_equal(y, wanted[0])
        np.testing.assert_array_equal(indices, wanted[1])
        dx = jitconv.max_pool_backward(np.ones_like(y), x, algorithm="torch", **options)
        reference = jitconv.max_pool_backward(np.ones_like(y), x, algorithm="naive", **options)
        np.testing.assert_array_equal(dx, reference)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    """Where the tensors given to PyTorch's operators lie, and those that come back."""
    calls: list[tuple[int, ...]] = []

    def spy(function):  # type: ignore[no-untyped-def]
        def call(*arguments, **named):  # type: ignore[no-untyped-def]
            result = function(*arguments, **named)
            both = *arguments, *(result if isinstance(result, tuple) else (result,))
            calls.append(tuple(one.data_ptr() for one in both if isinstance(one, torch.Tensor)))
            return result

        return call

    monkeypatch.setattr(torch, "convolution", spy(torch.convolution))
    monkeypatch.setattr(torch._C._nn, "max_pool2d_with_indices", spy(torch._C._nn.max_pool2d_with_indices))
    monkeypatch.setattr(torch._C._nn, "avg_pool2d", spy(torch._C._nn.avg_pool2d))
    return calls


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("op", "problem"),
    [
        ("conv_forward", "n2h8w8c4 k3x3f6 p1 bias"),
        ("conv_forward", "n2h8w8c1 k3x3f6 p1"),
        ("max_pool_forward", "n2h8w8c4 k2x2"),
        ("avg_pool_forward", "n2h8w8c4 k2x2"),
        ("avg_pool_forward", "n2h128w128c40 k2x2"),
    ],
)
def test_copies_nothing_on_the_way(op: str, problem: str, layout: str, seen: list[tuple[int, ...]]) -> None:
    spec = parse(problem, layout=layout)
    operands = draw(op, spec, np.random.default_rng(0))
    y = prepare(op, spec, "torch").run(operands)[0]
    assert y is not None
    pointers = [array.ctypes.data for array in operands if array is not None]
    (call,) = seen
    assert call[: len(pointers)] == tuple(pointers)
    assert y.ctypes.data in call[len(pointers) :]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("problem", ["n2h24w24c16 k3x3f32 s1 p1", "n1h14w14c64 k3x3f64 s2 p1"])
def test_threads_change_little(op: str, problem: str) -> None:
    spec = parse(problem if op.startswith("conv") else problem.replace("f32", "").replace("f64", ""))
    operands = draw(op, spec, np.random.default_rng(0))
    results = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        with jitconv.config(threads=threads):
            results.append(prepare(op, spec, "torch").run(operands))
        assert torch.get_num_threads() == before
    for one, other in zip(*results, strict=True):
        if one is not None and other is not None:
            assert relative_error(one, other.astype("float64")) <= 2 * bound(op, spec, "direct", spec.dtype)


def test_holds_torch_to_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = []
    convolution = torch.convolution

    def spy(*arguments):  # type: ignore[no-untyped-def]
        inside.append(torch.get_num_threads())
        return convolution(*arguments)

    monkeypatch.setattr(torch, "convolution", spy)
    x, w = np.ones((1, 8, 8, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
    with jitconv.config(threads=1):
        jitconv.conv_forward(x, w, algorithm="torch")
    assert inside == [1]


def test_auto_changes_only_on_permission() -> None:
    shapes = (1, 56, 56, 64), (3, 3, 64, 64)
    plain = jitconv.explain("conv_forward", *shapes, pad=1)
    with jitconv.config(deny="torch"):
        assert jitconv.explain("conv_forward", *shapes, pad=1).choice.name == plain.choice.name
    mine = next(one for one in plain.candidates if one.name == "torch")
    assert (mine.verdict, mine.plugin) == ("excluded", "jitconv-torch")
    for name in ("torch", "jitconv-torch"):
        with jitconv.config(allow=name):
            allowed = jitconv.explain("conv_forward", *shapes, pad=1)
        assert next(one for one in allowed.candidates if one.name == "torch").verdict in ("able", "chosen")


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ.copy()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_loading_the_plugin_imports_no_torch() -> None:
    code = "import sys, jitconv; print(len(jitconv.algorithms()), jitconv.explain('conv_forward', "
    code += (
        "(1, 8, 8, 3), (3, 3, 3, 4)).choice.plugin, 'jitconv_torch' in sys.modules, 'torch' in sys.modules)"
    )
    assert _python(code).endswith("jitconv True False")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_does_not_hang() -> None:
    code = """
import os, numpy as np, jitconv
x, w = np.ones((4, 56, 56, 64), "float32"), np.ones((3, 3, 64, 64), "float32")
jitconv.conv_forward(x, w, algorithm="torch")
child = os.fork()
if not child:
    jitconv.conv_forward(x, w, algorithm="torch")
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert _python(code) == "7"


RAN_BEFORE = {
    "torch": "torch.nn.functional.conv2d(torch.randn(8, 16, 64, 64), torch.randn(16, 16, 3, 3))",
    "jitconv": "jitconv.create_mask(np.random.rand(900, 9, 11), algorithm='direct')",
}
"""What starts threads of OpenMP in the parent, which torch and jitconv share."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(
    ("ran", "imported"), [("torch", "in the parent"), ("torch", "in the child"), ("jitconv", "in the parent")]
)
def test_a_child_hangs_in_neither_whichever_ran_in_its_parent(ran: str, imported: str) -> None:
    first = "import jitconv" if imported == "in the parent" else ""
    code = f"""
import os, signal, numpy as np, torch
{first}
torch.set_num_threads(2)
{RAN_BEFORE[ran]}
child = os.fork()
if not child:
    signal.alarm(60)
    import jitconv
    x, w = np.ones((4, 56, 56, 64), "float32"), np.ones((3, 3, 64, 64), "float32")
    jitconv.conv_forward(x, w, algorithm="torch")
    right = jitconv.create_mask(np.random.rand(900, 9, 11), algorithm="direct").sum() == 900
    told = str(jitconv.explain("conv_forward", x, w, algorithm="torch"))
    serial = "kernels run on one thread: this process was forked" in told
    from jitconv.jit import workers
    os._exit(7 if right and serial == (workers.why_not() is not None) else 8)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert _python(code) == "7"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_workers_of_a_data_loader_call_jitconv_first() -> None:
    code = """
import os, numpy as np, torch
from torch.utils.data import DataLoader, Dataset
import jitconv

class Masks(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, place):
        x = np.random.default_rng(place).random((900, 9, 11))
        return torch.from_numpy(jitconv.create_mask(x, algorithm="direct")).sum()

torch.set_num_threads(2)
torch.nn.functional.conv2d(torch.randn(8, 16, 64, 64), torch.randn(16, 16, 3, 3))
loader = DataLoader(Masks(), batch_size=2, num_workers=2, timeout=90, multiprocessing_context="fork")
print([batch.tolist() for batch in loader], flush=True)
os._exit(0)
"""
    assert _python(code) == "[[900, 900], [900, 900]]"

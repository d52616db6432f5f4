"""Plugins that do harm, each a module of a site that tests make of them: see `site`."""

import textwrap
from pathlib import Path

KERNEL = '''
import numpy as np
from jitconv import Algorithm, hookimpl
from jitconv.algorithm import never_refuses, no_workspace, unprepared

def right(spec, x, marked):
    """Mark the first of the largest."""
    flat = x.reshape(*x.shape[:-2], -1)
    marked[...] = False
    first = flat.argmax(-1)[..., None]
    np.put_along_axis(marked.reshape(flat.shape), first, True, -1)

def record(run=right, name=__name__, **changes):
    """Return an algorithm of create_mask."""
    asked = dict(why_not=never_refuses, cost=lambda spec: 1.0, workspace=no_workspace, build=unprepared(run))
    return Algorithm("create_mask", name, **{**asked, **changes})

def fail(*arguments):
    """Raise what an unlucky kernel raises."""
    raise IndexError("off by one")

made = record()

@hookimpl
def jitconv_algorithms():
    """Return the one that is made below."""
    return [made]
'''

ENDLESS = "while True:\n    pass\n"
SEGFAULT = "import ctypes\nctypes.memset(0, 1, 1)\n"

AT_IMPORT = {
    "segfault_at_import": SEGFAULT,
    "hangs_at_import": ENDLESS,
    "exits_at_import": "import os\nos._exit(3)\n",
    "interrupts_at_import": "raise KeyboardInterrupt\n",
    "leaves_at_import": "raise SystemExit(3)\n",
    "raises_at_import": "raise OSError('libfast.so is missing')\n",
    "takes_memory_at_import": "taken = [np.empty(2**26) for _ in range(64)]\n",
    "missing_module": "import libfast_that_nobody_has\n",
    "rubbish_list": "made = 'rubbish'\n",
    "slow_at_import": "import time\ntime.sleep(0.2)\n",
    "unmarked": "def jitconv_algorithms():\n    return [made]\n",
    "returns_none": "@hookimpl\ndef jitconv_algorithms():\n    return None\n",
    "selects_rubbish": "@hookimpl\ndef jitconv_select(spec, candidates):\n    return 'rubbish'\n",
    "raises_in_select": "@hookimpl\ndef jitconv_select(spec, candidates):\n    fail()\n",
    "names_a_suite": "@hookimpl\ndef jitconv_suites():\n    return {'resnet50': ['n1h4w4c1 k1x1f1']}\n",
    "of_the_future": "jitconv_api = 99\n",
    "prints_at_import": "import os\nprint('hello')\nos.system('echo shell')\nos.write(2, b'from C\\n')\n",
    "patches_numpy": "np.matmul = np.tensordot = fail\n",
    "clashes": "made = record(name='direct')\n",
    "misspelt": "@hookimpl\ndef jitconv_algoritms():\n    return []\n",
}
"""What a module does when it is imported, by its name."""


def _running(body: str) -> str:
    return f"def run(spec, x, marked):\n{textwrap.indent(body, '    ')}\nmade = record(run)\n"


AT_RUN = {
    "segfault": _running(SEGFAULT),
    "hangs": _running(ENDLESS),
    "exits": _running("import os\nos._exit(3)"),
    "aborts": _running("import os\nos.abort()"),
    "takes_memory": _running("taken = [np.empty(2**26) for _ in range(64)]"),
    "is_wrong": _running("marked[...] = False"),
    "patches_when_run": _running("np.matmul = fail\nright(spec, x, marked)"),
}
"""What a kernel does when it is run, by its module's name: it cannot be used any more."""

CARELESS = {
    "raises_in_run": "run=fail",
    "raises_in_build": "build=fail",
    "raises_in_cost": "cost=fail",
    "raises_in_why_not": "why_not=fail",
    "raises_in_workspace": "workspace=fail",
    "recurses": "why_not=recurse",
    "other_shape": "run=lambda *_: (np.zeros((2, 3), bool),)",
    "resizes": "run=lambda spec, x, marked: marked.resize((2, 3), refcheck=False)",
    "str_as_cost": "cost=lambda spec: 'fast'",
    "str_as_workspace": "workspace=lambda spec: 'much'",
    "negative_cost": "cost=lambda spec: -1.0",
    "unknown_cost": "cost=lambda spec: None",
    "slow_cost": "cost=lambda spec: time.sleep(0.15) or 1.0",
    "markup": "why_not=lambda spec: 'takes no [/x] of [red]this[/red]'",
    "right_one": "",
}
"""What is wrong with each algorithm of the module `careless`: none of them harms others."""

CONVOLVES = """
from jitconv.plugins import registry

def build(spec):
    if spec.h > 6:
        import ctypes
        ctypes.memset(0, 1, 1)
    return registry().find("conv_forward", "naive").build(spec)

def refuse_three(spec):
    return "takes no 3 channels" if spec.c == 3 else None

made = Algorithm("conv_forward", "convolves", refuse_three, lambda spec: 1.0, no_workspace, build)
"""
"""A convolution that refuses 3 channels, and crashes on pictures of more than 6 pixels."""

FITS = """
from jitconv.algorithm import at_each_call
from jitconv.plugins import registry

def even(spec, w, b):
    return None if w.min() == w.max() else "needs weights that are all the same"

def prepare(spec, w, b, activation):
    assert even(spec, w, b) is None
    plan = registry().find("conv_forward", "naive").build(spec)
    return lambda x, y: plan(x, w, b, y)

def fit(spec, w):
    return np.full_like(w, w.flat[0])

made = Algorithm(
    "conv_forward", __name__, never_refuses, lambda spec: 1.0, no_workspace, at_each_call(prepare),
    prepare=prepare, why_not_weights=even, fit_weights=FIT,
)
"""
"""A convolution of weights that are all the same, which `FIT` makes."""
RECURSE = "def recurse(spec):\n    return recurse(spec)\n"

TEMPTING = {
    name: AT_RUN[how].replace("record(run)", "record(run, cost=lambda spec: None)")
    for name, how in (("tempting", "segfault"), ("tempting_wrong", "is_wrong"))
} | {"tempting_right": "made = record(cost=lambda spec: None)\n"}
"""Kernels that are measured wherever times are, as nobody knows theirs."""

WEIGHS = """
from jitconv.plugins import registry

def prepare(spec, w, b, activation):
    plan = registry().find("conv_forward", "naive").build(spec)
    return lambda x, y: plan(x, w, b, y)

made = Algorithm(
    "conv_forward", "weighs", never_refuses, lambda spec: None, no_workspace,
    build=lambda spec: lambda x, w, b, y: prepare(spec, w, b, None)(x, y), prepare=prepare,
    why_not_weights=lambda spec, w, b: None if w.min() == w.max() else "takes weights that are all alike",
    fit_weights=lambda spec, w: np.full_like(w, 2),
)
"""
"""A convolution by plans that hold weights which are all alike."""

_ALL = "".join(f"    record(name={name!r}, {what}),\n" for name, what in CARELESS.items())
MODULES = {
    **AT_IMPORT,
    **AT_RUN,
    **TEMPTING,
    "careless": f"import time\n{RECURSE}every = [\n{_ALL}]\n"
    "@hookimpl\ndef jitconv_algorithms():\n    return every\n",
    "harmless": "",
    "convolves": CONVOLVES,
    "fits": FITS.replace("FIT,", "fit,"),
    "dies_fitting": FITS.replace("FIT,", "lambda spec, w: __import__('ctypes').memset(0, 1, 1),"),
    "weighs": WEIGHS,
}


ROWS = {
    "segfault at run": ("segfault", "aborts"),
    "segfault, endless loop, os._exit at import": (
        "segfault_at_import",
        "hangs_at_import",
        "exits_at_import",
    ),
    "endless loop, os._exit at run": ("hangs", "exits"),
    "takes all memory": ("takes_memory_at_import", "takes_memory"),
    "raises in cost, why_not, workspace; recursion": (
        *("raises_in_cost", "raises_in_why_not", "raises_in_workspace", "recurses"),
    ),
    "raises in build or run; wrong shape; wrong": (
        *("raises_in_build", "raises_in_run", "other_shape", "is_wrong"),
    ),
    "raises, SystemExit at import; missing module; clash; rubbish list": (
        *("raises_at_import", "leaves_at_import", "missing_module", "clashes", "rubbish_list"),
    ),
    "KeyboardInterrupt at import": ("interrupts_at_import",),
    "slow import": ("slow_at_import",),
    "prints at import": ("prints_at_import",),
    "hook misspelt": ("misspelt",),
    "@hookimpl forgotten; returns None": ("unmarked", "returns_none"),
    "jitconv_select rubbish, raises": ("selects_rubbish", "raises_in_select"),
    "patches NumPy": ("patches_numpy", "patches_when_run"),
    "cost takes long": ("slow_cost",),
    "y.resize in the kernel": ("resizes",),
    "cost, workspace of no meaning": ("str_as_cost", "negative_cost", "unknown_cost", "str_as_workspace"),
    "text with [/x]": ("markup",),
    "suite named resnet50": ("names_a_suite",),
    "of a future API": ("of_the_future",),
}
"""What plugins once did harm by, and the modules and algorithms that do it here.

Answers without a meaning have more tests in `test_plugin_answers.py`, who may be asked too; hooks, suites and
names of failed plugins in `test_plugin_hooks.py`; what measures in `test_trials.py`.
"""


def site(folder: Path, *names: str) -> Path:
    """Install some of these modules in a folder, each as a distribution with an entry point.

    One that is there already stays as it is.
    """
    folder.mkdir(exist_ok=True)
    for name in names:
        ending = MODULES[name]
        if (folder / f"{name}.py").exists():
            continue
        (folder / f"{name}.py").write_text(KERNEL + "\n" + ending)
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[jitconv]\n{name} = {name}\n")
    return folder

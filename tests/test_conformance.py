"""Every built-in algorithm keeps every promise: on the catalogue, and on random problems of the day."""

import datetime
import os

import pytest

from jitconv.algorithm import OPS
from jitconv.plugins import BUILTIN, registry
from jitconv.testing import check_algorithm

SEED = int(os.environ.get("JITCONV_SEED") or datetime.date.today().strftime("%Y%m%d"))
"""Of the random problems: another one each day, and any one that is given."""

BUILT_IN = [
    (op, one.name) for op in OPS for one in registry().algorithms(op) if registry().provider(one) == BUILTIN
]


@pytest.mark.parametrize(("op", "name"), BUILT_IN)
def test_it_keeps_its_promises(op, name):
    print(f"seed {SEED}: JITCONV_SEED={SEED} repeats it; jitconv check {name} --op {op} --seed {SEED}")
    results = list(check_algorithm(op, name, random=300, seed=SEED))
    wrong = [str(result) for result in results if result.verdict == "failed"]
    assert not wrong, "\n\n".join(wrong)
    assert any(result.ran for result in results)
    not_run = {result.check for result in results if result.verdict in ("not run", "nothing ran")}
    assert not_run <= {"integers", "specials", "memory", "hangs", "bits", "fork", "spawn"}, not_run

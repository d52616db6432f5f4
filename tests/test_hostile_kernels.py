"""Kernels of plugins that do harm: `jitconv compare` and `bench` go on, and say what happened."""

import json
import re
from pathlib import Path

import pytest
from hostile import AT_RUN, CARELESS
from plugin_helpers import X, imported, state, still_works

import jitconv
from jitconv.jit.files import cache_root
from jitconv.plugins import quarantine
from jitconv.store import place
from jitconv.testing import process
from jitconv.testing.findings import Failure, Result

SMALL = ("--shape", "n5h4w4", "--op", "create_mask")

SAID = {
    "segfault": "crashed (SIGSEGV)",
    "hangs": "did not end within 2 s",
    "exits": "ended the process with code 3",
    "aborts": "crashed (SIGABRT)",
    "takes_memory": "took more than 0.5 GiB of memory",
    "is_wrong": "mask (bool) is wrong",
    "patches_when_run": "replaced numpy.matmul",
}


FAILS = {
    "raises_in_run": "IndexError: off by one",
    "raises_in_build": "IndexError: off by one",
    "raises_in_cost": "failed to judge n5h4w4: IndexError: off by one",
    "raises_in_why_not": "failed to judge n5h4w4: IndexError: off by one",
    "raises_in_workspace": "failed to judge n5h4w4: IndexError: off by one",
    "recurses": "failed to judge n5h4w4: RecursionError",
    "other_shape": "must return None, or a tuple of arrays like",
    "resizes": "resized an output: its shape must be (5, 4, 4), and is (2, 3)",
    "str_as_cost": "cost must return seconds, a finite number of at least 0, or None if unknown; got 'fast'",
    "negative_cost": "cost must return seconds, a finite number of at least 0, or None if unknown; got -1.0",
    "str_as_workspace": "workspace must return bytes, an integer of at least 0; got 'much'",
}
"""What `compare` says of those that fail, and `explain` of those that fail to judge."""


def test_a_kernel_that_does_harm_puts_its_plugin_in_quarantine_and_the_others_are_measured(hostile, command):
    registry = hostile(*AT_RUN, "harmless")
    imported(registry, *AT_RUN, "harmless")
    still_works()
    _, explained, _ = command("explain", "create_mask", "n5h4w4")
    for name in AT_RUN:
        assert re.search(rf"excluded +{name} +{name} ", explained)
    code, printed, error = command("compare", *SMALL)
    assert code == 1  # for the one that is wrong
    assert error == "jitconv: wrong or failed: is_wrong of is_wrong (create_mask, wrong)\n"
    assert "3 of 4 results agree" in printed
    assert set(SAID) == set(AT_RUN)
    for name, why in SAID.items():
        (line,) = (one for one in printed.splitlines() if one.startswith(f"{name} of {name}: "))
        assert why in line
        assert line.endswith("; its plugin is in quarantine now")
        assert state(registry, name).state == "quarantined"
        assert why in state(registry, name).error
    rows = {
        one["algorithm"]: one for one in json.loads(Path("jitconv-compare/figures.json").read_text())["rows"]
    }
    assert rows["segfault"]["verdict"] == "quarantined"
    assert rows["harmless"]["seconds"] > 0
    still_works()

    _, listed, _ = command("plugins")
    code, printed, error = command("compare", *SMALL)  # nothing of them is run again
    assert (code, error) == (0, "")
    assert "3 of 3 results agree" in printed
    for name, why in SAID.items():
        for told in (printed, command("explain", "create_mask", "n5h4w4").stdout):
            (line,) = (one for one in told.splitlines() if f"plugin {name!r} has been in quarantine" in one)
            assert why in line
        assert f"plugin {name!r} has been in quarantine" in listed

    code, _, error = command("compare", *SMALL, "--algorithms", "direct,segfault")
    assert (code, "crashed (SIGSEGV)" in error) == (2, True)
    with pytest.raises(jitconv.PluginError, match=r"crashed \(SIGSEGV\)"):
        jitconv.create_mask(X, algorithm="segfault")


def test_who_names_an_algorithm_that_crashes_gets_exit_code_2_and_the_figures_of_the_others(hostile, command):
    imported(hostile("segfault"), "segfault")
    code, printed, error = command("compare", *SMALL, "--algorithms", "direct,segfault")
    assert code == 2
    assert error == "jitconv: not compared: segfault, in quarantine: see jitconv plugins\n"
    assert "1 of 1 results agree" in printed


def test_algorithms_that_fail_harm_nobody_and_stay(hostile, command):
    registry = hostile("careless")
    imported(registry, "careless")
    code, printed, error = command("compare", *SMALL)
    assert code == 1
    assert "5 of 16 results agree" in printed  # direct, naive, right_one, slow_cost, unknown_cost
    assert "markup refuses: it takes no [/x] of [red]this[/red]" in printed
    assert "slow_cost of careless takes 0.15 s to judge n5h4w4" in printed
    _, explained, _ = command("explain", "create_mask", "n5h4w4")
    assert set(FAILS) | {"markup", "slow_cost", "unknown_cost", "right_one"} == set(CARELESS)
    for name, why in FAILS.items():
        assert f"{name} of careless (create_mask, failed)" in error
        (line,) = (one for one in printed.splitlines() if one.startswith(f"{name} of careless: "))
        assert why in line
        verdict = "failed" if "judge" in why or "must return seconds" in why or "bytes" in why else "excluded"
        assert re.search(rf"{verdict} +{name} +careless ", explained)
    assert state(registry, "careless").state == "loaded"
    assert "create_mask/right_one: n5h4w4" in registry.guest("careless").known.tried

    code, printed, _ = command(
        "compare", *SMALL, "--allow", "raises_in_cost", "--algorithms", "direct,right_one"
    )
    assert code == 0
    assert "`auto` cannot choose with what --allow names" in printed
    code, _, error = command("explain", "create_mask", "n5h4w4", "--allow", "str_as_cost")
    assert (code, "str_as_cost" in error) == (2, True)


BENCH = ("--file", "layers.txt", "--op", "conv_forward", "--seconds", "0.01", "--json", "-")


def test_bench_goes_on_past_layers_that_a_guest_refuses_or_dies_of(hostile, command):
    imported(hostile("convolves"), "convolves")
    Path("layers.txt").write_text("n1h6w6c2 k3x3f2\nn1h6w6c3 k3x3f2\nn1h8w8c2 k3x3f2\nn1h9w9c2 k3x3f2\n")
    code, printed, shown = command("bench", *BENCH, "--peer", "convolves")
    assert code == 0
    told = json.loads(printed)
    verdicts = {one["problem"]: one["peer_verdict"] for one in told["rows"]}
    assert list(verdicts.values()) == ["", "refuses", "fails", "fails"]
    assert [one["ratio"] is not None for one in told["rows"]] == [True, False, False, False]
    assert "in the geometric mean of 1 layers" in shown
    assert "crashed (SIGSEGV); its plugin is in quarantine now" in shown
    assert told["left_out"][2]["reason"].startswith(
        "conv_forward: algorithm 'convolves' cannot be used: plugin"
    )


def test_bench_of_a_guest_has_cells_for_what_it_did_not_run(hostile, command):
    imported(hostile("convolves"), "convolves")
    Path("layers.txt").write_text("n1h6w6c2 k3x3f2\nn1h6w6c3 k3x3f2\nn1h8w8c2 k3x3f2\n")
    code, printed, shown = command("bench", *BENCH, "--algorithm", "convolves")
    assert code == 0
    assert [one["algorithm"] for one in json.loads(printed)["rows"]] == ["convolves"]
    cells = [line.split()[-2:] for line in shown.splitlines() if line.startswith("n1h")]
    assert cells[1:] == [["convolves", "refuses"], ["convolves", "fails"]]


@pytest.mark.parametrize(("check", "harmful"), [("agreement", True), ("memory", True), ("bits", False)])
def test_a_check_puts_what_is_wrong_in_quarantine_and_says_what_lifts_it(
    hostile, command, monkeypatch, check, harmful
):
    registry = hostile("harmless")
    imported(registry, "harmless")
    failure = Failure("n5h4w4", "all is lost", "")
    failed = Result(check, "promise", "create_mask", "harmless", 1, [failure], 1)
    monkeypatch.setattr("jitconv.testing.check_algorithm", lambda *_, **__: [failed])
    code, printed, _ = command("check", "harmless", "--shape", "n5h4w4")
    assert code == 1
    assert ("plugin 'harmless' has been in quarantine since" in printed) == harmful
    assert ("jitconv plugins clear harmless" in printed) == harmful
    assert (state(registry, "harmless").state == "quarantined") == harmful


@pytest.mark.skipif(process.why_not() is not None, reason=str(process.why_not()))
def test_what_is_in_quarantine_is_checked_as_ever_and_stays_there(hostile, command, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()  # a file of plugins that the processes of a check read, too
    (tmp_path / "own" / "kernels").symlink_to(cache_root())
    monkeypatch.setenv("JITCONV_CACHE_DIR", str(tmp_path / "own"))
    file = place.default_path().with_name(f"plugins-{place.this_machine()}.json")
    monkeypatch.setattr(quarantine, "path", lambda: file)
    registry = imported(hostile("is_wrong", "harmless"), "is_wrong", "harmless")
    for name in ("is_wrong", "harmless"):
        registry.guest(name).quarantine("was wrong before")
    code, printed, error = command("check", "is_wrong", "--shape", "n5h4w4")
    assert (code, error) == (1, "")
    assert re.search(r"agreement +failed +1", printed)
    code, printed, error = command("check", "harmless", "--shape", "n5h4w4")
    assert (code, error) == (0, "")
    assert "was wrong before; " in printed
    assert "jitconv plugins clear harmless" in printed
    assert {state(registry, name).state for name in ("is_wrong", "harmless")} == {"quarantined"}
    with pytest.raises(jitconv.PluginError, match="in quarantine"):
        jitconv.create_mask(X, algorithm="harmless")

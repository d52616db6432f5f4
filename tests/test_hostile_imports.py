"""Plugins that do harm when they are imported: nothing else comes to harm, and it is said what happened."""

import json
import subprocess
import sys
import textwrap

import pytest
from hostile import AT_IMPORT, AT_RUN, CARELESS, ROWS, site
from plugin_helpers import X, imported, state, still_works

import jitconv
from jitconv.plugins import quarantine

SMALL = ("--shape", "n5h4w4", "--op", "create_mask")

SAID = {
    "segfault_at_import": ("quarantined", "crashed (SIGSEGV) at import"),
    "hangs_at_import": ("quarantined", "did not end at import within 2 s"),
    "exits_at_import": ("quarantined", "ended the process with code 3 at import"),
    "takes_memory_at_import": ("quarantined", "took more than 0.5 GiB of memory at import"),
    "patches_numpy": ("quarantined", "replaced numpy.matmul, numpy.tensordot at import"),
    "interrupts_at_import": ("failed", "KeyboardInterrupt"),
    "leaves_at_import": ("failed", "SystemExit: 3"),
    "raises_at_import": ("failed", "OSError: libfast.so is missing"),
    "clashes": ("failed", "is already provided by 'jitconv'"),
    "misspelt": ("incompatible", "unknown hook 'jitconv_algoritms'"),
    "missing_module": ("failed", "No module named 'libfast_that_nobody_has'"),
    "rubbish_list": ("failed", "jitconv_algorithms must return Algorithm records; got 'rubbish'"),
    "names_a_suite": ("failed", "the suite 'resnet50' of 'names_a_suite' is already there"),
    "of_the_future": ("incompatible", "it was written for version 99 of jitconv's plugin interface"),
    "unmarked": ("loaded", "provides nothing: no hook is marked; put @jitconv.hookimpl"),
    "returns_none": ("loaded", "provides nothing: jitconv_algorithms returned nothing"),
    "slow_at_import": ("loaded", ""),
    "selects_rubbish": ("loaded", ""),
    "raises_in_select": ("loaded", ""),
    "prints_at_import": ("loaded", ""),
}
"""States, and what `compare`, `plugins` and `explain` say of each that provides nothing."""


TRIED = {
    *(name for name, (how, _) in SAID.items() if how == "quarantined"),
    *("interrupts_at_import", "leaves_at_import", "raises_at_import"),
}
"""Those that are imported in a process of their own, which takes time."""


def test_every_way_to_do_harm_has_a_plugin_and_every_plugin_its_row():
    named = [name for names in ROWS.values() for name in names]
    assert sorted(named) == sorted({*AT_IMPORT, *AT_RUN, *CARELESS} - {"right_one"})
    assert set(SAID) == set(AT_IMPORT)


def test_whatever_happens_at_import_compare_says_so_in_a_line_and_the_rest_is_measured(hostile, command):
    registry = hostile(*AT_IMPORT)
    imported(registry, *AT_IMPORT.keys() - TRIED)
    still_works()  # and imports none
    assert not AT_IMPORT.keys() & sys.modules.keys()
    code, printed, error = command("compare", *SMALL)
    assert (code, error) == (0, "")
    assert "6 of 6 results agree" in printed  # direct, naive, and those that are loaded
    assert "hello" not in printed
    lines = printed.splitlines()
    _, listed, _ = command("plugins", "--verbose")
    _, explained, _ = command("explain", "create_mask", "n5h4w4")
    for name, (how, why) in SAID.items():
        found = state(registry, name)
        assert (found.state, why in (found.error or found.hint or "")) == (how, True), found
        assert why in listed
        for told in (lines, explained.splitlines()):
            about = [one for one in told if f"plugin {name!r}" in one]
            assert [why in one for one in about] == [True] * bool(why), name
    assert "prints_at_import printed while it was loaded:" in listed
    for text in ("hello", "shell", "from C"):
        assert text in listed
    _, told, _ = command("plugins", "--json")
    printed_by = {one["name"]: one["printed"] for one in json.loads(told)}
    assert "from C" in printed_by["prints_at_import"]
    assert "third-party" in explained
    still_works()
    for name in ("selects_rubbish", "raises_in_select"):
        code, printed, _ = command("compare", *SMALL, "--allow", name, "--algorithms", f"direct,{name}")
        assert (code, "`auto` cannot choose with what --allow names" in printed) == (0, True)
        assert f"jitconv_select of plugin {name!r}" in printed
        with jitconv.config(allow=name), pytest.raises(jitconv.PluginError, match=f"of plugin {name!r}"):
            jitconv.create_mask(X)
    assert "resnet50" in jitconv.plugins.shipped_suites()
    assert "resnet50" not in registry.suites()


def test_what_failed_is_told_to_who_names_it(hostile, command):
    hostile("raises_at_import")
    code, _, error = command("bench", "--peer", "raises_at_import")
    assert (code, "plugin 'raises_at_import' failed, see `jitconv plugins`" in error) == (2, True)
    with (
        jitconv.config(allow="raises_at_import"),
        pytest.raises(jitconv.PluginError, match="that plugin failed"),
    ):
        jitconv.create_mask(X)


def test_what_needs_no_plugin_imports_none(hostile, command):
    registry = hostile("segfault_at_import", "harmless")
    still_works()
    jitconv.create_mask(X, algorithm="direct")
    with jitconv.config(deny=["harmless"]):
        jitconv.create_mask(X)
    assert command("compare", "--shape", "n5h4w4", "--algorithms", "direct,naive").returncode == 0
    assert not {"harmless", "segfault_at_import"} & sys.modules.keys()
    assert [one.state for one in registry.known] == ["loaded", "installed", "installed"]
    assert jitconv.create_mask(X, algorithm="harmless").tolist() == jitconv.create_mask(X).tolist()
    assert [one.state for one in registry.known] == ["loaded", "loaded", "installed"]
    with jitconv.config(allow="harmless"):
        assert {one.name for one in registry.present("create_mask")} == {"direct", "naive", "harmless"}


def test_a_plugin_in_quarantine_is_told_to_who_names_it_and_left_out_of_auto(hostile, command, tmp_path):
    hostile("exits_at_import")
    code, _, error = command("bench", "--peer", "exits_at_import")
    assert code == 2
    assert error.startswith(
        "jitconv: --peer: 'exits_at_import' cannot be used: plugin 'exits_at_import' has been"
    )
    assert "ended the process with code 3 at import" in error
    assert "jitconv plugins clear exits_at_import" in error
    with pytest.raises(jitconv.PluginError, match="code 3 at import"):
        jitconv.create_mask(X, algorithm="exits_at_import")
    code, _, error = command("check", "exits_at_import", "--shape", "n5h4w4")  # which would end this process
    assert (code, "code 3 at import" in error) == (2, True)
    with jitconv.config(allow="exits_at_import"), pytest.warns(RuntimeWarning, match="`auto` leaves out"):
        assert jitconv.explain("create_mask", X).choice.name == "direct"

    hostile("exits_at_import")  # a process that begins now imports nothing
    with pytest.raises(jitconv.PluginError, match="code 3 at import"):
        jitconv.create_mask(X, algorithm="exits_at_import")

    file = tmp_path / "site" / "exits_at_import.py"
    file.write_text(file.read_text().replace("os._exit(3)", ""))  # its author has mended it
    registry = jitconv.plugins.Registry().load()
    assert state(registry, "exits_at_import").state == "loaded"


def test_trust_untrust_and_clear(hostile, command):
    revision = hostile("harmless").guest("harmless").revision
    quarantine.quarantine("harmless", revision, "was wrong")
    code, _, error = command("plugins", "trust", "harmles")
    assert (code, "did you mean 'harmless'?" in error) == (2, True)

    assert "harmless is trusted" in command("plugins", "trust", "harmless").stdout
    assert quarantine.of("harmless", revision).trusted
    registry = jitconv.plugins.Registry().load()
    registry.load_plugin("harmless")
    assert state(registry, "harmless").state == "loaded"

    assert "trusted no more" in command("plugins", "untrust", "harmless").stdout
    assert "was not trusted" in command("plugins", "untrust", "harmless").stdout
    assert quarantine.of("harmless", revision).quarantined
    assert "is forgotten" in command("plugins", "clear", "harmless").stdout
    assert "nothing was known" in command("plugins", "clear", "harmless").stdout
    assert not quarantine.of("harmless", revision).quarantined


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": 2}',
        '{"format": 1}',
        '{"format": 1, "plugins": {"one": {"reason": 5}}}',
    ],
)
def test_a_file_of_anything_else_is_a_warning_and_nobody_is_in_quarantine(monkeypatch, tmp_path, text):
    file = tmp_path / "plugins.json"
    file.write_text(text)
    monkeypatch.setattr(quarantine, "path", lambda: file)
    with pytest.warns(RuntimeWarning, match="no plugin is known to be quarantined"):
        assert not quarantine.of("one", "a").quarantined
    quarantine.quarantine("one", "a", "was wrong")
    assert quarantine.of("one", "a").reason == "was wrong"
    assert not quarantine.of("one", "b").quarantined
    assert json.loads(file.read_text())["plugins"]["one"]["reason"] == "was wrong"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["plugins.json", "plugins.json.lock"]


def test_processes_that_change_the_file_at_once_lose_nothing(tmp_path, monkeypatch):
    file = tmp_path / "plugins.json"
    script = """
    import sys
    from pathlib import Path
    from jitconv.plugins import quarantine
    quarantine.path = lambda: Path(sys.argv[1])
    me = sys.argv[2]
    quarantine.quarantine(f"bad{me}", "a", "was wrong")
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(20):
        quarantine.tried("all", "a", f"{me} {number}")
        quarantine.quarantine(f"{me}-{number}", "a", "was wrong")
    """
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(file), str(me)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for me in range(3)
    ]
    for one in begun:
        assert one.stdout.readline() == b"ready\n"
    for one in begun:
        one.stdin.write(b"\n")
        one.stdin.flush()
    for one in begun:
        one.communicate(timeout=60)
        assert one.returncode == 0
    monkeypatch.setattr(quarantine, "path", lambda: file)
    assert sorted(quarantine.of("all", "a").tried) == sorted(
        f"{me} {n}" for me in range(3) for n in range(20)
    )
    assert all(quarantine.of(f"{me}-{n}", "a").quarantined for me in range(3) for n in range(20))


def test_a_place_that_cannot_be_written_is_a_warning_and_lasts_as_long_as_the_process(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(quarantine, "path", lambda: tmp_path / "plugins.json")
    monkeypatch.setattr(quarantine.files, "write", full)
    with pytest.warns(RuntimeWarning, match="cannot be kept in .*: No space left on device"):
        quarantine.quarantine("one", "a", "was wrong")
    assert quarantine.of("one", "a").quarantined


def test_a_revision_changes_with_the_files(tmp_path, monkeypatch, hostile):
    registry = hostile("harmless")
    before = registry.guest("harmless").revision
    assert jitconv.plugins.Registry().load().guest("harmless").revision == before
    site(tmp_path / "site")
    (tmp_path / "site" / "harmless.py").write_text("changed = True")
    assert jitconv.plugins.Registry().load().guest("harmless").revision != before


@pytest.mark.parametrize("value", ["0", "-1", "soon", "inf", "nan"])
def test_a_limit_without_meaning_is_refused(hostile, command, monkeypatch, value):
    hostile("harmless")
    monkeypatch.setenv("JITCONV_PLUGIN_SECONDS", value)
    code, _, error = command("plugins")
    assert code == 2
    assert "JITCONV_PLUGIN_SECONDS must be a number above 0" in error

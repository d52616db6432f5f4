"""Imports run one way, and `import jitconv` does no work."""

import ast
import graphlib
import os
from pathlib import Path

import pytest

import jitconv

PACKAGE = Path(jitconv.__file__).parent
SOURCES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

BELOW = {
    "arrays": set(),
    "errors": set(),
    "files": set(),
    "variants": set(),
    "algorithm": {"variants"},
    "jit": {"errors", "files"},
    "micro": {"jit"},
    "store": {"errors", "files", "jit"},
    "hooks": {"algorithm"},
    "specs": {"errors"},
    "config": {"errors", "jit", "specs"},
    "algorithms": {"algorithm", "variants", "hooks", "specs", "jit", "micro"},
    "plugins": {"hooks", "algorithm", "algorithms", "errors", "files", "jit", "store"},
    "selector": {"plugins", "config", "algorithm", "errors", "files", "jit", "specs", "store"},
    "ops": {"specs", "selector", "config", "algorithm", "errors", "plugins", "jit"},
}
"""What each room may import besides itself."""

ABOVE = {
    "filters": BELOW.keys(),
    "testing": BELOW.keys(),
    "nn": BELOW.keys(),
    "courses": BELOW.keys() | {"nn"},
    "bench": BELOW.keys() | {"testing", "filters"},
    "cli": BELOW.keys() | {"bench", "testing", "filters", "nn", "courses"},
}
"""The same of rooms that nothing in `BELOW` may import."""

ANYWHERE = {"arrays"}
"""What any other room may import besides."""

RULES = {name: rooms | ANYWHERE - {name} for name, rooms in {**BELOW, **ABOVE}.items()}


def imported(source):
    """Return every module of jitconv that a file imports, wherever in the file, as a list of parts."""
    found = []
    for node in ast.walk(ast.parse((PACKAGE / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}:{node.lineno} has a relative import"
            found += [f"{node.module}.{name.name}" for name in node.names]
    return [name.split(".")[1:] for name in found if name.split(".")[0] == "jitconv"]


def room(parts):
    """Return the room of a module of jitconv; the package itself has none."""
    return parts[0].removesuffix(".py") if parts else None


def sources_of(*rooms):
    """Return the files of these rooms."""
    return [source for source in SOURCES if room(source.parts) in rooms]


@pytest.mark.parametrize("source", sources_of(*RULES), ids=str)
def test_a_room_imports_only_what_it_may(source):
    mine = room(source.parts)
    allowed = {mine} | RULES[mine]
    if mine in ABOVE:
        allowed |= {None}  # the face, as any user
    for parts in imported(source):
        name = ".".join(["jitconv", *parts])
        assert room(parts) in allowed, f"{source} imports {name}, not of {sorted(RULES[mine])}"


@pytest.mark.parametrize(
    "source",
    [one for one in sources_of("algorithms") if len(one.parts) > 2 or one.stem != "__init__"],
    ids=str,
)
def test_an_algorithm_imports_no_other_algorithm(source):
    mine = source.parts[1].removesuffix(".py")
    rooms = {parts[1] for parts in imported(source) if room(parts) == "algorithms"}
    allowed = {mine} if mine == "_shared" else {mine, "_shared"}
    assert rooms <= allowed, f"{source} imports the rooms {sorted(rooms - allowed)}"


def test_every_room_has_its_rule_and_every_rule_its_room():
    rooms = {room(source.parts) for source in SOURCES} - {"__init__"}
    assert sorted(rooms) == sorted(RULES)


def test_below_the_public_functions_the_store_alone_imports_h5py():
    importers = {
        room(source.parts)
        for source in SOURCES
        for node in ast.walk(ast.parse((PACKAGE / source).read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and "h5py" in [name.name for name in node.names]
    }
    assert importers & BELOW.keys() == {"store"}


def test_rules_run_one_way():
    assert set().union(*RULES.values()) <= RULES.keys()
    assert set(graphlib.TopologicalSorter(RULES).static_order()) == RULES.keys()  # else a CycleError


def test_the_face_imports_nothing_from_above():
    assert {room(parts) for parts in imported(Path("__init__.py"))} <= BELOW.keys()


def test_import_does_no_work(run_python, tmp_path):
    plugin = tmp_path / "site" / "jitconv_tattle"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text("print('a plugin was imported')")
    (tmp_path / "site" / "jitconv_tattle-1.0.dist-info").mkdir()
    (tmp_path / "site" / "jitconv_tattle-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: jitconv-tattle\nVersion: 1.0\n"
    )
    (tmp_path / "site" / "jitconv_tattle-1.0.dist-info" / "entry_points.txt").write_text(
        "[jitconv]\ntattle = jitconv_tattle\n"
    )
    script = """
    import importlib.metadata, os, sys, threading
    del os.environ["JITCONV_PLUGINS"]
    names = [point.name for point in importlib.metadata.entry_points(group="jitconv")]
    assert "tattle" in names, names
    import jitconv
    heavy = {"numba", "llvmlite", "torch", "scipy", "h5py", "PIL", "matplotlib", "typer", "rich"}
    files = os.listdir(os.environ["JITCONV_CACHE_DIR"])
    print(sorted(heavy & set(sys.modules)), threading.active_count(), files)
    """
    cache = tmp_path / "cache"
    cache.mkdir()
    paths = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    assert run_python(script, JITCONV_CACHE_DIR=str(cache), PYTHONPATH=paths) == "[] 1 []"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "site"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_of_a_process_that_ran_no_kernel_does_no_work(run_python):
    script = """
    import os, sys
    import jitconv
    child = os.fork()
    if child == 0:
        os.write(1, str("numba" in sys.modules).encode())
        os._exit(0)
    os.waitpid(child, 0)
    """
    assert run_python(script) == "False"

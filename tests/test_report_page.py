"""Pages in a real browser: `jitconv report`, `jitconv sweep --html`, and asv's with their scripts beside."""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import pytest
from page_helpers import ASV, OURS, PAGES, write_gate

from jitconv.bench.report_page import report_page
from jitconv.bench.results import read
from jitconv.bench.sweep_page import sweep_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROOT = Path(__file__).parent.parent
TIMEOUT = 20_000  # of a busy machine, in ms

playwright = pytest.importorskip(
    "playwright.sync_api",
    reason="pages are opened in a browser: pip install 'jitconv[browser]', and apt-get install chromium",
)
if CHROMIUM is None:
    pytest.skip("no Chromium to open pages in: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        sandbox = ["--no-sandbox"] if root else []  # Chromium refuses root one
        running = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield running
        running.close()


@pytest.fixture
def opened(browser):
    """Return a function that opens an address; afterwards nothing was said in vain and nobody else asked."""
    said, asked = [], []
    with contextlib.ExitStack() as stack:

        def go(address, *, width=1200, scheme="light"):
            size = {"width": width, "height": 900}
            context = stack.enter_context(
                contextlib.closing(browser.new_context(viewport=size, color_scheme=scheme))
            )
            page = context.new_page()
            page.set_default_timeout(TIMEOUT)
            page.on("console", lambda one: said.append(one.text))
            page.on("pageerror", lambda one: said.append(str(one)))
            page.on("request", lambda one: asked.append(one.url))
            page.goto(address)
            return page

        yield go
    assert said == []
    assert [one for one in asked if not one.startswith(("file:", "data:", "http://127.0.0.1:"))] == []


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    found = read([*OURS, ASV, write_gate(folder)])
    (folder / "report.html").write_text(report_page(found, "Results"), encoding="utf-8")
    return (folder / "report.html").as_uri()


def drawn(page, section):
    """Return how many points each chart of a section has."""
    playwright.expect(page.locator("figure svg:not(:has(*))")).to_have_count(0)
    charts = f"[...document.querySelectorAll('#{section} figure svg')]"
    return page.evaluate(f"{charts}.map((one) => one.querySelectorAll('.point').length)")


def figures(name):
    return json.loads((PAGES / f"{name}.json").read_text())


def column(page, section, place):
    cells = page.locator(f"#{section} tbody tr td:nth-child({place})")
    return cells.all_text_contents()


def test_every_chart_is_drawn(opened, report):
    page = opened(report)
    rows = figures("bench")["rows"]
    conv = sum(row["op"] == "conv_forward" for row in rows)
    assert drawn(page, "bench") == [conv, conv, len(rows) - conv, len(rows) - conv]
    able = [row for row in figures("compare")["rows"] if row["op"] == "conv_forward" and row["error"]]
    assert drawn(page, "compare") == [len(able)]
    timed = [one for point in figures("sweep")["points"] for one in point["candidates"] if one["median"]]
    assert drawn(page, "sweep")[0] == len(timed)
    assert (
        page.locator("#sweep article:nth-of-type(2) figure").count() == 2
    )  # the measured map and the predicted
    assert drawn(page, "gate") == [3]
    assert drawn(page, "asv") == [10]


def test_rows_of_the_gate_have_the_colour_of_their_verdict_with_figures_or_without(opened, report):
    page = opened(report)
    cells = page.locator("#gate tbody tr td:nth-child(1)")
    found = cells.evaluate_all("every => every.map((one) => [one.textContent, one.className])")
    assert found == [["slower", "bad"], ["faster", "good"], ["same", ""], ["raises", "bad"], ["left out", ""]]
    assert column(page, "gate", 2)[3:] == ["", ""]


def test_a_single_row_is_one_and_the_algorithm_is_named(opened, tmp_path):
    bench = figures("bench")
    row = bench["rows"][0]
    one = {"algorithm": "mine", "rows": [row], "ops": {row["op"]: bench["ops"][row["op"]]}}
    (tmp_path / "mine.json").write_text(json.dumps({**bench, **one}))
    found = read([tmp_path / "mine.json"])
    (tmp_path / "report.html").write_text(report_page(found, "Mine"), encoding="utf-8")
    page = opened((tmp_path / "report.html").as_uri())
    text = page.locator("#bench").text_content()
    assert "torch time ÷ mine time" in text
    assert "Right of 1 mine is the faster." in text
    assert "the geometric mean of 1 layer," in text
    assert page.locator("#bench .rows .bar .dim").all_text_contents() == ["1 row"]


def test_a_history_shows_its_steps(opened, report):
    page = opened(report)
    assert drawn(page, "asv") == [10]
    assert "time_repeated_call" in page.locator("#asv h3").text_content()
    steps = page.locator("#asv path.step").count()
    assert steps == page.locator("#asv path.level").count() - 1 >= 1
    page.locator("#asv tbody tr", has_text="plan_conv").locator("button").click()
    assert "plan_conv" in page.locator("#asv h3").text_content()
    assert drawn(page, "asv") == [10]


def test_tables_filter_and_sort(opened, report):
    page = opened(report)
    everything = len(column(page, "compare", 1))
    page.locator("#compare input").fill("winograd FORWARD")
    assert set(column(page, "compare", 1)) == {"winograd"}
    assert len(column(page, "compare", 1)) < everything
    assert page.locator("#compare .rows .bar").text_content().startswith(f"1 of {everything} rows")
    page.locator("#compare input").fill("")
    heading = page.locator("#compare th", has_text="error")
    errors = [row["error"] for row in figures("compare")["rows"] if row["error"] is not None]
    for arrow, down in (("ascending", False), ("descending", True)):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == arrow
        shown = [float(one) for one in column(page, "compare", 3) if one]
        assert shown == [float(f"{one:.1e}") for one in sorted(errors, reverse=down)]


def test_another_problem_is_chosen(opened, report):
    page = opened(report)
    assert "conv_forward" in page.locator("#compare figure svg").get_attribute("aria-label")
    page.get_by_label("Problem", exact=True).select_option(index=1)
    assert "conv_backward" in page.locator("#compare figure svg").get_attribute("aria-label")


def test_points_tell_their_numbers_to_pointer_and_keys(opened, report):
    page = opened(report)
    assert drawn(page, "compare")
    page.locator("#compare figure svg .point").first.hover()
    assert "bound" in page.locator("#tip").text_content()
    chart = page.locator("#asv figure svg")
    chart.press("ArrowRight")
    first = page.locator("#tip").text_content()
    chart.press("ArrowRight")
    assert page.locator("#tip").text_content() != first
    assert "99 % interval" in first
    chart.press("Escape")
    assert not page.locator("#tip").is_visible()
    chart.press("ArrowRight")
    page.locator("h1").click()
    assert not page.locator("#tip").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(opened, report, scheme):
    page = opened(report, width=360, scheme=scheme)
    assert drawn(page, "bench")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = """[...document.querySelectorAll('figure svg text')].filter((one) => {
        const box = one.getBoundingClientRect(), place = one.ownerSVGElement.getBoundingClientRect();
        return box.left < place.left - 1 || box.right > place.right + 1;
    }).map((one) => one.textContent)"""
    assert page.evaluate(outside) == []


def colours(page):
    return page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )


def test_dark_by_the_system_and_by_the_switch(opened, report):
    light, dark = (colours(opened(report, scheme=scheme)) for scheme in ("light", "dark"))
    assert light == dark[::-1] or not set(light) & set(dark)
    page, switch = opened(report), []
    for _ in range(3):
        page.locator("#theme").click()
        switch.append((page.locator("#theme").text_content(), colours(page)))
    assert switch == [("Colours: light", light), ("Colours: dark", dark), ("Colours: system", light)]


def test_words_of_others_are_words(opened, report):
    page = opened(report)
    assert drawn(page, "gate")
    assert "<img src=x" in page.locator("#gate tbody").text_content()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("name", ["sweep", "sweep2"])
def test_a_sweep_has_a_page_of_its_own(opened, tmp_path, name):
    (tmp_path / "sweep.html").write_text(sweep_page(figures(name)), encoding="utf-8")
    page = opened((tmp_path / "sweep.html").as_uri())
    assert page.locator("figure svg").first.locator("path, rect").count() > 10
    page.locator("figure svg").first.hover()
    assert "measured" in page.locator("#tip").text_content()
    page.locator("summary").click()
    page.get_by_label("Filter").fill("direct")
    assert page.locator("tbody tr").count() > 0


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Give the address of asv's pages of the results, moved to commits of a repository of the test's."""
    pytest.importorskip("asv", reason="asv's pages: pip install 'jitconv[bench]'")
    folder = tmp_path_factory.mktemp("asv")
    commits = _repository(folder)
    for run, commit in zip(sorted(ASV.glob("*/*-*.json"), key=_date), commits, strict=True):
        told = json.loads(run.read_text())
        new = folder / "results" / run.parent.name / f"{commit[:8]}-existing-py.json"
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps({**told, "commit_hash": commit}))
    shutil.copy(ASV / "two-cores" / "machine.json", folder / "results" / "two-cores")
    shutil.copy(ASV / "benchmarks.json", folder / "results")
    settings = (ROOT / "asv_benchmarks" / "asv.conf.json").read_text()
    (folder / "asv.conf.json").write_text(settings.replace('"repo": ".."', '"repo": "."'))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "asv_benchmarks")
        publish = import_module("publish")
        try:
            publish.publish(folder, ["--no-pull"])
        except SystemExit as error:
            if "npm" not in str(error):
                raise
            pytest.skip(str(error))
    handler = functools.partial(_Quiet, directory=folder / "html")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Say nothing."""


def _date(run):
    return json.loads(run.read_text())["date"]


def _repository(folder):
    """Return ten commits, the oldest first."""

    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
        return done.stdout.decode().split()

    git("init", "-q", "-b", "main")
    for number in range(10):
        git("commit", "-q", "--allow-empty", "-m", f"commit {number}")
    return git("rev-list", "--reverse", "HEAD")


def test_asv_pages_need_no_network(opened, published):
    grid = opened(published)
    grid.wait_for_selector("text=Dispatch.time_repeated_call")
    assert grid.url == published  # and not error.html
    graph = opened(f"{published}#dispatch.Dispatch.time_repeated_call")
    graph.wait_for_selector("canvas.flot-base")
    regressions = opened(f"{published}#regressions")
    regressions.wait_for_selector("td:has-text('max_pool_forward')")
    factors = regressions.locator("tbody td:nth-child(4)").all_text_contents()
    assert all(float(one.rstrip("x")) > 1.2 for one in factors if one)
    assert drawn(opened(f"{published}report.html"), "asv") == [10]
    benchmarks = opened(f"{published}#summarylist")
    benchmarks.wait_for_selector("td:has-text('max_pool_forward')")

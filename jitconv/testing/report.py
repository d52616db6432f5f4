"""Results for other programs: JSON, JUnit's XML, Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from xml.etree import ElementTree

from jitconv.testing.features import never_met
from jitconv.testing.findings import Result

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, as the bell."""

SKIPPED = ("expected", "nothing ran", "not run")

MARKS = {"passed": "✓", "failed": "✗", "expected": "✗ (expected)"}

TOLD = 5
"""Failures of a check that a page shows."""

LONGEST = 1500
"""Characters of a failure on a page."""


def by_op(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Return results by their op, in their order."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.op, []).append(result)
    return found


def as_json(results: Sequence[Result]) -> str:
    """Return a list of objects: the verdict, and all fields of `jitconv.testing.Result`."""
    return json.dumps([{"verdict": one.verdict, **asdict(one)} for one in results], indent=1) + "\n"


def as_junit(results: Sequence[Result], seconds: dict[str, float]) -> bytes:
    """Return a JUnit report: a suite of each op, a test case of each check.

    Parameters
    ----------
    results : sequence of Result
        Of one algorithm.
    seconds : dict
        How long each op took.
    """
    root = ElementTree.Element("testsuites")
    for op, found in by_op(results).items():
        name = f"{op}/{found[0].algorithm}"
        verdicts = [one.verdict for one in found]
        counts = {
            "tests": len(found),
            "failures": verdicts.count("failed"),
            "errors": 0,
            "skipped": sum(map(verdicts.count, SKIPPED)),
        }
        words = {"name": name, **{key: str(count) for key, count in counts.items()}}
        suite = ElementTree.SubElement(root, "testsuite", words, time=f"{seconds.get(op, 0.0):.3f}")
        for one in found:
            case = ElementTree.SubElement(suite, "testcase", classname=f"jitconv.{name}", name=one.check)
            text = NO_XML.sub("?", str(one))
            if one.verdict == "failed":
                ElementTree.SubElement(case, "failure", message=text.splitlines()[0]).text = text
            elif one.verdict in SKIPPED:
                ElementTree.SubElement(case, "skipped", message=text)
            else:
                ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True)) + b"\n"


def as_markdown(results: Sequence[Result], seconds: dict[str, float]) -> str:
    """Return a page: for each op a line, what was never met, a table, and the first failures."""
    return "\n".join(line for op, found in by_op(results).items() for line in _page(found, seconds.get(op)))


def _page(found: Sequence[Result], seconds: float | None) -> Iterator[str]:
    failed = [one for one in found if one.verdict == "failed"]
    told = f"**{len(failed)} of {len(found)} checks failed**" if failed else "nothing is wrong"
    took = "" if seconds is None else f", {seconds:.1f} s"
    yield f"### `{found[0].op}` by `{found[0].algorithm}`: {told}{took}\n"
    yield from (f"{line}\n" for line in tested(found))
    yield "| check | verdict | problems | promise |\n| --- | --- | ---: | --- |"
    for one in found:
        words = " ".join(filter(None, [MARKS.get(one.verdict, ""), one.verdict]))
        words = MARKS[one.verdict] if one.verdict == "expected" else words
        yield f"| {one.check} | {words} | {one.ran} | {_in_a_cell(one.not_run or one.promise)} |"
    yield ""
    for one in failed:
        yield f"<details><summary><code>{one.check}</code>: {one.failed} failures</summary>\n"
        yield from (_fenced(text) for text in [*one.stale, *filter(None, [one.common])])
        yield from (_fenced(str(failure)) for failure in one.failures[:TOLD])
        yield "</details>\n"
    features = next((one.features for one in found if one.features), {})
    if features:
        yield "<details><summary>accepted, of how many</summary>\n"
        yield "| problems with | accepted | of |\n| --- | ---: | ---: |"
        yield from (f"| {name} | {met} | {every} |" for name, (met, every) in features.items())
        yield "\n</details>\n"


def tested(found: Sequence[Result]) -> list[str]:
    """Return what was tested in a line or two: how many problems were accepted, and what was never met."""
    features = next((one.features for one in found if one.features), {})
    if not features:
        return []
    met, every = features["all"]
    if met == every:
        return [f"accepts all {every} problems"]
    never = [name for name in never_met(features) if name != "all"]
    of = ", ".join(f"{name} ({features[name][1]})" for name in never)
    lines = [f"accepts {met} of {every} problems"]
    return [*lines, f"never tested: {of}"] if met and never else lines


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _fenced(text: str) -> str:
    text = text if len(text) <= LONGEST else text[:LONGEST] + " …"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}\n"

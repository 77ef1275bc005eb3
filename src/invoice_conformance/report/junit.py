"""Owns `junit.xml`: one test case a requirement, for CI systems that show tests by name.

It judges nothing. What fails here is what fails the run's gate; everything else is skipped and says why. A baseline is
a suite of its own, which fails where the file says what is not so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from invoice_conformance.baseline import complaint, named
from invoice_conformance.escaping import one_line, shown
from invoice_conformance.report.words import (
    BASES,
    CURL,
    EXPORT,
    PAGE,
    RERUN,
    WITHOUT,
    Part,
    all_known,
    baseline_of,
    conclusion_of,
    cut,
    gate_of,
    known_words,
    level_words,
    listed,
    rule_of,
    set_of,
    target_of,
    told,
    unlisted,
)

if TYPE_CHECKING:
    from invoice_conformance.report.document import Report

SUITE = "invoice-conformance"
MESSAGE = 500
"""Characters of a message, which CI systems show in one line."""


def junit(report: Report) -> str:
    """The report as JUnit XML: a suite an area, in the order of the requirements."""
    root = ET.Element("testsuites", name=SUITE)
    areas: dict[str, list[Part]] = {}
    for row in report["requirements"]:
        areas.setdefault(row["area"], []).append(row)
    for area, rows in areas.items():
        suite = _suite(area, report)
        for row in rows:
            _case(suite, area, row)
        root.append(suite)
    if report["baseline"] is not None:
        root.append(_baseline(report))
    suites = list(root)
    for suite in suites:
        _count(suite)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.set("time", f"{report['duration_s']:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(name: str, report: Report) -> ET.Element:
    # JUnit's time stamp has neither fraction nor zone.
    suite = ET.Element("testsuite", name=name, timestamp=report["started_at"][:19], hostname="localhost")
    _properties(
        suite,
        {
            "target": target_of(report),
            "outcome": conclusion_of(report),
            "gate": gate_of(report),
            "stopped": report["stopped"] or "",
            "set": "; ".join(set_of(report)),
            "baseline": baseline_of(report).removeprefix("baseline: "),
            "profile": report["profile"],
            "seed": str(report["seed"]),
            "suite": f"{report['suite']['name']} {report['suite']['version']}",
            "rerun": report["rerun"],
        },
    )
    return suite


def _count(suite: ET.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(sum(case.find(tag) is not None for case in cases)))


def _case(suite: ET.Element, area: str, row: Part) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"{SUITE}.{area}", name=f"{row['id']}: {one_line(row['text'])}")
    _properties(
        case,
        {
            "level": level_words(row),
            "basis": row["basis"],
            "source": row["source"],
            "verdict": row["verdict"],
            "cases_judged": str(row["cases_judged"]),
            "check": ", ".join(row["checks"]),
        },
    )
    _result(case, row)


def _baseline(report: Report) -> ET.Element:
    """The entries of the baseline, each a test case that fails when it says what is not so."""
    suite = _suite("baseline", report)
    for entry in report["baseline"]["entries"]:
        name = one_line(f"line {entry['line']}: {named(entry)}")
        case = ET.SubElement(suite, "testcase", classname=f"{SUITE}.baseline", name=name)
        if complaint(entry):
            _add(case, "failure", complaint(entry), None)
        elif entry["status"] == "not-judged":
            _add(case, "skipped", "this run could not tell whether it still occurs", None)
    return suite


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        if value:
            ET.SubElement(properties, "property", name=name, value=one_line(value))


def _result(case: ET.Element, row: Part) -> None:
    verdict, effect = row["verdict"], row["effect"]
    red = "error" if effect in {"open", "defect"} else "skipped"
    if verdict == "fail":
        _finding(case, row, "failure" if effect == "fails" else red)
    elif verdict != "pass":
        words = verdict.replace("-", " ")
        _add(case, red, f"{words}: {row['reason']}" if row["reason"] else words, None)


def _finding(case: ET.Element, row: Part, tag: str) -> None:
    first, more = listed(row)[0], len(row["findings"]) - 1
    message = cut(f"expected {first['expected']}; got {first['got']}", MESSAGE) + (
        f" (and {more} more)" if more else ""
    )
    if all_known(row):
        message = f"known: {known_words(first)}: {message}"
    if tag == "error":
        message = f"apart from what is known: {row['reason'] or 'not everything could be judged'}; {message}"
    elif tag == "skipped" and not row["asked"]:
        message = f"{level_words(row)} fails, which decides nothing here: {message}"
    _add(case, tag, message, row)


def _add(case: ET.Element, tag: str, message: str, row: Part | None) -> None:
    result = ET.SubElement(case, tag, message=one_line(message))
    if tag != "skipped":
        result.set("type", "inconclusive" if tag == "error" else "finding" if row is not None else "baseline")
    if row is not None:
        result.text = _text(row)


def _text(row: Part) -> str:
    """What failed in words that stand alone: the rule, who says so, and each finding with its commands."""
    lines = [
        f"{level_words(row)} {row['id']}: {row['text']}",
        f"rule: {rule_of(row)} ({row['basis']}: {BASES[row['basis']]})",
    ]
    lines += [f"why: {row['why']}"] if row["why"] else []
    lines += [f"“the page” is {PAGE}", f"before {CURL} and {RERUN}: {EXPORT} ({WITHOUT})"]
    for finding in listed(row):
        lines += ["", *(f"{label:>8} {text}" for label, text in told(finding))]
    if unlisted(row):
        lines += ["", unlisted(row)]
    return shown("\n".join(lines))

"""Owns `junit.xml`: one test case a requirement, for CI systems that show tests by name.

It judges nothing. What fails here is what the run was asked to fail for; everything else is skipped and says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from invoice_conformance.report.words import (
    BASES,
    Part,
    conclusion_of,
    cut,
    decides,
    one_line,
    safe,
    target_of,
    told,
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
        root.append(_suite(area, rows, report))
    suites = list(root)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.set("time", f"{report['duration_s']:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(area: str, rows: list[Part], report: Report) -> ET.Element:
    # JUnit's time stamp has neither fraction nor zone.
    suite = ET.Element("testsuite", name=area, timestamp=report["started_at"][:19], time="0", hostname="localhost")
    _properties(
        suite,
        {
            "target": target_of(report),
            "outcome": conclusion_of(report),
            "stopped": report["stopped"] or "",
            "profile": report["profile"],
            "seed": str(report["seed"]),
            "suite": f"{report['suite']['name']} {report['suite']['version']}",
            "rerun": report["rerun"],
        },
    )
    for row in rows:
        case = ET.SubElement(
            suite, "testcase", classname=f"{SUITE}.{area}", name=f"{row['id']}: {one_line(row['text'])}", time="0"
        )
        _properties(
            case,
            {
                "level": row["level"] + (" (contested)" if row["contested"] else ""),
                "basis": row["basis"],
                "source": row["source"],
                "verdict": row["verdict"],
                "cases_judged": str(row["cases_judged"]),
                "check": ", ".join(row["checks"]),
            },
        )
        _result(case, row, report)
    suite.set("tests", str(len(rows)))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(sum(case.find(tag) is not None for case in suite.iter("testcase"))))
    return suite


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        if value:
            ET.SubElement(properties, "property", name=name, value=one_line(value))


def _result(case: ET.Element, row: Part, report: Report) -> None:
    verdict = row["verdict"]
    if verdict == "pass":
        return
    if verdict == "fail":
        found = row["findings"]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        message = f"expected {found[0]['expected']}; got {found[0]['got']}"
        if decides(row, report):
            _add(case, "failure", cut(message, MESSAGE) + more, row)
        else:
            _add(
                case, "skipped", f"{_level(row)} fails, which decides nothing here: {cut(message, MESSAGE)}{more}", row
            )
        return
    words = verdict.replace("-", " ")
    red = verdict == "error" or (verdict == "inconclusive" and decides(row, report))
    _add(case, "error" if red else "skipped", f"{words}: {row['reason']}" if row["reason"] else words, None)


def _level(row: Part) -> str:
    return f"{row['level']} (contested)" if row["contested"] else str(row["level"])


def _add(case: ET.Element, tag: str, message: str, row: Part | None) -> None:
    result = ET.SubElement(case, tag, message=one_line(message))
    if tag != "skipped":
        result.set("type", "finding" if row is not None else "inconclusive")
    if row is not None:
        result.text = _text(row)


def _text(row: Part) -> str:
    """What failed in words that stand alone: the rule, who says so, and each finding with its commands."""
    lines = [
        f"{_level(row)} {row['id']}: {row['text']}",
        f"rule: “{row['quote']}” — {row['source']} ({BASES[row['basis']]})",
    ]
    for finding in row["findings"]:
        lines += ["", *(f"{label:>8} {text}" for label, text in told(finding))]
    return safe("\n".join(lines))

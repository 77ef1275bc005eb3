"""What junit.xml is: one test case a requirement, red where the run was asked to fail, valid whatever is in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from tests.meta.reports import HOSTILE, ROWS, asking_for_should, finding, held_to_a_baseline, known, report, row

from invoice_conformance.report.junit import junit

if TYPE_CHECKING:
    from collections.abc import Callable

CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase"],
    "testcase": ["properties", "failure", "error", "skipped"],
    "properties": ["property"],
}
"""What may stand in what, in this order, for those who read JUnit XML by one of its schemas."""
# Of the time of one requirement nothing is known, for requirements share requests; a 0 would be false.
NEEDED = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "timestamp", "hostname"},
    "testcase": {"name", "classname"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "property": {"name", "value"},
    "properties": set[str](),
}


def parsed(found: dict[str, Any]) -> ET.Element:
    return ET.fromstring(junit(found))  # noqa: S314 - our own


def results(found: dict[str, Any]) -> dict[str, str]:
    """How each requirement's test case is shown: its result's tag, or `passed`."""
    shown = {}
    for case in parsed(found).iter("testcase"):
        tags = [child.tag for child in case if child.tag != "properties"]
        shown[case.get("name", "").partition(":")[0]] = tags[0] if tags else "passed"
    return shown


def test_every_requirement_is_one_case_and_red_where_the_run_fails_for_it() -> None:
    shown = results(report())

    assert shown == {
        "AMOUNT-ECHO": "failure",
        "AMOUNT-HELD": "passed",
        "DATE-WIDE": "skipped",
        "DATE-OPEN": "skipped",
        "DATE-MAY": "skipped",
        "DATE-CONTESTED": "skipped",
        "TENANT-FOREIGN": "error",
        "TENANT-WAIVED": "skipped",
        "TENANT-DEFECT": "error",
        "TENANT-LEFT": "skipped",
    }


def test_a_run_that_asks_for_should_is_red_for_it() -> None:
    shown = results(asking_for_should())

    assert (shown["DATE-WIDE"], shown["DATE-OPEN"]) == ("failure", "error")
    assert (shown["DATE-MAY"], shown["DATE-CONTESTED"]) == ("skipped", "skipped")


@pytest.mark.parametrize("made", [report, asking_for_should, held_to_a_baseline, lambda: report(ROWS[1])])
def test_it_is_formed_as_its_readers_want_it(made: Callable[[], dict[str, Any]]) -> None:
    root = parsed(made())

    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.keys()) == NEEDED[element.tag]
        tags = [child.tag for child in element]
        order = CHILDREN.get(element.tag, [])
        assert tags == sorted(tags, key=order.index)
    for suite in root:
        cases = suite.findall("testcase")
        assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
            str(len(cases)),
            *(str(sum(case.find(tag) is not None for case in cases)) for tag in ("failure", "error", "skipped")),
        ]
    for name in ("tests", "failures", "errors"):
        assert root.get(name) == str(sum(int(suite.get(name, "")) for suite in root))


def test_a_failure_tells_the_rule_what_came_and_how_to_see_it() -> None:
    failure = next(parsed(report()).iter("failure"))

    message, text = failure.get("message", ""), failure.text or ""
    assert message.startswith("expected amountMinor=7; got ")
    assert message.endswith("(and 1 more)")
    for part in (
        "x >= 0 & x < 10",
        "the page says it",
        "unstable: broken 1 of 3 times",
        finding()["curl"],
        finding()["rerun"],
    ):
        assert part in text
    assert "no answer" in text


def test_a_skipped_should_tells_its_finding() -> None:
    case = next(case for case in parsed(report()).iter("testcase") if case.get("name", "").startswith("DATE-WIDE"))

    skipped = case.find("skipped")
    assert skipped is not None
    assert skipped.get("message", "").startswith("SHOULD fails, which decides nothing here: expected amountMinor=7")
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert (properties["level"], properties["basis"], properties["verdict"]) == ("SHOULD", "stated", "fail")


def test_what_the_baseline_knows_fails_nothing_and_what_it_has_wrong_does() -> None:
    root = parsed(held_to_a_baseline())

    cases = {case.get("name", "").partition(":")[0]: case for case in root.iter("testcase")}
    tags = {name: [child.tag for child in case if child.tag != "properties"] for name, case in cases.items()}
    assert tags == {
        "AMOUNT-ECHO": ["skipped"],
        "AMOUNT-SENT": ["failure"],
        "DATE-NEWER": ["skipped"],
        "line 3": [],
        "line 7": ["failure"],
        "line 9": [],
        "line 12": ["skipped"],
    }
    messages = {
        name: child.get("message", "") for name, case in cases.items() for child in case if child.tag != "properties"
    }
    assert messages["AMOUNT-ECHO"].startswith(
        "known: until the migration (line 3, https://tracker.example/1): expected "
    )
    assert messages["AMOUNT-SENT"] == "expected amountMinor=7; got a new one (and 1 more)"
    assert messages["DATE-NEWER"].startswith("MUST, newer than the set fails, which decides nothing here")
    assert messages["line 7"].startswith("no longer occurs; remove it")


def test_what_could_not_be_judged_beside_what_is_known_is_red() -> None:
    one = row("AMOUNT-ECHO", "fail", findings=[finding(known=known())], effect="open")

    (error,) = parsed(report(one)).iter("error")

    assert error.get("message", "").startswith("apart from what is known: not everything could be judged; known: until")


def test_a_baseline_and_a_set_are_named() -> None:
    suite = parsed(held_to_a_baseline())[0]

    properties = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
    assert properties["baseline"] == "known.toml, 2 known findings, which do not fail the gate"
    assert properties["set"] == (
        "set 2026.11, as asked for; newer than it, and deciding nothing: DATE-NEWER; "
        "set 2027.02 is there too; spec/CHANGELOG.md says what it may find"
    )
    assert properties["gate"] == "exit code 1: at least one MUST fails"


def test_no_more_than_twenty_findings_are_listed() -> None:
    found = [finding(known=known(), case="known"), *(finding(case=f"case {place}") for place in range(24))]

    text = next(parsed(report(row("AMOUNT-ECHO", "fail", findings=found))).iter("failure")).text or ""

    assert re.findall("of (case [0-9]+)", text) == [f"case {place}" for place in range(20)]
    assert text.endswith("and 5 more, see report.json")
    assert "known" not in text


def test_what_xml_forbids_is_spelled_out() -> None:
    nasty = HOSTILE + "".join(map(chr, (0, 8, 0xB, 0x1F, 0x7F, 0xD800, 0xFFFE, 0xFFFF)))

    text = junit(report(row("AMOUNT-ECHO", "fail", findings=[finding(got=nasty, case=nasty, expected=nasty)])))

    root = ET.fromstring(text)  # noqa: S314 - our own
    message = next(root.iter("failure")).get("message", "")
    assert "<script>alert(1)</script>" in message
    assert "\\u0000\\u001b[31m\\u202e\\n:\\:error::pwned\\n#\\#[error]" in message
    assert "\\ud800" in message or "…" in message
    assert "\\ud800\\ufffe\\uffff" in (next(root.iter("failure")).text or "")

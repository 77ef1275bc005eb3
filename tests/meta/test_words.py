"""Owns what the words of reports are: plain to who has never seen the suite, and the same in every view."""

from __future__ import annotations

import re
from typing import Final

import pytest
from tests.meta.reports import finding, report, row

from invoice_conformance import locate
from invoice_conformance.account import family_of
from invoice_conformance.boundaries import edges
from invoice_conformance.report.words import PAGE, case_of, edge_words, gate_of, repeated, rule_of, tally_of, title_of
from invoice_conformance.session import Suite

SUITE: Final = Suite.load()
JARGON: Final = re.compile(r"m(?:ax|in)(?:Length|imum)|type=|pairwise|peculiar|excuse|^value$|BMP|binary64")


def test_no_class_of_values_is_shown_by_a_name_of_the_suite() -> None:
    families = {family_of(edge.name) for edge in edges(SUITE.contract)}

    shown = {edge_words(family) for family in families}

    assert len(families) > 100
    assert [words for words in shown if JARGON.search(words)] == []


@pytest.mark.parametrize(
    ("edge", "words"),
    [
        ("maximum", "the largest legal value"),
        ("value: 2^31", "2^31"),
        ("value", "a legal value between the bounds"),
        ("type=string: plain", "a JSON string instead of the type it must have: plain"),
        ("another day", "comes back changed: another day"),
        ("another fraction of a second", "comes back changed: another fraction of a second"),
        ("leap day: 2024", "leap day: 2024"),
        ("X-Content-Type-Options", "X-Content-Type-Options"),
        ("", ""),
    ],
)
def test_an_edge_in_plain_words(edge: str, words: str) -> None:
    assert edge_words(edge) == words


def test_the_page_has_the_address_that_its_text_came_from() -> None:
    (address,) = set(re.findall(r"https://[^\s;/]+", PAGE))

    source = (locate.spec_dir() / "source.md").read_text(encoding="utf-8")

    assert f"API at {address}," in source.partition("```")[0]


@pytest.mark.parametrize(
    ("code", "level", "words"),
    [
        (0, "must", "exit code 0: no MUST fails"),
        (1, "must", "exit code 1: at least one MUST fails"),
        (1, "should", "exit code 1: at least one MUST or SHOULD fails"),
        (3, "must", "exit code 3: no MUST is known to fail, but not every one could be judged"),
        (5, "must", "exit code 5: the target could not be asked"),
    ],
)
def test_the_exit_code_says_what_it_is_for(code: int, level: str, words: str) -> None:
    made = report(exit_code=code)
    made["configuration"]["level"] = level

    assert gate_of(made) == words


def test_the_tally_begins_with_what_binds_and_leaves_out_what_decides_nothing() -> None:
    made = report(row("A-B", "pass", "MAY"), row("A-C", "fail", "SHOULD"), row("A-D"), row("A-E", "not-selected"))

    assert tally_of(made) == "0 of 1 MUST fail; 1 of 1 SHOULD fail"


@pytest.mark.parametrize(
    ("seen", "sent", "words"),
    [(3, 3, "broken 3 of 3 times"), (1, 3, "unstable: broken 1 of 3 times"), (1, 1, "")],
)
def test_how_often_it_was_broken_is_told(seen: int, sent: int, words: str) -> None:
    found = finding(stability={"seen": seen, "sent": sent, "unstable": seen < sent}, occurrences=1, both_tenants=False)

    assert repeated(found) == words
    notes = f"the largest legal value; {words}" if words else "the largest legal value"
    assert case_of(found) == f"amountMinor:maximum ({notes})"


@pytest.mark.parametrize(
    ("case", "notes"),
    [
        ("amountMinor:maximum, reduced", " (made smaller, from the largest legal value)"),
        ("legal values together 3, reduced", " (made smaller as far as it still shows)"),
        ("amountMinor:value: 2^31", ""),
        ("a percent sign for tenant-id", ""),
    ],
)
def test_a_case_that_is_not_plain_is_explained(case: str, notes: str) -> None:
    once = {"seen": 1, "sent": 1, "unstable": False}
    found = finding(case=case, stability=once, occurrences=1, both_tenants=False)

    assert case_of(found) == case + notes
    assert case_of(found | {"members": []}) == case


def test_a_convention_quotes_nothing() -> None:
    agreed = row("HEAD-X", basis="convention", quote="Default Response", source="spec/reading.md, Conventions")

    assert rule_of(agreed) == "not on the page; good practice, see spec/reading.md, Conventions"


def test_a_finding_without_values_is_headed_by_what_it_is_about() -> None:
    assert title_of(finding(title="", edge="null")) == "null"
    assert title_of(finding(title="", edge="")) == "every request"
    assert title_of(finding()) == "amountMinor=7"

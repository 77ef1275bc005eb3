"""What report.html is: complete, self-contained, and a place where nothing that a target says is obeyed."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.reports import (
    HOSTILE,
    ROWS,
    finding,
    held_to_a_baseline,
    known,
    refusing_the_plain_invoice,
    report,
    row,
)

from invoice_conformance.report.page import page, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

VOID = {"meta", "link", "input", "img", "br"}


class Read(HTMLParser):
    """A page as its elements in order, each with its attributes and the text directly in it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[int] = []
        self.unclosed: list[str] = []
        self.feed(text)
        self.close()
        self.unclosed += [self.elements[place][0] for place in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that is empty."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        """Note which element ends, and whether it may."""
        place = self._open.pop() if self._open else None
        if place is None or self.elements[place][0] != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        """Give text to the element that it stands in."""
        if self._open:
            self.elements[self._open[-1]][2].append(data)

    def of(self, tag: str, name: str | None = None) -> list[tuple[dict[str, str], str]]:
        """Attributes and text of the elements with this tag (and class)."""
        return [
            (attributes, "".join(text))
            for found, attributes, text in self.elements
            if found == tag and (name is None or name in attributes.get("class", "").split())
        ]


@pytest.fixture(scope="module")
def text() -> str:
    return page(report())


@pytest.fixture(scope="module")
def read(text: str) -> Read:
    return Read(text)


def test_every_element_is_closed_and_every_id_is_one(read: Read) -> None:
    ids = [attributes["id"] for _tag, attributes, _text in read.elements if "id" in attributes]

    assert read.unclosed == []
    assert len(ids) == len(set(ids))
    named = [one for _tag, attributes, _text in read.elements for one in attributes.get("aria-labelledby", "").split()]
    assert set(named) <= set(ids)
    links = [attributes["href"][1:] for attributes, _text in read.of("a")]
    assert set(links) <= set(ids)


def test_only_its_own_script_and_style_may_run(read: Read) -> None:
    policy = next(
        attributes["content"]
        for attributes, _text in read.of("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag in ("script", "style"):
        ((attributes, body),) = read.of(tag)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
        assert attributes == {}
    assert "unsafe" not in policy


def test_nothing_is_fetched_and_nothing_stands_inline(text: str, read: Read) -> None:
    for tag, attributes, _text in read.elements:
        assert tag not in {"img", "iframe", "object", "embed", "base", "video", "audio", "form action"}
        assert not {"src", "srcset", "style", "action", "formaction", "ping"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "#").startswith(("#", "data:,"))
    (style,) = (body for _attributes, body in read.of("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert 'http-equiv="refresh"' not in text


def test_what_a_target_says_is_text(text: str, read: Read) -> None:
    assert text.count("<script") == 1
    assert "<img" not in text
    shown = "".join("".join(body) for _tag, _attributes, body in read.elements)
    assert "</script><script>alert(1)</script><img src=x onerror=alert(2)>\\u0000\\u001b[31m\\u202e" in shown
    assert "\u202e" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("place", ["target", "stopped", "rerun"])
def test_hostile_words_of_the_run_itself_are_text_too(place: str) -> None:
    found = Read(page(report(**{place: HOSTILE})))

    assert len(found.of("script")) == 1
    assert found.of("img") == []
    assert found.unclosed == []


def test_every_requirement_is_a_row_with_what_the_filter_asks_for(read: Read) -> None:
    rows = {attributes["id"]: attributes for attributes, _text in read.of("details", "row")}

    assert set(rows) == {one["id"] for one in ROWS}
    assert rows["DATE-CONTESTED"]["data-level"] == "MAY"
    assert {attributes["data-verdict"] for attributes in rows.values()} == {one["verdict"] for one in ROWS}
    named = [attributes["href"] for attributes, _text in read.of("a") if attributes["href"][1].isupper()]
    assert named[:4] == [
        "#AMOUNT-ECHO",
        "#DATE-WIDE",
        "#DATE-MAY",
        "#DATE-CONTESTED",
    ]


def test_without_a_script_the_filter_is_hidden_and_everything_is_there(read: Read) -> None:
    ((form, _text),) = read.of("form")

    assert "hidden" in form
    assert all("hidden" in attributes for attributes, _text in read.of("button", "copy"))
    assert not [attributes for attributes, _text in read.of("details", "row") if "hidden" in attributes]


def test_a_finding_shows_all_that_it_takes_to_see_it(text: str, read: Read) -> None:
    boxes = [body for _attributes, body in read.of("pre")]

    assert finding()["curl"] in boxes
    assert finding()["rerun"] in boxes
    assert report()["rerun"] in boxes
    marked = [body for _attributes, body in read.of("mark")]
    assert '"amountMinor":7' in marked
    assert "tenant-id: t" in marked
    assert "unstable: broken 1 of 3 times" in text
    assert "in both tenants" in text
    assert "curl: the run has used it up" in text
    assert "Finding 1 of 2: amountMinor=7</h4>" in text
    assert "judged 3 times by" in text
    assert "no answer (reset)" in text
    assert "of the values tried, amountMinor=7 shows it and amountMinor=6 does not" in text


def test_the_first_screen_tells_outcome_counts_and_the_run(text: str) -> None:
    first = text[text.index("<body>") : text.index('id="failed"')]

    for part in (
        "<strong>Not conformant</strong>",
        "http://127.0.0.1:1",
        "2026-01-01 13:00:00 UTC",
        "invoice-conformance 0.1.0, profile standard, seed 0</dd>",
        "<dt>Result</dt><dd>exit code 1: at least one MUST fails</dd>",
        "1 of 5 MUST fail, 2 could not be judged; 1 of 2 SHOULD fail, 1 could not be judged; 2 of 2 MAY or contested",
        "<code>export INVOICE_CONFORMANCE_TOKEN=…</code>",
        "<dt>implied</dt><dd>it follows from what the page says</dd>",
        "https://api.contracting.kukkingu.software",
        "the page's contract file <code",
        "Waived by name: TENANT-WAIVED",
        '<th scope="row">MAY or contested</th><td title="the page says it, in words or in a schema">stated</td>',
        '<td class="n differs">2</td>',
    ):
        assert part in first


def test_the_first_screen_names_baseline_and_set() -> None:
    text = page(held_to_a_baseline())

    first = text[text.index("<body>") : text.index('id="counts"')]
    for part in (
        "Baseline: known.toml, 2 known findings, which do not fail the gate",
        "known.toml, line 7: AMOUNT-ECHO: no longer occurs",
        "Set 2026.11, as asked for; newer than it, and deciding nothing: DATE-NEWER",
        "Set 2027.02 is there too",
    ):
        assert part in first
    assert Read(text).unclosed == []


def test_what_is_known_is_shown_as_known() -> None:
    text = page(held_to_a_baseline())

    failed = text[text.index('id="failed"') : text.index('id="requirements"')]
    assert re.findall(r'class="level">([^<]+)</span> <a href="#([^"]+)', failed) == [
        ("MUST", "AMOUNT-SENT"),
        ("MUST, known", "AMOUNT-ECHO"),
        ("MUST, newer than the set", "DATE-NEWER"),
    ]
    assert "<dt>Known</dt><dd>until the migration (line 3, https://tracker.example/1)</dd>" in text


def test_the_conclusion_keeps_its_letters() -> None:
    assert "<strong>Conformant (full): every MUST and every SHOULD holds</strong>" in page(
        report(ROWS[1], outcome="full")
    )


def test_no_more_than_twenty_findings_are_listed() -> None:
    text = page(report(row("AMOUNT-ECHO", "fail", findings=[finding(known=known()), *[finding()] * 24])))

    assert text.count("<article") == 20
    assert "and 5 more, see report.json" in text
    assert "<dt>Known</dt>" not in text


def test_the_map_shows_classes_that_broke_by_member(text: str, read: Read) -> None:
    table = text[text.index('<table class="map">') : text.index('<p class="key">')]

    assert re.findall(r'scope="col">([^<]+)', table) == ["class of values", "amountMinor", "issuedAt"]
    assert re.findall(r'scope="row">([^<]+)', table) == ["the largest legal value", "leap day"]
    assert re.findall(r'<td class="(\w+)" data-member="\w+">(?:<[^>]+>)?([^<]+)', table) == [
        ("all", "2 of 2"),
        ("held", "0 of 1"),
        ("none", "not tried"),
        ("some", "1 of 5"),
    ]
    tiles = [attributes for attributes, _text in read.of("span", "tile") if "title" in attributes]
    assert len(tiles) == len(report()["map"])


def test_a_cell_of_the_map_leads_to_what_it_broke(text: str) -> None:
    table = text[text.index('<table class="map">') : text.index('<p class="key">')]

    assert 'data-member="amountMinor"><a href="#AMOUNT-ECHO" title="AMOUNT-ECHO">2 of 2</a></td>' in table
    assert "a blank cell was not tried" in text


def test_the_map_says_what_it_does_not_show() -> None:
    elsewhere = row("HEAD-X", "fail", findings=[finding(fields=[], members=[], title="", edge="X-Header")])
    text = page(report(*ROWS, elsewhere))

    words = text[text.index('id="map"') :]
    assert "Not drawn here" in words
    assert '<a href="#HEAD-X">HEAD-X</a>' in words.partition("</p>")[0]
    assert "AMOUNT-ECHO" not in words.partition("</p>")[0]


def test_what_failed_comes_before_map_and_charts_and_tells_what_came() -> None:
    text = page(report(row("AMOUNT-ECHO", "fail", findings=[finding(got="amountMinor=6")])))

    order = [text.index(f'id="{name}"') for name in ("failed", "requirements", "map", "time")]
    assert order == sorted(order)
    failed = text[text.index('id="failed"') : text.index('id="requirements"')]
    assert "<dt>expected</dt><dd>amountMinor=7</dd><dt>got</dt><dd>amountMinor=6</dd>" in failed


def test_the_refused_plain_invoice_is_told_once() -> None:
    text = page(refusing_the_plain_invoice())

    failed = text[text.index('id="failed"') : text.index('id="requirements"')]
    assert "The plain invoice itself is refused (BODY-ACCEPTED), and 2 other requirements fail" in failed
    assert failed.count("issuedAt is missing") == 1
    assert failed.count("as the plain invoice itself") == 2


def test_a_report_of_before_has_its_page() -> None:
    older = finding()
    for key in ("title", "headers", "members", "both_tenants", "curl_note"):
        del older[key]

    assert Read(page(report(row("AMOUNT-ECHO", "fail", findings=[older])))).unclosed == []


def test_a_convention_is_no_quote(text: str) -> None:
    shown = page(
        report(row("HEAD-X", "fail", basis="convention", quote="Default Response", source="spec/reading.md, X"))
    )

    assert "Default Response" not in shown
    assert "not on the page; see spec/reading.md, X" in shown
    assert "judged 1 time by" in page(report(row("HEAD-X", cases_judged=1)))
    assert "judged 1 time by" not in text


def test_the_timeline_shows_every_request(text: str, read: Read) -> None:
    bars = [
        attributes for attributes, _text in read.of("rect") if "s2xx s5xx snone".find(attributes.get("class", "?")) >= 0
    ]

    heights = sum(float(attributes["height"]) for attributes in bars)
    assert heights == pytest.approx(120 * 7 / 6, abs=0.1)
    assert "the top is 5.0 ms" in text
    assert "over 5 ms" in text


@pytest.mark.parametrize(
    "made",
    [
        lambda: report(row("A-B"), outcome="full", map=[], waived=[]),
        lambda: report(
            row("A-B", "inconclusive"),
            outcome="aborted",
            stopped="nothing listens",
            map=[],
            latency_ms={},
            latency_histogram=[],
            timeline={"slice_s": 0, "slices": []},
        ),
        lambda: report(target=None, reference_server=True),
        lambda: report(timeline={"slice_s": 0.1, "slices": [{"statuses": {"9xx": 1}, "latency_ms": {}}]}),
    ],
    ids=["conforming", "aborted", "embedded", "odd statuses"],
)
def test_every_kind_of_run_has_its_page(made: Callable[[], dict[str, Any]]) -> None:
    found = Read(page(made()))

    assert found.unclosed == []
    assert len(found.of("h1")) == 1


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        ('{"a":1,"amountMinor":5}', ['"amountMinor":5']),
        ('{"amountMinor" : {"x":[1,2]},"b":2}', ['"amountMinor" : {"x":[1,2]}']),
        ('{"amountMinor":"a\\"b,c"}', ['"amountMinor":"a\\"b,c"']),
        ('{"amountMinor":1,"amountMinor":2}', ['"amountMinor":1', '"amountMinor":2']),
        ('{"amountMinor":00012,"b":1}', ['"amountMinor":0']),
        ('{"amountMinor":nope,"b":1}', ['"amountMinor":nope']),
        ('{"amountMinor":"cut… (5000 octets)', ['"amountMinor":"cut… (5000 octets)']),
        ('{"amountMinor":' + "[" * 5000, ['"amountMinor":' + "[" * 5000]),
        ('{"data":{"amountMinor":7}}', ['"amountMinor":7']),
        ("not JSON", []),
        ("", []),
    ],
)
def test_the_offending_member_is_marked(body: str, marked: list[str]) -> None:
    found = pieces(body, ["amountMinor"])

    assert "".join(piece.text for piece in found) == body
    assert [piece.text for piece in found if piece.marked] == marked

"""Owns what the expectations of heads say of hand-made exchanges: what is broken and how, and what is a liberty.

It must not know how a value is parsed.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.conforming import CONTRACT, OTHER_TENANT, TENANT, TOKEN
from tests.meta.trials import FIREWALL, HEAD, RULES, answer, created, read, refusal, silence, trial

from invoice_conformance.config import Settings
from invoice_conformance.expect_heads import (
    FOREIGN_ORIGIN,
    CharsetIsUtf8,
    CodedAsSaid,
    DateIsNow,
    KeepsToTls,
    LocationNamesInvoice,
    NoForeignCredentials,
    NoSniff,
    NotCoded,
    NotMarkedCacheable,
    StandsOnce,
    WellFormed,
)
from invoice_conformance.session import Suite, run
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading

if TYPE_CHECKING:
    from pathlib import Path

    from invoice_conformance.exchange import NoAnswer, Response
    from invoice_conformance.expect import Expectation

FIRST: Final = "inv_z23aoo8naxk68ewcr64tchh5"
SECOND: Final = "inv_aaaaaaaaaaaaaaaaaaaaaaaa"
PACKED: Final = gzip.compress(b'{"data":{}}', mtime=0)
EVERY: Final[tuple[Expectation, ...]] = (
    WellFormed(),
    StandsOnce(),
    DateIsNow(),
    CharsetIsUtf8(),
    CodedAsSaid(),
    NotCoded(),
    NotMarkedCacheable(),
    KeepsToTls(),
    NoForeignCredentials(),
)


def headed(*lines: tuple[str, str], status: int = 201, without: str = "") -> Response:
    """A success, or a refusal, with these lines more in its head and one field less."""
    plain = created(status) if status < 300 else answer(status, '{"title":"refused"}')
    kept = tuple(line for line in plain.headers if line[0] != without)
    return replace(plain, headers=(*kept, *lines))


def judged(expectation: Expectation, came: Response | NoAnswer, /, *, standard: bool = True) -> Judged:
    return expectation.judge(trial(read(came, standard=standard)))


def kind_of(found: Judged) -> str:
    return f"{found.edge}: {found.kind}" if isinstance(found, Broken) else type(found).__name__


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([("etag", "1")], "ETag: etag"),
        ([("Last-Modified", "2025-01-01")], "Last-Modified: last-modified"),
        ([("Retry-After", "30 s")], "Retry-After: retry-after"),
        ([("Vary", "Origin"), ("Vary", "a; b")], "Vary: vary"),
        ([("Cache-Control", "no-store; no-cache")], "Cache-Control: cache-control"),
        ([("Location", "/a b")], "Location: location"),
        ([("Content-Language", "en_GB")], "Content-Language: content-language"),
        ([("ETag", '"a"'), ("Vary", "*"), ("Retry-After", "1")], "Holds"),
        ([("ETag", ""), ("Vary", " "), ("Location", "")], "Holds"),
        ([("Vary", "a"), ("Vary", "b,")], "Holds"),
        ([("Allow", "GET"), ("Allow", "POST")], "Holds"),
        ([("Expires", "0"), ("X-Rate", "a;;b"), ("Server", "x/y (z")], "Holds"),
        ([("ETag", '"a"'), ("ETag", '"b"')], "Holds"),
    ],
)
def test_a_field_has_the_form_of_its_rfc(lines: list[tuple[str, str]], kind: str) -> None:
    assert kind_of(judged(WellFormed(), headed(*lines))) == kind


@pytest.mark.parametrize("status", [422, 429, 503, 500])
def test_the_form_is_judged_on_every_status(status: int) -> None:
    malformed = headed(("Retry-After", "soon"), status=status)

    assert kind_of(judged(WellFormed(), malformed)) == "Retry-After: retry-after"


def test_the_media_type_of_a_success_is_another_rows_business() -> None:
    malformed = [headed(("Content-Type", "json"), status=status, without="Content-Type") for status in (201, 422)]

    assert [kind_of(judged(WellFormed(), came)) for came in malformed] == ["Holds", "Content-Type: content-type"]


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([("content-type", "text/html")], "Content-Type: content-type"),
        ([("ETag", '"a"'), ("etag", '"a"')], "ETag: etag"),
        ([("Location", "/a"), ("Location", "/a")], "Location: location"),
        ([("Vary", "a"), ("Vary", "a"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")], "Holds"),
        ([("X-Id", "1"), ("X-Id", "2"), ("Link", "<a>"), ("Link", "<b>")], "Holds"),
    ],
)
def test_a_field_that_has_one_value_stands_once(lines: list[tuple[str, str]], kind: str) -> None:
    assert kind_of(judged(StandsOnce(), headed(*lines))) == kind


@pytest.mark.parametrize(
    ("date", "kind"),
    [
        ("Wed, 05 Nov 2025 14:48:00 GMT", "Holds"),
        ("Wed, 05 Nov 2025 14:43:00 GMT", "Holds"),
        ("Wed, 05 Nov 2025 14:53:00 GMT", "Holds"),
        ("Wed, 05 Nov 2025 14:42:50 GMT", "Date: off"),
        ("Wed, 05 Nov 2025 14:53:10 GMT", "Date: off"),
        ("Wed, 05 Nov 2025 15:48:00 GMT", "Date: off"),
        ("2025-11-05T15:48:00Z", "DoesNotApply"),
        (None, "DoesNotApply"),
    ],
)
def test_the_date_lies_within_five_minutes_of_our_clock(date: str | None, kind: str) -> None:
    assert kind_of(judged(DateIsNow(), answer(422, "{}", Date=date))) == kind


def test_a_stored_answer_may_be_old() -> None:
    came = answer(404, "{}", Date="Wed, 05 Nov 2025 10:00:00 GMT", Age="17280")

    assert DateIsNow().judge(trial(read(came))) == Holds()


def test_a_wrong_clock_is_told_without_saying_whose() -> None:
    found = judged(DateIsNow(), answer(422, "{}", Date="Wed, 05 Nov 2025 16:48:00 GMT"))

    assert isinstance(found, Broken)
    assert found.got == "Date: Wed, 05 Nov 2025 16:48:00 GMT, +120 minutes off this machine's clock"
    assert "if that is right" in found.expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("application/json; charset=iso-8859-1", "Content-Type: another charset"),
        ('application/problem+json;CHARSET="windows-1252"', "Content-Type: another charset"),
        ("application/json", "Holds"),
        ("application/json;charset=UTF-8", "Holds"),
        ('application/json; profile=x; charset="utf8"', "Holds"),
        ("application/json; charset=us-ascii", "Holds"),
        ("application/json; x-charset=latin-1", "Holds"),
        ("text/html; charset=iso-8859-1", "Holds"),
    ],
)
def test_json_names_no_charset_but_utf_8(value: str, kind: str) -> None:
    assert kind_of(judged(CharsetIsUtf8(), answer(422, "{}", Content_Type=value))) == kind


@pytest.mark.parametrize(
    ("coding", "kind"),
    [
        ("gzip", "Content-Encoding: coded"),
        ("identity, BR", "Content-Encoding: coded"),
        ("identity", "Holds"),
        ("", "Holds"),
        (None, "Holds"),
    ],
)
def test_a_body_is_not_coded_unasked(coding: str | None, kind: str) -> None:
    assert kind_of(judged(NotCoded(), answer(422, "{}", Content_Encoding=coding))) == kind


def test_a_coding_of_nothing_is_none() -> None:
    assert kind_of(judged(NotCoded(), answer(422, "", Content_Encoding="gzip"))) == "Holds"


@pytest.mark.parametrize(
    ("coding", "body", "kind"),
    [
        ("gzip", PACKED, "Holds"),
        ("x-gzip", PACKED, "Holds"),
        ("gzip", b'{"data":{}}', "Content-Encoding: not coded"),
        ("X-GZIP", b'{"data":{}}', "Content-Encoding: not coded"),
        ("gzip", b"", "Holds"),
        ("br", b'{"data":{}}', "Holds"),
        ("gzip, gzip", b'{"data":{}}', "Holds"),
        ("", b'{"data":{}}', "Holds"),
    ],
)
def test_a_body_is_in_the_coding_that_its_head_names(coding: str, body: bytes, kind: str) -> None:
    came = replace(headed(("Content-Encoding", coding)), body=body, body_length=len(body))

    assert kind_of(judged(CodedAsSaid(), came)) == kind
    assert kind_of(judged(CodedAsSaid(), came, standard=False)) == kind  # only such a one asks for a coding


def test_of_a_body_that_was_cut_or_redacted_no_coding_is_judged() -> None:
    came = replace(headed(("Content-Encoding", "gzip")), body=b"[redacted]", body_length=325)

    assert isinstance(judged(CodedAsSaid(), came), Holds)
    assert isinstance(judged(CodedAsSaid(), replace(came, body_length=10, truncated=True)), Holds)


@pytest.mark.parametrize(
    ("asked", "coding", "kind"),
    [
        ("gzip", "gzip", "Holds"),
        ("br;q=0.5,GZIP", "x-gzip", "Holds"),
        ("*", "br", "Holds"),
        ("gzip", None, "Holds"),
        ("gzip", "br", "Content-Encoding: coded"),
        ("identity", "gzip", "Content-Encoding: coded"),
    ],
)
def test_a_body_may_have_a_coding_that_was_asked_for(asked: str, coding: str | None, kind: str) -> None:
    reading = read(answer(422, "{}", Content_Encoding=coding))
    request = replace(reading.exchange.request, headers=(("accept-encoding", asked),))
    wanted = Reading(replace(reading.exchange, request=request), reading.meaning, reading.rules)

    assert kind_of(NotCoded().judge(trial(wanted))) == kind


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([("Cache-Control", "public, max-age=3600")], "caching: cacheable"),
        ([("Cache-Control", "max-age=1")], "caching: cacheable"),
        ([("Cache-Control", "max-age=0"), ("Cache-Control", 'S-MaxAge="60"')], "caching: cacheable"),
        ([("Cache-Control", "public")], "caching: cacheable"),
        ([("Expires", "Wed, 05 Nov 2025 15:48:00 GMT")], "caching: cacheable"),
        ([("Expires", "Wed, 05 Nov 2025 15:48:00 GMT"), ("Cache-Control", "must-revalidate")], "caching: cacheable"),
        ([], "Holds"),
        ([("Cache-Control", "no-store")], "Holds"),
        ([("Cache-Control", "private, max-age=60")], "Holds"),
        ([("Cache-Control", "max-age=60, No-Cache")], "Holds"),
        ([("Cache-Control", "public, max-age=0, must-revalidate")], "Holds"),
        ([("Cache-Control", "max-age=0"), ("Expires", "Wed, 05 Nov 2025 15:48:00 GMT")], "Holds"),
        ([("Cache-Control", "max-age=-1, max-age=x")], "Holds"),
        ([("Cache-Control", 'ext="max-age=60, public"')], "Holds"),
        ([("Expires", "0")], "Holds"),
        ([("Expires", "-1")], "Holds"),
        ([("Expires", "Wed, 05 Nov 2025 14:48:00 GMT")], "Holds"),
        ([("Pragma", "no-cache"), ("Vary", "*")], "Holds"),
    ],
)
def test_an_answer_to_a_create_is_not_marked_cacheable(lines: list[tuple[str, str]], kind: str) -> None:
    assert kind_of(judged(NotMarkedCacheable(), headed(*lines))) == kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("nosniff", "Holds"),
        ("NoSniff", "Holds"),
        ("nosniff, nosniff", "Holds"),
        ("sniff", "X-Content-Type-Options: another value"),
        ("", "X-Content-Type-Options: another value"),
        (None, "X-Content-Type-Options: missing"),
    ],
)
def test_browsers_are_forbidden_to_guess(value: str | None, kind: str) -> None:
    assert kind_of(judged(NoSniff(), answer(422, "{}", X_Content_Type_Options=value))) == kind


def test_an_empty_answer_leaves_nothing_to_guess() -> None:
    assert kind_of(judged(NoSniff(), answer(422))) == "DoesNotApply"


@pytest.mark.parametrize(
    ("where", "value", "kind"),
    [
        ("https://api.example", None, "Strict-Transport-Security: missing"),
        ("https://api.example:8443/v2", "max-age=0", "Strict-Transport-Security: no age"),
        ("https://api.example", "includeSubDomains", "Strict-Transport-Security: no age"),
        ("https://api.example", "max-age=31536000", "Holds"),
        ("HTTPS://api.example", 'includeSubDomains ; Max-Age = "60"', "Holds"),
        ("https://127.0.0.1:8443", None, "Holds"),
        ("https://[2001:db8::1]", None, "Holds"),
        ("https://localhost", None, "Holds"),
        ("https://api.localhost:1", None, "Holds"),
        ("https://invoices:8443", None, "Holds"),
        ("https://invoices.billing.svc.cluster.local", None, "Holds"),
        ("http://api.example", None, "Holds"),
        ("http://api.example", "max-age=60", "Holds"),
        ("", None, "Holds"),
    ],
)
def test_browsers_are_kept_to_tls_where_that_means_something(where: str, value: str | None, kind: str) -> None:
    reading = read(answer(422, "{}", Strict_Transport_Security=value))
    there = Reading(reading.exchange, reading.meaning, replace(RULES, base_url=where))

    assert kind_of(KeepsToTls().judge(trial(there))) == kind


def test_a_run_tells_its_judges_where_the_target_is(tmp_path: Path) -> None:
    settings = Settings(
        base_url="http://127.0.0.1:9/v2", token=TOKEN, tenant_id=TENANT, contract_id=CONTRACT, out=tmp_path
    )
    suite = Suite.load()

    result = run(suite, settings, suite.plan(replace(settings, requirement=("HEAD-CORS",))), writes=False)

    assert result.judge.rules.base_url == "http://127.0.0.1:9/v2"


@pytest.mark.parametrize(
    ("origin", "credentials", "kind"),
    [
        (FOREIGN_ORIGIN, "true", "Access-Control-Allow-Origin: reflected"),
        ("*", "true", "Access-Control-Allow-Origin: any"),
        (FOREIGN_ORIGIN, None, "Holds"),
        ("*", None, "Holds"),
        ("*", "false", "Holds"),
        ("https://app.example", "true", "Holds"),
        (None, "true", "Holds"),
    ],
)
def test_foreign_sites_get_no_credentials(origin: str | None, credentials: str | None, kind: str) -> None:
    came = answer(422, "{}", Access_Control_Allow_Origin=origin, Access_Control_Allow_Credentials=credentials)

    assert kind_of(judged(NoForeignCredentials(), came, standard=False)) == kind


def located(fold: LocationNamesInvoice, identifier: str, location: str | None, tenant: str = TENANT) -> str:
    """What the fold says of a new invoice with this id at this Location."""
    head = HEAD if location is None else HEAD | {"Location": location}
    reading = read(replace(created(201, id=f'"{identifier}"'), headers=tuple(head.items())))
    request = replace(reading.exchange.request, headers=(("tenant-id", tenant),))
    return kind_of(fold.observe(Reading(replace(reading.exchange, request=request), reading.meaning, RULES)))


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "/api/v1/invoices/{}",
        "/api/v1/invoices/{}/",
        "{}",
        "https://proxy.example:8443/books/invoices/{}",
        "https://proxy.example/show?what=invoice&id={}#top",
        "/invoices?n=INV-2025-0001",
        "/invoices/INV%2D2025-0001",
        "urn:invoice:{}",
        "http://[/{}",
    ],
)
def test_a_location_that_holds_the_id_or_number_refers_to_the_invoice(location: str | None) -> None:
    fold = LocationNamesInvoice()

    said = [located(fold, name, location and location.format(name)) for name in (FIRST, SECOND)]

    assert said == ["Holds", "Holds"]


def test_a_location_that_is_each_invoices_own_may_say_nothing_of_its_id() -> None:
    fold = LocationNamesInvoice()

    said = [located(fold, str(count), f"/internal/{count + 1}") for count in range(3)]

    assert said == ["Holds"] * 3


def test_one_location_may_name_an_invoice_of_each_tenant() -> None:
    fold = LocationNamesInvoice()

    assert [located(fold, FIRST, "/i/1"), located(fold, SECOND, "/i/1", OTHER_TENANT)] == ["Holds", "Holds"]


def test_the_same_invoice_may_be_answered_again() -> None:
    fold = LocationNamesInvoice()

    assert [located(fold, FIRST, "/a/1"), located(fold, FIRST, "/a/1")] == ["Holds", "Holds"]


@pytest.mark.parametrize("location", ["/api/v1/invoices", "/api/v1/invoices/", "https://a.example/api/v1/invoices"])
def test_the_collection_is_no_new_invoice(location: str) -> None:
    assert located(LocationNamesInvoice(), FIRST, location) == "Location: another resource"


def test_two_invoices_are_not_at_one_location() -> None:
    fold = LocationNamesInvoice()

    said = [located(fold, name, "/api/v1/invoices/None") for name in (FIRST, SECOND)]

    assert said == ["Holds", "Location: another resource"]


def test_another_invoices_location_is_not_the_new_ones() -> None:
    fold = LocationNamesInvoice()

    said = [located(fold, FIRST, f"/i/{FIRST}"), located(fold, SECOND, f"/i/{FIRST}/")]

    assert said == ["Holds", "Location: another resource"]


@pytest.mark.parametrize("came", [refusal(), created(200), silence(), answer(201, "{}", Location="/api/v1/invoices")])
def test_a_location_is_judged_with_an_invoice_and_201(came: Response | NoAnswer) -> None:
    said = LocationNamesInvoice().observe(read(came))

    assert not isinstance(said, Broken)


@pytest.mark.parametrize("expectation", EVERY, ids=lambda one: type(one).__name__)
def test_an_ordinary_head_breaks_nothing(expectation: Expectation) -> None:
    assert [judged(expectation, came) for came in (created(), refusal())] == [Holds(), Holds()]


@pytest.mark.parametrize("expectation", [*EVERY[:-1], NoSniff()], ids=lambda one: type(one).__name__)
def test_what_answers_below_or_before_the_application_is_not_judged(expectation: Expectation) -> None:
    bad = (("ETag", "1"), ("ETag", "2"), ("Cache-Control", "public; x"), ("Content-Encoding", "gzip"))
    page = answer(403, FIREWALL, Content_Type="text/html", Date="Wed, 05 Nov 2025 10:00:00 GMT")
    firewall = replace(page, headers=(*page.headers, *bad))
    parser = replace(answer(400, "{}", Date="Wed, 05 Nov 2025 10:00:00 GMT"), headers=(*HEAD.items(), *bad))

    assert isinstance(judged(expectation, firewall), DoesNotApply)
    assert isinstance(judged(expectation, parser, standard=False), DoesNotApply)


@pytest.mark.parametrize("expectation", [*EVERY, NoSniff()], ids=lambda one: type(one).__name__)
def test_no_answer_breaks_nothing(expectation: Expectation) -> None:
    said = judged(expectation, silence())

    assert isinstance(said, DoesNotApply)
    assert said.unanswered

"""What the expectations on private things make of answers: secrets, other tenants, debugging, obedience."""

from __future__ import annotations

import base64
import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest
from tests.meta.trials import answer, created, firewall, read, refusal, resource, silence, text_of, trial

from invoice_conformance import evidence
from invoice_conformance.case import Case, Hole, Numbering, fill
from invoice_conformance.evidence import Record
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response
from invoice_conformance.expect import NotObeyed
from invoice_conformance.expect_http import NoLeak
from invoice_conformance.expect_privacy import (
    KeepsItsPlace,
    NoLeakInSuccess,
    NothingForeign,
    NoToken,
    NotPolluted,
    NotTakenFrom,
)
from invoice_conformance.killing import IDENTITY
from invoice_conformance.redaction import Redactor
from invoice_conformance.session import CREDENTIAL
from invoice_conformance.target import redacted
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Meaning

if TYPE_CHECKING:
    from invoice_conformance.trial import Judged, Reading

TOKEN: Final = "k7Jq2-ZpW9.x4Tn8"  # noqa: S105 - made up
HERE, THERE = "tnt_pfh0haxfpzowht3oi213cqos", "tnt_b7k2m9q4w1x8z5c3v6n0d2f1"
THEIR_CONTRACT, THEIR_ID = "ctr_q8w3e5r7t1y9u2i4o6p0a1s2", "inv_their0invoice0number0001"
AMOUNT = "740311905377"
Came: TypeAlias = Response | NoAnswer


def captured(came: Response, target: str = "/api/v1/invoices", body: bytes = b"{}") -> Reading:
    """An exchange as the wire hands it on: redacted, whatever was sent."""
    request = Request("POST", target, (("Authorization", f"Bearer {TOKEN}"),), body)
    exchange = redacted(Exchange(request, came, 0.0, 0.0), Redactor([], [TOKEN]))
    assert TOKEN not in repr(exchange)
    return replace(read(came), exchange=exchange)


# The token


@pytest.mark.parametrize(
    ("came", "place"),
    [
        (answer(422, f'{{"headers":{{"authorization":"Bearer {TOKEN}"}}}}'), "the body"),
        (answer(500, base64.b64encode(f"Authorization: Bearer {TOKEN}".encode())), "the body"),
        (answer(200, gzip.compress(TOKEN.encode()), Content_Encoding="gzip"), "the body"),
        (answer(201, "{}", X_Echo=f"Bearer {TOKEN}"), "the field X-Echo"),
        (answer(201, "{}", Set_Cookie=f"access_token={TOKEN}; HttpOnly"), "the field Set-Cookie"),
        (replace(answer(400), reason=f"Bad {TOKEN}"), "the reason"),
    ],
)
def test_a_whole_token_in_an_answer_is_told_by_its_place(came: Response, place: str) -> None:
    judged = NoToken().judge(trial(captured(came)))

    assert isinstance(judged, Broken)
    assert judged.edge == place
    assert TOKEN not in judged.got


@pytest.mark.parametrize(
    "came",
    [
        answer(401, f'{{"detail":"the token {TOKEN[::-1]} is not valid"}}'),
        answer(401, f'{{"detail":"the token {TOKEN}x is not valid"}}'),
        answer(401, f'{{"detail":"the token ends in {TOKEN[-9:]}"}}'),
        answer(422, '{"detail":"expected [redacted]"}', Set_Cookie="session=1"),
        answer(401, "{}", WWW_Authenticate='Bearer realm="invoices", error="invalid_token"'),
        created(),
    ],
)
def test_a_part_of_a_token_or_another_one_is_no_disclosure(came: Response) -> None:
    assert NoToken().judge(trial(captured(came))) == Holds()


def test_a_token_that_was_sent_in_the_query_may_come_back_with_it() -> None:
    came = answer(401, f'{{"instance":"/api/v1/invoices?access_token={TOKEN}"}}')

    judged = NoToken().judge(trial(captured(came, f"/api/v1/invoices?access_token={TOKEN}")))

    assert isinstance(judged, DoesNotApply)


def test_without_an_answer_nothing_is_said_of_the_token() -> None:
    judged = NoToken().judge(trial(read(silence())))

    assert isinstance(judged, DoesNotApply)
    assert judged.unanswered


def test_what_was_disclosed_is_in_the_evidence_and_is_read_back() -> None:
    reading = captured(answer(422, TOKEN, X_Echo=TOKEN))
    record = Record("", "act", Meaning("case"), reading.exchange, counts=True)

    again = evidence.from_json(evidence.to_json(record))

    assert again == record
    assert isinstance(again.exchange.answer, Response)
    assert again.exchange.answer.disclosed == ("body", "X-Echo")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("X-Api-Key", True),
        ("apikey", True),
        ("Ocp-Apim-Subscription-Key", True),
        ("Proxy-Authorization", True),
        ("X-Auth-Token", True),
        ("CF-Access-Client-Secret", True),
        ("Idempotency-Key", False),
        ("X-CSRF-Token", False),
        ("Cookie", False),
        ("X-Request-Id", False),
        ("X-Correlation-Key", False),
    ],
)
def test_a_header_holds_a_credential_by_its_name(name: str, is_one: bool) -> None:  # noqa: FBT001 - a table's column
    assert bool(CREDENTIAL.search(name)) == is_one


# The other tenant


def in_tenant(reading: Reading, tenant: str) -> Reading:
    """The same exchange with a tenant-id."""
    request = reading.exchange.request
    request = replace(request, headers=(*request.headers, ("tenant-id", tenant)))
    return replace(reading, exchange=replace(reading.exchange, request=request))


def theirs(**members: str) -> Reading:
    """A create in the other tenant, and its invoice."""
    sent = {"contractId": f'"{THEIR_CONTRACT}"', "invoiceNumber": '"INV-0FOREIGN"', "amountMinor": AMOUNT} | members
    came = created(id=f'"{THEIR_ID}"', contract=sent["contractId"], amountMinor=AMOUNT)
    return in_tenant(read(came, changes=sent), THERE)


def foreign(act: Reading, first: Reading | None = None) -> Judged:
    return NothingForeign(AMOUNT).judge(trial(in_tenant(act, HERE), first=first or theirs()))


@pytest.mark.parametrize(
    ("came", "what"),
    [
        (answer(409, f'{{"existing":"{THEIR_ID}"}}'), "the other invoice's id"),
        (answer(409, "{}", Location=f"/api/v1/invoices/{THEIR_ID}"), "the other invoice's id"),
        (answer(409, '{"detail":"INV-0FOREIGN is taken"}'), "the other invoice's number"),
        (answer(404, f'{{"contracts":["{THEIR_CONTRACT}"]}}'), "the other tenant's contract"),
        (answer(403, f'{{"detail":"it belongs to {THERE}"}}'), "the other tenant's id"),
        (answer(409, f'{{"existing":{{"amountMinor":{AMOUNT}}}}}'), "the other invoice's amount"),
        (answer(200, f'{{"data":[{{"amountMinor":{AMOUNT}.0}}]}}'), "the other invoice's amount"),
    ],
)
def test_what_is_the_other_tenants_is_told_wherever_it_stands(came: Response, what: str) -> None:
    judged = foreign(read(came))

    assert isinstance(judged, Broken)
    assert judged.kind == what


@pytest.mark.parametrize(
    "act",
    [
        read(refusal(409)),
        read(created()),
        read(answer(409, '{"detail":"INV-0FOREIGN is taken"}'), invoiceNumber='"INV-0FOREIGN"'),
        read(answer(404, f'{{"detail":"no contract {THEIR_CONTRACT}"}}'), contractId=f'"{THEIR_CONTRACT}"'),
        read(answer(404, f'{{"trace":"9{AMOUNT}","of":"{THEIR_ID}-2"}}')),
        read(answer(409, f'{{"existing":"{HERE}"}}')),
        read(created(id=f'"{THEIR_ID}"')),
        read(answer(200, f'{{"data":[{{"id":"{THEIR_ID}","contract":"{THEIR_CONTRACT}"}}]}}'), method="GET"),
    ],
    ids=[
        "nothing",
        "success",
        "its own number",
        "sent contract",
        "longer texts",
        "own tenant",
        "an id again",
        "a list with them",
    ],
)
def test_what_was_sent_or_is_another_text_is_not_the_other_tenants(act: Reading) -> None:
    assert foreign(act) == Holds()


@pytest.mark.parametrize("tenant", ["customer", "tenant-b", "42", "10000001", "acme"])
def test_an_id_that_a_text_may_hold_by_chance_gives_nothing_away(tenant: str) -> None:
    first = in_tenant(read(created(id='"10000002"'), contractId='"standard"'), tenant)

    assert foreign(read(answer(404, f'{{"detail":"the {tenant} has no standard, see 10000002"}}')), first) == Holds()


@pytest.mark.parametrize("came", [refusal(), silence(), firewall()])
def test_without_an_invoice_of_the_other_tenant_nothing_is_said(came: Response) -> None:
    judged = foreign(read(created()), in_tenant(read(came), THERE))

    assert isinstance(judged, DoesNotApply)
    if came == refusal():
        needed = f"an invoice of the other tenant with amountMinor={AMOUNT}"
        assert judged.reason == f"this takes {needed}, whose create was answered {read(came).said()}"


# Debugging


@pytest.mark.parametrize(
    ("came", "kind"),
    [
        (answer(201, text_of({"data": text_of(resource()), "sql": '"INSERT INTO a (b) VALUES (1)"'})), "SQL"),
        (answer(201, "{}", X_Debug_Exception="failed"), "x-debug-exception"),
        (answer(422, "{}", X_Sourcefiles="=?UTF-8?B?QzpcYQ==?="), "x-sourcefiles"),
        (answer(422, "{}", X_Problem="java.lang.NullPointerException"), "x-problem"),
    ],
)
def test_a_success_or_a_head_that_shows_the_inside_is_told(came: Response, kind: str) -> None:
    judged = NoLeakInSuccess().judge(trial(read(came)))

    assert isinstance(judged, Broken)
    assert judged.kind == kind


@pytest.mark.parametrize(
    "act",
    [
        read(created()),
        read(answer(422, "java.lang.NullPointerException")),
        read(answer(201, "{}", Server_Timing="db;dur=53", X_Runtime="0.01", X_Debug="off")),
        read(created(invoiceNumber='"SELECT a FROM b"'), invoiceNumber='"SELECT a FROM b"'),
        read(answer(201, "{}", Location="/x?n=SELECT a FROM b"), invoiceNumber='"SELECT a FROM b"'),
    ],
    ids=["plain", "an error's body", "timing", "echo", "echo in the head"],
)
def test_a_success_that_repeats_what_was_sent_shows_nothing(act: Reading) -> None:
    assert NoLeakInSuccess().judge(trial(act)) == Holds()


def test_an_error_that_repeats_what_was_sent_tells_nothing() -> None:
    number = "x\" SELECT a FROM b 'y"
    came = answer(422, '{"detail":"number x\\\\\\" SELECT a FROM b \\u0027y is taken"}')

    assert NoLeak().judge(trial(read(came, invoiceNumber=text(number)))) == Holds()


def test_a_packed_error_is_read() -> None:
    came = answer(500, gzip.compress(b'{"detail":"PG::UniqueViolation"}'), Content_Encoding="gzip")

    judged = NoLeak().judge(trial(read(came)))

    assert isinstance(judged, Broken)
    assert judged.kind == "SQL"


def text(value: str) -> str:
    return '"' + value.replace('"', '\\"') + '"'


# Obedience

LONG_AGO: Final = '"2001-02-03T04:05:06.007Z"'


@pytest.mark.parametrize(
    ("sent", "came", "member"),
    [
        ({"_id": '"inv_client1"'}, {"id": '"inv_client1"'}, "id"),
        ({"data": '{"status":"VOID"}'}, {"status": '"VOID"'}, "status"),
        ({"data": f'{{"createdAt":{LONG_AGO}}}'}, {"createdAt": '"2001-02-03T05:05:06.007+01:00"'}, "createdAt"),
        ({"__proto__": f'{{"paidAt":{LONG_AGO}}}'}, {"paidAt": LONG_AGO}, "paidAt"),
        ({"constructor": '{"prototype":{"status":"VOID"}}'}, {"status": '"VOID"'}, "status"),
    ],
)
def test_what_a_client_says_elsewhere_is_not_obeyed(sent: dict[str, str], came: dict[str, str], member: str) -> None:
    judged = NotTakenFrom().judge(trial(read(created(**came), changes=sent)))

    assert isinstance(judged, Broken)
    assert judged.field == member


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        ({"_id": '"inv_client1"'}, created()),
        ({"_id": '"inv_client1"'}, created(_id='"inv_client1"')),
        ({"data": '{"status":"VOID"}'}, created(data='{"status":"VOID"}')),
        ({"data": '{"currencyCode":"EUR"}'}, created()),
        ({"__proto__": '{"status":"VOID"}'}, refusal()),
        ({"__proto__": "5"}, created()),
        ({"constructor": '{"status":"FINALIZED"}'}, created()),
    ],
)
def test_what_is_ignored_kept_apart_or_refused_is_no_obedience(sent: dict[str, str], came: Response) -> None:
    assert NotTakenFrom().judge(trial(read(came, changes=sent))) == Holds()


def test_a_time_that_is_obeyed_in_another_spelling_is_obeyed() -> None:
    obeyed = read(created(createdAt='"2001-02-03T05:05:06.007+01:00"'), changes={"createdAt": LONG_AGO})

    assert isinstance(NotObeyed().judge(trial(obeyed)), Broken)


def placed(first: Came, act: Came, again: Came) -> Judged:
    return KeepsItsPlace("a deletedAt").judge(trial(read(act), first=read(first), again=read(again)))


def test_a_number_that_was_free_once_more_is_told() -> None:
    judged = placed(created(), created(), refusal(409))

    assert isinstance(judged, Broken)
    assert judged.field == "invoiceNumber"


@pytest.mark.parametrize(
    ("first", "act", "again", "holds"),
    [
        (created(), refusal(409), refusal(409), True),
        (refusal(), created(), refusal(409), True),
        (created(), created(), created(), False),
        (answer(500), created(), refusal(409), False),
        (silence(), created(), refusal(409), False),
        (created(), silence(), refusal(409), False),
    ],
    ids=["kept", "refused", "numbers not unique", "server error", "no answer at first", "no answer"],
)
def test_a_number_that_was_not_free_for_that_is_not_told(first: Came, act: Came, again: Came, *, holds: bool) -> None:
    assert isinstance(placed(first, act, again), Holds if holds else DoesNotApply)


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        (created(currencyCode='"BTN"'), Broken),
        (created(currencyCode='"EUR"'), Holds),
        (refusal(), Holds),
        (silence(), DoesNotApply),
    ],
)
def test_a_currency_of_another_request_is_told(came: Response, verdict: type[Judged]) -> None:
    act, first = read(came, currencyCode="(absent)"), read(created(), changes={"__proto__": '{"currencyCode":"BTN"}'})

    assert isinstance(NotPolluted("currencyCode", "BTN").judge(trial(act, first=first)), verdict)


# Cases


def test_the_other_tenants_id_goes_into_a_body_and_needs_a_second_tenant() -> None:
    case = Case("tenant in the body", (b'{"tenantId":', Hole("other-tenant"), b"}"))

    filled = fill(case, IDENTITY, Numbering("0SAMP1E0"), "/")

    assert case.needs_other
    assert filled.request.body == f'{{"tenantId":"{IDENTITY.other_tenant}"}}'.encode()

"""Owns what each expectation says of hand-made exchanges: what holds, what is broken and how, what says nothing.

The second half holds the liberties of the contract: no expectation may call any of them broken.
"""

from __future__ import annotations

import gzip
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.trials import (
    ABSENT,
    DATES,
    NOW,
    RULES,
    answer,
    created,
    firewall,
    read,
    refusal,
    resource,
    silence,
    text_of,
    trial,
)

from invoice_conformance.exchange import Exchange, Request, Wire
from invoice_conformance.expect import (
    STATUSES,
    Accepted,
    AcceptedTogether,
    AcceptedUnlessUsed,
    BothCreated,
    ClockRuns,
    CreatedNow,
    Echoed,
    ErrorIsJson,
    ExactlyOne,
    Expectation,
    Fold,
    HasData,
    HasDate,
    HasMembers,
    IdsDistinct,
    JsonBody,
    JsonType,
    MemberIs,
    NamesOnce,
    NoServerError,
    NotFilled,
    NotObeyed,
    Refused,
    SameAnswerTwice,
    SecondRefused,
    StatusSteady,
    SuccessStatus,
    Unaltered,
    UpdatedAfterCreated,
)
from invoice_conformance.expect_http import HasAllow, is_challenge
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Meaning, Reading, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.exchange import NoAnswer, Response

OWN: Final = (("tenant-id", "tnt_1"), ("Content-Type", "application/json"))
IN_PATTERN: Final = "in the page's pattern"
LONG: Final = '"' + "x" * 256 + '"'
NUL: Final = '"INV-\\u0000-1"'


def summary(judged: Judged) -> str:
    """A judgement in one word, with the kind of a broken one."""
    if isinstance(judged, Broken):
        return f"broken: {judged.kind}"
    if isinstance(judged, Holds):
        return "holds"
    return "unanswered" if judged.unanswered else "does not apply"


def broken_by(expectation: Expectation, judged: Trial) -> Broken:
    found = expectation.judge(judged)
    assert isinstance(found, Broken), found
    return found


def together(came: Response | NoAnswer, *without: Response | NoAnswer) -> Trial:
    """Two legal values in one invoice, and what came of each without the other."""
    act = read(came, amountMinor="0", currencyCode='"JPY"')
    return trial(act, without=tuple(read(one, amountMinor="0") for one in without))


def refusing(came: Response | NoAnswer, twin: Response | NoAnswer | None = None) -> Trial:
    """A negative amount, beside the least legal one."""
    beside = read(created() if twin is None else twin, amountMinor="0")
    return trial(read(came, amountMinor="-1"), twin=beside)


def second(came: Response | NoAnswer, first: Response | NoAnswer | None = None) -> Trial:
    """Two creates of one number."""
    return trial(read(came, amountMinor="777"), first=read(created() if first is None else first))


def word(came: Response | NoAnswer, again: Response | NoAnswer | None = None) -> Trial:
    """A number that reads null, and how a used number is answered."""
    act = read(came, invoiceNumber='"null"', pooled=True)
    return trial(act) if again is None else trial(act, again=read(again))


def race(*came: Response | NoAnswer) -> Trial:
    return Trial("race 1", {"act": tuple(read(one) for one in came)})


def odd(request: Request) -> Trial:
    """A page of HTML in answer to a request that is no ordinary create."""
    page = answer(400, "<h1>400 Bad Request</h1>", Content_Type="text/html")
    return trial(Reading(Exchange(request, page, 0.0, 0.01), Meaning("odd", standard=False), RULES))


def one(came: Response | NoAnswer, **sent: str) -> Trial:
    return trial(read(came, changes=sent))


ECHO_AMOUNT: Final = Echoed("amountMinor", "number")
ECHO_RATE: Final = Echoed("exchangeRate", "binary64", where="common")
ECHO_RATE_WIDE: Final = Echoed("exchangeRate", "binary64", where="beyond")
ECHO_DECIMAL: Final = Echoed("exchangeRate", "decimal")
ECHO_NUMBER: Final = Echoed("invoiceNumber", "string", where="common")
ECHO_NUMBER_WIDE: Final = Echoed("invoiceNumber", "string", where="beyond")
ECHO_DATE: Final = Echoed("dueAt", "instant")
ECHO_CONTRACT: Final = Echoed("contractId", "string", member="contract")
UNALTERED: Final = Unaltered("invoiceNumber", ("nul", "surrogate"))
ID: Final = MemberIs("id", "text", words="a string that is not empty")
KNOWN: Final = MemberIs("status", "one-of", STATUSES, "DRAFT, FINALIZED or VOID")
NOT_VOID: Final = MemberIs("status", "not-one-of", ("VOID",), "other than VOID")
STAMP: Final = MemberIs("createdAt", "rfc3339", words="an RFC 3339 date-time")
FORM: Final = MemberIs("dueAt", "pattern", words=IN_PATTERN)
ID_FORM: Final = MemberIs("id", "pattern", ("^inv_[a-z0-9]{24}$",), "inv_ and 24 lower-case letters or digits")
FREED: Final = BothCreated("a refused create leaves its number free", after_refusal=True)
DISTINCT: Final = BothCreated("its number differs")
DATE_FIELD: Final = Accepted(fields=DATES)
NO_SECONDS: Final = Accepted("MAY", fields=DATES, keywords=("seconds",))
OPTIONS: Final = answer(501)

TABLE: Final[dict[str, tuple[Expectation, Trial, str]]] = {
    # Accepted
    "accepted: 200": (Accepted(), one(created(200)), "holds"),
    "accepted: any 2xx, for the status is judged elsewhere": (Accepted(), one(answer(202)), "holds"),
    "accepted: refused": (Accepted(), one(refusal(400)), "broken: 400"),
    "accepted: a redirect": (Accepted(), one(answer(302)), "broken: 302"),
    "accepted: server errors are of a kind": (Accepted(), one(answer(507)), "broken: 5xx"),
    "accepted: an illegal body": (Accepted(), one(refusal(), amountMinor="-1"), "does not apply"),
    "accepted: only SHOULD": (Accepted(), one(refusal(), amountMinor="5000.0"), "does not apply"),
    "accepted: at its level": (Accepted("SHOULD"), one(refusal(), amountMinor="5000.0"), "broken: 422"),
    "accepted: a plain body at SHOULD": (Accepted("SHOULD"), one(refusal()), "does not apply"),
    "accepted: of another member": (DATE_FIELD, one(refusal(), amountMinor="1"), "does not apply"),
    "accepted: of its member": (DATE_FIELD, one(refusal(), paidAt=f'"{NOW}"'), "broken: 422"),
    "accepted: two members": (DATE_FIELD, one(refusal(), paidAt=f'"{NOW}"', amountMinor="1"), "does not apply"),
    "accepted: contested": (NO_SECONDS, one(refusal(), dueAt='"2023-10-05T14:48Z"'), "broken: 422"),
    "accepted: open for another reason": (NO_SECONDS, one(refusal(), dueAt="null", notes="1"), "does not apply"),
    "accepted: an odd request": (Accepted(), trial(read(refusal(), standard=False)), "does not apply"),
    "accepted: no answer": (Accepted(), one(silence()), "unanswered"),
    "accepted: a proxy's 502": (Accepted(), one(answer(502)), "unanswered"),
    "accepted: told to wait": (Accepted(), one(answer(429)), "unanswered"),
    "accepted: a firewall": (Accepted(), one(firewall()), "unanswered"),
    # AcceptedTogether
    "together: accepted": (AcceptedTogether(), together(created(200)), "holds"),
    "together: refused though accepted without each": (
        AcceptedTogether(),
        together(refusal(), created(), created()),
        "broken: 422",
    ),
    "together: refused without one too": (
        AcceptedTogether(),
        together(refusal(), created(), refusal()),
        "does not apply",
    ),
    "together: nothing known without": (AcceptedTogether(), together(refusal()), "does not apply"),
    "together: no answer without one": (
        AcceptedTogether(),
        together(refusal(), created(), silence()),
        "does not apply",
    ),
    "together: one value alone": (AcceptedTogether(), one(refusal(), amountMinor="0"), "does not apply"),
    "together: another level": (AcceptedTogether("SHOULD"), together(refusal(), created()), "does not apply"),
    "together: no answer": (AcceptedTogether(), together(silence(), created()), "unanswered"),
    "together: a firewall": (AcceptedTogether(), together(firewall(), created()), "unanswered"),
    # AcceptedUnlessUsed
    "unused: accepted": (AcceptedUnlessUsed(), word(created()), "holds"),
    "unused: refused, and not like a used one": (AcceptedUnlessUsed(), word(refusal(422), refusal(409)), "broken: 422"),
    "unused: refused like a used one": (AcceptedUnlessUsed(), word(refusal(409), refusal(409)), "does not apply"),
    "unused: no used one is known": (AcceptedUnlessUsed(), word(refusal(422)), "does not apply"),
    "unused: used ones are accepted": (AcceptedUnlessUsed(), word(refusal(422), created()), "does not apply"),
    "unused: no answer": (AcceptedUnlessUsed(), word(silence(), refusal(409)), "unanswered"),
    "unused: a firewall": (AcceptedUnlessUsed(), word(firewall(), refusal(409)), "unanswered"),
    # Refused
    "refused: 400": (Refused(("minimum",)), refusing(refusal(400)), "holds"),
    "refused: 409": (Refused(("minimum",)), refusing(refusal(409)), "holds"),
    "refused: 410": (Refused(("minimum",)), refusing(refusal(410)), "holds"),
    "refused: 422": (Refused(("minimum",)), refusing(refusal(422)), "holds"),
    "refused: accepted": (Refused(("minimum",)), refusing(created()), "broken: accepted"),
    "refused: accepted, as is everything": (
        Refused(("minimum",)),
        refusing(answer(204), answer(204)),
        "broken: accepted",
    ),
    "refused: 401 speaks of something else": (Refused(("minimum",)), refusing(refusal(401)), "broken: 401"),
    "refused: 404 speaks of something else": (Refused(("minimum",)), refusing(refusal(404)), "broken: 404"),
    "refused: a server error": (Refused(("minimum",)), refusing(answer(500)), "broken: 5xx"),
    "refused: a redirect": (Refused(("minimum",)), refusing(answer(303)), "broken: 303"),
    "refused: so is its twin": (Refused(("minimum",)), refusing(refusal(), refusal()), "does not apply"),
    "refused: its twin has no answer": (Refused(("minimum",)), refusing(refusal(), silence()), "unanswered"),
    "refused: its twin meets a firewall": (Refused(("minimum",)), refusing(refusal(), firewall()), "unanswered"),
    "refused: for another keyword": (Refused(("maximum",)), refusing(created()), "does not apply"),
    "refused: several rules of its kind": (
        Refused(("object", "required"), several=True),
        trial(read(created(), body=b'{"data":{}}')),
        "broken: accepted",
    ),
    "refused: several rules of different kinds": (
        Refused(("object", "required"), several=True),
        trial(read(created(), body=b'{"amountMinor":-1}')),
        "does not apply",
    ),
    "refused: two things at once": (
        Refused(("minimum",)),
        one(created(), amountMinor="-1", exchangeRate="-1"),
        "does not apply",
    ),
    "refused: at another level": (Refused(("iso4217",)), one(created(), currencyCode='"EU1"'), "does not apply"),
    "refused: at its level": (
        Refused(("iso4217",), level="SHOULD"),
        one(created(), currencyCode='"EU1"'),
        "broken: accepted",
    ),
    "refused: a legal body": (Refused(("minimum",)), one(refusal()), "does not apply"),
    "refused: no answer": (Refused(("minimum",)), refusing(silence()), "unanswered"),
    "refused: a firewall": (Refused(("minimum",)), refusing(firewall()), "unanswered"),
    # Echoed
    "echoed: amount": (ECHO_AMOUNT, one(created()), "holds"),
    "echoed: another amount": (ECHO_AMOUNT, one(created(amountMinor="5001")), "broken: another value"),
    "echoed: an amount as text": (ECHO_AMOUNT, one(created(amountMinor='"5000"')), "broken: another type (str)"),
    "echoed: null": (ECHO_AMOUNT, one(created(amountMinor="null")), "broken: null or missing"),
    "echoed: missing, which is another row's": (ECHO_AMOUNT, one(created(amountMinor=ABSENT)), "does not apply"),
    "echoed: a refused invoice": (ECHO_AMOUNT, one(refusal()), "does not apply"),
    "echoed: an illegal amount": (ECHO_AMOUNT, one(created(), amountMinor="5000.5"), "does not apply"),
    "echoed: no answer": (ECHO_AMOUNT, one(silence()), "unanswered"),
    "echoed: a firewall": (ECHO_AMOUNT, one(firewall()), "unanswered"),
    "echoed: rate through a 32-bit float": (
        ECHO_RATE,
        one(created(exchangeRate="1.1200000047683716")),
        "broken: another value",
    ),
    "echoed: an unusual rate is another row's": (ECHO_RATE, one(created(), exchangeRate="1e308"), "does not apply"),
    "echoed: an unusual rate": (ECHO_RATE_WIDE, one(created(), exchangeRate="1e308"), "broken: another value"),
    "echoed: a plain rate is another row's": (ECHO_RATE_WIDE, one(created(exchangeRate="7")), "does not apply"),
    "echoed: the nearest double is no decimal": (
        ECHO_DECIMAL,
        one(created(exchangeRate="1.12000000000000010658141036401502788066864013671875")),
        "broken: another value",
    ),
    "echoed: more digits than doubles have": (
        ECHO_DECIMAL,
        one(created(exchangeRate="0.33"), exchangeRate="0.3333333333333333"),
        "does not apply",
    ),
    "echoed: number trimmed": (
        ECHO_NUMBER_WIDE,
        one(created(invoiceNumber='"A-1"'), invoiceNumber='" A-1"'),
        "broken: space trimmed",
    ),
    "echoed: number in capitals": (
        ECHO_NUMBER,
        one(created(invoiceNumber='"A-1"'), invoiceNumber='"a-1"'),
        "broken: letter case changed",
    ),
    "echoed: number normalised": (
        ECHO_NUMBER,
        one(created(invoiceNumber='"\u00e9-1"'), invoiceNumber='"e\u0301-1"'),
        "broken: normalised",
    ),
    "echoed: number cut off": (
        ECHO_NUMBER,
        one(created(invoiceNumber='"A-"'), invoiceNumber='"A-1234"'),
        "broken: cut off",
    ),
    "echoed: number escaped": (
        ECHO_NUMBER,
        one(created(invoiceNumber='"A&amp;B"'), invoiceNumber='"A&B"'),
        "broken: another value",
    ),
    "echoed: outer space is another row's": (
        ECHO_NUMBER,
        one(created(invoiceNumber='"A-1"'), invoiceNumber='" A-1"'),
        "does not apply",
    ),
    "echoed: NUL is another row's": (ECHO_NUMBER_WIDE, one(created(), invoiceNumber=NUL), "does not apply"),
    "echoed: date without its fraction": (
        ECHO_DATE,
        one(created(dueAt='"2023-10-05T14:48:00Z"'), dueAt='"2023-10-05T14:48:00.5Z"'),
        "broken: another fraction of a second",
    ),
    "echoed: date by an hour": (
        ECHO_DATE,
        one(created(dueAt='"2023-10-05T15:48:00Z"'), dueAt='"2023-10-05T14:48:00Z"'),
        "broken: shifted",
    ),
    "echoed: date by days": (
        ECHO_DATE,
        one(created(dueAt='"1970-01-01T00:00:00Z"'), dueAt='"2023-10-05T14:48:00Z"'),
        "broken: another day",
    ),
    "echoed: date as a number": (
        ECHO_DATE,
        one(created(dueAt="1696517280"), dueAt='"2023-10-05T14:48:00Z"'),
        "broken: another type (number)",
    ),
    "echoed: a date without seconds as it was sent": (
        ECHO_DATE,
        one(created(dueAt='"2023-10-05T14:48Z"'), dueAt='"2023-10-05T14:48Z"'),
        "holds",
    ),
    "echoed: date lost": (ECHO_DATE, one(created(dueAt=ABSENT), dueAt=f'"{NOW}"'), "broken: null or missing"),
    "echoed: no date sent": (ECHO_DATE, one(created(dueAt=f'"{NOW}"'), dueAt="null"), "does not apply"),
    "echoed: contract under its other name": (ECHO_CONTRACT, one(created()), "holds"),
    "echoed: another contract": (ECHO_CONTRACT, one(created(contract='"ctr_other"')), "broken: another value"),
    # Unaltered
    "unaltered: refused": (UNALTERED, one(refusal(), invoiceNumber=NUL), "holds"),
    "unaltered: as sent": (UNALTERED, one(created(invoiceNumber=NUL), invoiceNumber=NUL), "holds"),
    "unaltered: cut at NUL": (UNALTERED, one(created(invoiceNumber='"INV-"'), invoiceNumber=NUL), "broken: cut off"),
    "unaltered: outer space trimmed": (
        UNALTERED,
        one(created(invoiceNumber=NUL), invoiceNumber=NUL.replace('"I', '" I')),
        "does not apply",
    ),
    "unaltered: an ordinary number": (UNALTERED, one(created(invoiceNumber='"X"')), "does not apply"),
    "unaltered: no answer": (UNALTERED, one(silence(), invoiceNumber=NUL), "unanswered"),
    "unaltered: a firewall": (UNALTERED, one(firewall(), invoiceNumber=NUL), "unanswered"),
    # NotFilled
    "not filled: null": (NotFilled(), one(created()), "holds"),
    "not filled: absent": (NotFilled(), one(created(**dict.fromkeys(DATES, ABSENT))), "holds"),
    "not filled: filled": (NotFilled(), one(created(issuedAt=f'"{NOW}"')), "broken: filled in"),
    "not filled: null is filled": (NotFilled(), one(created(dueAt=f'"{NOW}"'), dueAt="null"), "broken: filled in"),
    "not filled: all sent": (NotFilled(), one(created(), **dict.fromkeys(DATES, f'"{NOW}"')), "does not apply"),
    "not filled: refused": (NotFilled(), one(refusal()), "does not apply"),
    "not filled: no answer": (NotFilled(), one(silence()), "unanswered"),
    "not filled: a firewall": (NotFilled(), one(firewall()), "unanswered"),
    # NotObeyed
    "not obeyed: ignored": (NotObeyed(), one(created(), id='"inv_mine"'), "holds"),
    "not obeyed: refused": (NotObeyed(), one(refusal(), id='"inv_mine"'), "holds"),
    "not obeyed: obeyed": (NotObeyed(), one(created(id='"inv_mine"'), id='"inv_mine"'), "broken: obeyed"),
    "not obeyed: no answer": (NotObeyed(), one(silence(), id='"inv_mine"'), "unanswered"),
    "not obeyed: a firewall": (NotObeyed(), one(firewall(), id='"inv_mine"'), "unanswered"),
    # HasData, HasMembers
    "data: there": (HasData(), one(created()), "holds"),
    "data: bare": (HasData(), one(answer(200, text_of(resource()))), "broken: no data"),
    "data: null": (HasData(), one(answer(200, '{"data":null}')), "broken: no data"),
    "data: a list": (HasData(), one(answer(200, '{"data":[{}]}')), "broken: no data"),
    "data: an error with status 200": (HasData(), one(answer(200, '{"error":"no"}')), "broken: no data"),
    "data: no JSON is another row's": (HasData(), one(answer(200, "OK")), "does not apply"),
    "data: refused": (HasData(), one(refusal()), "does not apply"),
    "data: no answer": (HasData(), one(silence()), "unanswered"),
    "data: a firewall": (HasData(), one(firewall()), "unanswered"),
    "members: there": (HasMembers(), one(created()), "holds"),
    "members: one missing": (HasMembers(), one(created(status=ABSENT)), "broken: missing"),
    "members: null is there": (HasMembers(), one(created(status="null")), "holds"),
    "members: no data": (HasMembers(), one(answer(200, "{}")), "does not apply"),
    "members: no answer": (HasMembers(), one(silence()), "unanswered"),
    "members: a firewall": (HasMembers(), one(firewall()), "unanswered"),
    # MemberIs
    "member: text": (ID, one(created()), "holds"),
    "member: empty": (ID, one(created(id='""')), "broken: text"),
    "member: a number": (ID, one(created(id="17")), "broken: Number"),
    "member: null": (ID, one(created(id="null")), "broken: NoneType"),
    "member: missing is another row's": (ID, one(created(id=ABSENT)), "does not apply"),
    "member: one of": (KNOWN, one(created(status='"DRAFT"')), "holds"),
    "member: none of": (KNOWN, one(created(status='"PAID"')), "broken: one-of"),
    "member: no text is another row's": (KNOWN, one(created(status="1")), "does not apply"),
    "member: not one of": (NOT_VOID, one(created(status='"VOID"')), "broken: not-one-of"),
    "member: another than those": (NOT_VOID, one(created(status='"PAID"')), "holds"),
    "member: a date-time": (STAMP, one(created()), "holds"),
    "member: a date": (STAMP, one(created(createdAt='"2025-11-05"')), "broken: rfc3339"),
    "member: an impossible date-time": (STAMP, one(created(createdAt='"2025-02-30T00:00:00Z"')), "broken: rfc3339"),
    "member: a date-time without offset": (STAMP, one(created(createdAt='"2025-11-05T14:48:00"')), "broken: rfc3339"),
    "member: seconds since the epoch": (STAMP, one(created(createdAt="1762354080")), "broken: Number"),
    "member: in pattern": (FORM, one(created(dueAt=f'"{NOW}"')), "holds"),
    "member: with an offset": (FORM, one(created(dueAt='"2025-11-05T16:48:00+02:00"')), "broken: pattern"),
    "member: a date that is null": (FORM, one(created()), "does not apply"),
    "member: no date-time is another row's": (FORM, one(created(dueAt='"soon"')), "does not apply"),
    "member: another form of id": (ID_FORM, one(created(id='"17"')), "broken: pattern"),
    "member: a trailing newline": (ID_FORM, one(created(id=f'"inv_{"a" * 24}\\n"')), "broken: pattern"),
    "member: no answer": (ID, one(silence()), "unanswered"),
    "member: a firewall": (ID, one(firewall()), "unanswered"),
    # CreatedNow, UpdatedAfterCreated
    "now: the time of Date": (CreatedNow(), one(created()), "holds"),
    "now: five minutes off": (CreatedNow(), one(created(createdAt='"2025-11-05T14:43:00Z"')), "holds"),
    "now: six minutes off": (CreatedNow(), one(created(createdAt='"2025-11-05T14:42:00Z"')), "broken: off"),
    "now: local time labelled Z": (CreatedNow(), one(created(createdAt='"2025-11-05T15:48:00Z"')), "broken: off"),
    "now: no date-time is another row's": (CreatedNow(), one(created(createdAt='"today"')), "does not apply"),
    "now: no answer": (CreatedNow(), one(silence()), "unanswered"),
    "now: a firewall": (CreatedNow(), one(firewall()), "unanswered"),
    "updated: at once": (UpdatedAfterCreated(), one(created()), "holds"),
    "updated: a second before": (UpdatedAfterCreated(), one(created(updatedAt='"2025-11-05T14:47:59.123Z"')), "holds"),
    "updated: two seconds before": (
        UpdatedAfterCreated(),
        one(created(updatedAt='"2025-11-05T14:47:58.122Z"')),
        "broken: before",
    ),
    "updated: local time labelled Z": (
        UpdatedAfterCreated(),
        one(created(updatedAt='"2025-11-05T15:48:00.123Z"')),
        "broken: ahead",
    ),
    "updated: as far ahead as createdAt is another row's": (
        UpdatedAfterCreated(),
        one(created(createdAt='"2025-11-05T15:48:00Z"', updatedAt='"2025-11-05T15:48:00Z"')),
        "holds",
    ),
    "updated: null is another row's": (UpdatedAfterCreated(), one(created(updatedAt="null")), "does not apply"),
    "updated: no answer": (UpdatedAfterCreated(), one(silence()), "unanswered"),
    "updated: a firewall": (UpdatedAfterCreated(), one(firewall()), "unanswered"),
    # NoServerError, SuccessStatus
    "error: none": (NoServerError(), one(refusal()), "holds"),
    "error: 500": (NoServerError(), one(answer(500)), "broken: 5xx"),
    "error: 501 to a create": (NoServerError(), one(answer(501)), "broken: 5xx"),
    "error: 501 to a method": (NoServerError(), trial(read(OPTIONS, method="BREW", standard=False)), "holds"),
    "error: 503 is no answer": (NoServerError(), one(answer(503)), "unanswered"),
    "error: no answer": (NoServerError(), one(silence()), "unanswered"),
    "error: a firewall": (NoServerError(), one(firewall()), "holds"),
    "success: 200": (SuccessStatus(), one(created(200)), "holds"),
    "success: 201": (SuccessStatus(), one(created(201)), "holds"),
    "success: 202": (SuccessStatus(), one(answer(202)), "broken: 202"),
    "success: 303": (SuccessStatus(), one(answer(303)), "broken: 303"),
    "success: a refusal": (SuccessStatus(), one(refusal()), "does not apply"),
    "success: of an illegal body": (SuccessStatus(), one(answer(202), amountMinor="-1"), "does not apply"),
    "success: no answer": (SuccessStatus(), one(silence()), "unanswered"),
    "success: a firewall": (SuccessStatus(), one(firewall()), "unanswered"),
    # JsonBody, JsonType, ErrorIsJson, HasDate
    "json: well-formed": (JsonBody(), one(created()), "holds"),
    "json: empty": (JsonBody(), one(answer(201)), "broken: a value expected"),
    "json: cut": (JsonBody(), one(answer(201, '{"data":{}')), 'broken: "," or "}" expected'),
    "json: in latin-1": (JsonBody(), one(answer(201, '{"a":"é"}'.encode("latin-1"))), "broken: invalid UTF-8"),
    "json: with a mark": (JsonBody(), one(answer(201, b'\xef\xbb\xbf{"data":{}}')), "broken: a byte order mark"),
    "json: NaN": (JsonBody(), one(created(exchangeRate="NaN")), "broken: a value expected"),
    "json: of ten thousand members": (JsonBody(), one(answer(201, b'{"a":1%b}' % (b',"b":1' * 10_000))), "unanswered"),
    "json: of a thousand members": (JsonBody(), one(answer(201, b'{"a":1%b}' % (b',"b":1' * 1_000))), "holds"),
    "json: of a refusal": (JsonBody(), one(answer(422, "no")), "does not apply"),
    "json: no answer": (JsonBody(), one(silence()), "unanswered"),
    "json: a firewall": (JsonBody(), one(firewall()), "unanswered"),
    "names: each once": (NamesOnce(), one(created()), "holds"),
    "names: one twice": (NamesOnce(), one(created(status='"DRAFT","status":"DRAFT"')), "broken: twice"),
    "names: within a member": (NamesOnce(), one(created(more='{"a":1,"\\u0061":2}')), "broken: twice"),
    "names: the same in two objects": (NamesOnce(), one(created(more='[{"a":1},{"a":2}]')), "holds"),
    "names: given twice": (
        NamesOnce(),
        one(created(more='{"a":1,"a":2}'), more='{"a":1,"a":2}'),
        "does not apply",
    ),
    "names: no JSON": (NamesOnce(), one(answer(201, "{")), "does not apply"),
    "names: of a refusal": (NamesOnce(), one(answer(422, '{"a":1,"a":2}')), "does not apply"),
    "names: no answer": (NamesOnce(), one(silence()), "unanswered"),
    "type: JSON": (JsonType(), one(created()), "holds"),
    "type: text": (JsonType(), one(answer(201, "{}", Content_Type="text/plain")), "broken: another type"),
    "type: none": (JsonType(), one(answer(201, "{}", Content_Type=None)), "broken: missing"),
    "type: a longer name": (
        JsonType(),
        one(answer(201, "{}", Content_Type="application/json-seq")),
        "broken: another type",
    ),
    "type: of nothing": (JsonType(), one(answer(201, Content_Type=None)), "does not apply"),
    "type: of a refusal": (JsonType(), one(answer(422, "no", Content_Type="text/plain")), "does not apply"),
    "type: no answer": (JsonType(), one(silence()), "unanswered"),
    "type: a firewall": (JsonType(), one(firewall()), "unanswered"),
    "error body: a problem": (ErrorIsJson(), one(refusal()), "holds"),
    "error body: JSON": (ErrorIsJson(), one(answer(400, "{}")), "holds"),
    "error body: text": (ErrorIsJson(), one(answer(400, "no", Content_Type="text/plain")), "broken: not JSON"),
    "error body: of an HTTP layer": (ErrorIsJson(), one(answer(417, "", Content_Type="text/plain")), "does not apply"),
    "error body: of what knows no other path": (
        ErrorIsJson(),
        odd(Request("POST", "/api/v1/nothing", OWN, b"{}")),
        "does not apply",
    ),
    "error body: of what reads heads": (
        ErrorIsJson(),
        odd(Request("POST", "/api/v1/invoices", (*OWN, *OWN), b"{}")),
        "does not apply",
    ),
    "error body: of what reads ASCII": (
        ErrorIsJson(),
        odd(Request("POST", "/api/v1/invoices", (("Authorization", "Bearer \xe9"), *OWN), b"{}")),
        "does not apply",
    ),
    "error body: for who wants no JSON": (
        ErrorIsJson(),
        odd(Request("POST", "/api/v1/invoices", (*OWN, ("Accept", "text/html")), b"{}")),
        "does not apply",
    ),
    "error body: of what makes paths straight": (
        ErrorIsJson(),
        odd(Request("POST", "//api/v1/invoices", OWN, b"{}")),
        "does not apply",
    ),
    "error body: of what reads forms": (
        ErrorIsJson(),
        odd(Request("POST", "/api/v1/invoices", (("Content-Type", "multipart/form-data; boundary=x"),), b"{}")),
        "does not apply",
    ),
    "error body: of what reads chunks": (
        ErrorIsJson(),
        odd(Request("POST", "/api/v1/invoices", OWN, b"{}", chunked=True)),
        "does not apply",
    ),
    "error body: of what reads versions": (
        ErrorIsJson(),
        odd(Request("POST", "/api/v1/invoices", OWN, b"{}", wire=Wire(version="1.0"))),
        "does not apply",
    ),
    "error body: text about credentials": (
        ErrorIsJson(),
        odd(Request("POST", "/prefix/api/v1/invoices", (("Authorization", "Bearer x"), *OWN), b"{}")),
        "broken: not JSON",
    ),
    "error body: text that claims to be JSON": (ErrorIsJson(), one(answer(400, "no")), "broken: not JSON"),
    "error body: empty": (ErrorIsJson(), one(answer(400)), "broken: empty"),
    "error body: of a success": (ErrorIsJson(), one(created()), "does not apply"),
    "error body: a firewall": (ErrorIsJson(), one(firewall()), "does not apply"),
    "error body: no answer": (ErrorIsJson(), one(silence()), "unanswered"),
    "date: there": (HasDate(), one(refusal()), "holds"),
    "date: missing": (HasDate(), one(answer(201, Date=None)), "broken: missing"),
    "date: in ISO 8601": (HasDate(), one(answer(201, Date="2025-11-05T14:48:00Z")), "broken: malformed"),
    "date: in asctime's form": (HasDate(), one(answer(201, Date="Wed Nov  5 14:48:00 2025")), "broken: malformed"),
    "date: of a server error": (HasDate(), one(answer(500, Date=None)), "does not apply"),
    "date: no answer": (HasDate(), one(silence()), "unanswered"),
    "date: a firewall": (HasDate(), one(answer(403, "<p>", Content_Type="text/html", Date=None)), "unanswered"),
    # SecondRefused, BothCreated, SameAnswerTwice, ExactlyOne
    "second: 400": (SecondRefused(), second(refusal(400)), "holds"),
    "second: 409": (SecondRefused(), second(refusal(409)), "holds"),
    "second: 422": (SecondRefused(), second(refusal(422)), "holds"),
    "second: created": (SecondRefused(), second(created()), "broken: accepted"),
    "second: a server error": (SecondRefused(), second(answer(500)), "broken: 5xx"),
    "second: 404": (SecondRefused(), second(refusal(404)), "broken: 404"),
    "second: the first was refused": (SecondRefused(), second(created(), refusal()), "does not apply"),
    "second: the first had no answer": (SecondRefused(), second(created(), silence()), "unanswered"),
    "second: no answer": (SecondRefused(), second(silence()), "unanswered"),
    "second: a firewall": (SecondRefused(), second(firewall()), "unanswered"),
    "second: no first": (SecondRefused(), one(created()), "does not apply"),
    "freed: created": (FREED, second(created(), refusal()), "holds"),
    "freed: refused": (FREED, second(refusal(409), refusal()), "broken: 409"),
    "freed: the first was accepted": (FREED, second(refusal(409), created()), "does not apply"),
    "freed: the first crashed, which is no refusal": (FREED, second(refusal(409), answer(500)), "does not apply"),
    "freed: the first was redirected": (FREED, second(refusal(409), answer(307)), "does not apply"),
    "freed: refused for its credentials": (FREED, second(created(), refusal(401)), "holds"),
    "freed: the first had no answer": (FREED, second(refusal(409), silence()), "unanswered"),
    "freed: no answer": (FREED, second(silence(), refusal()), "unanswered"),
    "freed: a firewall": (FREED, second(firewall(), refusal()), "unanswered"),
    "freed: the first met a firewall": (FREED, second(refusal(409), firewall()), "does not apply"),
    "freed: no first": (FREED, one(created()), "does not apply"),
    "distinct: both": (DISTINCT, second(created()), "holds"),
    "distinct: taken for the same": (DISTINCT, second(refusal(409)), "broken: 409"),
    "distinct: the first was refused": (DISTINCT, second(refusal(409), refusal()), "does not apply"),
    "again: refused": (SameAnswerTwice(), second(refusal(409)), "holds"),
    "again: the same": (SameAnswerTwice(), second(created(200)), "holds"),
    "again: another": (SameAnswerTwice(), second(created(id='"inv_2"')), "broken: accepted"),
    "again: the first was refused": (SameAnswerTwice(), second(created(), refusal()), "does not apply"),
    "again: no answer": (SameAnswerTwice(), second(silence()), "does not apply"),
    "race: one": (ExactlyOne(), race(refusal(409), created(), refusal(409)), "holds"),
    "race: two": (ExactlyOne(), race(created(), created(), refusal(409)), "broken: more than one"),
    "race: none": (ExactlyOne(), race(refusal(409), refusal(409)), "broken: none"),
    "race: not every one answered": (ExactlyOne(), race(created(), created(), silence()), "unanswered"),
    "race: all but one told to wait": (ExactlyOne(), race(refusal(409), answer(429)), "unanswered"),
    "race: some told to wait": (ExactlyOne(), race(answer(503), created(), refusal(409), answer(429)), "holds"),
    "race: the winner told to wait": (ExactlyOne(), race(answer(503), refusal(409), refusal(409)), "unanswered"),
    "race: two beside one told to wait": (
        ExactlyOne(),
        race(created(), created(), answer(429)),
        "broken: more than one",
    ),
    "race: a firewall": (ExactlyOne(), race(refusal(409), firewall()), "unanswered"),
}


@pytest.mark.parametrize(("expectation", "judged", "expected"), TABLE.values(), ids=TABLE.keys())
def test_an_expectation_judges_an_exchange(expectation: Expectation, judged: Trial, expected: str) -> None:
    found = expectation.judge(judged)

    assert summary(found) == expected


def test_every_expectation_is_in_the_table() -> None:
    from invoice_conformance import expect  # noqa: PLC0415 - looked into here alone

    judges = {name for name, value in vars(expect).items() if hasattr(value, "judge") and name != "Expectation"}

    tabled = {type(expectation).__name__ for expectation, _trial, _expected in TABLE.values()}

    assert judges - tabled == set(), "expectations without a hand-made exchange"


def test_a_broken_expectation_tells_what_was_expected_and_what_came() -> None:
    judged = one(refusal(), amountMinor="9007199254740991")

    broken = broken_by(Accepted(), judged)

    assert broken.expected == "a success (200 or 201), because amountMinor=9007199254740991 is legal"
    assert broken.got == '422 Unprocessable Content {"title":"refused"}'
    assert (broken.kind, broken.field, broken.edge) == ("422", "amountMinor", "edge: 9007199254740991")


def test_a_broken_refusal_names_the_rule() -> None:
    judged = trial(read(created(), amountMinor="9007199254740992"), twin=read(created()))

    broken = broken_by(Refused(("maximum",)), judged)

    assert broken.expected == "a refusal (4xx), because amountMinor=9007199254740992 > 9007199254740991"
    assert broken.got.startswith("201 Created")


def test_a_broken_echo_names_what_was_sent_and_what_came() -> None:
    judged = one(created(201, amountMinor="28"), amountMinor="29")

    broken = broken_by(ECHO_AMOUNT, judged)

    assert broken.expected == "amountMinor to be the same number as was sent, 29"
    assert broken.got == "amountMinor=28 (201)"


def test_a_broken_combination_names_every_value() -> None:
    judged = together(refusal(), created(), created())

    broken = broken_by(AcceptedTogether(), judged)

    assert 'amountMinor=0, currencyCode="JPY" are legal, and accepted without any one' in broken.expected
    assert broken.field is None


def test_a_broken_race_counts_its_successes() -> None:
    judged = race(created(), created(), refusal(409))

    broken = broken_by(ExactlyOne(), judged)

    assert (broken.expected, broken.got) == (
        "exactly one success among 3 simultaneous creates of one number",
        "2 successes beside 409",
    )


def test_what_is_invisible_is_shown_escaped_and_cut() -> None:
    judged = one(created(invoiceNumber='"x"'), invoiceNumber='"\\u202e' + "a" * 200 + '"')

    broken = broken_by(ECHO_NUMBER_WIDE, judged)

    assert '"\\u202eaaa' in broken.expected
    assert "(208 characters)" in broken.expected


# What is odd about an answer is not held against it where the request asked for it, or something hostile made it.


def test_a_compressed_answer_is_not_read_as_broken_json() -> None:
    judged = one(answer(201, gzip.compress(text_of({"data": text_of(resource())}).encode()), Content_Encoding="gzip"))

    assert accusations(judged, (*EVERY, *WIDE)) == []


def test_an_answer_in_another_form_may_be_what_was_asked_for() -> None:
    asked = read(answer(201, "<p>created</p>", Content_Type="text/html"), accept="text/html", standard=False)
    refused = read(answer(406, "<p>no</p>", Content_Type="text/html"), accept="text/html", standard=False)

    assert accusations(trial(asked), (*EVERY, *WIDE)) == []
    assert accusations(trial(refused), (*EVERY, *WIDE, ErrorIsJson())) == []


def test_a_405_of_another_resource_may_not_allow_a_post() -> None:
    elsewhere = read(answer(405, "{}", Allow="GET, DELETE"), target="/api/v1/invoices/", standard=False)
    here = read(answer(405, "{}", Allow="GET, HEAD"), target="/prefix/api/v1/invoices?page=1", method="PUT")

    assert summary(HasAllow().judge(trial(elsewhere))) == "holds"
    assert summary(HasAllow().judge(trial(here))) == "broken: lacks POST"


@pytest.mark.parametrize(
    ("value", "well_formed"),
    [
        ("Bearer", True),
        ('Bearer realm="x", error="invalid_token", error_description="a, b"', True),
        ("Negotiate abc==, Basic realm=q", True),
        (', Bearer , , Basic a = "b\\"c" ,', True),
        ('Bearer realm="x" ,charset="UTF-8",Digest qop="auth, auth-int", nonce=abc', True),
        ("", False),
        ('realm="x"', False),
        ('Bearer realm="x', False),
        ('Bearer realm="x" error="y"', False),
        ("Bearer error=a b", False),
    ],
)
def test_a_challenge_is_read_by_the_grammar_of_rfc_9110(value: str, *, well_formed: bool) -> None:
    assert is_challenge(value) == well_formed


@pytest.mark.parametrize("gap", [",", " , ", ";", "; ", " ;\t", '"', "\\", "a", "a=", "a=b,", 'a="', " "])
def test_no_head_field_of_a_hostile_server_takes_long_to_read(gap: str) -> None:
    started = time.perf_counter()

    JsonType().judge(one(answer(201, "{}", Content_Type="application/json" + gap * 5000 + "\x00")))
    is_challenge("Bearer a=b" + gap * 5000 + "\x00")

    assert time.perf_counter() - started < 2


# Folds


def fold_of(make: Callable[[], Fold], *readings: Reading) -> list[str]:
    fold = make()
    return [summary(fold.observe(reading)) for reading in readings]


def test_two_invoices_with_one_id_are_found() -> None:
    first, other = read(created()), read(created(), invoiceNumber='"INV-2"')

    found = fold_of(IdsDistinct, first, first, other, read(refusal()), read(created(id="1")), read(silence()))

    assert found == ["holds", "holds", "broken: repeated", *["does not apply"] * 3]


def test_a_clock_that_stands_still_is_found() -> None:
    def made(date: str, second: str) -> Reading:
        members = {"data": text_of(resource(createdAt=f'"2025-11-05T15:08:{second}.000Z"'))}
        return read(answer(201, text_of(members), Date=f"Wed, 05 Nov 2025 15:08:{date} GMT"))

    running = fold_of(ClockRuns, made("00", "00"), made("03", "00"), made("30", "30"))
    standing = fold_of(ClockRuns, made("01", "01"), made("05", "01"), made("06", "01"), read(silence()))
    of_minutes = fold_of(ClockRuns, made("00", "00"), made("59", "00"))

    assert running == ["holds"] * 3
    assert of_minutes == ["holds"] * 2
    assert standing == ["holds", "holds", "broken: stands still", "does not apply"]


def test_a_second_success_status_is_found() -> None:
    odd = read(created(200), amountMinor="0")

    found = fold_of(StatusSteady, read(refusal()), read(created(201)), odd, read(created(201)), read(firewall()))

    assert found == ["does not apply", "holds", "broken: 200", "holds", "does not apply"]


def test_a_replay_and_an_unusual_body_may_have_another_success_status() -> None:
    replay, unusual = read(created(200), standard=False), read(created(200), notes="1")

    found = fold_of(StatusSteady, read(created(201)), replay, unusual)

    assert found == ["holds", "does not apply", "does not apply"]


# The liberties of CONTRACT.md. The exchanges are those of a server that conforms; every expectation sees each.


EVERY: Final[tuple[Expectation, ...]] = (
    Accepted(),
    AcceptedTogether(),
    *(
        Refused((keyword,))
        for keyword in (
            "required",
            "null",
            "type",
            "integer",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "pattern",
        )
    ),
    ECHO_AMOUNT,
    ECHO_RATE,
    ECHO_NUMBER,
    *(Echoed(name, "instant") for name in DATES),
    Echoed("currencyCode", "string"),
    ECHO_CONTRACT,
    UNALTERED,
    Unaltered("exchangeRate", ("binary64",), "binary64"),
    HasData(),
    HasMembers(),
    ID,
    MemberIs("status", "text", words="a string that is not empty"),
    STAMP,
    MemberIs("updatedAt", "rfc3339", words="an RFC 3339 date-time"),
    NoServerError(),
    SuccessStatus(),
    JsonBody(),
    JsonType(),
    HasDate(),
)
"""What decides at MUST."""
WIDE: Final[tuple[Expectation, ...]] = (
    Accepted("SHOULD"),
    AcceptedTogether("SHOULD"),
    ECHO_RATE_WIDE,
    ECHO_NUMBER_WIDE,
    ECHO_DECIMAL,
    NotFilled(),
    NotObeyed(),
    KNOWN,
    NOT_VOID,
    CreatedNow(),
    UpdatedAfterCreated(),
)
"""What decides at SHOULD and holds for every liberty below too, unless the liberty is about it."""


def accusations(judged: Trial, expectations: tuple[Expectation, ...]) -> list[str]:
    found = [(expectation, expectation.judge(judged)) for expectation in expectations]
    return [f"{expectation}: {broken}" for expectation, broken in found if isinstance(broken, Broken)]


def moment(text: str) -> str:
    return f'"{text}"'


def raw(body: str | bytes, **headers: str | None) -> Response:
    return answer(201, body, **headers)


ODD_SPELLING: Final = (
    '\r\n\t { "meta" : [1, {"a": null}] , "d\\u0061ta" : { "\\u0069d" : "inv\\u005f1", "contract":'
    '"ctr_z23aoo8naxk68ewcr64tchh5","status":"\\u0044RAFT","invoiceNumber":"INV\\u002d2025\\u002D0001",'
    f'"exchangeRate":1.12E0,"currencyCode":"EUR","amountMinor":5000.0,"createdAt":"{NOW}","updatedAt":"{NOW}",'
    '"lines":[],"links":{"self":"/x"}}}\n'
)
SHIFTED: Final = {
    "createdAt": moment("2025-11-05T16:48:00.123456789+02:00"),
    "updatedAt": moment("2025-11-05t09:18:00.123-05:30"),
}
PRECISE: Final = moment("2023-10-05T14:48:00.123456789Z")
NINES: Final = moment("2023-10-05T14:48:59.999999999Z")
NO_DATES: Final = dict.fromkeys(DATES, ABSENT)

SPELLINGS: Final[dict[str, Trial]] = {
    "200 for 201": one(created(200)),
    "another status of an invoice, unknown to the page": one(created(status='"DRAFT"')),
    "any form of id": one(created(id='"17"')),
    "any text as an id": one(created(id='"\U0001f9fe é"')),
    "extra members, white space and escaped names": one(raw(ODD_SPELLING)),
    "1.12E0 for 1.12": one(created(exchangeRate="1.12E0")),
    "112e-2 for 1.12": one(created(exchangeRate="112e-2")),
    "1.120 for 1.12": one(created(exchangeRate="1.120")),
    "5000.0 for 5000": one(created(amountMinor="5000.0")),
    "5e3 for 5000": one(created(amountMinor="5e3")),
    "-0 for 0": one(created(amountMinor="-0"), amountMinor="0"),
    "0 for -0": one(created(exchangeRate="0"), exchangeRate="-0"),
    "offsets of the same instant": one(created(**SHIFTED)),
    "absent for null": one(created(**NO_DATES)),
    "null for omitted": one(created()),
    "nine digits of a fraction": one(created(dueAt=PRECISE), dueAt=PRECISE),
    "nine digits cut to three": one(created(dueAt=moment("2023-10-05T14:48:00.123Z")), dueAt=PRECISE),
    "nine digits rounded to six": one(created(dueAt=moment("2023-10-05T14:48:00.123457Z")), dueAt=PRECISE),
    "nines rounded into the next minute": one(created(dueAt=moment("2023-10-05T14:49:00.000Z")), dueAt=NINES),
    "nines cut": one(created(dueAt=moment("2023-10-05T14:48:59.999Z")), dueAt=NINES),
    "thirty digits cut": one(
        created(dueAt=moment("2023-10-05T14:48:00.999Z")), dueAt=moment("2023-10-05T14:48:00.999999999999999999999999Z")
    ),
    "no fraction for zeros": one(
        created(dueAt=moment("2023-10-05T14:48:00Z")), dueAt=moment("2023-10-05T14:48:00.000Z")
    ),
    "another day by its offset": one(
        created(dueAt=moment("2024-01-01T01:59:59.999+02:00")), dueAt=moment("2023-12-31T23:59:59.999Z")
    ),
    "lower-case letters": one(created(dueAt=moment("2023-10-05t14:48:00z")), dueAt=moment("2023-10-05T14:48:00Z")),
    "minus zero as an offset": one(
        created(dueAt=moment("2023-10-05T14:48:00-00:00")), dueAt=moment("2023-10-05T14:48:00Z")
    ),
    "the year 1 with an offset": one(
        created(dueAt=moment("0001-01-01T02:00:00+02:00")), dueAt=moment("0001-01-01T00:00:00Z")
    ),
    "seconds added": one(created(dueAt=moment("2023-10-05T14:48:00.000Z")), dueAt=moment("2023-10-05T14:48Z")),
    "no seconds refused": one(refusal(), dueAt=moment("2023-10-05T14:48Z")),
    "the longest double in full": one(
        created(exchangeRate="1.100000000000000088817841970012523233890533447265625"), exchangeRate="1.1"
    ),
    "a rate by its shortest digits": one(
        created(exchangeRate="0.12345678901234568"), exchangeRate="0.123456789012345678"
    ),
    "1e400 refused": one(refusal(), exchangeRate="1e400"),
    "1e400 kept": one(created(exchangeRate="1.0E+400"), exchangeRate="1e400"),
    "1e-400 refused": one(refusal(), exchangeRate="1e-400"),
    "1e-400 as the nearest double, which is 0": one(created(exchangeRate="0"), exchangeRate="1e-400"),
    "1e-400 as 0.0": one(created(exchangeRate="0.0"), exchangeRate="1e-400"),
    "an amount that is an integer in binary64 alone": one(created(), amountMinor="5000.00000000000000000001"),
    "an amount beyond its maximum in decimals alone": one(
        created(amountMinor="9007199254740991"), amountMinor="9007199254740991.4"
    ),
    "escaped in the request": one(created(invoiceNumber='"\u00c4/1"'), invoiceNumber='"\\u00c4\\/1"'),
    "escaped in the answer": one(created(invoiceNumber='"\\u00c4\\ud83e\\uddfe"'), invoiceNumber='"\u00c4\U0001f9fe"'),
    "NUL refused": one(refusal(), invoiceNumber=NUL),
    "a lone surrogate kept": one(created(invoiceNumber='"\\ud83d"'), invoiceNumber='"\\ud83d"'),
    "an unknown member refused": one(refusal(), notes='"x"'),
    "an unknown member accepted": one(created(), notes='"x"'),
    "a fund code refused": one(refusal(), currencyCode='"XAU"'),
    "a fund code accepted": one(created(currencyCode='"XAU"'), currencyCode='"XAU"'),
    "told to wait": one(answer(429, "slow down", Retry_After="3", Content_Type="text/plain")),
    "a proxy's page": one(answer(502, "<html>Bad gateway</html>", Content_Type="text/html", Date=None)),
    "a firewall's page without Date": one(answer(403, "<html>", Content_Type="text/html", Date=None)),
    "a refusal in text": one(answer(400, "no", Content_Type="text/plain"), amountMinor="-1"),
    "a refusal without a body": one(answer(422, Content_Type=None), amountMinor="-1"),
}
CONTENT_TYPES: Final = {
    f"Content-Type: {value}": one(answer(201, text_of({"data": text_of(resource())}), Content_Type=value))
    for value in (
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        'Application/JSON ; Charset="utf-8"',
        "APPLICATION/JSON",
        "application/json; charset=utf-8; profile=x",
        'application/json; profile="a\\"b"',
        # RFC 9110 §5.6.6: parameters = *( OWS ";" OWS [ parameter ] )
        "application/json;",
        "application/json; charset=utf-8;",
        "application/json;;charset=utf-8",
    )
}
REFUSALS: Final = {
    f"{status} for {name}={text[:24]}": trial(
        read(refusal(status), edits=((name, "edge"), *more), changes={name: text}), twin=read(created())
    )
    for name, text, status, more in (
        ("amountMinor", "-1", 400, ()),
        ("amountMinor", "-1", 409, ()),
        ("amountMinor", "-1", 410, ()),
        ("amountMinor", "-1", 413, ()),
        ("amountMinor", "-1", 422, ()),
        ("invoiceNumber", LONG, 413, ()),
        ("contractId", "7", 403, ()),
        ("contractId", "7", 404, ()),
        ("contractId", "null", 404, ()),
        ("contractId", ABSENT, 404, ()),
        # The same in company of legal values: the contract alone is at stake.
        ("contractId", "7", 404, (("dueAt", "null"), ("amountMinor", "value: 1"))),
        ("contractId", "null", 403, (("currencyCode", "code: JPY"),)),
    )
}


LIBERTIES: Final = SPELLINGS | CONTENT_TYPES | REFUSALS


@pytest.mark.parametrize("judged", LIBERTIES.values(), ids=LIBERTIES.keys())
def test_no_liberty_of_the_contract_breaks_a_must(judged: Trial) -> None:
    assert accusations(judged, EVERY) == []


ABOUT_SHOULD: Final = frozenset(
    {
        "no seconds refused",  # it is in the table of MAY
        "the longest double in full",  # the same decimal is a SHOULD
    }
)


@pytest.mark.parametrize("name", sorted(LIBERTIES.keys() - ABOUT_SHOULD))
def test_no_liberty_of_the_contract_breaks_a_should(name: str) -> None:
    assert accusations(LIBERTIES[name], WIDE) == []


ORDINARY_RATES: Final = ("1.12", "0.1", "1.005", "0.000001", "999999.999999", "1000000", "0", "33.333333")


@pytest.mark.parametrize("form", ["{!r}", "{:.17g}", "{:.20e}", "{:.40f}"])
@pytest.mark.parametrize("sent", ORDINARY_RATES)
def test_a_rate_may_come_back_in_any_spelling_of_its_double(sent: str, form: str) -> None:
    judged = one(created(exchangeRate=form.format(float(sent))), exchangeRate=sent)

    assert accusations(judged, EVERY) == []


@pytest.mark.parametrize("status", [400, 402, 406, 409, 410, 412, 413, 414, 415, 422, 428, 431, 451])
def test_any_4xx_that_speaks_of_the_body_refuses_it(status: int) -> None:
    judged = refusing(refusal(status))

    assert summary(Refused(("minimum",)).judge(judged)) == "holds"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408])
def test_a_4xx_that_speaks_of_something_else_refuses_no_body(status: int) -> None:
    judged = refusing(refusal(status))

    assert summary(Refused(("minimum",)).judge(judged)) == f"broken: {status}"


def test_a_used_pooled_number_says_nothing_of_its_text() -> None:
    taken = trial(read(refusal(409), pooled=True, invoiceNumber='"null"'))

    judged = Accepted(fields=("invoiceNumber",)).judge(taken)

    # A run before this one may have used all the equivalents up: the same verdicts when run again.
    assert isinstance(judged, DoesNotApply)
    assert not judged.unanswered


DEEP = "[" * 200 + "]" * 200


def test_an_answer_that_is_nested_deeper_than_is_read_is_not_called_broken() -> None:
    kept = read(answer(201, text_of({"data": text_of(resource()), "kept": DEEP})))
    repeated = read(answer(422, text_of({"input": DEEP}), Content_Type="application/problem+json"))

    assert isinstance(JsonBody().judge(trial(kept)), DoesNotApply)
    assert isinstance(ErrorIsJson().judge(trial(repeated)), Holds)
    assert isinstance(Echoed("amountMinor", "number").judge(trial(kept)), DoesNotApply)


@pytest.mark.parametrize(
    "by_http",
    [
        read(answer(413, "<h1>Request Entity Too Large</h1>", Content_Type="text/html")),
        read(answer(400, "<h1>Bad Request</h1>", Content_Type="text/html"), target="/api/v1/invoices?limit=%zz&a[]=1"),
    ],
    ids=["a proxy's limit", "a target that is no URI"],
)
def test_an_error_page_of_the_http_layer_is_not_blamed_on_the_api(by_http: Reading) -> None:
    assert isinstance(ErrorIsJson().judge(trial(by_http)), DoesNotApply)


def test_a_server_that_honours_an_override_may_not_know_the_method() -> None:
    asked = read(answer(501, "{}"))
    request = replace(asked.exchange.request, headers=(("X-HTTP-Method-Override", "PUT"),))
    overridden = Reading(replace(asked.exchange, request=request), asked.meaning, asked.rules)

    assert isinstance(NoServerError().judge(trial(asked)), Broken)
    assert isinstance(NoServerError().judge(trial(overridden)), Holds)


def test_an_instant_without_seconds_is_the_same_instant() -> None:
    act = read(created(issuedAt='"2023-10-05T14:48Z"'), issuedAt='"2023-10-05T14:48:00.000Z"')

    assert isinstance(Echoed("issuedAt", "instant").judge(trial(act)), Holds)


def test_another_tenant_may_be_closed_to_the_token() -> None:
    first = read(created())
    request = replace(first.exchange.request, headers=(("tenant-id", "another"),))
    refused = read(answer(403, "{}"))
    elsewhere = Reading(replace(refused.exchange, request=request), refused.meaning, refused.rules)

    expected = BothCreated("numbers are unique within a tenant")

    assert isinstance(expected.judge(trial(elsewhere, first=first)), DoesNotApply)
    assert isinstance(expected.judge(trial(read(refusal(409)), first=first)), Broken)


def test_what_is_refused_in_front_is_no_server_error_and_uses_up_no_number() -> None:
    expected = BothCreated("a refused create uses up no number", after_refusal=True)

    free = expected.judge(trial(read(created()), first=read(firewall())))

    assert isinstance(NoServerError().judge(trial(read(firewall()))), Holds)
    assert isinstance(free, DoesNotApply)
    assert not free.unanswered

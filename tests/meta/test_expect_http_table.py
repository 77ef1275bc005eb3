"""Each expectation of heads, credentials, methods and errors, on answers that hold, break it, or say nothing of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.trials import ABSENT, answer, created, firewall, read, refusal, silence, trial

from invoice_conformance import expect_http, leaks
from invoice_conformance.expect_http import (
    ErrorStatusSteady,
    HasAllow,
    HasChallenge,
    KeepsAnswering,
    NoBanner,
    NoCookie,
    NoInvoice,
    NoLeak,
    NoSuccess,
    RefusedForThat,
    RefusedLikeTwin,
    RefusedWith,
    Understood,
)
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Trial

if TYPE_CHECKING:
    from invoice_conformance.exchange import NoAnswer, Response
    from invoice_conformance.expect import Expectation

HOLDS: Final = "holds"
NOTHING: Final = "does not apply"
UNANSWERED: Final = "unanswered"


def summary(judged: Judged) -> str:
    """A judgement in one word, with the kind of a broken one."""
    if isinstance(judged, Broken):
        return f"broken: {judged.kind}"
    if isinstance(judged, Holds):
        return HOLDS
    return UNANSWERED if judged.unanswered else NOTHING


def one(came: Response | NoAnswer, method: str = "POST", *, standard: bool = False) -> Trial:
    return trial(read(came, method=method, standard=standard))


def beside(came: Response | NoAnswer, twin: Response | NoAnswer) -> Trial:
    """An exchange, and the same request without its defect."""
    return trial(read(came, standard=False), twin=read(twin))


FOR_THAT: Final = RefusedForThat("there is no such tenant")
WITH_401: Final = RefusedWith((401,), "credentials are missing")
LIKE_TWIN: Final = RefusedLikeTwin("credentials are judged first")
UNDERSTOOD: Final = Understood("chunks are a framing", also=(411,))
NO_SUCCESS: Final = NoSuccess("nothing is there")
NO_INVOICE: Final = NoInvoice("Authorization is required")

REFUSALS: Final = [
    (FOR_THAT, one(refusal(400)), HOLDS),
    (FOR_THAT, one(refusal(401)), HOLDS),
    (FOR_THAT, one(refusal(404)), HOLDS),
    (FOR_THAT, one(refusal(499)), HOLDS),
    (FOR_THAT, one(firewall()), HOLDS),
    (FOR_THAT, one(refusal(408)), "broken: 408"),
    (FOR_THAT, one(created()), "broken: accepted"),
    (FOR_THAT, one(answer(204)), "broken: accepted"),
    (FOR_THAT, one(answer(302)), "broken: 302"),
    (FOR_THAT, one(answer(500)), "broken: 5xx"),
    (FOR_THAT, one(silence()), UNANSWERED),
    (FOR_THAT, one(answer(429)), UNANSWERED),
    (FOR_THAT, one(answer(503)), UNANSWERED),
    (FOR_THAT, beside(refusal(403), created()), HOLDS),
    (FOR_THAT, beside(refusal(403), refusal(403)), NOTHING),
    (FOR_THAT, beside(refusal(403), silence()), UNANSWERED),
    (FOR_THAT, beside(created(), refusal(403)), "broken: accepted"),
    (FOR_THAT, beside(answer(500), created()), "broken: 5xx"),
    (FOR_THAT, beside(answer(500), answer(500)), NOTHING),
    (WITH_401, one(refusal(401)), HOLDS),
    (WITH_401, one(refusal(400)), "broken: 400"),
    (WITH_401, one(refusal(403)), "broken: 403"),
    (WITH_401, one(refusal(499)), "broken: 499"),
    (WITH_401, one(created()), NOTHING),
    (WITH_401, one(answer(500)), NOTHING),
    (WITH_401, one(answer(302)), NOTHING),
    (WITH_401, one(silence()), UNANSWERED),
    (WITH_401, one(firewall()), UNANSWERED),
    (RefusedWith((400, 401), "they are malformed"), one(refusal(400)), HOLDS),
    (LIKE_TWIN, beside(refusal(401), refusal(401)), HOLDS),
    (LIKE_TWIN, beside(refusal(422), refusal(401)), "broken: 422"),
    (LIKE_TWIN, beside(created(), refusal(401)), "broken: 201"),
    (LIKE_TWIN, beside(answer(500), refusal(400)), "broken: 5xx"),
    (LIKE_TWIN, beside(refusal(401), created()), NOTHING),
    (LIKE_TWIN, beside(refusal(401), answer(500)), NOTHING),
    (LIKE_TWIN, beside(silence(), refusal(401)), UNANSWERED),
    (LIKE_TWIN, beside(firewall(), refusal(401)), UNANSWERED),
    (LIKE_TWIN, one(refusal(401)), NOTHING),
    (UNDERSTOOD, one(created()), HOLDS),
    (UNDERSTOOD, one(answer(202)), HOLDS),
    (UNDERSTOOD, one(refusal(411)), HOLDS),
    (UNDERSTOOD, one(refusal(400)), "broken: 400"),
    (UNDERSTOOD, one(answer(500)), "broken: 5xx"),
    (UNDERSTOOD, one(answer(302)), "broken: 302"),
    (UNDERSTOOD, one(silence()), UNANSWERED),
    (UNDERSTOOD, one(firewall()), UNANSWERED),
    (UNDERSTOOD, beside(refusal(400), created()), "broken: 400"),
    (UNDERSTOOD, beside(refusal(400), refusal(400)), NOTHING),
    (UNDERSTOOD, beside(refusal(411), refusal(400)), HOLDS),
    (UNDERSTOOD, beside(refusal(400), silence()), UNANSWERED),
    (Understood("it means the same"), one(refusal(411)), "broken: 411"),
    (NO_SUCCESS, one(refusal(404)), HOLDS),
    (NO_SUCCESS, one(answer(501)), HOLDS),
    (NO_SUCCESS, one(answer(308)), HOLDS),
    (NO_SUCCESS, one(created()), "broken: accepted"),
    (NO_SUCCESS, one(answer(204), "DELETE"), "broken: accepted"),
    (NO_SUCCESS, one(silence()), UNANSWERED),
    (NO_INVOICE, one(created()), "broken: accepted"),
    (NO_INVOICE, one(created(200)), "broken: accepted"),
    (NO_INVOICE, one(refusal(401)), HOLDS),
    (NO_INVOICE, one(answer(308)), HOLDS),
    (NO_INVOICE, one(answer(200, "<html>home</html>", Content_Type="text/html")), HOLDS),
    (NO_INVOICE, one(created(invoiceNumber='"another"')), HOLDS),
    (NO_INVOICE, one(answer(500)), HOLDS),
    (NO_INVOICE, one(silence()), UNANSWERED),
]

HEADS: Final = [
    (HasChallenge(), one(answer(401, "{}", WWW_Authenticate="Bearer")), HOLDS),
    (HasChallenge(), one(answer(401, "{}")), "broken: missing"),
    (HasChallenge(), one(answer(401, "{}", WWW_Authenticate="")), "broken: malformed"),
    (HasChallenge(), one(answer(401, "{}", WWW_Authenticate='realm="x"')), "broken: malformed"),
    (HasChallenge(), one(answer(400, "{}")), HOLDS),
    (HasChallenge(), one(answer(402, "{}")), HOLDS),
    (HasChallenge(), one(created()), HOLDS),
    (HasChallenge(), one(silence()), UNANSWERED),
    (HasAllow(), one(answer(405, "{}", Allow="GET, POST"), "PUT"), HOLDS),
    (HasAllow(), one(answer(405, "{}", Allow="POST"), "PUT"), HOLDS),
    (HasAllow(), one(answer(405, "{}", Allow=" GET ,\tPOST\t, "), "PUT"), HOLDS),
    (HasAllow(), one(answer(405, "{}", Allow="POSTAL"), "PUT"), "broken: lacks POST"),
    (HasAllow(), one(answer(405, "{}", Allow=""), "PUT"), "broken: lacks POST"),
    (HasAllow(), one(answer(405, "{}"), "PUT"), "broken: missing"),
    (HasAllow(), one(answer(404, "{}"), "PUT"), HOLDS),
    (HasAllow(), one(answer(406, "{}"), "PUT"), HOLDS),
    (HasAllow(), one(silence(), "PUT"), UNANSWERED),
    (NoBanner(), one(answer(201, "{}", Server="nginx")), HOLDS),
    (NoBanner(), one(answer(201, "{}", Server="nginx/1.27.3")), "broken: server"),
    (NoBanner(), one(answer(201, "{}", Server="Jetty(9.4)")), "broken: server"),
    (NoBanner(), one(answer(201, "{}", Via="1.1 varnish")), HOLDS),
    (NoBanner(), one(answer(201, "{}", X_Powered_By="Express")), "broken: x-powered-by"),
    (NoBanner(), one(answer(201, "{}", X_AspNet_Version="4")), "broken: x-aspnet-version"),
    (NoBanner(), one(answer(201, "{}", X_Powered_By=" ")), HOLDS),
    (NoBanner(), one(answer(201, "{}")), HOLDS),
    (NoBanner(), one(silence()), UNANSWERED),
    (NoCookie(), one(answer(201, "{}", Set_Cookie="a=b")), "broken: cookie"),
    (NoCookie(), one(answer(401, "{}", set_cookie="a=b")), "broken: cookie"),
    (NoCookie(), one(created()), HOLDS),
    (NoCookie(), one(silence()), UNANSWERED),
]

SQL: Final = '{"detail":"INSERT INTO invoices (id) VALUES (1)"}'
LEAKING: Final = [
    (NoLeak(), one(answer(500, "Traceback (most recent call last):")), "broken: a Python traceback"),
    (NoLeak(), one(answer(500, '{"trace":"File \\"/a.py\\", line 3"}')), "broken: a Python traceback"),
    (NoLeak(), one(answer(400, "at com.acme.Invoices.create(Invoices.java:41)")), "broken: a Java stack trace"),
    (NoLeak(), one(answer(422, "    at create (/srv/invoices.js:1:2)")), "broken: a JavaScript stack trace"),
    (NoLeak(), one(answer(422, SQL)), "broken: SQL"),
    (NoLeak(), one(answer(422, '{"file":"/srv/app/invoices/create.rb"}')), "broken: a path of the server"),
    (NoLeak(), one(answer(422, '{"file":"\\/srv\\/app\\/create.rb"}')), "broken: a path of the server"),
    (NoLeak(), one(answer(399, SQL)), NOTHING),
    (NoLeak(), one(answer(201, SQL)), NOTHING),
    (NoLeak(), one(answer(422, "")), NOTHING),
    (NoLeak(), one(silence()), UNANSWERED),
    (NoLeak(), one(answer(422, '{"detail":"select a currency from the list"}')), HOLDS),
    (NoLeak(), one(answer(422, '{"detail":"not found: /api/v1/invoices"}')), HOLDS),
    (NoLeak(), one(answer(422, " " * leaks.LOOKED_AT + SQL + " " * leaks.LOOKED_AT_END)), HOLDS),
    # What the client sent itself may come back to it, quoted or not.
    (NoLeak(), trial(read(answer(422, SQL), invoiceNumber='"INSERT INTO invoices ("')), HOLDS),
    (NoLeak(), trial(read(answer(404, "/srv/app/x.py"), target="/srv/app/x.py", standard=False)), HOLDS),
]

SOON: Final = answer(503, "", Retry_After="3")
ANSWERING: Final = [
    (KeepsAnswering(), one(created(), standard=True), HOLDS),
    (KeepsAnswering(), one(refusal(), standard=True), HOLDS),
    (KeepsAnswering(), one(answer(500), standard=True), HOLDS),
    (KeepsAnswering(), one(answer(502), standard=True), "broken: 502"),
    (KeepsAnswering(), one(answer(503), standard=True), "broken: 503"),
    (KeepsAnswering(), one(answer(504), standard=True), "broken: 504"),
    (KeepsAnswering(), one(SOON, standard=True), UNANSWERED),
    (KeepsAnswering(), one(answer(429), standard=True), UNANSWERED),
    (KeepsAnswering(), one(silence(), standard=True), UNANSWERED),
    (KeepsAnswering(), one(answer(503)), NOTHING),
    (KeepsAnswering(), trial(read(answer(503), amountMinor="-1")), NOTHING),
    (KeepsAnswering(), trial(read(answer(503), currencyCode='"XXX"')), NOTHING),
]


@pytest.mark.parametrize(("expectation", "judged", "expected"), [*REFUSALS, *HEADS, *LEAKING, *ANSWERING])
def test_an_expectation_judges_an_exchange(expectation: Expectation, judged: Trial, expected: str) -> None:
    assert summary(expectation.judge(judged)) == expected


def test_every_expectation_of_the_module_is_in_the_table() -> None:
    tested = {type(expectation) for expectation, _judged, _expected in (*REFUSALS, *HEADS, *LEAKING, *ANSWERING)}

    known = {kind for kind in vars(expect_http).values() if isinstance(kind, type) and hasattr(kind, "judge")}
    assert known - tested == set()


def test_a_broken_refusal_says_what_would_do() -> None:
    refused = UNDERSTOOD.judge(one(refusal(400)))
    status = RefusedWith((400, 401), "they are malformed").judge(one(refusal(403)))

    assert isinstance(refused, Broken)
    assert refused.expected == "a success (200 or 201), or 411, because chunks are a framing"
    assert isinstance(status, Broken)
    assert (status.expected, status.got) == ("400 or 401, because they are malformed", '403 {"title":"refused"}')


def test_a_leak_is_quoted_with_the_text_around_it() -> None:
    found = NoLeak().judge(one(answer(500, f"<p>{SQL}</p>")))

    assert isinstance(found, Broken)
    assert found.got.startswith("SQL in the body of the answer 500: <p>")
    assert "INSERT INTO invoices (" in found.got


def test_a_leak_in_json_is_shown_by_its_member_and_cut_on_both_sides() -> None:
    told = {"errors": [{"a/b": f"{'x' * 300} {SQL} {'y' * 300}"}]}
    found = NoLeak().judge(one(answer(500, json.dumps(told))))

    assert isinstance(found, Broken)
    assert found.got.startswith("SQL in the member /errors/0/a~1b of the answer 500: …xxx")
    assert found.got.endswith("…")
    assert len(found.got) < 300


# The fold over the statuses of refusals


def steady(*readings: tuple[int, dict[str, str]]) -> list[str]:
    fold = ErrorStatusSteady()
    return [summary(fold.observe(read(refusal(status), changes=sent))) for status, sent in readings]


def test_one_defect_with_two_statuses_is_found() -> None:
    negative, more = {"amountMinor": "-1"}, {"amountMinor": "-2"}

    assert steady((422, negative), (422, negative), (400, negative), (400, more)) == [
        HOLDS,
        HOLDS,
        "broken: 400",
        HOLDS,
    ]


def test_different_defects_and_members_may_have_different_statuses() -> None:
    missing, of_another = {"amountMinor": ABSENT}, {"currencyCode": ABSENT}

    assert steady((422, missing), (400, of_another), (409, {"amountMinor": "null"})) == [HOLDS] * 3


def test_the_three_dates_are_refused_alike() -> None:
    fold = ErrorStatusSteady()
    bad = json.dumps("2023-02-30T00:00:00Z")
    observed = [
        summary(fold.observe(read(refusal(status), changes={name: bad}, edits=((name, "30 February"),))))
        for status, name in ((422, "issuedAt"), (422, "dueAt"), (400, "paidAt"))
    ]

    assert observed == [HOLDS, HOLDS, "broken: 400"]


@pytest.mark.parametrize(
    ("came", "sent", "standard"),
    [
        (created(), {"amountMinor": "-1"}, True),
        (silence(), {"amountMinor": "-1"}, True),
        (refusal(404), {"amountMinor": "-1"}, True),
        (refusal(), {"amountMinor": "-1"}, False),
        (refusal(), {"amountMinor": "0"}, True),
        (refusal(), {"amountMinor": "-1", "exchangeRate": "-1"}, True),
        (refusal(), {"currencyCode": '"EU1"'}, True),
    ],
)
def test_only_the_refusal_of_one_defect_counts(
    came: Response | NoAnswer, sent: dict[str, str], *, standard: bool
) -> None:
    judged = ErrorStatusSteady().observe(read(came, changes=sent, standard=standard))

    assert isinstance(judged, DoesNotApply)


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'"text"', b'{"contractId":1,"contractId":2}'], ids=["array", "cut", "text", "twice"]
)
def test_a_body_without_members_has_no_defect_in_one(body: bytes) -> None:
    judged = ErrorStatusSteady().observe(read(refusal(), body=body, edits=()))

    assert isinstance(judged, DoesNotApply)


def test_chunks_are_not_for_who_speaks_http_1_0() -> None:
    new = read(refusal(400))
    chunked = replace(new.exchange.request, chunked=True)
    old = Reading(
        replace(new.exchange, request=chunked, answer=replace(refusal(400), http_version="HTTP/1.0")),
        new.meaning,
        new.rules,
    )

    assert isinstance(UNDERSTOOD.judge(Trial("", {"act": (old,), "twin": (read(created()),)})), Holds)

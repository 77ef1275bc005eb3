"""Owns the claims about odd requests: how each is written out, what is kept of it, and what is expected of its answer.

It must not know which server gives which answer.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.rawserver import RawServer, answer, answering, answering_then_closing
from tests.meta.trials import RULES, created, firewall, read, refusal, silence, trial

from invoice_conformance import evidence
from invoice_conformance.case import Identity, Numbering, fill
from invoice_conformance.config import Settings
from invoice_conformance.evidence import Record
from invoice_conformance.exchange import USUAL, Exchange, NoAnswer, Request, Response, Wire
from invoice_conformance.expect_requests import (
    Answered,
    AnsweredLikeTwin,
    Asks,
    Closes,
    NextIsWhole,
    NoCrash,
    NotInChunks,
    RefusedForHost,
)
from invoice_conformance.redaction import Redactor
from invoice_conformance.report.commands import curl
from invoice_conformance.session import Suite
from invoice_conformance.target import Target, TargetSettings
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Meaning, Reading

if TYPE_CHECKING:
    from pathlib import Path

    from tests.meta.rawserver import Connection

    from invoice_conformance.case import Case
    from invoice_conformance.trial import Judged

SUITE: Final = Suite.load()
CASES: Final[dict[str, Case]] = {
    case.id: case
    for script in SUITE.plan(Settings(profile="thorough", requirement=("REQUEST-*", "HTTP-SURVIVED"))).scripts.values()
    for _role, case in script.steps
}
SECRETS: Final = Identity("a-secret-token", "tnt_secret", "ctr_secret")
POST: Final = Request("POST", "/api/v1/invoices", (), b'{"a":1}' * 20)


def written(request: Request) -> tuple[str, bytes]:
    """Head and body of a request as a server gets them."""
    seen: list[bytes] = []

    def script(connection: Connection) -> None:
        seen.append(connection.read_request())
        connection.send(answer())

    with RawServer(script) as server, Target(TargetSettings(server.url), Redactor()) as target:
        target.send(request)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    return head.decode().replace(server.url, "ORIGIN"), body


def filled(name: str) -> Request:
    return fill(CASES[name], SECRETS, Numbering("0MARK0"), "/v2/api/v1/invoices").request


def test_a_request_is_written_in_the_form_it_asks_for() -> None:
    old, _ = written(replace(POST, wire=Wire(version="1.0")))
    hostless, _ = written(replace(POST, wire=Wire(host=False)))
    absolute, _ = written(replace(POST, wire=Wire(absolute=True)))

    assert old.startswith("POST /api/v1/invoices HTTP/1.0\r\nHost: ")
    assert "host:" not in hostless.lower()
    assert absolute.startswith("POST ORIGIN/api/v1/invoices HTTP/1.1\r\nHost: ")


@pytest.mark.parametrize(
    ("chunks", "beginning", "end"),
    [
        ("small", b'3\r\n{"a\r\n3\r\n', b"\r\n0\r\n\r\n"),
        ("capital", b"1A\r\n", b"\r\n0\r\n\r\n"),
        ("extended", b"46;n=1;odd\r\n", b"\r\n0\r\n\r\n"),
        ("trailed", b"46\r\n", b"\r\n0\r\nX-Trailer: 1\r\n\r\n"),
    ],
)
def test_chunks_are_cut_in_every_way(chunks: str, beginning: bytes, end: bytes) -> None:
    def script(connection: Connection) -> None:
        seen.append(connection.read_until(b"\r\n\r\n") + connection.read_until(end))
        connection.send(answer())

    seen: list[bytes] = []
    with RawServer(script) as server, Target(TargetSettings(server.url), Redactor()) as target:
        target.send(replace(POST, chunked=True, wire=Wire(chunks=chunks)))  # type: ignore[arg-type] # a parameter

    body = seen[0].partition(b"\r\n\r\n")[2]
    assert body.startswith(beginning)
    assert body.endswith(end)


def test_a_coded_body_is_sent_coded_and_kept_as_it_was() -> None:
    _, packed = written(replace(POST, wire=Wire(coding="gzip")))
    _, marked = written(replace(POST, wire=Wire(coding="utf-16-le with its mark")))

    assert gzip.decompress(packed) == POST.body
    assert marked.decode("utf-16") == POST.body.decode()


def test_padding_goes_over_the_wire_and_nowhere_else() -> None:
    request = replace(POST, wire=Wire(padding=100_000))
    head, body = written(request)
    record = Record("", "act", Meaning("x"), Exchange(request, silence(), 0.0, 0.0), counts=True)

    line = json.dumps(evidence.to_json(record))

    assert f"Content-Length: {request.length}" in head
    assert body == POST.body + b" " * 100_000
    assert len(line) < 1000
    assert evidence.from_json(json.loads(line)).exchange.request == request
    assert RULES.oracle.judge(b"{}", 70_000).asides != RULES.oracle.judge(b"{}").asides
    assert "head -c 100000 /dev/zero" in curl(record.exchange, Settings())


@pytest.mark.parametrize(("script", "closed"), [(answering(answer()), False), (answering_then_closing(answer()), True)])
def test_the_end_of_a_connection_is_waited_for_where_it_was_asked_for(script: object, closed: bool) -> None:  # noqa: FBT001
    with RawServer(script) as server, Target(TargetSettings(server.url), Redactor()) as target:  # type: ignore[arg-type]
        asked = target.send(replace(POST, headers=(("Connection", "close"),))).answer
        usual = target.send(POST).answer

    assert isinstance(asked, Response)
    assert isinstance(usual, Response)
    assert (asked.closed, usual.closed) == (closed, None)


def test_nothing_secret_goes_where_somebody_else_may_read_it() -> None:
    meanings = {name: Reading(Exchange(filled(name), silence(), 0.0, 0.0), Meaning(name), RULES) for name in CASES}

    astray = [name for name, reading in meanings.items() if reading.astray]
    telling = [name for name in astray if "secret" in repr(filled(name))]

    assert len(astray) > 15
    assert telling == []


def test_an_odd_path_begins_where_the_target_does() -> None:
    targets = {name: filled(name).target for name in ("a doubled slash", "a percent-encoded letter")}

    assert targets == {
        "a doubled slash": "//v2/api/v1/invoices",
        "a percent-encoded letter": "/v2/api/v1/%69nvoices",
    }
    assert filled("a detour in the path").target == "/v2/api/v1/../v1/invoices"


# What is expected

UNAUTHORIZED: Final = refusal(401)
OLD: Final = replace(UNAUTHORIZED, headers=(*UNAUTHORIZED.headers, ("Transfer-Encoding", "chunked")))
LATE: Final = NoAnswer("timeout", "nothing came")


def kinds(*judged: Judged) -> list[type]:
    return [type(one) for one in judged]


def test_an_answer_to_http_1_0_has_no_chunks() -> None:
    expected = NotInChunks()

    judged = [
        expected.judge(trial(read(came))) for came in (OLD, UNAUTHORIZED, silence(), LATE, replace(OLD, status=503))
    ]

    assert kinds(*judged) == [Broken, Holds, Holds, DoesNotApply, Broken]


def test_a_connection_that_was_to_end_ends() -> None:
    answers = (replace(created(), closed=False), replace(created(), closed=True), created(), silence())

    judged = [Closes().judge(trial(read(came))) for came in answers]

    assert kinds(*judged) == [Broken, Holds, DoesNotApply, DoesNotApply]


def test_a_body_that_waits_to_be_asked_for_is_asked_for() -> None:
    answers = (
        replace(created(), asked=False),
        replace(created(), asked=True),
        replace(refusal(417), asked=True),
        replace(created(), asked=False, http_version="HTTP/1.0"),
        created(),
        silence(),
    )

    judged = [Asks().judge(trial(read(came))) for came in answers]

    assert kinds(*judged) == [Broken, Holds, Holds, Holds, DoesNotApply, DoesNotApply]


@pytest.mark.parametrize(
    ("came", "twin", "kind"),
    [
        (refusal(401), refusal(401), Broken),
        (created(), refusal(401), Broken),
        (refusal(400), refusal(401), Holds),
        (refusal(421), refusal(401), Holds),
        (firewall(), refusal(401), Holds),
        (refusal(400), refusal(400), Holds),
        (refusal(403), refusal(403), Holds),
        (silence(), refusal(401), Holds),
        (LATE, refusal(401), DoesNotApply),
    ],
)
def test_a_request_without_a_host_is_refused_for_that(
    came: Response | NoAnswer, twin: Response, kind: type[Judged]
) -> None:
    assert isinstance(RefusedForHost().judge(trial(read(came), twin=read(twin))), kind)


@pytest.mark.parametrize(
    ("came", "twin", "kind"),
    [
        (refusal(404), refusal(401), Broken),
        (refusal(400), refusal(403), Broken),
        (refusal(401), refusal(401), Holds),
        (refusal(421), refusal(401), Holds),
        (firewall(), refusal(401), Holds),
        (refusal(404), refusal(422), DoesNotApply),
        (LATE, refusal(401), DoesNotApply),
    ],
)
def test_a_whole_url_is_understood(came: Response | NoAnswer, twin: Response, kind: type[Judged]) -> None:
    assert isinstance(AnsweredLikeTwin("it is").judge(trial(read(came), twin=read(twin))), kind)


@pytest.mark.parametrize(
    ("came", "twin", "kind"),
    [
        (silence(), created(), Broken),
        (refusal(500), created(), Broken),
        (refusal(413), created(), Holds),
        (created(), created(), Holds),
        (LATE, created(), DoesNotApply),
        (silence(), silence(), DoesNotApply),
        (refusal(500), refusal(500), DoesNotApply),
    ],
)
def test_a_large_body_is_answered(came: Response | NoAnswer, twin: Response | NoAnswer, kind: type[Judged]) -> None:
    assert isinstance(Answered().judge(trial(read(came), twin=read(twin))), kind)


def test_an_odd_head_is_no_reason_for_500() -> None:
    judged = [NoCrash().judge(trial(read(came))) for came in (refusal(500), refusal(505), refusal(400), silence())]

    crashed = NoCrash().judge(trial(read(refusal(500)), twin=read(refusal(500))))

    assert kinds(*judged, crashed) == [Broken, Holds, Holds, DoesNotApply, DoesNotApply]


@pytest.mark.parametrize(
    ("first", "act", "twin", "kind"),
    [
        (refusal(404), refusal(400), created(), Broken),
        (refusal(404), silence(), created(), DoesNotApply),
        (refusal(404), created(), created(), Holds),
        (refusal(404), refusal(400), refusal(400), DoesNotApply),
        (created(), refusal(400), created(), DoesNotApply),
        (refusal(404), LATE, created(), DoesNotApply),
    ],
)
def test_the_request_after_a_refused_one_is_whole(
    first: Response, act: Response | NoAnswer, twin: Response, kind: type[Judged]
) -> None:
    assert isinstance(NextIsWhole().judge(trial(read(act), first=read(first), twin=read(twin))), kind)


def test_an_ordinary_request_says_nothing_of_how_it_is_written(tmp_path: Path) -> None:
    record = Record("", "act", Meaning("x"), Exchange(POST, created(), 0.0, 0.0), counts=True)
    with evidence.EvidenceWriter(tmp_path) as writer:
        writer.write(record)

    (kept,) = evidence.read(tmp_path / evidence.EVIDENCE)

    assert kept.exchange.request.wire == USUAL
    assert '"wire":{}' in (tmp_path / evidence.EVIDENCE).read_text(encoding="utf-8")

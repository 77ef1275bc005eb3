"""Owns `evidence.har`: the evidence as HTTP Archive 1.2, for a browser's developer tools.

It is made of the evidence and the report's target alone, and written exchange by exchange, for it may be large.
"""

from __future__ import annotations

import base64
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl

from harfile import Content, Creator, HarFile, PostData, Record, Request, Response, Timings

from invoice_conformance import evidence
from invoice_conformance.exchange import NoAnswer
from invoice_conformance.report.document import stamp

if TYPE_CHECKING:
    from pathlib import Path

    from invoice_conformance import exchange
    from invoice_conformance.report.document import Report


def har(report: Report, path: Path, to: IO[str]) -> None:
    """Write the exchanges of the evidence file `path` to `to`; OSError when there is none."""
    scheme, _colon, rest = (report["target"] or "http://127.0.0.1").partition("://")
    origin = f"{scheme}://{rest.partition('/')[0]}"
    creator = Creator(name=report["suite"]["name"], version=report["suite"]["version"])
    with HarFile.open(to, creator=creator) as archive:
        for record in evidence.read(path):
            sent = record.exchange
            wait = round(sent.elapsed * 1000, 3)
            words = f"{record.script or record.meaning.id} ({record.role})" + _unlike(sent.request.wire)
            archive.add_entry(
                startedDateTime=stamp(sent.sent_at),
                time=wait,
                request=_request(sent.request, origin),
                response=_response(sent.answer),
                timings=Timings(send=0, wait=wait, receive=0),
                comment=words if record.counts else f"{words}, does not count",
            )


def _unlike(wire: exchange.Wire) -> str:
    """What was done to a body on its way out, which the archive shows as it was before."""
    return (
        (f", {wire.padding} spaces behind its body" if wire.padding else "")
        + (f", its body as {wire.coding}" if wire.coding else "")
        + (", its body held back until it was asked for" if wire.waits else "")
    )


def _records(headers: tuple[exchange.Header, ...]) -> list[Record]:
    return [Record(name=name, value=value) for name, value in headers]


def _first(message: exchange.Request | exchange.Response, name: str) -> str:
    return next(iter(message.values(name)), "")


def _request(request: exchange.Request, origin: str) -> Request:
    query = parse_qsl(request.target.partition("?")[2], keep_blank_values=True, encoding="latin-1")
    return Request(
        method=request.method,
        url=request.target if "://" in request.target else f"{origin}/{request.target.removeprefix('/')}",
        httpVersion=f"HTTP/{request.wire.version}",
        headers=_records(request.headers),
        queryString=[Record(name=name, value=value) for name, value in query],
        # HAR has no encoding for what is sent: octets that are no UTF-8 are spelled out.
        postData=PostData(
            mimeType=_first(request, "content-type"), text=request.body.decode("utf-8", errors="backslashreplace")
        )
        if request.body
        else None,
        # What a coding makes of it nobody counts.
        bodySize=request.length if not request.wire.coding else -1,
    )


def _response(answer: exchange.Response | NoAnswer) -> Response:
    if isinstance(answer, NoAnswer):
        return Response(
            status=0, statusText="", httpVersion="", comment=f"no answer ({answer.kind}): {answer.detail}", bodySize=-1
        )
    media_type = _first(answer, "content-type")
    try:
        content = Content(size=answer.body_length, mimeType=media_type, text=answer.body.decode("utf-8"))
    except UnicodeDecodeError:
        text = base64.b64encode(answer.body).decode()
        content = Content(size=answer.body_length, mimeType=media_type, text=text, encoding="base64")
    return Response(
        status=answer.status,
        statusText=answer.reason,
        httpVersion=f"HTTP/{answer.http_version.removeprefix('HTTP/')}",
        headers=_records(answer.headers),
        content=content,
        redirectURL=_first(answer, "location"),
        bodySize=answer.body_length,
    )

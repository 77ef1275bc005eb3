"""Owns the faults in reading the head of a request: its credentials' form, and what it says that a client accepts.

It must not know what the body holds.
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, answers, hears
from invoice_conformance.reference.messages import Refusal, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service

_AUTHORIZATION: Final = b"authorization"
_ACCEPT: Final = b"accept"
_CONTENT_TYPE: Final = b"content-type"
_JSON: Final = b"application/json"
_RATE: Final = re.compile(rb'"exchangeRate":([0-9]+)\.([0-9]+)')
_YEAR: Final = re.compile(rb'"([0-9]{4})-(?=[0-9]{2}-[0-9]{2}T)')


def _reads(name: bytes, change: Callable[[bytes], bytes]) -> Install:
    """Read the value of the header field `name` as what `change` makes of it."""

    def heard(request: Request) -> Request:
        return replace(
            request, headers=tuple((key, change(value) if key == name else value) for key, value in request.headers)
        )

    return hears(heard)


def _accepts_only(test: Callable[[bytes], bool]) -> Install:
    """Answer 406 when Accept is there and `test` does not hold for it."""

    def heard(request: Request) -> Request:
        if request.method == "POST" and not all(map(test, request.values(_ACCEPT))):
            raise Refusal(HTTPStatus.NOT_ACCEPTABLE, "there is application/json alone")
        return request

    return hears(heard)


def _as_written(service: Service) -> None:
    service.manners = replace(service.manners, names_as_written=True)


def _suffix(value: bytes) -> bytes:
    media, parameters, rest = value.partition(b";")
    return _JSON + parameters + rest if media.strip().endswith(b"+json") else value


def _writes_for(language: bytes, change: Callable[[bytes], bytes]) -> Install:
    """Write what a client is shown that names `language` as `change` makes of it."""

    def written(request: Request, response: Response) -> Response:
        wanted = any(value.startswith(language) for value in request.values(b"accept-language"))
        return replace(response, body=change(response.body)) if wanted else response

    return answers(written)


def _labelled(request: Request, response: Response) -> Response:
    if not any(b"gzip" in value for value in request.values(b"accept-encoding")) or not response.body:
        return response
    return replace(response, headers=(*response.headers, (b"content-encoding", b"gzip")))


def _hijri(match: re.Match[bytes]) -> bytes:
    """The year of the Islamic calendar that a year of ours begins in, or nearly."""
    return b'"%04d-' % max((int(match[1]) - 622) * 33 // 32, 1)


FAULTS: Final = (
    Fault(
        "rate-in-language-of-client",
        "http",
        "Numbers are written in the locale that Accept-Language names: 1,12 for German.",
        _writes_for(b"de", lambda body: _RATE.sub(rb'"exchangeRate":"\1,\2"', body)),
    ),
    Fault(
        "dates-in-calendar-of-client",
        "http",
        "Dates are formatted in the locale that Accept-Language names, and with it in the calendar of its country.",
        _writes_for(b"ar", lambda body: _YEAR.sub(_hijri, body)),
    ),
    Fault(
        "gzip-said-and-not-done",
        "http",
        "A layer says Content-Encoding: gzip to who accepts it, and another one no longer compresses.",
        answers(_labelled),
    ),
    Fault(
        "auth-first-word-taken",
        "access",
        "Credentials are split at their spaces, and the second word is the token, whatever follows.",
        _reads(_AUTHORIZATION, lambda value: b" ".join(value.split()[:2])),
    ),
    Fault(
        "auth-padding-dropped",
        "access",
        "The token is decoded from base64, so equals signs at its end mean nothing.",
        _reads(_AUTHORIZATION, lambda value: value.rstrip(b"=")),
    ),
    Fault(
        "accept-wildcard-refused",
        "http",
        "Accept is searched for application/json, and */* is answered with 406.",
        _accepts_only(lambda value: b"*/*" not in value or b"json" in value),
    ),
    Fault(
        "accept-compared-as-text",
        "http",
        "Accept must be */* or application/json: a list with them is answered with 406.",
        _accepts_only(lambda value: b"," not in value),
    ),
    Fault(
        "header-names-compared-as-written",
        "http",
        "Header fields are looked for by their names in the documentation, letter by letter.",
        _as_written,
        shown_by="*-NAME*",
    ),
    Fault(
        "content-type-of-json-family-accepted",
        "http",
        "Any media type that ends in +json is taken for application/json.",
        _reads(_CONTENT_TYPE, _suffix),
    ),
)

"""Owns the faults in what the head of an answer says.

It must not know what the members of an invoice mean.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, answers, succeeds
from invoice_conformance.reference.service import COLLECTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.messages import Request, Response
    from invoice_conformance.reference.service import Service

_HOUR: Final = 3600
_LOCATION: Final = b"location"
_REFUSED: Final = 400


def _sets(name: bytes, value: bytes) -> Install:
    """Set a field of every answer."""
    return answers(lambda _, response: response.with_header(name, value))


def _adds(name: bytes, value: bytes) -> Callable[[Response], Response]:
    """One more line of a field."""
    return lambda response: replace(response, headers=(*response.headers, (name, value)))


def _leaves_out(name: bytes, *, when: Callable[[Response], bool] = lambda _: True) -> Install:
    return answers(lambda _, response: response.without_header(name) if when(response) else response)


def _late() -> bytes:
    """The time of a place two hours east of Greenwich, called GMT all the same."""
    return formatdate(time.time() + 2 * _HOUR, usegmt=True).encode()


def _number(response: Response) -> bytes:
    """The number of a new invoice, as UTF-8."""
    return str(json.loads(response.body)["data"]["invoiceNumber"]).encode("utf-8", "replace")


def _unescaped(response: Response) -> Response:
    value = COLLECTION.encode() + b"?number=" + re.sub(rb"[\x00-\x1f]", b"", _number(response)) + b" (new)"
    return response.with_header(_LOCATION, value)


def _previous(service: Service) -> None:
    before = service.created
    last = COLLECTION.encode() + b"/inv_000000000000000000000000"

    def created(response: Response) -> Response:
        nonlocal last
        made = before(response)
        shown, last = last, dict(made.headers)[_LOCATION]
        return made.with_header(_LOCATION, shown)

    service.created = created


def _zipped(_request: Request, response: Response) -> Response:
    if not response.body:
        return response
    packed = replace(response, body=gzip.compress(response.body, 1, mtime=0))
    return packed.with_header(b"content-encoding", b"gzip")


def _latin_1(_request: Request, response: Response) -> Response:
    headers = tuple(
        (name, value + b"; charset=iso-8859-1" if name == b"content-type" else value)
        for name, value in response.headers
    )
    return replace(response, headers=headers)


def _reflects(request: Request, response: Response) -> Response:
    for origin in request.values(b"origin"):
        allowed = response.with_header(b"access-control-allow-origin", origin)
        return allowed.with_header(b"access-control-allow-credentials", b"true")
    return response


def _any_origin(_request: Request, response: Response) -> Response:
    allowed = response.with_header(b"access-control-allow-origin", b"*")
    return allowed.with_header(b"access-control-allow-credentials", b"true")


def _expires(_request: Request, response: Response) -> Response:
    later = formatdate(time.time() + _HOUR, usegmt=True).encode()
    return response.without_header(b"cache-control").with_header(b"expires", later)


FAULTS: Final = (
    Fault(
        "cache-control-with-semicolons",
        "heads",
        "The directives of Cache-Control are joined by semicolons.",
        _sets(b"cache-control", b"no-cache; no-store"),
    ),
    Fault(
        "content-language-with-underscore",
        "heads",
        "Content-Language holds the locale's name, as the operating system spells it.",
        _sets(b"content-language", b"en_GB.UTF-8"),
    ),
    Fault(
        "etag-unquoted",
        "heads",
        "The ETag of a new invoice has no quotes.",
        succeeds(_adds(b"etag", b"1")),
    ),
    Fault(
        "last-modified-in-iso-8601",
        "heads",
        "Last-Modified is spelled in ISO 8601.",
        succeeds(_adds(b"last-modified", b"2025-01-01T00:00:00Z")),
    ),
    Fault(
        "location-unescaped",
        "heads",
        "The Location of a new invoice holds its number as it is, with spaces.",
        succeeds(_unescaped),
    ),
    Fault(
        "content-type-twice",
        "heads",
        "The framework adds a Content-Type of its own to that of the handler.",
        answers(lambda _, response: _adds(b"content-type", b"text/html")(response) if response.body else response),
    ),
    Fault(
        "etag-twice",
        "heads",
        "Two layers add an ETag to a new invoice.",
        succeeds(lambda response: _adds(b"etag", b'W/"1"')(_adds(b"etag", b'"1"')(response))),
    ),
    Fault(
        "date-in-local-time",
        "heads",
        "The Date is the local time, two hours ahead, labelled GMT.",
        answers(lambda _, response: response.with_header(b"date", _late())),
    ),
    Fault(
        "date-of-the-deployment",
        "heads",
        "The Date is made once, when the server is built.",
        _sets(b"date", b"Wed, 01 Jan 2025 00:00:00 GMT"),
    ),
    Fault(
        "date-in-rfc-850",
        "heads",
        "The Date is spelled as in RFC 850.",
        answers(
            lambda _, response: response.with_header(
                b"date", time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime()).encode()
            )
        ),
    ),
    Fault(
        "location-of-the-collection",
        "heads",
        "The Location of a new invoice is the collection's.",
        succeeds(lambda response: response.with_header(_LOCATION, COLLECTION.encode())),
    ),
    Fault(
        "location-of-nothing",
        "heads",
        "The Location is made before the id: it ends with None.",
        succeeds(lambda response: response.with_header(_LOCATION, COLLECTION.encode() + b"/None")),
    ),
    Fault(
        "location-of-the-previous-invoice",
        "heads",
        "The Location of a new invoice is that of the one before.",
        _previous,
    ),
    Fault("charset-latin-1", "heads", "Every body is labelled charset=iso-8859-1.", answers(_latin_1)),
    Fault("gzip-unasked", "heads", "Every body is compressed, whatever the client accepts.", answers(_zipped)),
    Fault(
        "cacheable-for-an-hour",
        "heads",
        "Every answer is marked public, max-age=3600.",
        _sets(b"cache-control", b"public, max-age=3600"),
    ),
    Fault(
        "expires-in-an-hour",
        "heads",
        "Every answer has an Expires an hour ahead and no Cache-Control.",
        answers(_expires),
    ),
    Fault("nosniff-forgotten", "heads", "No answer has nosniff.", _leaves_out(b"x-content-type-options")),
    Fault(
        "nosniff-forgotten-on-refusals",
        "heads",
        "The error handler forgets nosniff.",
        _leaves_out(b"x-content-type-options", when=lambda response: response.status >= _REFUSED),
    ),
    Fault(
        "hsts-forgotten",
        "heads",
        "No answer over TLS has Strict-Transport-Security.",
        _leaves_out(b"strict-transport-security"),
    ),
    Fault(
        "hsts-switched-off",
        "heads",
        "Strict-Transport-Security has a max-age of 0, left from a test.",
        _sets(b"strict-transport-security", b"max-age=0"),
    ),
    Fault(
        "origin-reflected-with-credentials",
        "heads",
        "Any Origin is allowed to use credentials: the one that asks is sent back.",
        answers(_reflects),
    ),
    Fault(
        "any-origin-with-credentials",
        "heads",
        "Every origin is allowed, with credentials.",
        answers(_any_origin),
    ),
)

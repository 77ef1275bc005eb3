"""Owns the faults in reading the head of a request: its credentials' form, and the media types in it.

It must not know what the body holds.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, hears
from invoice_conformance.reference.messages import Refusal, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service

_AUTHORIZATION: Final = b"authorization"
_ACCEPT: Final = b"accept"
_CONTENT_TYPE: Final = b"content-type"
_JSON: Final = b"application/json"


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


FAULTS: Final = (
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

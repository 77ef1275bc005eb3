"""Owns the faults in how JSON is read and written beside its grammar: its escapes, its order, its names.

It must not know what any member means.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import DATES, Fault, Install, decodes_text, reviews
from invoice_conformance.reference.messages import Refusal

if TYPE_CHECKING:
    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_CAPITAL: Final = re.compile(r"\\u[0-9a-f]{0,3}[A-F][0-9A-Fa-f]*")


def _status_twice(service: Service) -> None:
    before = service.encode
    service.encode = lambda value: before(value).replace(b'"status":', b'"status":"FINALIZED","status":')


def _begins_with_a_date(document: Members) -> bool:
    return next(iter(document), "") in DATES


def _dates_last() -> Install:
    refusal = "the dates belong behind the other members"
    return reviews(
        lambda document: Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, refusal) if _begins_with_a_date(document) else None
    )


FAULTS: Final = (
    Fault(
        "status-written-twice",
        "resource",
        "The status is written once for the invoice's kind and once for itself, so it stands there twice.",
        _status_twice,
    ),
    Fault(
        "json-capital-escapes-refused",
        "json",
        "The reader knows the hexadecimal digits a to f and not A to F.",
        decodes_text(lambda text: _CAPITAL.sub(r"\\q", text)),
    ),
    Fault(
        "json-dates-first-refused",
        "json",
        "The body is read in a stream, and a date before the members that it is checked against is refused.",
        _dates_last(),
    ),
)

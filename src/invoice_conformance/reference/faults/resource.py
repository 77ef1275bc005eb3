"""Owns the faults in the answer to a successful create: its status, its body and what the server sets in it.

It must not know how the members that a client sends are read.
"""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, presents, shows, succeeds
from invoice_conformance.reference.service import timestamp
from invoice_conformance.reference.store import MEMBERS
from invoice_conformance.reference.strict_json import JsonValue, Number, dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.messages import Response
    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_REQUIRED: Final = MEMBERS[:9]
_KEBAB: Final = dict(
    zip(
        _REQUIRED,
        ("id", "contract", "status", "number", "rate", "currency", "amount", "created-at", "updated-at"),
        strict=True,
    )
)
_REPEATS: Final = 100
_ALTERNATES: Final = 7


def _without(name: str) -> Install:
    return presents(lambda members: {key: value for key, value in members.items() if key != name})


def _renamed(old: str, new: str) -> Install:
    return presents(
        lambda members: {new if key == old else key: value for key, value in members.items()},
    )


def _clock(change: Callable[[datetime], JsonValue], *names: str) -> Install:
    return shows(lambda value: change(datetime.fromisoformat(str(value))), *names)


def _enveloped(change: Callable[[JsonValue], JsonValue]) -> Install:
    """Replace the wrapper of the resource."""

    def install(service: Service) -> None:
        service.envelope = change

    return install


def _bodied(change: Callable[[bytes], bytes]) -> Install:
    return succeeds(lambda response: replace(response, body=change(response.body)))


def _with_status(status: int) -> Install:
    return succeeds(lambda response: replace(response, status=status))


def _encoded(change: Callable[[JsonValue], bytes]) -> Install:
    def install(service: Service) -> None:
        service.encode = change

    return install


def _alternating(service: Service) -> None:
    turns = itertools.count(1)
    succeeds(
        lambda response: replace(response, status=200) if next(turns) % _ALTERNATES == 0 else response,
    )(service)


def _repeating_ids(service: Service) -> None:
    turns = itertools.count()
    presents(lambda members: {**members, "id": f"inv_{next(turns) % _REPEATS:024}"})(service)


def _numeric_ids(service: Service) -> None:
    turns = itertools.count(1)
    presents(lambda members: {**members, "id": next(turns)})(service)


def _ids_by_second(members: Members) -> Members:
    return {**members, "id": f"inv_{int(datetime.now(UTC).timestamp()):024}"}


def _single_quoted(value: JsonValue) -> bytes:
    return dump(value).replace("'", "\\'").replace('"', "'").encode()


def _uuid(invoice_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, invoice_id))


def _without_body(response: Response) -> Response:
    return replace(response.without_header(b"content-type"), status=204, body=b"")


FAULTS: Final = (
    Fault("data-wrapper-missing", "resource", "The resource is not wrapped in data.", _enveloped(lambda v: v)),
    Fault(
        "data-renamed",
        "resource",
        "The resource is wrapped in invoice instead of data.",
        _enveloped(lambda value: {"invoice": value}),
    ),
    Fault("data-null", "resource", "data is null.", _enveloped(lambda _: {"data": None})),
    Fault(
        "data-as-array",
        "resource",
        "data is an array with the resource in it.",
        _enveloped(lambda value: {"data": [value]}),
    ),
    Fault(
        "data-as-string",
        "resource",
        "data is text that holds the resource as JSON.",
        _enveloped(lambda value: {"data": dump(value)}),
    ),
    Fault(
        "data-as-id",
        "resource",
        "data holds nothing but the id.",
        _enveloped(lambda value: {"data": value["id"] if isinstance(value, dict) else value}),
    ),
    *(
        Fault(f"{short}-missing", "resource", f"{name} is missing in the resource.", _without(name))
        for name, short in _KEBAB.items()
    ),
    *(
        Fault(
            f"{short}-shown-as-null",
            "resource",
            f"{name} is null in the resource.",
            shows(lambda _: None, name),
        )
        for name, short in _KEBAB.items()
    ),
    Fault(
        "contract-shown-as-contract-id",
        "resource",
        "The resource calls the contract contractId, as the request does.",
        _renamed("contract", "contractId"),
    ),
    Fault(
        "contract-expanded",
        "resource",
        "The contract is an object with an id in it.",
        shows(lambda value: {"id": value}, "contract"),
    ),
    Fault(
        "contract-constant",
        "resource",
        "The resource names another contract than was sent.",
        shows(lambda _: "ctr_000000000000000000000000", "contract"),
    ),
    Fault(
        "members-in-snake-case",
        "resource",
        "The members are spelled in snake_case.",
        presents(
            lambda members: {
                "".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in members.items()
            }
        ),
    ),
    Fault("status-unknown", "resource", "The status is OPEN.", shows(lambda _: "OPEN", "status")),
    Fault("status-void", "resource", "A new invoice is VOID.", shows(lambda _: "VOID", "status")),
    Fault(
        "status-lower-cased",
        "resource",
        "The status is spelled finalized.",
        shows(lambda _: "finalized", "status"),
    ),
    Fault("status-as-number", "resource", "The status is the enum's index.", shows(lambda _: 1, "status")),
    Fault("status-empty", "resource", "The status is empty text.", shows(lambda _: "", "status")),
    Fault("id-as-number", "resource", "The id is the row's number.", _numeric_ids),
    Fault("id-empty", "resource", "The id is empty text.", shows(lambda _: "", "id")),
    Fault(
        "id-constant",
        "resource",
        "Every invoice has the same id.",
        shows(lambda _: "inv_000000000000000000000000", "id"),
    ),
    Fault("id-repeats", "resource", "The id is a counter that begins anew every 100 invoices.", _repeating_ids),
    Fault(
        "id-from-seconds",
        "resource",
        "The id is the time in seconds, so invoices of one second share it.",
        presents(_ids_by_second),
    ),
    Fault(
        "id-as-uuid",
        "resource",
        "The id is a UUID rather than inv_ and 24 letters or digits.",
        shows(lambda value: _uuid(str(value)), "id"),
    ),
    Fault(
        "created-at-local",
        "resource",
        "createdAt is local time with a Z behind it.",
        _clock(lambda moment: timestamp(moment + timedelta(hours=2)), "createdAt", "updatedAt"),
    ),
    Fault(
        "created-at-constant",
        "resource",
        "createdAt is the time when the server was deployed.",
        shows(lambda _: "2023-10-05T14:48:00.000Z", "createdAt"),
    ),
    Fault(
        "created-at-epoch",
        "resource",
        "createdAt is a number of milliseconds since 1970.",
        _clock(lambda moment: int(moment.timestamp() * 1000), "createdAt"),
    ),
    Fault(
        "created-at-without-zone",
        "resource",
        "createdAt has no zone.",
        shows(lambda value: str(value).removesuffix("Z"), "createdAt"),
    ),
    Fault(
        "created-at-with-offset",
        "resource",
        "createdAt is spelled with +00:00 for Z.",
        shows(lambda value: str(value).replace("Z", "+00:00"), "createdAt"),
    ),
    Fault(
        "created-at-date-only",
        "resource",
        "createdAt is a date without a time.",
        shows(lambda value: str(value)[:10], "createdAt"),
    ),
    Fault(
        "created-at-http-date",
        "resource",
        "createdAt is spelled like a header's date.",
        _clock(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT"), "createdAt"),
    ),
    Fault(
        "updated-before-created",
        "resource",
        "updatedAt lies an hour before createdAt.",
        _clock(lambda moment: timestamp(moment - timedelta(hours=1)), "updatedAt"),
    ),
    Fault(
        "updated-at-local",
        "resource",
        "updatedAt is set by a trigger of the database in local time, with a Z behind it.",
        _clock(lambda moment: timestamp(moment + timedelta(hours=2)), "updatedAt"),
    ),
    Fault("answered-202", "resource", "The invoice is answered with 202.", _with_status(202)),
    Fault("answered-203", "resource", "A proxy turned the status into 203.", _with_status(203)),
    Fault("answered-204", "resource", "The invoice is answered with 204 and no body.", succeeds(_without_body)),
    Fault(
        "answered-302",
        "resource",
        "The create redirects to the invoice, as forms do.",
        _with_status(302),
    ),
    Fault(
        "answered-200-every-seventh",
        "resource",
        "Every seventh create is answered with 200, the others with 201.",
        _alternating,
    ),
    Fault("body-empty", "resource", "The body of a 201 is empty.", _bodied(lambda _: b"")),
    Fault(
        "body-truncated",
        "resource",
        "The last octet of the body is missing.",
        _bodied(lambda body: body[:-1]),
    ),
    Fault(
        "body-with-trailer",
        "resource",
        "The framework adds a comment with its timing after the JSON.",
        _bodied(lambda body: body + b"\n<!-- 3 ms -->"),
    ),
    Fault(
        "body-with-guard",
        "resource",
        "The body begins with )]}' against script inclusion.",
        _bodied(lambda body: b")]}'\n" + body),
    ),
    Fault(
        "body-in-single-quotes",
        "resource",
        "The body is the language's own spelling of a map, in single quotes.",
        _encoded(_single_quoted),
    ),
    Fault(
        "body-with-nan",
        "resource",
        "The rate is written as NaN.",
        shows(lambda _: Number("NaN"), "exchangeRate"),
    ),
    Fault(
        "body-in-latin-1",
        "resource",
        "The body is encoded in latin-1.",
        _encoded(lambda value: dump(value).encode("latin-1", "replace")),
    ),
    Fault(
        "body-in-utf-16",
        "resource",
        "The body is encoded in UTF-16.",
        _encoded(lambda value: dump(value).encode("utf-16-le")),
    ),
    Fault(
        "body-with-bom",
        "resource",
        "The body begins with a byte order mark.",
        _bodied(lambda body: b"\xef\xbb\xbf" + body),
    ),
    Fault(
        "body-encoded-twice",
        "resource",
        "The body is a JSON string that holds the JSON.",
        _bodied(lambda body: dump(body.decode()).encode()),
    ),
    Fault(
        "content-type-html",
        "resource",
        "The body is JSON and called text/html.",
        succeeds(lambda response: response.with_header(b"content-type", b"text/html; charset=utf-8")),
    ),
    Fault(
        "content-type-text",
        "resource",
        "The body is JSON and called text/plain.",
        succeeds(lambda response: response.with_header(b"content-type", b"text/plain")),
    ),
    Fault(
        "content-type-missing",
        "resource",
        "The body has no Content-Type.",
        succeeds(lambda response: response.without_header(b"content-type")),
    ),
)

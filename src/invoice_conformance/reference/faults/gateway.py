"""Owns the faults of what stands between the connection and the program: gateways, readers of chunks, look-ups.

It must not know what an invoice holds.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from invoice_conformance.reference.faults.hooks import Fault, hears

if TYPE_CHECKING:
    from invoice_conformance.reference.messages import Request, Response
    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_TENANT: Final = b"tenant-id"
_CONTRACT: Final = "contractId"
_OF_EVERY_OBJECT: Final = frozenset({"constructor", "toString", "valueOf", "hasOwnProperty", "__proto__"})


def _decoded(request: Request) -> Request:
    headers = tuple((name, unquote_to_bytes(value) if name == _TENANT else value) for name, value in request.headers)
    return replace(request, headers=headers)


def _by_chunk(request: Request) -> Request:
    if not request.values(b"transfer-encoding"):
        return request
    return replace(request, body=request.body.decode("ascii", errors="replace").encode())


def _inherited(service: Service) -> None:
    before = service.check_contract

    def check(tenant: str, members: Members) -> None:
        if members[_CONTRACT] not in _OF_EVERY_OBJECT:
            before(tenant, members)

    service.check_contract = check


def _passed_on(service: Service) -> None:
    before = service.check_contract

    def check(tenant: str, members: Members) -> None:
        asked_for = str(members[_CONTRACT])
        members[_CONTRACT] = re.split("[?#]", asked_for)[0]
        before(tenant, members)

    service.check_contract = check


def _replayed(service: Service) -> None:
    before = service.create
    kept: dict[bytes, Response] = {}

    async def create(request: Request) -> Response:
        known = kept.get(request.body)
        if known is not None:
            return known
        response = await before(request)
        kept[request.body] = response
        return response

    service.create = create


FAULTS: Final = (
    Fault(
        "contract-asked-for-by-url",
        "access",
        "Another service is asked for the contract, whose id goes into the URL as it is: ? and # end it.",
        _passed_on,
    ),
    Fault(
        "answers-replayed-to-anybody",
        "access",
        "A gateway keeps the answer to each body for retries, and gives it to whoever sends the same.",
        _replayed,
    ),
    Fault(
        "tenant-url-decoded",
        "access",
        "A gateway passes the tenant on in a URL, from where it comes decoded.",
        hears(_decoded),
    ),
    Fault(
        "chunks-decoded-one-by-one",
        "http",
        "Each chunk is made text by itself, so letters that two chunks share are lost.",
        hears(_by_chunk),
    ),
    Fault(
        "contract-found-in-prototype",
        "access",
        "Contracts are looked up in a plain object, where constructor is found too.",
        _inherited,
    ),
)

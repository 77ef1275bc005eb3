"""Owns the faults that bring a server down, slow it down, or leave something of one request for the next.

It must not know the faults that one request and its answer show.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from invoice_conformance.reference.faults.hooks import Fault, Install
from invoice_conformance.reference.messages import Refusal, Request, Response, Silence
from invoice_conformance.reference.service import duplicate

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_DEEP: Final = 50
_LARGE: Final = 64 * 1024
_COMPARING: Final = 0.001
_REWRITING: Final = 0.000_004
_BUFFER: Final = 200
_REMEMBERED: Final = 500
_WORKERS: Final = 2
_DATES: Final = ("issuedAt", "dueAt", "paidAt")
_LONE_SURROGATE: Final = re.compile(
    rb"(?i)(?<!\\)\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab]..)(?<!\\)\\ud[c-f][0-9a-f]{2}"
)


def _dies(kind: Literal["reset", "closed", "timeout"], test: Callable[[bytes], object]) -> Install:
    """Leave a request without an answer for what `test` finds in the octets of its body."""

    def install(service: Service) -> None:
        before = service.decode

        def decode(octets: bytes) -> object:
            if test(octets):
                raise Silence(kind)
            return before(octets)

        service.decode = decode  # type: ignore[assignment] # what it returns is what the stage before returned

    return install


def _cuts_off(kind: Literal["reset", "closed"], test: Callable[[Refusal], bool]) -> Install:
    """Leave a request without an answer in place of a refusal."""

    def install(service: Service) -> None:
        before = service.refuse

        def refuse(refusal: Refusal) -> Response:
            if test(refusal):
                raise Silence(kind)
            return before(refusal)

        service.refuse = refuse

    return install


def _slows(seconds: Callable[[int], float]) -> Install:
    """Wait before each insertion, for a time that depends on how many there were."""

    def install(service: Service) -> None:
        before = service.insert
        stored = 0

        async def insert(tenant: str, invoice: Members) -> None:
            nonlocal stored
            await service.pause(seconds(stored))
            await before(tenant, invoice)
            stored += 1

        service.insert = insert

    return install


def _large_body_cut_off(service: Service) -> None:
    before = service.receive

    def receive(request: Request) -> Request:
        if len(request.body) > _LARGE or request.oversized:
            raise Silence("reset")
        return before(request)

    service.receive = receive


def _dates_kept(service: Service) -> None:
    before = service.read
    kept: Members = {}

    def read(request: Request) -> tuple[Members, Members]:
        document, members = before(request)
        kept.update({name: members[name] for name in _DATES if members[name] is not None})
        return document, {**members, **{name: kept.get(name) for name in _DATES if name not in document}}

    service.read = read


def _tenant_kept(service: Service) -> None:
    """A pooled connection keeps the tenant for whom a payment was booked, for the next request that it serves."""
    before, insert = service.admit, service.insert
    usual = next(iter(service.settings.tenants))
    left: dict[str, str] = {}

    def admit(request: Request) -> str:
        tenant = before(request)
        return left.pop("tenant", tenant)

    async def keeping(tenant: str, invoice: Members) -> None:
        await insert(tenant, invoice)
        if tenant != usual and invoice["paidAt"] is not None:
            left["tenant"] = tenant

    service.admit, service.insert = admit, keeping


def _transaction_left(service: Service) -> None:
    """A violated constraint aborts the transaction in which a payment was booked, and nobody rolls it back."""
    insert = service.insert
    aborted: list[bool] = []

    async def inserting(tenant: str, invoice: Members) -> None:
        if aborted:
            aborted.clear()
            raise Refusal(HTTPStatus.CONFLICT, "the invoice cannot be stored now")
        try:
            await insert(tenant, invoice)
        except Refusal:
            if invoice["paidAt"] is not None:
                aborted.append(True)
            raise

    service.insert = inserting


def _body_left(service: Service) -> None:
    """Who is refused for missing credentials is refused before the end of a body that the buffer does not hold."""
    before = service.receive
    left: list[bytes] = []

    def receive(request: Request) -> Request:
        if left:
            left.clear()
            raise Refusal(HTTPStatus.BAD_REQUEST, "this is no request line")
        if not request.values(b"authorization") and len(request.body) > _BUFFER:
            left.append(request.body[_BUFFER:])
        return before(request)

    service.receive = receive


def _errors_kept(service: Service) -> None:
    """The validator of payments is shared, and forgets its errors only when it has told them once more."""
    before = service.read
    errors: list[Refusal] = []

    def read(request: Request) -> tuple[Members, Members]:
        if errors:
            raise errors.pop()
        try:
            return before(request)
        except Refusal as refusal:
            if refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY and b'"paidAt":"' in request.body and _amount(refusal):
                errors.append(refusal)
            raise

    service.read = read


def _amount(refusal: Refusal) -> bool:
    return any(error["pointer"] == "/amountMinor" for error in refusal.errors)


def _worker(connection: int) -> int:
    """Which worker process accepted a connection."""
    # A system gives out even ports alone.
    return (connection // 2 + connection) % _WORKERS


def _remembers_by_worker(service: Service) -> None:
    create = service.create
    taken: list[set[tuple[str, str]]] = [set() for _worker in range(_WORKERS)]
    serving: list[int] = [0]

    async def creating(request: Request) -> Response:
        serving[0] = _worker(request.connection)
        return await create(request)

    async def insert(tenant: str, invoice: Members) -> None:
        claim = (tenant, str(invoice["invoiceNumber"]))
        if claim in taken[serving[0]]:
            raise duplicate()
        taken[serving[0]].add(claim)
        service.store.insert(tenant, invoice, None)

    service.create, service.insert = creating, insert


def _counts_by_worker(service: Service) -> None:
    create, mint = service.create, service.mint
    counts = [0] * _WORKERS
    serving = 0

    async def creating(request: Request) -> Response:
        nonlocal serving
        serving = _worker(request.connection)
        return await create(request)

    def minted(document: Members, members: Members) -> Members:
        counts[serving] += 1
        return {**mint(document, members), "id": f"inv_{counts[serving]:024d}"}

    service.create, service.mint = creating, minted


def _oldest_forgotten(service: Service) -> None:
    recent: dict[tuple[str, str], None] = {}

    async def insert(tenant: str, invoice: Members) -> None:
        claim = (tenant, str(invoice["invoiceNumber"]))
        if claim in recent:
            raise duplicate()
        recent[claim] = None
        if len(recent) > _REMEMBERED:
            del recent[next(iter(recent))]
        service.store.insert(tenant, invoice, None)

    service.insert = insert


FAULTS: Final = (
    Fault(
        "nul-kills-worker",
        "steadiness",
        "An escaped NUL ends a string of a library in C, and the worker with it: the connection is reset.",
        _dies("reset", lambda octets: rb"\u0000" in octets),
    ),
    Fault(
        "surrogate-closes-connection",
        "steadiness",
        "A lone surrogate cannot be logged, and the handler's thread ends with its connection.",
        _dies("closed", _LONE_SURROGATE.search),
    ),
    Fault(
        "deep-nesting-hangs",
        "steadiness",
        "Each level of nesting is parsed twice, so 50 levels take for ever.",
        _dies("timeout", lambda octets: max(octets.count(b"["), octets.count(b"{")) > _DEEP),
    ),
    Fault(
        "huge-exponent-hangs",
        "steadiness",
        "1e999999999 is written out as an integer, which takes for ever.",
        _dies("timeout", lambda octets: b"1e999999999" in octets),
    ),
    Fault(
        "large-body-cut-off",
        "steadiness",
        "A body above 64 KiB ends the connection, without 413.",
        _large_body_cut_off,
    ),
    Fault(
        "duplicate-kills-worker",
        "steadiness",
        "The constraint's exception ends the worker: a duplicate is answered with a reset.",
        _cuts_off("reset", lambda refusal: refusal.status == HTTPStatus.CONFLICT),
    ),
    Fault(
        "refusals-cut-off",
        "steadiness",
        "Whatever is refused is refused by closing the connection.",
        _cuts_off("closed", lambda _: True),
    ),
    Fault(
        "unauthenticated-cut-off",
        "steadiness",
        "A request without good credentials is answered by closing the connection.",
        _cuts_off("closed", lambda refusal: refusal.status == HTTPStatus.UNAUTHORIZED),
    ),
    Fault(
        "every-invoice-compared",
        "steadiness",
        "A new number is compared with every other one by a query of its own: 1 ms each.",
        _slows(lambda stored: stored * _COMPARING),
    ),
    Fault(
        "every-invoice-rewritten",
        "steadiness",
        "Each create writes all invoices and their history anew, so it takes the square of their number.",
        _slows(lambda stored: stored * stored * _REWRITING),
    ),
    Fault(
        "dates-of-request-before-kept",
        "steadiness",
        "A mutable default keeps the dates of the request before for those that are left out.",
        _dates_kept,
    ),
    Fault(
        "tenant-of-request-before-kept",
        "steadiness",
        "A payment's booking leaves another tenant's context in a pooled connection, for the next request.",
        _tenant_kept,
    ),
    Fault(
        "transaction-left-aborted",
        "steadiness",
        "A paid duplicate leaves the pooled connection in an aborted transaction: the next create is refused.",
        _transaction_left,
    ),
    Fault(
        "body-left-unread-after-401",
        "steadiness",
        "Without credentials a body is read to 200 octets; its rest is taken for the next request's beginning.",
        _body_left,
    ),
    Fault(
        "errors-of-request-before-kept",
        "steadiness",
        "A shared validator tells a paid invoice's errors to the next request too.",
        _errors_kept,
    ),
    Fault(
        "number-unique-per-worker",
        "steadiness",
        "Each of two workers remembers its own numbers, and a connection stays with one worker.",
        _remembers_by_worker,
    ),
    Fault(
        "id-counted-per-worker",
        "steadiness",
        "Each of two workers counts its ids from 1.",
        _counts_by_worker,
    ),
    Fault(
        "number-remembered-for-500-invoices",
        "steadiness",
        "The last 500 numbers are remembered, so an older one can be used again.",
        _oldest_forgotten,
    ),
)

"""Owns the faults in keeping invoice numbers unique.

It must not know what a valid number looks like.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import deque
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, claims, crash, folds, number_in
from invoice_conformance.reference.messages import Refusal, Request, Response
from invoice_conformance.reference.service import duplicate
from invoice_conformance.reference.strict_json import dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_REMEMBERED: Final = 50
_WINDOW: Final = 0.05
_PREFIX: Final = 50
_TENANT: Final = b"tenant-id"


def _content(invoice: Members) -> str:
    own = ("id", "createdAt", "updatedAt")
    return dump({name: value for name, value in invoice.items() if name not in own})


def _checked_first(service: Service) -> None:
    taken: set[tuple[str, str]] = set()

    async def insert(tenant: str, invoice: Members) -> None:
        claim = (tenant, str(invoice["invoiceNumber"]))
        if claim in taken:
            raise duplicate()
        await asyncio.sleep(_WINDOW)
        taken.add(claim)
        service.store.insert(tenant, invoice, None)

    service.insert = insert


def _cached(service: Service) -> None:
    recent: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)

    async def insert(tenant: str, invoice: Members) -> None:
        claim = (tenant, str(invoice["invoiceNumber"]))
        if claim in recent:
            raise duplicate()
        recent.append(claim)
        service.store.insert(tenant, invoice, None)

    service.insert = insert


def _on_duplicate(act: Callable[[Service, str, Members], Exception | None]) -> Install:
    """Do something else about a duplicate: raise what `act` returns, or pretend that all is well."""

    def install(service: Service) -> None:
        before = service.insert

        async def insert(tenant: str, invoice: Members) -> None:
            try:
                await before(tenant, invoice)
            except Refusal as refusal:
                if refusal.status != HTTPStatus.CONFLICT:
                    raise
                if error := act(service, tenant, invoice):
                    raise error from None

        service.insert = insert

    return install


def _stored_again(service: Service, tenant: str, invoice: Members) -> None:
    service.store.insert(tenant, invoice, None)


def _overwriting(service: Service) -> None:
    replaced: set[str] = set()

    def act(service: Service, tenant: str, invoice: Members) -> None:
        _stored_again(service, tenant, invoice)
        replaced.add(str(invoice["id"]))

    _on_duplicate(act)(service)
    before = service.created

    def created(response: Response) -> Response:
        place = dict(response.headers)[b"location"].decode().rpartition("/")[2]
        answer = before(response)
        return replace(answer, status=HTTPStatus.OK.value) if place in replaced else answer

    service.created = created


def _answered_with_first(service: Service) -> None:
    before = service.create
    first: dict[tuple[bytes, str], Response] = {}

    async def create(request: Request) -> Response:
        key = (b"".join(request.values(_TENANT)), number_in(request.body))
        try:
            response = await before(request)
        except Refusal as refusal:
            if refusal.status != HTTPStatus.CONFLICT or key not in first:
                raise
            return replace(first[key], status=HTTPStatus.OK.value)
        first[key] = response
        return response

    service.create = create


def _used_up(service: Service) -> None:
    before = service.create
    spent: set[tuple[bytes, str]] = set()

    async def create(request: Request) -> Response:
        key = (b"".join(request.values(_TENANT)), number_in(request.body))
        if key in spent:
            service.admit(request)
            raise duplicate()
        try:
            return await before(request)
        except Refusal as refusal:
            if refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY and key[1]:
                spent.add(key)
            raise

    service.create = create


FAULTS: Final = (
    Fault(
        "number-not-unique",
        "uniqueness",
        "There is no constraint: a number can be used as often as one likes.",
        claims(lambda *_: None),
    ),
    Fault(
        "number-unique-ignoring-case",
        "uniqueness",
        "The collation ignores case, so inv-1 counts as a duplicate of INV-1.",
        folds(str.casefold),
    ),
    Fault(
        "number-unique-ignoring-outer-space",
        "uniqueness",
        "Numbers are compared without the space around them.",
        folds(str.strip),
    ),
    Fault(
        "number-unique-ignoring-accents",
        "uniqueness",
        "The collation ignores accents.",
        folds(lambda number: "".join(c for c in unicodedata.normalize("NFD", number) if not unicodedata.combining(c))),
    ),
    Fault(
        "number-unique-ignoring-form",
        "uniqueness",
        "Numbers are compared in Unicode form NFC.",
        folds(lambda number: unicodedata.normalize("NFC", number)),
    ),
    Fault(
        "number-unique-ignoring-emoji",
        "uniqueness",
        "The collation gives every character beyond the BMP the same weight.",
        folds(lambda number: re.sub("[\U00010000-\U0010ffff]", "\ufffd", number)),
    ),
    Fault(
        "number-unique-ignoring-runs-of-space",
        "uniqueness",
        "Numbers are compared after runs of white space became one space.",
        folds(lambda number: " ".join(number.split())),
    ),
    Fault(
        "number-unique-ignoring-separators",
        "uniqueness",
        "Numbers are compared without the hyphens and spaces that people put into them.",
        folds(lambda number: re.sub("[- ]", "", number)),
    ),
    Fault(
        "number-unique-by-slug",
        "uniqueness",
        "Numbers are compared as they stand in a link: each sign that is no letter or digit is a hyphen.",
        folds(lambda number: re.sub(r"[^\w]|_", "-", number)),
    ),
    Fault(
        "number-unique-by-prefix",
        "uniqueness",
        "The index covers 50 characters, so longer numbers that begin alike count as duplicates.",
        folds(lambda number: number[:_PREFIX]),
    ),
    Fault(
        "number-unique-across-tenants",
        "uniqueness",
        "The constraint forgot the tenant, so tenants take numbers from each other.",
        claims(lambda _, number, __: ("", number)),
    ),
    Fault(
        "number-unique-per-currency",
        "uniqueness",
        "The constraint covers the currency too, so a number can be used once for each.",
        claims(lambda tenant, number, invoice: (tenant, f"{number} {invoice['currencyCode']}")),
    ),
    Fault(
        "number-unique-per-amount",
        "uniqueness",
        "The constraint covers the amount too, so a number can be used once for each.",
        claims(lambda tenant, number, invoice: (tenant, f"{number} {invoice['amountMinor']}")),
    ),
    Fault(
        "number-unique-for-identical-bodies",
        "uniqueness",
        "Only a body that is the same in every member counts as a duplicate.",
        claims(lambda tenant, _, invoice: (tenant, _content(invoice))),
    ),
    Fault(
        "number-checked-then-inserted",
        "uniqueness",
        "The number is looked up first and stored 50 ms later, so simultaneous creates all succeed.",
        _checked_first,
        races=True,
    ),
    Fault(
        "number-remembered-for-50-invoices",
        "uniqueness",
        "The numbers are kept in a cache of 50, so an older one can be used again.",
        _cached,
    ),
    Fault(
        "number-used-up-by-refusal",
        "uniqueness",
        "The number is reserved before the rest is validated, so a refused create uses it up.",
        _used_up,
    ),
    Fault(
        "duplicate-crashes",
        "uniqueness",
        "Nobody caught the constraint's exception: a duplicate gives 500.",
        _on_duplicate(lambda *_: crash()),
    ),
    Fault(
        "duplicate-answered-404",
        "uniqueness",
        "A duplicate is answered with 404.",
        _on_duplicate(lambda *_: Refusal(HTTPStatus.NOT_FOUND, "the number is taken")),
    ),
    Fault(
        "duplicate-overwrites",
        "uniqueness",
        "A duplicate replaces the invoice and is answered with 200.",
        _overwriting,
    ),
    Fault(
        "duplicate-answered-with-first",
        "uniqueness",
        "A duplicate is answered with 200 and the first invoice, whatever it asks for.",
        _answered_with_first,
    ),
)

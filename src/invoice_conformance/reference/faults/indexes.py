"""Owns the faults of a database's indexes and look-ups, by which a number is found used or free.

It must not know what a valid number looks like.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, crash, folds, number_in
from invoice_conformance.reference.messages import Refusal
from invoice_conformance.reference.service import DEFAULT_TENANTS, check_media_type, duplicate

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.messages import Request
    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_FIRST_TENANT: Final = next(iter(DEFAULT_TENANTS))


def _passes_over(excuse: Callable[[str, Members], bool]) -> Install:
    """Leave out of the index what `excuse` holds for, given the tenant and the invoice."""

    def install(service: Service) -> None:
        before = service.claim
        service.claim = lambda tenant, invoice: None if excuse(tenant, invoice) else before(tenant, invoice)

    return install


def _looks_up(pattern: Callable[[str], str]) -> Install:
    """Look for a new number among the tenant's as the regular expression that `pattern` makes of it."""

    def install(service: Service) -> None:
        before = service.insert
        kept: dict[str, list[str]] = {}

        async def insert(tenant: str, invoice: Members) -> None:
            number = str(invoice["invoiceNumber"])
            numbers = kept.setdefault(tenant, [])
            try:
                looked_for = re.compile(pattern(number), re.DOTALL)
            except re.error:
                looked_for = re.compile(re.escape(number))
            if any(looked_for.fullmatch(other) for other in numbers):
                raise duplicate()
            await before(tenant, invoice)
            numbers.append(number)

        service.insert = insert

    return install


def _like(number: str) -> str:
    wild = {"%": ".*", "_": "."}
    return "".join(wild.get(character) or re.escape(character) for character in number)


def _invisible_less(number: str) -> str:
    return "".join(character for character in number if unicodedata.category(character) != "Cf")


def _spent_by_media_type(service: Service) -> None:
    before = service.read
    spent: set[str] = set()

    def read(request: Request) -> tuple[Members, Members]:
        number = number_in(request.body)
        if number in spent:
            raise duplicate()
        try:
            check_media_type(request)
        except Exception:
            if number:
                spent.add(number)
            raise
        return before(request)

    service.read = read


def _formatted(service: Service) -> None:
    before = service.insert

    async def insert(tenant: str, invoice: Members) -> None:
        try:
            await before(tenant, invoice)
        except Refusal:
            raise (crash() if "{" in str(invoice["invoiceNumber"]) else duplicate()) from None

    service.insert = insert


FAULTS: Final = (
    Fault(
        "number-unique-for-unpaid",
        "uniqueness",
        "The index is partial, WHERE paid_at IS NULL, so paid invoices can share a number.",
        _passes_over(lambda _, invoice: invoice["paidAt"] is not None),
    ),
    Fault(
        "number-unique-above-zero",
        "uniqueness",
        "The index is partial, WHERE amount > 0, so invoices of 0 can share a number.",
        _passes_over(lambda _, invoice: invoice["amountMinor"] == 0),
    ),
    Fault(
        "number-unique-in-first-tenant",
        "uniqueness",
        "A migration made the index in the schema of the first tenant alone.",
        _passes_over(lambda tenant, _: tenant != _FIRST_TENANT),
    ),
    Fault(
        "number-looked-up-with-like",
        "uniqueness",
        "A used number is looked for with LIKE, so % and _ in a new one match others.",
        _looks_up(_like),
    ),
    Fault(
        "number-looked-up-by-regex",
        "uniqueness",
        "A used number is looked for with a regular expression, so a dot in a new one matches others.",
        _looks_up(lambda number: number),
    ),
    Fault(
        "number-unique-ignoring-sharp-s",
        "uniqueness",
        "The collation spells out ß, so Straße counts as a duplicate of Strasse.",
        folds(lambda number: number.replace("ß", "ss")),
    ),
    Fault(
        "number-unique-ignoring-invisible",
        "uniqueness",
        "The collation gives invisible characters no weight.",
        folds(_invisible_less),
    ),
    Fault(
        "number-used-up-by-media-type",
        "uniqueness",
        "A layer in front reserves the number before the media type is looked at, so a 415 uses it up.",
        _spent_by_media_type,
    ),
    Fault(
        "duplicate-formatted",
        "uniqueness",
        "The message of a duplicate is taken for a pattern after the number was put in: a brace in it gives 500.",
        _formatted,
    ),
)

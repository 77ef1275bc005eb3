"""Owns the faults that come only sometimes, that obey the client too much, or that need two members to meet.

It must not know the faults that any single request shows.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, composes, counts, crash, reviews
from invoice_conformance.reference.messages import Refusal
from invoice_conformance.reference.strict_json import Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_OFTEN: Final = 50
_SELDOM: Final = 40
_FULL: Final = 200
_LONG: Final = 200
_DATES: Final = ("issuedAt", "dueAt", "paidAt")


def _crash_when(test: Callable[[int], bool]) -> Install:
    def act(turn: int) -> None:
        if test(turn):
            raise crash()

    return counts(act)


def _busy(turn: int) -> None:
    if turn > _FULL:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the pool of connections is empty")


def _refuse_sometimes(turn: int) -> None:
    if turn % _OFTEN == 0:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the invoice is not valid")


def _wrong_amounts(service: Service) -> None:
    turn = 0

    def change(_: Members, invoice: Members) -> Members:
        nonlocal turn
        turn += 1
        amount = invoice["amountMinor"]
        if turn % _SELDOM == 0 and isinstance(amount, int):
            invoice["amountMinor"] = amount - 1 if amount else 1
        return invoice

    composes(change)(service)


def _neighbours_currency(service: Service) -> None:
    last: list[str] = []

    def change(_: Members, invoice: Members) -> Members:
        last.append(str(invoice["currencyCode"]))
        if len(last) % _SELDOM == 0:
            invoice["currencyCode"] = last[-2]
        return invoice

    composes(change)(service)


def _obeys(name: str) -> Install:
    def change(document: Members, invoice: Members) -> Members:
        given = document.get(name)
        plain = isinstance(given, str) and given.isascii() and given.isprintable()
        return {**invoice, name: given} if plain else invoice

    return composes(change)


def _is_zero(value: object) -> bool:
    return isinstance(value, Number) and not float(value.literal)


def _refuses_when(test: Callable[[Members], bool]) -> Install:
    refusal = "the members do not go together"
    return reviews(lambda document: Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, refusal) if test(document) else None)


def _crashes_when(test: Callable[[Members], bool]) -> Install:
    return reviews(lambda document: crash() if test(document) else None)


def _long_with_null(document: Members) -> bool:
    nulls = any(name in document and document[name] is None for name in _DATES)
    return nulls and len(str(document["invoiceNumber"])) > _LONG


FAULTS: Final = (
    Fault(
        "every-50th-create-crashes",
        "steadiness",
        "A broken connection of the pool gives 500 at every fiftieth create.",
        _crash_when(lambda turn: turn % _OFTEN == 0),
    ),
    Fault(
        "unavailable-after-200-invoices",
        "steadiness",
        "After 200 invoices every create is answered with 503 without Retry-After.",
        counts(_busy),
    ),
    Fault(
        "every-50th-create-refused",
        "steadiness",
        "Every fiftieth valid create is refused with 422.",
        counts(_refuse_sometimes),
    ),
    Fault(
        "every-40th-amount-wrong",
        "steadiness",
        "Every fortieth invoice comes back with another amount.",
        _wrong_amounts,
    ),
    Fault(
        "every-40th-currency-of-neighbour",
        "steadiness",
        "Every fortieth invoice comes back with the currency of the one before it.",
        _neighbours_currency,
    ),
    Fault(
        "full-after-200-invoices",
        "steadiness",
        "After 200 invoices every create gives 500.",
        _crash_when(lambda turn: turn > _FULL),
    ),
    Fault(
        "first-create-crashes",
        "steadiness",
        "The first create after the start gives 500.",
        _crash_when(lambda turn: turn == 1),
    ),
    Fault("client-id-obeyed", "obedience", "An id in the request becomes the invoice's id.", _obeys("id")),
    Fault("client-status-obeyed", "obedience", "A status in the request is taken over.", _obeys("status")),
    Fault(
        "client-created-at-obeyed",
        "obedience",
        "A createdAt in the request is taken over.",
        _obeys("createdAt"),
    ),
    Fault("client-contract-obeyed", "obedience", "A contract in the request is taken over.", _obeys("contract")),
    Fault(
        "proto-member-crashes",
        "obedience",
        "A member __proto__ reaches the language's own: 500.",
        _crashes_when(lambda document: "__proto__" in document),
    ),
    Fault(
        "zero-amount-with-paid-date-refused",
        "interaction",
        "An invoice of 0 with paidAt is refused, though each alone is accepted.",
        _refuses_when(lambda document: _is_zero(document["amountMinor"]) and bool(document.get("paidAt"))),
    ),
    Fault(
        "zero-amount-with-zero-rate-crashes",
        "interaction",
        "An invoice of 0 at rate 0 divides by zero: 500.",
        _crashes_when(
            lambda document: _is_zero(document["amountMinor"]) and _is_zero(document["exchangeRate"]),
        ),
    ),
    Fault(
        "yen-with-due-date-refused",
        "interaction",
        "An invoice in JPY with dueAt is refused, though each alone is accepted.",
        _refuses_when(lambda document: document["currencyCode"] == "JPY" and bool(document.get("dueAt"))),
    ),
    Fault(
        "long-number-with-null-date-crashes",
        "interaction",
        "A number of more than 200 characters with a date that is null gives 500.",
        _crashes_when(_long_with_null),
    ),
    Fault(
        "dollar-with-other-rate-refused",
        "interaction",
        "A rule that the page does not have refuses a rate other than 1 with USD.",
        _refuses_when(
            lambda document: (
                document["currencyCode"] == "USD"
                and isinstance(document["exchangeRate"], Number)
                and float(document["exchangeRate"].literal) != 1
            )
        ),
    ),
)

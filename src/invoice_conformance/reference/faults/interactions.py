"""Owns the faults that take two conditions at once: each alone is answered as it should be.

It must not know the faults that one member's value brings about by itself.
"""

from __future__ import annotations

from decimal import Decimal as Exact
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import DATES, Fault, Install, composes, crash, reviews
from invoice_conformance.reference.messages import Refusal
from invoice_conformance.reference.strict_json import JsonValue, Number
from invoice_conformance.reference.validation import ABSENT, Decimal, Given

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members
    from invoice_conformance.reference.validation import Reader

_INT64: Final = 2**63 - 1
_BILLION: Final = 10**9
_LARGEST_COMMON_RATE: Final = 10**6
_LONG: Final = 100
_MILLISECONDS: Final = len("2023-10-05T14:48:00.000Z")
_LEAP_DAY: Final = "-02-29T"


def _refuses_when(test: Callable[[Members], bool]) -> Install:
    refusal = "the members do not go together"
    return reviews(lambda document: Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, refusal) if test(document) else None)


def _crashes_when(test: Callable[[Members], bool]) -> Install:
    return reviews(lambda document: crash() if test(document) else None)


def _alters(when: Callable[[Members], bool], name: str, change: Callable[[JsonValue], JsonValue]) -> Install:
    """Store another value of `name` in the invoices of bodies that `when` holds for."""

    def altered(document: Members, invoice: Members) -> Members:
        return {**invoice, name: change(invoice[name])} if when(document) else invoice

    return composes(altered)


def _excused_by(
    excuse: Callable[[Members], bool], when: Callable[[Given], bool], instead: Callable[[Given], JsonValue], *names: str
) -> Install:
    """Take what `when` holds for without judging it, and store `instead` of it, in bodies with the `excuse`."""

    def install(service: Service) -> None:
        seen: Members = {}
        decode = service.decode

        def remembering(octets: bytes) -> JsonValue:
            document = decode(octets)
            seen.clear()
            seen.update(document if isinstance(document, dict) else {})
            return document

        def excusing(read: Reader) -> Reader:
            return lambda value: instead(value) if when(value) and excuse(seen) else read(value)

        service.decode = remembering
        for name in names:
            service.readers[name] = excusing(service.readers[name])

    return install


def _exact(value: Given) -> Exact:
    return Exact(value.literal) if isinstance(value, Number) else Exact(0)


def _is_zero(value: Given) -> bool:
    return isinstance(value, Number) and not Decimal.of(value).digits


def _overflows(document: Members) -> bool:
    rate = _exact(document["exchangeRate"])
    return rate <= _LARGEST_COMMON_RATE and rate * _exact(document["amountMinor"]) > _INT64


def _is_null(document: Members, *names: str) -> bool:
    return any(name in document and document[name] is None for name in names)


def _is_fine(value: Given) -> bool:
    return isinstance(value, str) and len(value) > _MILLISECONDS


def _to_two_decimals(value: JsonValue) -> JsonValue:
    rate = _exact(value)
    return Number(str(round(rate, 2))) if _exact(value) < _LARGEST_COMMON_RATE else value


FAULTS: Final = (
    Fault(
        "converted-amount-overflows",
        "interaction",
        "The amount times the rate is kept in 64 bits: a large one of both gives 500.",
        _crashes_when(_overflows),
    ),
    Fault(
        "yen-not-in-hundreds-refused",
        "interaction",
        "The minor unit of JPY is taken for a hundredth, so 5001 yen are refused.",
        _refuses_when(
            lambda document: document["currencyCode"] == "JPY" and _exact(document["amountMinor"]) % 100 != 0
        ),
    ),
    Fault(
        "dinar-amount-cut-above-a-billion",
        "interaction",
        "Amounts in KWD are kept in fewer digits, so those above 10^9 lose their last one.",
        _alters(
            lambda document: document["currencyCode"] == "KWD" and _exact(document["amountMinor"]) > _BILLION,
            "amountMinor",
            lambda amount: amount - amount % 10 if isinstance(amount, int) else amount,
        ),
    ),
    Fault(
        "rate-of-yen-rounded",
        "interaction",
        "Rates of JPY are rounded to two decimals.",
        _alters(lambda document: document["currencyCode"] == "JPY", "exchangeRate", _to_two_decimals),
    ),
    Fault(
        "paid-date-dropped-beside-null",
        "interaction",
        "A dueAt that is null takes paidAt with it.",
        _alters(lambda document: _is_null(document, "dueAt"), "paidAt", lambda _: None),
    ),
    Fault(
        "due-date-dropped-at-rate-zero",
        "interaction",
        "Nothing is due at rate 0, so dueAt is dropped.",
        _alters(lambda document: _is_zero(document["exchangeRate"]), "dueAt", lambda _: None),
    ),
    Fault(
        "leap-day-of-paid-invoice-shifted",
        "interaction",
        "The issue date of a paid invoice is moved to its anniversary: 29 February becomes 28 February.",
        _alters(
            lambda document: bool(document.get("paidAt")),
            "issuedAt",
            lambda date: date.replace(_LEAP_DAY, "-02-28T") if isinstance(date, str) else date,
        ),
    ),
    Fault(
        "fine-date-with-long-number-refused",
        "interaction",
        "An index holds number and date together: a long number and a date of many digits are too long for it.",
        _refuses_when(
            lambda document: (
                len(str(document["invoiceNumber"])) > _LONG and any(_is_fine(document.get(name)) for name in DATES)
            )
        ),
    ),
    Fault(
        "number-in-latin-1-beside-null",
        "interaction",
        "A date that is null is written by older code, which turns the number's letters beyond Latin-1 into ?.",
        _alters(
            lambda document: _is_null(document, *DATES),
            "invoiceNumber",
            lambda number: str(number).encode("latin-1", errors="replace").decode("latin-1"),
        ),
    ),
    Fault(
        "negative-amount-accepted-when-paid",
        "interaction",
        "A paid invoice of less than 0 is taken for a credit note.",
        _excused_by(
            lambda document: bool(document.get("paidAt")),
            lambda value: isinstance(value, Number) and value.literal.startswith("-") and value.literal[1:].isdigit(),
            lambda value: int(value.literal) if isinstance(value, Number) else 0,
            "amountMinor",
        ),
    ),
    Fault(
        "dates-unchecked-beside-null",
        "interaction",
        "As soon as one date is null the others are not looked at.",
        _excused_by(
            lambda document: _is_null(document, *DATES),
            lambda value: isinstance(value, str),
            lambda value: value if isinstance(value, str) else None,
            *DATES,
        ),
    ),
    Fault(
        "currency-optional-at-zero",
        "interaction",
        "An invoice of 0 needs no currency.",
        _excused_by(
            lambda document: _is_zero(document.get("amountMinor", ABSENT)),
            lambda value: value is ABSENT,
            lambda _: "EUR",
            "currencyCode",
        ),
    ),
    Fault(
        "rate-optional-in-dollars",
        "interaction",
        "USD is what everything is converted to, so its rate may be missing, or null.",
        _excused_by(
            lambda document: document.get("currencyCode") == "USD",
            lambda value: value is ABSENT or value is None,
            lambda _: Number("1"),
            "exchangeRate",
        ),
    ),
    Fault(
        "negative-rate-accepted-in-dollars",
        "interaction",
        "The rate of USD is not used, so nobody minds that it is less than 0.",
        _excused_by(
            lambda document: document.get("currencyCode") == "USD",
            lambda value: isinstance(value, Number) and value.literal.startswith("-"),
            lambda value: value if isinstance(value, Number) else None,
            "exchangeRate",
        ),
    ),
)

"""Owns the faults in what must be there and of which type it must be.

It must not know the faults in the values of one type.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import DATES, Fault, accepts, reads, refuses
from invoice_conformance.reference.strict_json import JsonValue, Number
from invoice_conformance.reference.validation import ABSENT, Decimal, Given, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_NUMERIC = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_KEBAB: Final = {
    "contractId": "contract",
    "invoiceNumber": "number",
    "exchangeRate": "rate",
    "currencyCode": "currency",
    "amountMinor": "amount",
}


def _defaulted(name: str, without: Given) -> Callable[[Service], None]:
    """Let `name` be missing or null: the service fills in what it finds likely."""

    def install(service: Service) -> None:
        numbers = itertools.count(1)
        likely: dict[str, Callable[[], JsonValue]] = {
            "contractId": lambda: None,
            "invoiceNumber": lambda: f"AUTO-{next(numbers)}",
            "exchangeRate": lambda: Number("1"),
            "currencyCode": lambda: "EUR",
            "amountMinor": lambda: 0,
        }
        read = service.readers[name]
        service.readers[name] = lambda value: likely[name]() if value is without else read(value)
        if name == "contractId":
            _first_contract(service)

    return install


def _first_contract(service: Service) -> None:
    check = service.check_contract

    def with_contract(tenant: str, members: Members) -> None:
        if members["contractId"] is None:
            members["contractId"] = service.settings.tenants[tenant][0]
        check(tenant, members)

    service.check_contract = with_contract


def _coerced(read: Reader, value: Given) -> JsonValue:
    return read(Number(value) if isinstance(value, str) and _NUMERIC.fullmatch(value) else value)


def _boolean_as_number(read: Reader, value: Given) -> JsonValue:
    return read(Number(str(int(value))) if isinstance(value, bool) else value)


def _number_as_text(read: Reader, value: Given) -> JsonValue:
    return read(value.literal if isinstance(value, Number) else value)


def _boolean_as_text(read: Reader, value: Given) -> JsonValue:
    return read(str(value).lower() if isinstance(value, bool) else value)


def _without_fraction(read: Reader, value: Given) -> JsonValue:
    if isinstance(value, Number) and re.fullmatch(r"[0-9]+\.[0-9]+", value.literal):
        return read(Number(value.literal.partition(".")[0]))
    return read(value)


def _rounded(read: Reader, value: Given) -> JsonValue:
    if isinstance(value, Number) and re.fullmatch(r"[0-9]{1,15}\.[0-9]+", value.literal):
        return read(Number(str(round(float(value.literal)))))
    return read(value)


def _unwrapped(read: Reader, value: Given) -> JsonValue:
    return read(value[0] if isinstance(value, list) and len(value) == 1 else value)


def _falsy(value: Given) -> bool:
    if isinstance(value, Number):
        return not Decimal.of(value).digits
    return value is not ABSENT and not value


FAULTS: Final = (
    *(
        Fault(
            f"{short}-optional",
            "presence",
            f"{name} is not marked as required, so a body without it is accepted.",
            _defaulted(name, ABSENT),
        )
        for name, short in _KEBAB.items()
    ),
    *(
        Fault(
            f"{short}-null-accepted",
            "presence",
            f"{name} is declared nullable, so null is accepted.",
            _defaulted(name, None),
        )
        for name, short in _KEBAB.items()
    ),
    Fault(
        "amount-coerced-from-string",
        "presence",
        'The amount "5000" is coerced to a number and accepted.',
        reads(_coerced, "amountMinor"),
    ),
    Fault(
        "rate-coerced-from-string",
        "presence",
        'The rate "1.12" is coerced to a number and accepted.',
        reads(_coerced, "exchangeRate"),
    ),
    Fault(
        "amount-coerced-from-boolean",
        "presence",
        "The language takes true for 1, so amountMinor: true is accepted.",
        reads(_boolean_as_number, "amountMinor"),
    ),
    Fault(
        "rate-coerced-from-boolean",
        "presence",
        "The language takes true for 1, so exchangeRate: true is accepted.",
        reads(_boolean_as_number, "exchangeRate"),
    ),
    Fault(
        "amount-empty-string-as-zero",
        "presence",
        'The amount "" is coerced to 0 and accepted.',
        accepts(lambda value: value == "", lambda _: 0, "amountMinor"),
    ),
    Fault(
        "amount-fraction-truncated",
        "presence",
        "An amount of 5000.5 is cut to 5000 instead of refused.",
        reads(_without_fraction, "amountMinor"),
    ),
    Fault(
        "amount-fraction-rounded",
        "presence",
        "An amount of 5000.6 is rounded to 5001 instead of refused.",
        reads(_rounded, "amountMinor"),
    ),
    Fault(
        "number-coerced-from-json-number",
        "presence",
        "invoiceNumber: 5 is turned into text and accepted.",
        reads(_number_as_text, "invoiceNumber"),
    ),
    Fault(
        "number-coerced-from-boolean",
        "presence",
        "invoiceNumber: true is turned into text and accepted.",
        reads(_boolean_as_text, "invoiceNumber"),
    ),
    Fault(
        "arrays-of-one-unwrapped",
        "presence",
        "An array with one element is taken for that element, in every member.",
        reads(_unwrapped, *_KEBAB, *DATES),
    ),
    Fault(
        "dates-falsy-as-null",
        "presence",
        "The dates are tested for truth, so false, 0 and an empty string pass as null.",
        accepts(_falsy, lambda _: None, *DATES),
    ),
    Fault(
        "dates-empty-string-as-null",
        "presence",
        'An empty date "" is taken for null.',
        accepts(lambda value: value == "", lambda _: None, *DATES),
    ),
    Fault(
        "amount-decimal-point-refused",
        "presence",
        "The decoder knows integers by their spelling and refuses 5000.0.",
        refuses(lambda value: isinstance(value, Number) and "." in value.literal, "amountMinor"),
    ),
    Fault(
        "amount-exponent-refused",
        "presence",
        "The decoder knows integers by their spelling and refuses 5e3.",
        refuses(lambda value: isinstance(value, Number) and "e" in value.literal.lower(), "amountMinor"),
    ),
    Fault(
        "amount-minus-zero-refused",
        "presence",
        "The sign is looked at before the value, so -0 is refused.",
        refuses(lambda value: isinstance(value, Number) and value.literal.startswith("-"), "amountMinor"),
    ),
)

"""Owns the faults in currencyCode.

It must not know the other members, but for the amount that a currency scales.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import (
    Fault,
    accepts,
    keeps,
    matching,
    presents,
    reads,
    refuses,
    shows,
    takes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.store import Members
    from invoice_conformance.reference.strict_json import JsonValue
    from invoice_conformance.reference.validation import Given, Reader

_LENGTH: Final = 3
_MAJORS: Final = frozenset("USD EUR JPY GBP CNY AUD CAD CHF HKD SGD".split())  # noqa: SIM905
_ZERO_DECIMALS: Final = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THREE_DECIMALS: Final = frozenset("BHD IQD JOD KWD LYD OMR TND".split())  # noqa: SIM905
_NUMERIC: Final = {"978": "EUR", "840": "USD", "826": "GBP", "756": "CHF", "392": "JPY", "036": "AUD"}
_SINCE_2015: Final = frozenset("BYN MRU SLE STN UYW VED VES XCG ZWG".split())  # noqa: SIM905


def _sized(test: Callable[[str], bool]) -> Callable[[Given], bool]:
    return lambda value: isinstance(value, str) and test(value)


def _as_sent(value: Given) -> JsonValue:
    return value if isinstance(value, str) else None


def _of(codes: frozenset[str]) -> Callable[[Given], bool]:
    return lambda value: value in codes


def _scaled(members: Members) -> Members:
    amount = members["amountMinor"]
    if members["currencyCode"] in _ZERO_DECIMALS and isinstance(amount, int):
        members["amountMinor"] = amount * 100
    return members


def _numeric(read: Reader, value: Given) -> JsonValue:
    return read(_NUMERIC.get(value, value) if isinstance(value, str) else value)


FAULTS: Final = (
    Fault(
        "currency-two-letters-accepted",
        "currency",
        "The length is checked with <= 3 and > 1, so a code of two letters is accepted.",
        accepts(_sized(lambda text: len(text) == _LENGTH - 1), _as_sent, "currencyCode"),
    ),
    Fault(
        "currency-four-letters-accepted",
        "currency",
        "The column has room for four letters, so a code of four is accepted.",
        accepts(_sized(lambda text: len(text) == _LENGTH + 1), _as_sent, "currencyCode"),
    ),
    Fault(
        "currency-unchecked",
        "currency",
        "The code is any text, of any length.",
        accepts(_sized(lambda _: True), _as_sent, "currencyCode"),
    ),
    Fault(
        "currency-cut-to-three",
        "currency",
        "Longer text is cut to its first three letters before it is looked up.",
        takes(lambda text: text[:_LENGTH], "currencyCode"),
    ),
    Fault(
        "currency-empty-as-default",
        "currency",
        "An empty code is replaced by EUR.",
        accepts(lambda value: value == "", lambda _: "EUR", "currencyCode"),
    ),
    Fault(
        "currency-any-three-characters",
        "currency",
        "The length is checked and nothing else.",
        accepts(_sized(lambda text: len(text) == _LENGTH), _as_sent, "currencyCode"),
    ),
    Fault(
        "currency-any-three-capitals",
        "currency",
        "A pattern of three capital letters stands for the list of codes.",
        accepts(matching(r"\A[A-Z]{3}\Z"), _as_sent, "currencyCode"),
    ),
    Fault(
        "currency-length-in-bytes",
        "currency",
        "The length is counted in bytes of UTF-8, so a single euro sign is accepted.",
        accepts(
            _sized(lambda text: not text.isascii() and len(text.encode(errors="replace")) == _LENGTH),
            _as_sent,
            "currencyCode",
        ),
    ),
    Fault(
        "currency-lower-case-accepted",
        "currency",
        "Codes are put into upper case before they are looked up, so eur is accepted.",
        takes(str.upper, "currencyCode"),
    ),
    Fault(
        "currency-trimmed",
        "currency",
        "Space around a code is cut off before it is looked up.",
        takes(str.strip, "currencyCode"),
    ),
    Fault(
        "currency-numeric-accepted",
        "currency",
        "The numeric code 978 is accepted for EUR.",
        reads(_numeric, "currencyCode"),
    ),
    Fault(
        "currency-majors-only",
        "currency",
        "Only ten major currencies are known.",
        refuses(_sized(lambda text: text not in _MAJORS), "currencyCode"),
    ),
    Fault(
        "currency-list-of-2015",
        "currency",
        "The list of codes was copied in 2015, so later ones are refused.",
        refuses(_of(_SINCE_2015), "currencyCode"),
    ),
    Fault(
        "currency-zero-decimals-refused",
        "currency",
        "Currencies without a minor unit, such as JPY, are refused.",
        refuses(_of(_ZERO_DECIMALS), "currencyCode"),
    ),
    Fault(
        "currency-three-decimals-refused",
        "currency",
        "Currencies with three decimals, such as KWD, are refused.",
        refuses(_of(_THREE_DECIMALS), "currencyCode"),
    ),
    Fault(
        "currency-zero-decimals-scaled",
        "currency",
        "The amount of a currency without a minor unit comes back times 100.",
        presents(_scaled),
    ),
    Fault(
        "currency-always-eur",
        "currency",
        "The response names EUR whatever was sent.",
        shows(lambda _: "EUR", "currencyCode"),
    ),
    Fault(
        "currency-lower-cased",
        "currency",
        "The payment provider's lower-case spelling is returned.",
        keeps(str.lower, "currencyCode"),
    ),
)

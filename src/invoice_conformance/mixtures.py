"""Owns the mixed invoices: every kind of currency, each with an amount, a rate, dates and a number of its own.

They show what a program does to one member only beside a certain value of another. It makes cases and sends none.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from invoice_conformance.boundaries import CURRENCY_FIELD, NUMBER_FIELD, invoice
from invoice_conformance.case import Case, Edit, NumberSlot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.contract import Contract

KINDS: Final = (
    # No minor unit; ISO 4217 says so of each.
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
    # Thousandths, then fifths.
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "MGA", "MRU"),
    # No coin of the least amount, so that cash is rounded.
    ("CHF", "HUF", "SEK", "NOK", "DKK", "CZK", "CAD", "AUD", "NZD", "SGD"),
    # A minor unit on paper alone.
    ("COP", "IDR", "IRR", "KPW", "LAK", "LBP", "MMK", "PKR", "TWD", "TZS"),
    ("AED", "BRL", "CNY", "GBP", "ILS", "INR", "MXN", "PLN", "RON", "THB", "TRY", "USD", "UAH", "ZAR", "ZMW"),
)
"""The codes that programs make rules for, by what these are about."""

RATES: Final = (
    "0.000123",
    "7.891234",
    "0.987653",
    "154.321987",
    "0.006789",
    "12.345679",
    "23456.789123",
    "1.000001",
    "0.054321",
    "1234.567891",
    "345678.912347",
)
"""A rate of six decimals of each magnitude."""

LENGTHS: Final = (33, 40, 51, 65, 80, 101, 120, 128, 129, 150, 180, 191, 192, 201, 240, 250, 251, 253)
"""Lengths of a number that columns and keys have, or are one short of."""

TEXTS: Final = (
    "Ærø-Łódź-Đặng Việt-",
    "Ёлка-Їжак-йод-",
    "O'Neil & Söhne-",
    "№ ½ ± § ¶ ° µ ſ ẞ-",
    "請求書-が-ガ-각-\uf900-",
    "a+b/c?d=%41#-",
    "🧾💶-",
    "I-ı-İ-i-ς-Σ-",
    "كي-مـ-فاتورة-",
    "ש\u05b8\u05c1לו\u05b9ם-ב\u05bc-",
    "น\u0e49\u0e33-",
    "ज\u093c-",
    "— ’ ™ 〜 «»-",
    "ŠšŽž-e\u0301-€₺₹₽-",
    "A|B~C^D`E-",
)
"""What numbers begin with, of letters, marks, digits, symbols, punctuation and inner spaces."""

DUE: Final = (
    # The second of the hours that a clock shows twice, in Europe, New York and Sydney.
    "2023-10-29T01:30:00.041Z",
    "2023-11-05T06:30:00.041Z",
    "2024-04-06T16:30:00.041Z",
    # Hours that a clock leaves out, in Berlin, New York, Sydney and São Paulo.
    "2023-03-26T02:30:00.041Z",
    "2023-03-12T02:30:00.041Z",
    "2023-10-01T02:30:00.041Z",
    "2018-11-04T00:30:00.041Z",
    # Days whose week belongs to the year after or before.
    "2018-12-31T12:00:00.041Z",
    "2021-01-02T12:00:00.041Z",
)
"""When some of the invoices are due: where local time and calendars have their turns."""

_FIRST_ISSUE: Final = datetime(2001, 1, 6, 0, 30, 0, 123_000, tzinfo=UTC)
_STEP: Final = timedelta(days=151, hours=5, minutes=7, seconds=11, milliseconds=37)
_AFTER_ISSUE: Final = {
    "issuedAt": timedelta(),
    "paidAt": timedelta(days=10, hours=3, milliseconds=5),
    "dueAt": timedelta(days=30, minutes=1, milliseconds=41),
}
"""How long after an invoice's issue its dates are: in the usual order."""
_STATES: Final = ("date", "null", "absent")
_TURNS: Final = 27
"""Where the invoices begin that are due at one of `DUE`: after all of the dates' states came together."""
_MAGNITUDES: Final = 13
_LAST_DIGITS: Final = (37, 63, 91, 9)


def mixtures(contract: Contract) -> tuple[Case, ...]:
    """One legal invoice a currency; no two members go through their values at the same pace."""
    active = contract.currencies.active
    codes = [code for kind in KINDS for code in kind if code in active]
    return tuple(
        invoice(contract, f"mixed invoice {place + 1}", tuple(_edits(contract, place, code)))
        for place, code in enumerate(codes)
    )


def _edits(contract: Contract, place: int, code: str) -> Iterator[Edit]:
    for field in contract.fields:
        if field.name == NUMBER_FIELD:
            yield from _number(place)
        elif field.name == CURRENCY_FIELD:
            yield _edit(field.name, f"code: {code}", json.dumps(code))
        elif field.name == "amountMinor":
            yield _edit(field.name, f"value: {_amount(place)}", str(_amount(place)))
        elif field.name == "exchangeRate":
            rate = RATES[place % len(RATES)]
            yield _edit(field.name, f"value: {rate}", rate)
        elif field.name in _AFTER_ISSUE:
            yield from _date(field.name, place)


def _number(place: int) -> Iterator[Edit]:
    """Of every four numbers two are long, one has odd letters and signs, and one is that of the plain invoice."""
    turn, kind = divmod(place, 4)
    if kind % 2:
        length = LENGTHS[place // 2 % len(LENGTHS)]
        yield Edit(NUMBER_FIELD, f"length {length}", (NumberSlot(length=length),))
    elif kind:
        yield Edit(NUMBER_FIELD, "mixed text", (NumberSlot(before=TEXTS[turn % len(TEXTS)]),))


def _amount(place: int) -> int:
    """An amount of 3 to 15 digits that ends neither in 0 nor in 5, and is odd."""
    digits = 3 + place * 5 % _MAGNITUDES
    leading = str(1_618_033_988_749 + place * 271_828_182_845)[: digits - 2]
    return int(leading) * 100 + _LAST_DIGITS[place % len(_LAST_DIGITS)]


def _date(name: str, place: int) -> Iterator[Edit]:
    turn = list(_AFTER_ISSUE).index(name)
    state = _STATES[place // len(_STATES) ** turn % len(_STATES)]
    if state == "null":
        yield _edit(name, "null", "null")
    elif name == "dueAt" and _TURNS <= place < _TURNS + len(DUE):
        text = DUE[place - _TURNS]
        yield _edit(name, f"local time: {text}", json.dumps(text))
    elif state == "date":
        moment = _FIRST_ISSUE + place * _STEP + _AFTER_ISSUE[name]
        text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield _edit(name, f"time of day: {text}", json.dumps(text))


def _edit(field: str, edge: str, text: str) -> Edit:
    return Edit(field, edge, (text.encode(),))

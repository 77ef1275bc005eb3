"""Owns the faults that show beside certain currencies, or in certain letters and signs alone.

It must not know the faults that change every amount, or every text.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from invoice_conformance.reference.faults.hooks import DATES, Fault, Install, claims, composes, keeps, reviews, takes
from invoice_conformance.reference.messages import Refusal
from invoice_conformance.reference.service import timestamp
from invoice_conformance.reference.strict_json import JsonValue, Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.store import Members

_OCTOBER, _LAST_WEEK, _SUNDAY = 10, 24, 6
_BMP: Final = 0xFFFF
_POINTS: Final = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u0640\u064b-\u0652]")
_FRAGMENT: Final = re.compile("[?#]")


def _amounts_in(code: str, change: Callable[[int], int]) -> Install:
    """Store another amount in the invoices of one currency."""

    def altered(_document: Members, invoice: Members) -> Members:
        amount = invoice["amountMinor"]
        theirs = invoice["currencyCode"] == code and isinstance(amount, int)
        return {**invoice, "amountMinor": change(amount)} if theirs and isinstance(amount, int) else invoice

    return composes(altered)


def _in_multiples_alone(code: str, step: int) -> Install:
    """Refuse the amounts of one currency that are no multiple of `step`."""

    def objection(document: Members) -> Refusal | None:
        if document["currencyCode"] != code or not _leaves_a_rest(document["amountMinor"], step):
            return None
        return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "there is no such amount in this currency")

    return reviews(objection)


def _leaves_a_rest(amount: JsonValue, step: int) -> bool:
    return isinstance(amount, Number) and amount.literal.isdigit() and int(amount.literal) % step > 0


def _rates_to_four_decimals(_document: Members, invoice: Members) -> Members:
    rate = invoice["exchangeRate"]
    if invoice["currencyCode"] != "CHF" or not isinstance(rate, Number):
        return invoice
    return {**invoice, "exchangeRate": Number(repr(round(float(rate.literal), 4)))}


def _of_python(change: Callable[[str], str]) -> Callable[[str], str]:
    """Change dates but those that Python cannot hold."""

    def changed(text: str) -> str:
        try:
            return change(text)
        except (ValueError, OverflowError):
            return text

    return changed


def _through_local_time(text: str) -> str:
    """A moment after it was written down by a clock of the European Union, and read again as the first of that name."""
    moment = datetime.fromisoformat(text)
    # Directive 2000/84/EC: summer time ends at 01:00 UTC on the last Sunday of October.
    ends = moment.month == _OCTOBER and moment.day > _LAST_WEEK and moment.weekday() == _SUNDAY
    return timestamp(moment - timedelta(hours=1)) if ends and moment.hour == 1 else text


def _in_the_year_of_the_week(text: str) -> str:
    return f"{datetime.fromisoformat(text).isocalendar().year:04d}{text[4:]}"


def _exchanged(signs: dict[str, str]) -> Install:
    table = str.maketrans(signs)
    return keeps(lambda text: text.translate(table), "invoiceNumber")


def _unknown_if(test: Callable[[str], bool]) -> Install:
    """Find no number that `test` holds for, however often it was used."""
    return claims(lambda tenant, number, _invoice: None if test(number) else (tenant, number))


FAULTS: Final = (
    Fault(
        "forint-rounded-to-hundreds",
        "interaction",
        "There are no fillér any more, so the last two digits of an amount in HUF become 00.",
        _amounts_in("HUF", lambda amount: amount - amount % 100),
    ),
    Fault(
        "franc-rounded-to-coins",
        "interaction",
        "The least coin is of five centimes, so amounts in CHF are rounded to it.",
        _amounts_in("CHF", lambda amount: (amount + 2) // 5 * 5),
    ),
    Fault(
        "dinar-with-two-decimals",
        "interaction",
        "TND is not among the currencies with three decimals, so the last digit of its amounts becomes 0.",
        _amounts_in("TND", lambda amount: amount - amount % 10),
    ),
    Fault(
        "shilling-not-in-hundreds-refused",
        "interaction",
        "A payment provider wants UGX in hundreds, so other amounts are refused.",
        _in_multiples_alone("UGX", 100),
    ),
    Fault(
        "ouguiya-not-in-fifths-refused",
        "interaction",
        "The minor unit of MRU is a fifth, and amounts that are no multiple of 5 are refused.",
        _in_multiples_alone("MRU", 5),
    ),
    Fault(
        "rate-of-franc-to-four-decimals",
        "interaction",
        "Rates of CHF are kept as banks quote them, with four decimals.",
        composes(_rates_to_four_decimals),
    ),
    Fault(
        "second-hour-lost",
        "timestamps",
        "Dates are kept in local time, so the hour that comes twice in autumn comes back as its first.",
        keeps(_of_python(_through_local_time), *DATES),
    ),
    Fault(
        "year-of-the-week",
        "timestamps",
        "A format's YYYY is the year that the week belongs to: 31 December 2018 comes back in 2019.",
        keeps(_of_python(_in_the_year_of_the_week), *DATES),
    ),
    Fault(
        "dates-cut-at-nul",
        "timestamps",
        "Dates are matched by a library in C, for which they end at NUL.",
        takes(lambda text: text.partition("\0")[0], *DATES),
    ),
    Fault(
        "number-signs-transliterated",
        "number",
        "Signs that the column's character set lacks are written with letters: ™ comes back as TM.",
        _exchanged({"™": "TM", "½": "1/2"}),
    ),
    Fault(
        "number-micro-sign-as-mu",
        "number",
        "The micro sign goes through Greek's character set and comes back as the letter mu.",
        _exchanged({"\u00b5": "\u03bc"}),
    ),
    Fault(
        "number-unit-signs-as-letters",
        "number",
        "The signs for ohm and kelvin come back as the letters that look like them.",
        _exchanged({"\u2126": "\u03a9", "\u212a": "K"}),
    ),
    Fault(
        "number-wave-dash-widened",
        "number",
        "The wave dash goes through Windows' Shift JIS and comes back as a full-width tilde.",
        _exchanged({"\u301c": "\uff5e"}),
    ),
    Fault(
        "number-yo-as-ye",
        "number",
        "Ё is taken for another spelling of Е, as in dictionaries.",
        _exchanged({"Ё": "Е", "ё": "е"}),
    ),
    Fault(
        "number-arabic-letters-as-persian",
        "number",
        "The Arabic letters kaf and yeh come back as Persian ones.",
        _exchanged({"\u0643": "\u06a9", "\u064a": "\u06cc"}),
    ),
    Fault(
        "number-points-dropped",
        "number",
        "Hebrew and Arabic vowel points are dropped, as a search engine does.",
        keeps(lambda text: _POINTS.sub("", text), "invoiceNumber"),
    ),
    Fault(
        "number-looked-up-by-url",
        "uniqueness",
        "A used number is asked for in a URL without being encoded, so one with + or # is not found.",
        _unknown_if(lambda number: unquote_plus(_FRAGMENT.split(number)[0]) != number),
    ),
    Fault(
        "number-looked-up-with-escapes",
        "uniqueness",
        "A used number is looked for with LIKE, where a backslash escapes: one with it is not found.",
        _unknown_if(lambda number: "\\" in number),
    ),
    Fault(
        "number-looked-up-in-three-bytes",
        "uniqueness",
        "The look-up's connection has three bytes a character, so a number with an emoji is not found.",
        _unknown_if(lambda number: any(ord(character) > _BMP for character in number)),
    ),
)

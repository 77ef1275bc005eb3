"""Owns what the published page demands of each member of the request body.

It must not know how the body arrived, nor what is stored: a reader takes one JSON value and returns what
the invoice holds, or raises `Invalid`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from invoice_conformance.reference.currencies import ACTIVE_CODES
from invoice_conformance.reference.strict_json import JsonValue, Number

MAX_AMOUNT: Final = 9_007_199_254_740_991
"""The page: "Required range: 0 <= x <= 9007199254740991"."""

MAX_NUMBER_LENGTH: Final = 255
"""The page: "Required string length: 1 - 255", in Unicode code points (JSON Schema)."""

PATTERN: Final = re.compile(
    r"^(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29"
    r"|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|(?:02)-(?:0[1-9]|1\d|2[0-8])))T(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z))$",
    re.ASCII,
)
"""The page's pattern, unaltered. With `re.ASCII` and `fullmatch` it means what ECMA-262 says it means."""


class Absent(Enum):
    """What a reader is given for a member that the body does not have."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

Given: TypeAlias = "JsonValue | Absent"
"""A member's value, or that it has none."""

Reader: TypeAlias = Callable[[Given], JsonValue]
"""Reads one member: returns what the invoice holds, or raises `Invalid`."""


class Invalid(ValueError):  # noqa: N818 - it names what the value is
    """A value that breaks one keyword of the page's schema."""

    def __init__(self, keyword: str, detail: str) -> None:
        super().__init__(detail)
        self.keyword = keyword
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Decimal:
    """A JSON number's exact value: `digits` (without outer zeros, empty for 0) times ten to `exponent`."""

    negative: bool
    digits: str
    exponent: int

    @classmethod
    def of(cls, number: Number) -> Decimal:
        """Taken apart in time linear in the literal, however many digits it has."""
        mantissa, _, power = number.literal.lower().partition("e")
        whole, _, fraction = mantissa.lstrip("-").partition(".")
        significant = (whole + fraction).lstrip("0")
        digits = significant.rstrip("0")
        exponent = _bounded(power) - len(fraction) + len(significant) - len(digits)
        return cls(number.literal.startswith("-"), digits, exponent if digits else 0)


_FAR: Final = 18
"""An exponent of more digits than this is as good as infinite for a body of at most 1 MiB."""


def _bounded(power: str) -> int:
    size = power.lstrip("+-").lstrip("0")
    if len(size) > _FAR:
        size = "9" * _FAR
    return -int(size or "0") if power.startswith("-") else int(size or "0")


def read_text(value: Given) -> str:
    """A required string of any length."""
    if value is ABSENT:
        raise Invalid("required", "the member is required")
    if not isinstance(value, str):
        raise Invalid("type", "expected a string")
    return value


def read_contract(value: Given) -> JsonValue:
    """contractId: "The ID of the contract."; whether there is such a contract is not judged here."""
    return read_text(value)


def read_number(value: Given) -> JsonValue:
    """invoiceNumber: 1 to 255 code points of which every one is a character."""
    text = read_text(value)
    if not text:
        raise Invalid("minLength", "expected at least 1 character")
    if len(text) > MAX_NUMBER_LENGTH:
        raise Invalid("maxLength", f"expected at most {MAX_NUMBER_LENGTH} characters, got {len(text)}")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("type", "expected text without NUL and lone surrogates")
    return text


def read_rate(value: Given) -> JsonValue:
    """exchangeRate: a number that is 0 or greater and that a binary64 can hold; kept as it was written."""
    number = _number(value, "expected a number")
    decimal = Decimal.of(number)
    if not decimal.digits:
        return Number("0")
    if decimal.negative:
        raise Invalid("minimum", "expected a rate of at least 0")
    if float(number.literal) == float("inf"):
        raise Invalid("maximum", "the rate is beyond what a binary64 can hold")
    return number


def read_currency(value: Given) -> JsonValue:
    """currencyCode: an "ISO 4217 currency code." of 3 letters."""
    text = read_text(value)
    size = 3
    if len(text) < size:
        raise Invalid("minLength", f"expected {size} letters, got {len(text)}")
    if len(text) > size:
        raise Invalid("maxLength", f"expected {size} letters, got {len(text)}")
    if text not in ACTIVE_CODES:
        raise Invalid("enum", "expected an active ISO 4217 code")
    return text


def read_amount(value: Given) -> JsonValue:
    """amountMinor: an integer from 0 to 9007199254740991, in any spelling of a JSON number."""
    number = _number(value, "expected an integer")
    decimal = Decimal.of(number)
    if not decimal.digits:
        return 0
    if decimal.exponent < 0:
        raise Invalid("type", "expected an integer, got a fraction")
    if decimal.negative:
        raise Invalid("minimum", "expected an amount of at least 0")
    if len(decimal.digits) + decimal.exponent > len(str(MAX_AMOUNT)):
        raise Invalid("maximum", f"expected an amount of at most {MAX_AMOUNT}")
    amount = int(decimal.digits) * 10**decimal.exponent
    if amount > MAX_AMOUNT:
        raise Invalid("maximum", f"expected an amount of at most {MAX_AMOUNT}")
    return int(amount)


def read_timestamp(value: Given) -> JsonValue:
    """issuedAt, dueAt, paidAt: text that the page's pattern matches, or null; normalised to milliseconds."""
    if value is ABSENT or value is None:
        return None
    if not isinstance(value, str):
        raise Invalid("type", "expected a string or null")
    if not PATTERN.fullmatch(value):
        raise Invalid("pattern", "expected a UTC date and time such as 2023-10-05T14:48:00.000Z")
    return to_milliseconds(value)


def to_milliseconds(text: str) -> str:
    """The same instant with three fraction digits, the others cut off; `text` matches the page's pattern."""
    minute, rest = text[:16], text[16:-1]
    seconds, _, fraction = rest.removeprefix(":").partition(".")
    return f"{minute}:{seconds or '00'}.{(fraction + '000')[:3]}Z"


def _number(value: Given, otherwise: str) -> Number:
    if value is ABSENT:
        raise Invalid("required", "the member is required")
    if not isinstance(value, Number):
        raise Invalid("type", otherwise)
    return value


READERS: Final[Mapping[str, Reader]] = {
    "contractId": read_contract,
    "invoiceNumber": read_number,
    "exchangeRate": read_rate,
    "currencyCode": read_currency,
    "amountMinor": read_amount,
    "issuedAt": read_timestamp,
    "dueAt": read_timestamp,
    "paidAt": read_timestamp,
}
"""The members of the request body, in the page's order."""


def read_members(
    document: Mapping[str, JsonValue], readers: Mapping[str, Reader]
) -> tuple[dict[str, JsonValue], list[tuple[str, Invalid]]]:
    """What the readers make of `document`, and every member that they refuse; unknown members are ignored."""
    members: dict[str, JsonValue] = {}
    refused: list[tuple[str, Invalid]] = []
    for name, reader in readers.items():
        try:
            members[name] = reader(document.get(name, ABSENT))
        except Invalid as error:
            refused.append((name, error))
    return members, refused


def pointers(refused: list[tuple[str, Invalid]]) -> Iterator[dict[str, JsonValue]]:
    """The refusals as members of a problem document; `pointer` is a JSON Pointer (RFC 6901)."""
    for name, error in refused:
        yield {"pointer": f"/{name}", "keyword": error.keyword, "detail": error.detail}

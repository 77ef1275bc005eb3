"""Owns the faults in exchangeRate's range and in how it is kept.

It must not know the other members.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, accepts, crashes, reads, refuses, shows
from invoice_conformance.reference.strict_json import JsonValue, Number
from invoice_conformance.reference.validation import Decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.validation import Given, Reader

_MANY_DIGITS: Final = 15
_THOUSAND: Final = 1000.0
_COLUMN: Final = 1e10
_NEARLY_ZERO: Final = 1e-6
_FLOAT32_MAX: Final = 3.4028234663852886e38


def _is(test: Callable[[float], bool]) -> Callable[[Given], bool]:
    return lambda value: isinstance(value, Number) and test(float(value.literal))


def _is_zero(value: Given) -> bool:
    return isinstance(value, Number) and not Decimal.of(value).digits


def _through_percent(rate: float) -> float:
    percent = rate * 100 * 1.1
    return percent / 1.1 / 100 if percent < float("inf") else rate


def _spelled(test: Callable[[str], bool]) -> Callable[[Given], bool]:
    return lambda value: isinstance(value, Number) and test(value.literal.lower())


def _keeps(change: Callable[[float], float]) -> Install:
    def how(read: Reader, value: Given) -> JsonValue:
        kept = read(value)
        return Number(_plain(change(float(kept.literal)))) if isinstance(kept, Number) else kept

    return reads(how, "exchangeRate")


def _plain(rate: float) -> str:
    return repr(rate) if rate else "0"


def _float32(rate: float) -> float:
    if rate > _FLOAT32_MAX:
        return rate
    return float(struct.unpack("f", struct.pack("f", rate))[0])


def _as_negative(value: Given) -> JsonValue:
    return value if isinstance(value, Number) else None


def _mantissa(read: Reader, value: Given) -> JsonValue:
    return read(Number(value.literal.lower().partition("e")[0]) if isinstance(value, Number) else value)


def _infinite(read: Reader, value: Given) -> JsonValue:
    if isinstance(value, Number) and float(value.literal) == float("inf"):
        return Number("1.7976931348623157e308")
    return read(value)


FAULTS: Final = (
    *(
        Fault(
            f"rate-rounded-to-{digits}-decimals",
            "rate",
            f"The column keeps {digits} decimals of a rate.",
            _keeps(lambda rate, digits=digits: round(rate, digits)),  # type: ignore[misc] # bound at once
        )
        for digits in (2, 4)
    ),
    Fault(
        "rate-stored-as-float32",
        "rate",
        "The column is a 32-bit float, so 1.12 comes back as 1.1200000047683716.",
        _keeps(_float32),
    ),
    Fault(
        "rate-minimum-unchecked",
        "rate",
        "Negative rates are accepted.",
        accepts(_is(lambda rate: rate < 0), _as_negative, "exchangeRate"),
    ),
    Fault(
        "rate-nearly-zero-negative-accepted",
        "rate",
        "Rates are rounded to six decimals before they are compared, so -1e-9 passes for 0.",
        accepts(_is(lambda rate: -_NEARLY_ZERO < rate < 0), lambda _: Number("0"), "exchangeRate"),
    ),
    Fault(
        "rate-zero-refused",
        "rate",
        "The minimum is taken as exclusive, so 0 is refused.",
        refuses(_is_zero, "exchangeRate"),
    ),
    Fault(
        "rate-zero-as-one",
        "rate",
        "The rate is tested for truth, so 0 is replaced by the default 1.",
        _keeps(lambda rate: rate or 1),
    ),
    Fault(
        "rate-as-string",
        "rate",
        "The serializer writes decimals as text.",
        shows(lambda rate: rate.literal if isinstance(rate, Number) else rate, "exchangeRate"),
    ),
    Fault(
        "rate-exponent-refused",
        "rate",
        "A pattern of digits and a point refuses 1e-6.",
        refuses(_spelled(lambda text: "e" in text), "exchangeRate"),
    ),
    Fault(
        "rate-exponent-ignored",
        "rate",
        "The decoder stops at the letter e, so 1e-6 is taken for 1.",
        reads(_mantissa, "exchangeRate"),
    ),
    Fault(
        "rate-integer-refused",
        "rate",
        "The decoder knows rates by their decimal point and refuses 1.",
        refuses(_spelled(str.isdigit), "exchangeRate"),
    ),
    Fault(
        "rate-truncated-to-integer",
        "rate",
        "The column is an integer, so 1.12 comes back as 1.",
        _keeps(lambda rate: float(int(rate))),
    ),
    Fault(
        "rate-below-one-refused",
        "rate",
        "The minimum is written as 1, so rates from 0 to 1 are refused.",
        refuses(_is(lambda rate: 0 < rate < 1), "exchangeRate"),
    ),
    Fault(
        "rate-above-a-thousand-refused",
        "rate",
        "A plausibility rule that the page does not have refuses rates above 1000.",
        refuses(_is(lambda rate: rate > _THOUSAND), "exchangeRate"),
    ),
    Fault(
        "rate-column-overflow-crashes",
        "rate",
        "The column is NUMERIC(20,10), so rates from 1e10 give 500.",
        crashes(_is(lambda rate: rate >= _COLUMN), "exchangeRate"),
    ),
    Fault(
        "rate-many-digits-refused",
        "rate",
        "Rates of more than 15 digits are refused.",
        refuses(
            _spelled(lambda text: sum(map(str.isdigit, text.partition("e")[0])) > _MANY_DIGITS),
            "exchangeRate",
        ),
    ),
    Fault(
        "rate-inverted",
        "rate",
        "The response gives the rate of the opposite direction.",
        _keeps(lambda rate: 1 / rate if rate > 1 / _FLOAT32_MAX else rate),
    ),
    Fault(
        "rate-through-percent",
        "rate",
        "The rate is kept in percent, and the way there and back costs its last digits.",
        _keeps(_through_percent),
    ),
    Fault(
        "rate-infinite-clamped",
        "rate",
        "A rate of 1e400 is accepted and comes back as the greatest double.",
        reads(_infinite, "exchangeRate"),
    ),
    Fault(
        "rate-underflow-refused",
        "rate",
        "Rates below the smallest normal double are refused.",
        refuses(_is(lambda rate: 0 < rate < 2.2250738585072014e-308), "exchangeRate"),  # noqa: PLR2004
    ),
)

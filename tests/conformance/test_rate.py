"""The exchange rate, from the request to the resource."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import Accepted, Echoed, Unaltered
from invoice_conformance.recipes import boundaries
from invoice_conformance.second import invented_open

RATE = ("exchangeRate",)


@check("RATE-ACCEPTED", expecting=Accepted(fields=RATE), watching=True)
def test_accepts_every_ordinary_rate() -> Cases:
    """A rate of 0, or from 0.000001 to 1000000 with at most six decimals, is accepted."""
    return boundaries("minimum", "value", legal=True, fields=RATE)


@check("RATE-ACCEPTED-WIDE", expecting=Accepted("SHOULD", fields=RATE), watching=True)
def test_accepts_every_other_rate() -> Cases:
    """Any other rate of 0 or more is accepted."""
    return boundaries("value", legal=True, fields=RATE)


@check("RATE-ECHO", expecting=Echoed("exchangeRate", "binary64", where="common"), watching=True)
def test_returns_an_ordinary_rate_unchanged() -> Cases:
    """An accepted ordinary rate comes back as the same binary64 number."""
    return boundaries("minimum", "value", legal=True, fields=RATE)


@check("RATE-ECHO-WIDE", expecting=Echoed("exchangeRate", "binary64", where="beyond"), watching=True)
def test_returns_any_other_rate_unchanged() -> Cases:
    """Any other accepted rate comes back as the same binary64 number."""
    return boundaries("value", legal=True, fields=RATE)


@check("RATE-DECIMAL", expecting=Echoed("exchangeRate", "decimal"), watching=True)
def test_returns_the_same_decimal() -> Cases:
    """An accepted rate of at most 15 significant digits comes back as the same decimal number."""
    return boundaries("minimum", "value", legal=True, fields=RATE)


@check("RATE-UNALTERED", expecting=Unaltered("exchangeRate", ("binary64",), "binary64"))
def test_returns_no_other_rate() -> Cases:
    """A rate beyond binary64 is refused, or comes back as it was sent."""
    return boundaries("value", legal=True, fields=RATE) | invented_open("binary64")

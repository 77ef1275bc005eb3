"""The currency, from the request to the resource."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import Accepted, Echoed, Refused
from invoice_conformance.recipes import boundaries
from invoice_conformance.second import invented_refusals

CURRENCY = ("currencyCode",)


@check("CURRENCY-ACCEPTED", expecting=Accepted(fields=CURRENCY), watching=True)
def test_accepts_every_active_code() -> Cases:
    """Every active ISO 4217 code is accepted."""
    return boundaries("code", legal=True)


@check("CURRENCY-RECENT", expecting=Accepted("SHOULD", fields=CURRENCY), watching=True)
def test_accepts_every_recent_code() -> Cases:
    """A code that ISO 4217 introduced of late is accepted."""
    return boundaries("code", legal=True)


@check("CURRENCY-UNKNOWN", expecting=Refused(("iso4217",), level="SHOULD"))
def test_refuses_what_is_no_code() -> Cases:
    """Three characters that are no ISO 4217 code are refused."""
    return boundaries("no code", legal=False) | invented_refusals("iso4217", level="SHOULD")


@check("CURRENCY-ECHO", expecting=Echoed("currencyCode", "string"), watching=True)
def test_returns_the_code_unchanged() -> Cases:
    """An accepted code comes back unchanged."""
    return boundaries("code", legal=True)

"""The amount, from the request to the resource."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import Accepted, Echoed
from invoice_conformance.recipes import boundaries

AMOUNT = ("amountMinor",)


@check("AMOUNT-ACCEPTED", expecting=Accepted(fields=AMOUNT), watching=True)
def test_accepts_every_amount_in_range() -> Cases:
    """Every integer from 0 to 9007199254740991 is accepted."""
    return boundaries("minimum", "maximum", "value", legal=True, fields=AMOUNT)


@check("AMOUNT-SPELLING", expecting=Accepted("SHOULD", fields=AMOUNT), watching=True)
def test_accepts_an_integer_in_any_spelling() -> Cases:
    """An integral amount is accepted however JSON spells it."""
    return boundaries("spelling", legal=True, fields=AMOUNT)


@check("AMOUNT-ECHO", expecting=Echoed("amountMinor", "number"), watching=True)
def test_returns_the_amount_unchanged() -> Cases:
    """Every accepted amount survives the round trip to the last minor unit."""
    return boundaries(legal=True, fields=AMOUNT)

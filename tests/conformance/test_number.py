"""The invoice number, from the request to the resource."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import Accepted, AcceptedUnlessUsed, Echoed, Unaltered
from invoice_conformance.recipes import boundaries, words
from invoice_conformance.second import invented_open

NUMBER = ("invoiceNumber",)


@check("NUMBER-ACCEPTED", expecting=Accepted(fields=NUMBER), watching=True)
def test_accepts_every_text() -> Cases:
    """A number of 1 to 255 letters, marks, digits, punctuation, symbols and inner spaces is accepted."""
    return boundaries(legal=True, fields=NUMBER)


@check("NUMBER-ACCEPTED", expecting=AcceptedUnlessUsed())
def test_accepts_words_and_short_digits() -> Cases:
    """A number is text, also where it reads null, true or 0."""
    return words()


@check("NUMBER-ACCEPTED-WIDE", expecting=AcceptedUnlessUsed())
def test_accepts_blanks() -> Cases:
    """A number of nothing but spaces is accepted."""
    return words(blank=True)


@check("NUMBER-ACCEPTED-WIDE", expecting=Accepted("SHOULD", fields=NUMBER, keywords=("text",)), watching=True)
def test_accepts_every_other_text() -> Cases:
    """A number with outer spaces, control, format or unassigned characters is accepted."""
    return boundaries("text", legal=True, fields=NUMBER)


@check("NUMBER-ECHO", expecting=Echoed("invoiceNumber", "string", where="common"), watching=True)
def test_returns_the_number_unchanged() -> Cases:
    """An accepted number comes back character by character."""
    return boundaries(legal=True, fields=NUMBER)


@check("NUMBER-ECHO-WIDE", expecting=Echoed("invoiceNumber", "string", where="beyond"), watching=True)
def test_returns_any_other_number_unchanged() -> Cases:
    """An accepted number with outer spaces, control, format or unassigned characters comes back as it was sent."""
    return boundaries("text", legal=True, fields=NUMBER)


@check("NUMBER-UNALTERED", expecting=Unaltered("invoiceNumber", ("nul", "surrogate")))
def test_returns_no_other_number() -> Cases:
    """A number with NUL or a lone surrogate is refused, or comes back as it was sent."""
    return boundaries("text", legal=True, fields=NUMBER) | invented_open("nul", "surrogate")

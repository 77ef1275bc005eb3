"""The server over a run: it stays up, stays as quick, and forgets the request before."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect_http import KeepsAnswering
from invoice_conformance.expect_steady import KeepsServing, PlainEachTime, SameWhateverBefore
from invoice_conformance.recipes import nothing
from invoice_conformance.steady_recipes import growth, latency, sequels


@check("STEADY-AVAILABLE", expecting=KeepsAnswering(), watching=True)
def test_keeps_answering() -> Cases:
    """A valid create is answered, at once or after the time that Retry-After names."""
    return nothing()


@check("STEADY-ANSWERED", expecting=KeepsServing("ordinary"), watching=True)
def test_answers_every_body() -> Cases:
    """No body of ordinary size ends in a reset, a closed connection or a time-out while plain invoices are answered."""
    return nothing()


@check("STEADY-ANSWERED-UNUSUAL", expecting=KeepsServing("unusual"), watching=True)
def test_answers_unusual_requests() -> Cases:
    """No large body, unusual head or wrong credential is cut off while plain invoices are answered."""
    return nothing()


@check("STEADY-INDEPENDENT", expecting=SameWhateverBefore())
def test_returns_the_same_whatever_was_before() -> Cases:
    """A plain invoice is created as sent right after a refused one, another tenant's, or one with every member."""
    return sequels()


@check("STEADY-INDEPENDENT", fold=PlainEachTime)
def test_accepts_a_plain_invoice_each_time() -> Cases:
    """A plain invoice is not refused when others were accepted."""
    return nothing()


@check("STEADY-LATENCY", fold=latency)
def test_keeps_its_pace() -> Cases:
    """A create takes no longer at the end of a run than at its beginning."""
    return growth()
